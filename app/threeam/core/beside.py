"""Files that go with a journal: 0600, in the folder beside it, or in one of our own where that is somebody else's."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from threeam.core.journal import Journal, Unusable, sync_folder
from threeam.core.settings import state_folder

LARGEST = 64 * 1024 * 1024  # bytes that are read back: nothing of ours is larger


def own_folder(journal: Journal) -> str:
    """The journal's folder if it is ours or can be made, else one of our own for this journal."""
    folder = journal.folder
    try:
        if os.lstat(folder).st_uid == os.geteuid():
            return folder
    except FileNotFoundError:
        if os.access(os.path.dirname(folder), os.W_OK | os.X_OK):
            return folder
    except OSError:
        pass
    return os.path.join(state_folder(os.environ), one_name(journal))


def one_name(journal: Journal) -> str:
    """The journal's path as the name of one folder."""
    return journal.log.strip("/").replace("/", "%") + ".d"


def make_folder(folder: str) -> None:
    """Makes ``folder`` and what it lies in, for us alone. Raises OSError, also where it is somebody else's."""
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    refuse_foreign(folder)


def refuse_foreign(folder: str) -> None:
    """Raises PermissionError where ``folder`` is somebody else's."""
    if os.lstat(folder).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to somebody else")


def keep_beside(journal: Journal, name: str, data: bytes) -> str:
    """Puts ``data`` into a new file ``name`` beside the journal, synced, and gives its path.

    Raises `Unusable`, and leaves nothing then.
    """
    with file_beside(journal, name) as file:
        file.write(data)
    return file.name


@contextmanager
def file_beside(journal: Journal, name: str) -> Iterator[BinaryIO]:
    """A new file ``name`` beside the journal, to be written; synced at the end. Its ``name`` is its path.

    Raises `Unusable`. If it cannot be written, or what is done with it fails, it is gone.
    """
    folder, path = own_folder(journal), path_beside(journal, name)
    try:
        make_folder(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(path, "wb", opener=lambda path, _: os.open(path, flags, 0o600)) as file:
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                sync_folder(folder)
            except BaseException:
                os.unlink(path)
                raise
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from None


def leave_trace(journal: Journal, name: str) -> bool:
    """Leaves an empty file ``name``, and says whether there was none before."""
    if os.path.lexists(path_beside(journal, name)):
        return False
    with suppress(Unusable):  # then it will be the first again
        keep_beside(journal, name, b"")
    return True


def path_beside(journal: Journal, name: str) -> str:
    """Where this user's file ``name`` lies."""
    return os.path.join(own_folder(journal), name)


def read_beside(journal: Journal, name: str) -> bytes:
    """The bytes of the file ``name`` that `keep_beside` has made for this very user.

    Anybody in a team may write a line that names a file: another's is not read, nor what lies elsewhere. Raises
    `Unusable`.
    """
    path = path_beside(journal, name)
    if not name or "/" in name or name in (".", ".."):
        raise Unusable(f"{name!r} is no file beside the journal: the line that names it was not written by 3am")
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise Unusable(f"{path} is no file that 3am keeps")
            if about.st_uid != os.geteuid():
                raise Unusable(f"{path} is somebody else's, and what others keep is not believed: keep one of your own")
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise Unusable(f"{path} is not there: it was removed, or somebody else keeps it") from None
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise Unusable(f"{path} is larger than anything that 3am keeps")
    return data
