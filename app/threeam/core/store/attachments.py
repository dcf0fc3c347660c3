"""The folder of a journal's attachments, and how the files in it are written and read.

It is ``<log>.d``, or a private folder of this user if that one belongs to another user or cannot be made. Each
operation opens and checks it once, and reaches every file in it through its descriptor. So a user who may rename files
in the log's folder cannot put another file in the place of one that was checked.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, NamedTuple

from threeam.core.errors import BadSetting, FileUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, make_dirs, open_dir, safe_opener
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.user_dirs import private_state_dir
from threeam.core.store.attachment_kinds import HANDOFF_SHOWN, AttachmentKind, is_valid_name, seal, unseal
from threeam.core.store.journal import Journal, user_name

MAX_ATTACHMENT_BYTES = 64 * 1024 * 1024  # bytes; no attachment of 3am is larger
_MAX_NAME_BYTES = 200  # bytes of a folder's name; file systems allow 255, and prefixes and suffixes are added


class Attachment(NamedTuple):
    """An attachment that was read: its path, its content, and whether this user's key has signed it."""

    path: str
    content: bytes
    signed: bool


def attachment_dirs(journal: Journal) -> list[str]:
    """Return the folders of this user's attachments: the one in use, then the other one if that exists as well.

    An existing folder is preferred to one that would have to be made. So the result stays the same once an attachment
    was written, even if the log's folder was made or changed its mode since.
    """
    beside, private = journal.folder_beside_log, _private_dir(journal)
    if _is_own_dir(beside):
        return [beside, *([private] if _is_own_dir(private) else [])]
    return [private if private and (_is_own_dir(private) or not _can_create_dir(journal)) else beside]


def attachment_dir(journal: Journal) -> str:
    """Return the folder of this user's attachments."""
    return attachment_dirs(journal)[0]


def remote_dir(journal: Journal) -> str:
    """Return the folder of this user's mirrors: the journals of other hosts."""
    return os.path.join(attachment_dir(journal), "remote")


def has_mirrors(journal: Journal) -> bool:
    """Return whether journals of other hosts are mirrored here. A caller need not import the team to know."""
    return os.path.isdir(remote_dir(journal))


def memory_dir(journal: Journal) -> str:
    """Return the folder in memory that drafts are saved in if the disk is full."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):
        return os.path.join(runtime, "3am", flattened_path(journal))
    return f"/dev/shm/3am-{os.geteuid()}-{flattened_path(journal)}"


def flattened_path(journal: Journal) -> str:
    """Return the journal's path as the name of one folder, which is unique to the path."""
    name = journal.log_path.strip("/").replace("/", "%")
    if "%" in journal.log_path or len(os.fsencode(name)) > _MAX_NAME_BYTES:
        digest = hashlib.sha256(os.fsencode(journal.log_path)).hexdigest()[:16]
        name = f"{os.fsdecode(os.fsencode(name)[-(_MAX_NAME_BYTES - 20) :])}%{digest}"
    return name + ".d"


