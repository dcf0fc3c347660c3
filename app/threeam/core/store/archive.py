"""An archive of a journal: its records and the files that its lines name, as one tar without compression.

``journal.jsonl`` is the first member, ``files/NAME`` are the attachments with all their bytes, and ``SHA256SUMS`` is
the last one: ``sha256sum -c`` can check what tar has unpacked. The reader accepts nothing else. It reads each header
by itself, so links, folders, long names, sparse files and other extensions of tar are refused, not interpreted.
"""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from threeam.core.errors import BadInput
from threeam.core.platform.disk import format_bytes
from threeam.core.store.attachment_kinds import (
    BASELINE,
    CAPTURED_PANE,
    CITED_LINES,
    PLAN,
    RUN_OUTPUT,
    RUNBOOK,
    TRACER_OUTPUT,
    AttachmentKind,
    is_valid_name,
)
from threeam.core.store.attachments import MAX_ATTACHMENT_BYTES

JOURNAL_MEMBER, FILES_PREFIX, SUMS_MEMBER = "journal.jsonl", "files/", "SHA256SUMS"
MAX_FILES = 100_000
ARCHIVED_KINDS = (
    RUN_OUTPUT,
    TRACER_OUTPUT,
    CAPTURED_PANE,
    CITED_LINES,
    BASELINE,
    PLAN,
    RUNBOOK,
)  # those that a line can name
_BLOCK_BYTES, _CHUNK_BYTES = tarfile.BLOCKSIZE, 1024 * 1024
_MAX_SUMS_BYTES = 32 * 1024 * 1024
_SUMS_LINE = re.compile(r"([0-9a-f]{64})  (\S+)", re.ASCII)
_END = bytes(_BLOCK_BYTES)
_TAR_MAGIC_OFFSET = 257  # in the header of the first member, also in one with the extensions of pax
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class InvalidArchive(BadInput):
    """A file that is not an archive as `ArchiveWriter` writes it."""


class ArchiveMember(NamedTuple):
    """A member of an archive: the place and the size of its content, and the SHA-256 of that content."""

    offset: int
    size: int
    sha256: str


def archived_kind(name: str) -> AttachmentKind | None:
    """Return the kind of the attachment ``name``; None if an archive has no file of that name."""
    return next((kind for kind in ARCHIVED_KINDS if is_valid_name(kind, name)), None)


def is_archive(head: bytes) -> bool:
    """Return whether a file that begins with ``head``, one byte or more, can be an archive."""
    name = f"{JOURNAL_MEMBER}\0".encode()
    return bool(head) and head[: len(name)] == name[: len(head)]


def describe_other_archive(head: bytes) -> str | None:
    """Return what a file is that begins with ``head``, if it is a tar of another program or compressed; else None."""
    if head[_TAR_MAGIC_OFFSET:].startswith(b"ustar"):
        return (
            "it is a tar that another program packed: import the one that 3am export jsonl --with-files wrote, "
            f"or the {JOURNAL_MEMBER} in it"
        )
    name = next((name for magic, name in _COMPRESSIONS.items() if head.startswith(magic)), None)
    return f"it is compressed; to decompress it: {name} -dc FILE | 3am import -" if name else None


