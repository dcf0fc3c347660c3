"""Files that go with a journal: 0600, in the folder beside it, or in one of our own where that is somebody else's."""

from __future__ import annotations

import errno
import os
import stat

from threeam.core.journal import Journal, Unusable, sync_folder
from threeam.core.settings import state_folder

LARGEST = 64 * 1024 * 1024  # bytes that are read back: nothing of ours is larger


def own_folder(journal: Journal) -> str:
    """The journal's folder if it is ours or can be made, else one of our own for this journal."""
    folder = journal.folder
    try:
        if os.stat(folder).st_uid == os.geteuid():
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
    if os.stat(folder).st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "it belongs to somebody else")


def keep_beside(journal: Journal, name: str, data: bytes) -> str:
    """Puts ``data`` into a new file ``name`` beside the journal, synced, and gives its path.

    Raises `Unusable`, and leaves nothing then.
    """
    folder = own_folder(journal)
    path = os.path.join(folder, name)
    try:
        make_folder(folder)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            sync_folder(folder)
        except OSError:
            os.unlink(path)
            raise
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}") from None
    return path


def read_beside(path: str) -> bytes:
    """The bytes of a file that `keep_beside` made. Anybody may write a line that names another: nothing hangs on it.

    Raises `Unusable`.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Unusable(f"{path} is no file that 3am keeps")
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise Unusable(f"{path} is larger than anything that 3am keeps")
    return data
