"""The kinds of files that go with a journal: what each is called, and what its first bytes are.

Anybody who can write the log can write a line that names a file. So a reader says which kind it wants, and gets a file
only if its name and its first bytes are of that kind. What is executed later is signed as well: with a key in the
owner's state folder, over the kind, the name and the contents.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import BadSetting, Unusable
from threeam.core.platform.folders import OPEN_SAFELY, make_folders, opened_folder, safe_opener, sync_opened
from threeam.core.platform.portability import sync
from threeam.core.platform.user_dirs import private_state_folder

_KEY = "key"
_KEY_BYTES = 32
_DIGITS = 64  # of an HMAC with SHA-256, in hexadecimal
_BETWEEN, _END = b'", "content": ', b"}\n"


class Kind(NamedTuple):
    """A kind of attachment. ``pattern`` is of the whole file name.

    ``header``: the first bytes of its files; empty for what another program printed, byte for byte, and for text.
    ``signed``: its files carry an HMAC behind the header. ``unsigned``: the first bytes of what 3am wrote before there
    were signatures; such a file may be shown, and nothing in it is executed.
    """

    name: str
    pattern: str
    header: bytes = b""
    signed: bool = False
    unsigned: bytes = b""


def _signed(name: str, pattern: str) -> Kind:
    return Kind(
        name, pattern, b'{"3am": "%s", "hmac-sha256": "' % name.encode(), signed=True, unsigned=b'{\n "format": '
    )


BASELINE = _signed("baseline", r"baseline-[A-Za-z0-9][A-Za-z0-9._-]{0,63}-\d+\.json")
PLAN = _signed("plan", r"plan-\d+-\d+\.json")
RUN_OUTPUT = Kind("run output", r"run-\d+-\d+\.out|R\d+-\d+-\d+\.out")
TRACE = Kind("tracer output", r"(?:strace|perf|lsof|tcpdump)-\d+-\d+\.out")
PANE = Kind("captured pane", r"pane-\d+-\d+\.out")
RUNBOOK = Kind("restore runbook", r"restore-[a-z]+-\d+\.md", b"# ")
MORNING = Kind("mark of a hand-off that was shown", r"morning-\d+")
COPIED = Kind("copied text", r"copied")
HISTORY = Kind("history of the input box", r"history")
DRAFT = Kind("draft", r"draft-(\d+)-(\d+)(?:-[0-9a-f]{8})?\.json(?:\.\d+\.new)?")


def is_named(kind: Kind, name: str) -> bool:
    """Whether ``name`` is the name of a file of this kind."""
    return re.fullmatch(kind.pattern, name, re.ASCII) is not None


def sealed(kind: Kind, name: str, content: bytes) -> bytes:
    """Return the bytes of the file: ``content`` itself, or with its header and signature. Raises `Unusable`."""
    if not kind.signed:
        return content
    content = content.rstrip(b"\n")
    return b"".join((kind.header, _hmac(_key(), kind, name, content), _BETWEEN, content, _END))


def unsealed(kind: Kind, name: str, data: bytes) -> tuple[bytes, bool] | None:
    """Return the content of a file's bytes and whether this user has signed it; None if it is not of this kind."""
    if not kind.signed:
        return (data, False) if data.startswith(kind.header) else None
    if not data.startswith(kind.header):
        return (data, False) if data.startswith(kind.unsigned) else None
    begin = len(kind.header) + _DIGITS
    if not (data.startswith(_BETWEEN, begin) and data.endswith(_END)):
        return None
    content = data[begin + len(_BETWEEN) : -len(_END)]
    return content, _is_signature(data[len(kind.header) : begin], kind, name, content)


def _is_signature(signature: bytes, kind: Kind, name: str, content: bytes) -> bool:
    import hmac

    try:
        with opened_folder(private_state_folder(os.environ)) as dir_fd:
            key = _read_key(dir_fd)
    except (OSError, BadSetting):  # there is no key, so this user has signed nothing
        return False
    return hmac.compare_digest(signature, _hmac(key, kind, name, content))


def _hmac(key: bytes, kind: Kind, name: str, content: bytes) -> bytes:
    import hashlib
    import hmac

    message = b"\0".join((kind.name.encode(), os.fsencode(name), content))
    return hmac.new(key, message, hashlib.sha256).hexdigest().encode()


def _key() -> bytes:
    """Return this user's key, and make it first if there is none. Raises `Unusable`."""
    try:
        folder = private_state_folder(os.environ)
    except BadSetting:
        raise Unusable(
            "there is no folder for the key, and what is executed later must be signed: set HOME or XDG_STATE_HOME"
        ) from None
    try:
        make_folders(folder)
        with opened_folder(folder) as dir_fd:
            if os.fstat(dir_fd).st_uid != os.geteuid():
                raise Unusable(f"{folder} belongs to another user, so no key can lie there: set XDG_STATE_HOME")
            with suppress(FileNotFoundError):
                return _read_key(dir_fd)
            _make_key(dir_fd)
            return _read_key(dir_fd)  # of whoever was first
    except OSError as error:
        raise Unusable(
            f"the key in {folder} cannot be used ({error.strerror}), and what is executed later must be signed: "
            "set XDG_STATE_HOME to a folder of yours"
        ) from None


def _read_key(dir_fd: int) -> bytes:
    """Read the key. Raises `Unusable` if another user could have written or read it, and OSError."""
    with open(_KEY, "rb", opener=safe_opener(dir_fd)) as file:
        about = os.fstat(file.fileno())
        key = file.read(_KEY_BYTES + 1) if stat.S_ISREG(about.st_mode) else b""
    if about.st_uid != os.geteuid() or about.st_mode & 0o077 or len(key) != _KEY_BYTES:
        raise Unusable(
            f"{os.path.join(private_state_folder(os.environ), _KEY)} is not a key that only you can read: remove it, "
            "and what was signed with it must be made again"
        )
    return key


def _make_key(dir_fd: int) -> None:
    """Make the key aside and link it, so that it is whole under its name, and never replaces another one."""
    aside = f"{_KEY}.{os.urandom(8).hex()}.new"
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | OPEN_SAFELY, 0o600, dir_fd=dir_fd)
    try:
        with open(fd, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            sync(fd)
        with suppress(FileExistsError):
            os.link(aside, _KEY, src_dir_fd=dir_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
        sync_opened(dir_fd)
    finally:
        os.unlink(aside, dir_fd=dir_fd)
