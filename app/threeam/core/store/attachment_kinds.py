"""The kinds of a journal's attachments: their names, their first bytes, and their signatures.

Every user who can write the log can write a line that names a file. So a reader states which kind it wants, and gets a
file only if its name and its first bytes are of that kind. A file with commands that are executed later is signed as
well: with a key in the owner's state folder, over the kind, the name and the content.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import BadSetting, FileUnusable
from threeam.core.platform.folders import SAFE_OPEN_FLAGS, fsync_dir_fd, make_dirs, open_dir, safe_opener
from threeam.core.platform.portability import fsync_fd
from threeam.core.platform.user_dirs import private_state_dir

_KEY_FILE = "key"
_KEY_BYTES = 32
_HMAC_HEX_DIGITS = 64  # of an HMAC with SHA-256, in hexadecimal
_CONTENT_PREFIX, _CONTENT_SUFFIX = b'", "content": ', b"}\n"


class AttachmentKind(NamedTuple):
    """A kind of attachment.

    ``name_pattern``: a regular expression for the whole file name. ``header``: the first bytes of its files; empty for
    the output of other programs, which is kept byte for byte, and for text. ``signed``: its files have an HMAC after
    the header. ``legacy_header``: the first bytes of unsigned files, which older versions wrote. They may be shown, but
    their commands are never executed.
    """

    name: str
    name_pattern: str
    header: bytes = b""
    signed: bool = False
    legacy_header: bytes = b""


def _signed_kind(name: str, pattern: str) -> AttachmentKind:
    return AttachmentKind(
        name, pattern, b'{"3am": "%s", "hmac-sha256": "' % name.encode(), signed=True, legacy_header=b'{\n "format": '
    )


BASELINE = _signed_kind("baseline", r"baseline-[A-Za-z0-9][A-Za-z0-9._-]{0,63}-\d+\.json")
PLAN = _signed_kind("plan", r"plan-\d+-\d+\.json")
BISECTION = _signed_kind("bisection", r"bisect-\d+-\d+\.json")
RUN_OUTPUT = AttachmentKind("run output", r"run-\d+-\d+\.out|R\d+-\d+-\d+\.out")
TRACER_OUTPUT = AttachmentKind("tracer output", r"(?:strace|perf|lsof|tcpdump)-\d+-\d+\.out")
CAPTURED_PANE = AttachmentKind("captured pane", r"pane-\d+-\d+\.out")
CITED_LINES = AttachmentKind("cited lines of another log", r"cited-\d+-\d+\.out")
RUNBOOK = AttachmentKind("restore runbook", r"restore-[a-z]+-\d+\.md", b"# ")
HANDOFF_SHOWN = AttachmentKind("marker of a hand-off that was shown", r"morning-\d+")
COPIED_TEXT = AttachmentKind("copied text", r"copied")
INPUT_HISTORY = AttachmentKind("history of the input box", r"history")
DRAFT = AttachmentKind("draft", r"draft-(\d+)-(\d+)(?:-[0-9a-f]{8})?\.json(?:\.\d+\.new)?")


def is_valid_name(kind: AttachmentKind, name: str) -> bool:
    """Return whether ``name`` is the name of a file of this kind."""
    return re.fullmatch(kind.name_pattern, name, re.ASCII) is not None


def seal(kind: AttachmentKind, name: str, content: bytes) -> bytes:
    """Return the bytes of a file: ``content``, for a signed kind with header and signature. Raises `FileUnusable`."""
    if not kind.signed:
        return content
    content = content.rstrip(b"\n")
    return b"".join(
        (kind.header, _hmac_hex(_load_or_create_key(), kind, name, content), _CONTENT_PREFIX, content, _CONTENT_SUFFIX)
    )


def unseal(kind: AttachmentKind, name: str, data: bytes) -> tuple[bytes, bool] | None:
    """Return a file's content and whether this user has signed it; None if ``data`` is not of this kind."""
    if not kind.signed:
        return (data, False) if data.startswith(kind.header) else None
    if not data.startswith(kind.header):
        return (data, False) if data.startswith(kind.legacy_header) else None
    begin = len(kind.header) + _HMAC_HEX_DIGITS
    if not (data.startswith(_CONTENT_PREFIX, begin) and data.endswith(_CONTENT_SUFFIX)):
        return None
    content = data[begin + len(_CONTENT_PREFIX) : -len(_CONTENT_SUFFIX)]
    return content, _is_valid_signature(data[len(kind.header) : begin], kind, name, content)


def _is_valid_signature(signature: bytes, kind: AttachmentKind, name: str, content: bytes) -> bool:
    import hmac

    try:
        with open_dir(private_state_dir(os.environ)) as dir_fd:
            key = _read_key(dir_fd)
    except (OSError, BadSetting):  # there is no key, so this user has signed nothing
        return False
    return hmac.compare_digest(signature, _hmac_hex(key, kind, name, content))


def _hmac_hex(key: bytes, kind: AttachmentKind, name: str, content: bytes) -> bytes:
    import hashlib
    import hmac

    message = b"\0".join((kind.name.encode(), os.fsencode(name), content))
    return hmac.new(key, message, hashlib.sha256).hexdigest().encode()


def _load_or_create_key() -> bytes:
    """Return this user's key, and create it first if it is missing. Raises `FileUnusable`."""
    try:
        folder = private_state_dir(os.environ)
    except BadSetting:
        raise FileUnusable(
            "there is no folder for the key that signs commands to be executed later: set HOME or XDG_STATE_HOME"
        ) from None
    try:
        make_dirs(folder)
        with open_dir(folder) as dir_fd:
            if os.fstat(dir_fd).st_uid != os.geteuid():
                raise FileUnusable(f"{folder} belongs to another user, so your key cannot be there: set XDG_STATE_HOME")
            with suppress(FileNotFoundError):
                return _read_key(dir_fd)
            _create_key(dir_fd)
            return _read_key(dir_fd)  # another process may have created it first
    except OSError as error:
        raise FileUnusable(
            f"the key in {folder}, which signs commands to be executed later, cannot be used ({error.strerror}): "
            "set XDG_STATE_HOME to a folder of yours"
        ) from None


def _read_key(dir_fd: int) -> bytes:
    """Return the key. Raises `FileUnusable` if another user could have read or written it, and OSError."""
    with open(_KEY_FILE, "rb", opener=safe_opener(dir_fd)) as file:
        status = os.fstat(file.fileno())
        key = file.read(_KEY_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    if status.st_uid != os.geteuid() or status.st_mode & 0o077 or len(key) != _KEY_BYTES:
        raise FileUnusable(
            f"{os.path.join(private_state_dir(os.environ), _KEY_FILE)} is not a key that only you can read: remove it, "
            "and make again what was signed with it"
        )
    return key


def _create_key(dir_fd: int) -> None:
    """Create the key under another name and link it: it appears complete, and never replaces another key."""
    temporary_name = f"{_KEY_FILE}.{os.urandom(8).hex()}.new"
    fd = os.open(temporary_name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_OPEN_FLAGS, 0o600, dir_fd=dir_fd)
    try:
        with open(fd, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            fsync_fd(fd)
        with suppress(FileExistsError):
            os.link(temporary_name, _KEY_FILE, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        fsync_dir_fd(dir_fd)
    finally:
        os.unlink(temporary_name, dir_fd=dir_fd)
