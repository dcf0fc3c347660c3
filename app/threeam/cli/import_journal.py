"""``3am import``: a new journal from the records of another one, or from an archive with its files."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, cast

from threeam.cli.console import print_err
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.signals import settle_exit_code
from threeam.core.errors import BadInput, FileUnusable, PreconditionFailed
from threeam.core.platform.disk import format_bytes
from threeam.core.store.archive import (
    FILES_PREFIX,
    JOURNAL_MEMBER,
    ArchiveMember,
    InvalidArchive,
    archived_kind,
    describe_other_archive,
    is_archive,
    read_archive,
    read_member,
)
from threeam.core.store.attachment_kinds import AttachmentKind
from threeam.core.store.attachments import (
    attachment_path,
    create_attachment,
    discard_attachment,
    read_sealed_attachment,
)
from threeam.core.store.journal import Journal
from threeam.core.store.recognize import UTF16_HINT, is_utf16
from threeam.reports.export_records import MAX_RECORD_BYTES, InvalidRecord, RecordDecoder

_PEEK_BYTES = 16


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am import``."""
    parser = Parser(
        "3am import",
        "Makes a new journal from the output of 3am export jsonl: the same log, byte for byte. From that of "
        "--with-files it also restores the files. The log must not exist yet, and no file is overwritten.",
        "examples:\n  3am import --log night.log night.jsonl\n  3am -j checkout import night.tar",
    )
    parser.add_argument("file", metavar="FILE", help="the JSONL or the tar; - reads stdin")
    args = parser.parse_args(argv)
    ctx = context(args)
    with _open_source(args.file) as source:
        restorer = _FileRestorer(ctx.journal, source)
        try:
            size = ctx.writer().create(lambda: _log_and_files(source, restorer))
        except BaseException:
            restorer.undo()
            raise
    settle_exit_code(ExitCode.OK)
    files = f", and {len(source.files):,} files" if source.files else ""
    print_err(f"{ctx.journal.log_path}: {size} bytes, the same as in the original{files}")
    return ExitCode.OK


class _Source(NamedTuple):
    """An open file with records. ``records``: where they are in an archive; None: the file has nothing else.

    ``files``: the other members of the archive by the names of the attachments.
    """

    path: str
    file: BinaryIO
    records: ArchiveMember | None
    files: Mapping[str, ArchiveMember]


@contextmanager
def _open_source(path: str) -> Iterator[_Source]:
    """Open the file at ``path`` (``-``: stdin). Read an archive once, so that a bad one is refused before any write."""
    with ExitStack() as stack:
        try:
            file: BinaryIO = stack.enter_context(open(0 if path == "-" else path, "rb", closefd=path != "-"))
            if not is_archive(_peek(file)):
                source = _Source(path, file, None, {})
            else:
                if not file.seekable():
                    copy = cast(BinaryIO, stack.enter_context(TemporaryFile()))
                    shutil.copyfileobj(file, copy)
                    file = copy
                source = _archive_source(path, file)
        except InvalidArchive as error:
            raise BadInput(f"{path}: {error}; nothing was written") from None
        except OSError as error:
            raise FileUnusable(f"{path} cannot be read: {error.strerror}") from None
        yield source


def _peek(file: BinaryIO) -> bytes:
    return cast(BufferedReader, file).peek(_PEEK_BYTES)[:_PEEK_BYTES]


def _archive_source(path: str, file: BinaryIO) -> _Source:
    members = read_archive(file)
    files = {name.removeprefix(FILES_PREFIX): member for name, member in members.items() if name != JOURNAL_MEMBER}
    return _Source(path, file, members[JOURNAL_MEMBER], files)


class _FileRestorer:
    """Restores the files of an archive, and removes them again if the log cannot be made."""

    def __init__(self, journal: Journal, source: _Source) -> None:
        self._journal = journal
        self._source = source
        self._created_paths: list[str] = []

    def restore(self) -> None:
        """Write the files that are missing. Raises `PreconditionFailed` if one is there with other bytes."""
        missing = []
        for name, member in self._source.files.items():
            path = attachment_path(self._journal, name)
            if not os.path.lexists(path):
                missing.append((name, member))
            elif read_sealed_attachment(self._journal, name, _kind_of(name)) != read_member(self._source.file, member):
                raise PreconditionFailed(f"{path} is there already with other bytes; nothing was written")
        for name, member in missing:
            with create_attachment(self._journal, _kind_of(name), name) as file:
                self._created_paths.append(file.name)
                file.write(read_member(self._source.file, member))

    def undo(self) -> None:
        """Remove the files that were written."""
        for path in self._created_paths:
            discard_attachment(path)


def _kind_of(name: str) -> AttachmentKind:
    kind = archived_kind(name)
    assert kind is not None, name  # read_archive has refused any other name
    return kind


def _log_and_files(source: _Source, restorer: _FileRestorer) -> Iterator[bytes]:
    """Yield the bytes of the log, and then restore the files: the log gets its name after that."""
    yield from _decode_records(source)
    restorer.restore()


def _record_lines(source: _Source) -> Iterator[bytes]:
    """Yield the lines of the JSONL, each of at most `MAX_RECORD_BYTES` and one byte."""
    file, member = source.file, source.records
    if member is None:
        while raw := file.readline(MAX_RECORD_BYTES + 1):
            yield raw
        return
    file.seek(member.offset)
    remaining = member.size
    while remaining and (raw := file.readline(min(remaining, MAX_RECORD_BYTES + 1))):
        remaining -= len(raw)
        yield raw


def _decode_records(source: _Source) -> Iterator[bytes]:
    """Yield the bytes of the log that the JSONL holds. Raises `BadInput`."""
    records, number, path = RecordDecoder(), 0, source.path
    for raw in _record_lines(source):
        if records.is_at_unfinished_line:
            raise BadInput(f"{path}, line {number}: it is unfinished, but not the last; nothing was written")
        number += 1
        yield _decode_record(records, raw, path, number)
    try:
        records.check_complete()
    except InvalidRecord as error:
        raise BadInput(f"{path}, line {number}: {error}; nothing was written") from None


def _decode_record(records: RecordDecoder, raw: bytes, path: str, number: int) -> bytes:
    """Return the bytes of the log for line ``number`` of the JSONL. Raises `BadInput`."""
    if number == 1 and (other := describe_other_archive(raw)):
        raise BadInput(f"{path}: {other}; nothing was written")
    try:
        if len(raw) > MAX_RECORD_BYTES:
            raise InvalidRecord(f"it is longer than the limit of {format_bytes(MAX_RECORD_BYTES)}")
        if number == 1 and is_utf16(raw):
            raise InvalidRecord(f"it is {UTF16_HINT}")
        return records.decode(json.loads(raw))
    except InvalidRecord as error:
        raise BadInput(f"{path}, line {number}: {error}; nothing was written") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{path}, line {number}: it is not JSON; nothing was written") from None
