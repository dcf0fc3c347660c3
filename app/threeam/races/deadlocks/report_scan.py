"""The deadlock reports in a log, as the servers wrote them: nothing is inferred.

The file is read once, in file order. Bytes without the words of a title cost a search in memory; only what follows a
title is read line by line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from threeam.core.format.entry import BOM
from threeam.core.store.reader import Chunk, chunks_forward
from threeam.races.deadlocks.innodb import STATUS_TITLE, InnodbReader, innodb_reader, unescaped_status
from threeam.races.deadlocks.postgresql import (
    CsvRecordReader,
    JsonLineReader,
    PostgresqlTextReader,
    postgresql_reader,
)
from threeam.races.deadlocks.report import DeadlockReport, LogLine
from threeam.timeline.source import Source

_MARKERS = (b"deadlock detected", b"40P01", STATUS_TITLE)  # one is in the first line of each report
_MAX_IDLE_LINES = 200  # after the last line of a report, until nothing more is expected
_MAX_OPEN_REPORTS = 32  # whose lines stand between each other

_Reader = PostgresqlTextReader | CsvRecordReader | JsonLineReader | InnodbReader


def deadlock_reports(source: Source) -> Iterator[DeadlockReport]:
    """Yield the reports in a log, in the order in which they end. Raises OSError."""
    scan = _ReportScan(source)
    for chunk in chunks_forward(source.segment, 0, source.end):
        yield from scan.read(chunk)
    yield from scan.finish()


class _OpenReport:
    """A report of which more lines may follow. ``idle_lines``: since its last line."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self.idle_lines = 0


class _ReportScan:
    """Finds the reports in the chunks of a file."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._line_number = 0  # of the last line before the chunk or the place in it
        self._open: list[_OpenReport] = []  # the newest one first

    def read(self, chunk: Chunk) -> Iterator[DeadlockReport]:
        """Yield the reports that end in a chunk."""
        data, position = chunk.data, 0
        while position < len(data):
            begin = position if self._open else _next_title(data, position)
            self._line_number += data.count(b"\n", position, begin)
            if begin == len(data):
                return
            newline = data.find(b"\n", begin)
            end = len(data) if newline < 0 else newline
            self._line_number += 1
            yield from self._take(self._line(chunk, begin, end, is_finished=newline >= 0))
            position = end + 1

    def finish(self) -> Iterator[DeadlockReport]:
        """Yield the reports that the end of the file ends."""
        for each in reversed(self._open):
            yield from _report_of(each)

    def _line(self, chunk: Chunk, begin: int, end: int, *, is_finished: bool) -> LogLine:
        raw = chunk.data[begin:end].removesuffix(b"\r")
        offset = chunk.start + begin
        raw = raw if offset else raw.removeprefix(BOM)
        finished = is_finished and not chunk.omitted_bytes
        return LogLine(self._source, offset, self._line_number, raw, _without_container(raw), finished)

    def _take(self, line: LogLine) -> Iterator[DeadlockReport]:
        ended = list[_OpenReport]()
        is_taken = False
        for each in self._open:
            is_taken = each.reader.take(line)
            each.idle_lines = 0 if is_taken else each.idle_lines + 1
            if each.reader.is_complete or each.idle_lines > _MAX_IDLE_LINES:
                ended.append(each)
            if is_taken:
                break
        if not is_taken:
            self._begin(line)
        ended += self._open[_MAX_OPEN_REPORTS:]
        ended += [each for each in self._open if each.reader.is_complete and each not in ended]
        if ended:
            self._open = [each for each in self._open if each not in ended]
        for each in reversed(ended):
            yield from _report_of(each)

    def _begin(self, line: LogLine) -> None:
        if not any(marker in line.text for marker in _MARKERS):
            return
        status = unescaped_status(line)
        reader = innodb_reader(status[0] if status else line) or postgresql_reader(line)
        if reader is None:
            return
        for each in status[1:]:
            if not reader.is_complete:
                reader.take(each)
        reader.is_complete |= bool(status)
        self._open.insert(0, _OpenReport(reader))


def _report_of(each: _OpenReport) -> Iterator[DeadlockReport]:
    report = each.reader.report()
    if report is not None:
        yield report


def _next_title(data: bytes, position: int) -> int:
    """Return the offset of the next line with a marker; without a marker, the end of the data."""
    places = [place for marker in _MARKERS if (place := data.find(marker, position)) >= 0]
    return max(position, data.rfind(b"\n", position, min(places)) + 1) if places else len(data)


def _without_container(raw: bytes) -> bytes:
    """Return the text of a line that Docker has put into an object, or the line itself."""
    if raw.startswith(b'{"log":'):
        try:
            text = json.loads(raw)["log"]
        except (ValueError, KeyError):
            return raw
        if isinstance(text, str):
            return text.removesuffix("\n").encode("utf-8", "surrogatepass")
    return raw