@contextmanager
def open_own_dir(folder: str, *, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of ``folder``, which must belong to this user. ``make``: make it first. Raises OSError."""
    parent, name = os.path.split(folder)
    if make:
        make_dirs(parent)
        with open_dir(parent) as parent_fd, suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent_fd)
    with open_dir(folder) as dir_fd:
        uid = os.fstat(dir_fd).st_uid
        if uid != os.geteuid():
            raise PermissionError(errno.EPERM, f"its folder belongs to {user_name(uid)}", folder)
        yield dir_fd


def write_attachment(journal: Journal, kind: AttachmentKind, name: str, content: bytes) -> str:
    """Write ``content`` to a new file ``name``, sync it, and return its path. Raises `FileUnusable`, without a file."""
    data = seal(kind, name, content)
    with create_attachment(journal, kind, name) as file:
        file.write(data)
    return file.name


@contextmanager
def create_attachment(journal: Journal, kind: AttachmentKind, name: str) -> Iterator[BinaryIO]:
    """Yield a new file ``name`` for writing, and sync it at the end. The attribute ``name`` of the file is its path.

    Raises `FileUnusable`. If the file cannot be written, or the body raises an error, the file is removed.
    """
    assert is_valid_name(kind, name), f"{name} is not the name of a {kind.name}"
    folder = attachment_dir(journal)
    path = os.path.join(folder, name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS
    try:
        with (
            open_own_dir(folder, make=True) as dir_fd,
            open(path, "wb", opener=lambda *_: os.open(name, flags, 0o600, dir_fd=dir_fd)) as file,
        ):
            try:
                yield file
                file.flush()
                fsync_fd(file.fileno())
                fsync_dir_fd(dir_fd)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=dir_fd)
                raise
    except OSError as error:
        raise FileUnusable(f"{path} cannot be written: {error.strerror}") from None


def replace_attachment(journal: Journal, kind: AttachmentKind, content: bytes) -> str:
    """Replace the content of the only file of this kind, and return its path. Raises OSError."""
    folder, name = attachment_dir(journal), kind.name_pattern
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFE_OPEN_FLAGS
    with open_own_dir(folder, make=True) as dir_fd, open(os.open(name, flags, 0o600, dir_fd=dir_fd), "wb") as file:
        file.write(content)
    return os.path.join(folder, name)


def create_marker(journal: Journal, name: str) -> bool:
    """Create an empty file ``name``; return False if it exists already."""
    if os.path.lexists(attachment_path(journal, name)):
        return False
    with suppress(FileUnusable):  # the next call then returns True again
        write_attachment(journal, HANDOFF_SHOWN, name, b"")
    return True


def discard_attachment(path: str) -> None:
    """Remove an attachment whose line was refused, if that is possible. If it stays, no line names it."""
    with suppress(OSError):
        os.unlink(path)


def attachment_path(journal: Journal, name: str) -> str:
    """Return the path of this user's file ``name``."""
    paths = [os.path.join(folder, name) for folder in attachment_dirs(journal)]
    return next((path for path in paths if os.path.lexists(path)), paths[0])


def read_attachment(journal: Journal, name: str, *kinds: AttachmentKind) -> Attachment:
    """Return the file ``name``, which must be of one of ``kinds`` and belong to this user. Raises `FileUnusable`.

    Every user who can write the log can write a line that names a file. So the file must be in the folder of this
    user's attachments, and its name and first bytes must be those of its kind.
    """
    path, _, (content, is_signed) = _read_checked(journal, name, kinds)
    return Attachment(path, content, is_signed)


def read_sealed_attachment(journal: Journal, name: str, *kinds: AttachmentKind) -> bytes:
    """Return all bytes of a file, for a signed kind with header and signature; checked as in `read_attachment`."""
    return _read_checked(journal, name, kinds)[1]


def _read_checked(
    journal: Journal, name: str, kinds: Sequence[AttachmentKind]
) -> tuple[str, bytes, tuple[bytes, bool]]:
    """Return the path of a file, all its bytes, and what `unseal` returns for them."""
    kind_names = " or ".join(kind.name for kind in kinds)
    kind = next((kind for kind in kinds if is_valid_name(kind, name)), None)
    if kind is None:
        raise FileUnusable(f"{name!r} is not the name of a {kind_names}: the line that names it was not written by 3am")
    path = attachment_path(journal, name)
    try:
        with open_own_dir(os.path.dirname(path)) as dir_fd:
            data = _read_own_file(dir_fd, name, path)
    except FileNotFoundError:
        raise FileUnusable(
            f"{path} does not exist: it was removed, or only the author of the line can read it"
        ) from None
    except OSError as error:
        raise FileUnusable(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_ATTACHMENT_BYTES:
        raise FileUnusable(f"{path} is larger than any file that 3am writes")
    content = unseal(kind, name, data)
    if content is None:
        raise FileUnusable(f"{path} is not a {kind.name} of 3am: its first bytes are different")
    return path, data, content


def _read_own_file(dir_fd: int, name: str, path: str) -> bytes:
    with open(name, "rb", opener=safe_opener(dir_fd)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            raise FileUnusable(f"{path} was not written by 3am: it is not a regular file with one name")
        if status.st_uid != os.geteuid():
            raise FileUnusable(f"{path} belongs to another user and is not trusted: make one of your own")
        return file.read(MAX_ATTACHMENT_BYTES + 1)


def _private_dir(journal: Journal) -> str:
    """Return this user's private folder for the journal; empty for a user without a home."""
    try:
        return os.path.join(private_state_dir(os.environ), flattened_path(journal))
    except BadSetting:
        return ""


def _is_own_dir(folder: str) -> bool:
    if not folder:
        return False
    try:
        with open_own_dir(folder):
            return True
    except OSError:
        return False


def _can_create_dir(journal: Journal) -> bool:
    """Return whether ``<log>.d`` can be made; the state folder that it will lie in may be missing as well."""
    parent, name = os.path.split(journal.folder_beside_log)
    if os.path.lexists(journal.folder_beside_log) or len(os.fsencode(name)) > 255:
        return False
    if journal.new_file_owner()[0] != os.geteuid():  # root in a user's state folder (sudo): it is for that user
        return False
    if not os.path.lexists(parent):
        return journal.state_dir is not None
    return os.access(parent, os.W_OK | os.X_OK)
