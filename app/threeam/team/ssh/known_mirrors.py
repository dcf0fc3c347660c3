"""The mirrors of a journal that ssh has fed: a file beside the log, by which ``3am team blank`` knows all of them.

    <log>.mirrors      a line for each: its name; and one more, NAME DIGEST, if it has blanked the lines of that list

A mirror names itself, as scp would: user, host, and the log that it lies beside.
"""

from __future__ import annotations

import fcntl
import os
from collections import defaultdict
from urllib.parse import quote

from threeam.core.errors import FileUnusable
from threeam.core.platform.folders import open_file
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.whole_write import write_all
from threeam.core.store.journal import Journal, check_regular_file, describe_open_error, user_name
from threeam.team.origin import create_beside_log, host_name


def mirror_name(journal: Journal) -> str:
    """Return the name of the mirrors that this user has beside ``journal``, as one word."""
    return quote(f"{user_name(os.geteuid())}@{host_name()}:{journal.log_path}", safe="/@:")


class KnownMirrors:
    """The file of ``journal``."""

    def __init__(self, journal: Journal) -> None:
        self.path = journal.log_path + ".mirrors"
        self._log_path = journal.log_path

    def read(self) -> dict[str, set[str]]:
        """Return the digests of the lists that each mirror has blanked, by its name. Raises `FileUnusable`."""
        fd = self._open_for_reading()
        if fd is None:
            return {}
        with open(fd, encoding="ascii", errors="replace") as file:
            check_regular_file(fd, self.path)
            digests = defaultdict[str, set[str]](set)
            for row in file:
                name, _, digest = row.strip().partition(" ")
                if name:
                    digests[name].add(digest)
        return dict(digests)

    def are_fed(self) -> bool:
        """Return whether a mirror is fed now. Raises `FileUnusable`."""
        fd = self._open_for_reading()
        if fd is None:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _open_for_reading(self) -> int | None:
        try:
            return open_file(self.path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileUnusable(describe_open_error(self.path, error)) from None


class FedMirror:
    """The mirror ``name`` while it is fed, noted in the file of ``journal`` before it gets a line. `close` it.

    Construction raises `FileUnusable`: `3am team blank` could not say of an unknown mirror that it has the words.
    """

    def __init__(self, journal: Journal, name: str) -> None:
        self._path = KnownMirrors(journal).path
        self._name = name
        try:
            create_beside_log(self._path, journal.log_path, b"")
            self._fd = open_file(self._path, os.O_RDWR | os.O_APPEND)
        except OSError as error:
            raise FileUnusable(
                f"this mirror cannot be noted in {self._path} ({error.strerror}): its owner gives it the mode of the "
                f"log, chmod --reference={journal.log_path} {self._path}"
            ) from None
        try:
            check_regular_file(self._fd, self._path)
            fcntl.flock(self._fd, fcntl.LOCK_SH)
            known = KnownMirrors(journal).read()
            self._digests = known.get(name, set())
            if name not in known:
                self._append(name)
        except BaseException:
            os.close(self._fd)
            raise

    def confirm(self, digest: str) -> None:
        """Note that the mirror has blanked the lines of the list with this digest. Raises `FileUnusable`."""
        if digest not in self._digests:
            self._append(f"{self._name} {digest}")
            self._digests.add(digest)

    def close(self) -> None:
        """Note that the mirror is not fed any more."""
        os.close(self._fd)

    def _append(self, row: str) -> None:
        try:
            size = os.fstat(self._fd).st_size
            is_torn = size > 0 and os.pread(self._fd, 1, size - 1) != b"\n"  # by a full disk
            write_all(self._fd, (b"\n" if is_torn else b"") + f"{row}\n".encode())
            fsync_fd(self._fd)
        except OSError as error:
            raise FileUnusable(f"{self._path} cannot be written: {error.strerror}") from None