class ArchiveWriter:
    """Writes an archive, member by member, without going back."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._sums: list[str] = []

    def add(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        """Write a member of ``size`` bytes."""
        digest, remaining = hashlib.sha256(), size
        self._write(_header(name, size))
        for chunk in chunks:
            digest.update(chunk)
            remaining -= len(chunk)
            self._write(chunk)
        assert remaining == 0, f"{name} has another size than {size}"
        self._write(bytes(-size % _BLOCK_BYTES))
        self._sums.append(f"{digest.hexdigest()}  {name}\n")

    def close(self) -> None:
        """Write the digests of all members, and the end."""
        content = "".join(self._sums).encode()
        self._write(_header(SUMS_MEMBER, len(content)) + content + bytes(-len(content) % _BLOCK_BYTES) + 2 * _END)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def read_archive(file: BinaryIO) -> Mapping[str, ArchiveMember]:
    """Return the members of the archive ``file``, without ``SHA256SUMS``. All digests are correct.

    Raise `InvalidArchive`: then nothing in the file can be trusted. Raise OSError.
    """
    members: dict[str, ArchiveMember] = {}
    sums: bytes | None = None
    file.seek(0)
    while (block := file.read(_BLOCK_BYTES)) != _END:
        name, size = _parse_header(block)
        if sums is not None:
            raise InvalidArchive(f"{SUMS_MEMBER} is not its last member")
        if name == SUMS_MEMBER:
            sums = b"".join(_read_exactly(file, name, size))
        elif name in members or len(members) > MAX_FILES:
            raise InvalidArchive(f"{name} is in it twice" if name in members else "it has too many members")
        else:
            if not members and name != JOURNAL_MEMBER:
                raise InvalidArchive(f"{JOURNAL_MEMBER} is not its first member")
            offset, digest = file.tell(), hashlib.sha256()
            for chunk in _read_exactly(file, name, size):
                digest.update(chunk)
            members[name] = ArchiveMember(offset, size, digest.hexdigest())
        file.seek(-size % _BLOCK_BYTES, 1)
    if sums is None:
        raise InvalidArchive(f"{SUMS_MEMBER} is missing")
    _check_sums(members, sums)
    return members


def _parse_header(block: bytes) -> tuple[str, int]:
    """Return the name and the size of a member."""
    if len(block) < _BLOCK_BYTES:
        raise InvalidArchive("it is cut off")
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, ValueError, OverflowError):
        raise InvalidArchive("a header of a member is damaged") from None
    name = info.name
    attachment = name.removeprefix(FILES_PREFIX)
    limit = {JOURNAL_MEMBER: None, SUMS_MEMBER: _MAX_SUMS_BYTES}.get(name, MAX_ATTACHMENT_BYTES)
    if name not in (JOURNAL_MEMBER, SUMS_MEMBER) and (attachment == name or archived_kind(attachment) is None):
        raise InvalidArchive(f"{name!a} is not a file that 3am attaches to a line")
    if info.type != tarfile.REGTYPE or info.linkname:
        raise InvalidArchive(f"{name} is not a regular file")
    if info.size < 0 or (limit is not None and info.size > limit):
        raise InvalidArchive(f"{name} is larger than the limit of {format_bytes(limit or 0)}")
    return name, info.size


def _read_exactly(file: BinaryIO, name: str, size: int) -> Iterator[bytes]:
    """Yield the next ``size`` bytes of ``file``."""
    while size:
        chunk = file.read(min(size, _CHUNK_BYTES))
        if not chunk:
            raise InvalidArchive(f"it is cut off in {name}")
        size -= len(chunk)
        yield chunk


def _check_sums(members: Mapping[str, ArchiveMember], sums: bytes) -> None:
    matches = [_SUMS_LINE.fullmatch(line) for line in sums.decode("ascii", "replace").splitlines()]
    listed = {match[2]: match[1] for match in matches if match is not None}
    if None in matches or len(listed) != len(matches) or listed.keys() != members.keys():
        raise InvalidArchive(f"{SUMS_MEMBER} does not list its members")
    for name, member in members.items():
        if listed[name] != member.sha256:
            raise InvalidArchive(f"the SHA-256 of {name} is not the one in {SUMS_MEMBER}")


def read_member(file: BinaryIO, member: ArchiveMember) -> bytes:
    """Return the content of a member of at most `MAX_ATTACHMENT_BYTES`. Raise `InvalidArchive` if it has changed."""
    file.seek(member.offset)
    content = file.read(member.size)
    if hashlib.sha256(content).hexdigest() != member.sha256:
        raise InvalidArchive("it was changed while it was read")
    return content
