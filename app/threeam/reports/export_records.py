"""Lines as records for machines, and back: no byte of a log is lost on the way.

A line that is too long to be held whole becomes several records. ``more`` in each is the number of bytes of the line in
the next ones. Those have ``continues`` and their bytes only.
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from threeam.core.errors import BadInput
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.entry import Entry, Stamp, escape_unprintable, format_entry, parse_entry
from threeam.core.format.escape import escape_json
from threeam.core.store.reader import MAX_HELD_LINE_BYTES, Line, read_chunks
from threeam.hypotheses.quotations import QuotationReader
from threeam.tracing.observations import IntervalSet

CSV_COLUMNS = (
    "ts",
    "at",
    "coffee",
    "by",
    "kind",
    "hypothesis",
    "state",
    "recheck",
    "text",
    "tags",
    "raw",
    "unfinished",
    "observed",
    "more",
    "continues",
)
# A spreadsheet runs a cell that begins with one of these as a formula; and the quote itself.
_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "'")


class InvalidRecord(BadInput):
    """A record from which no line can be made."""


# JSON needs at most six bytes for a byte of the head, and one and a half for it in ``raw``.
MAX_RECORD_BYTES = 16 * MAX_HELD_LINE_BYTES


def line_records(line: Line, observed: IntervalSet) -> Iterator[dict[str, Any]]:
    """Yield the record of a line, and further ones for the bytes that are not held. Raise OSError."""
    if not line.omitted_bytes:
        yield _head_record(line, observed) | _end_fields(line)
        return
    remaining = line.omitted_bytes
    yield _head_record(line, observed) | {"more": remaining}
    start = line.offset + len(line.raw)
    for piece in read_chunks(line.segment, start, start + remaining):
        remaining -= len(piece)
        record = {"ts": None, "ts_ns": None, "continues": True, "raw": base64.b64encode(piece).decode()}
        yield record | ({"more": remaining} if remaining else _end_fields(line))


def _head_record(line: Line, observed: IntervalSet) -> dict[str, Any]:
    """Return a line as a record: stamp, cups, tags in their order, text; ``observed`` if a tracer was attached then.

    If these fields do not give every byte back (a torn line, a foreign one, another spelling), ``raw`` has the bytes in
    base64.
    """
    entry = line.entry
    data = line.raw + line.line_end[:-1]
    raw = base64.b64encode(data).decode()
    if entry is None:
        return {"ts": None, "ts_ns": None, "foreign": True, "text": line.display_text, "raw": raw}
    author, hypothesis = entry.author, entry.hypothesis
    record: dict[str, Any] = {
        "ts": entry.stamp.rfc3339(),
        "ts_ns": str(entry.stamp.ns),
        "at": str(entry.stamp),
        "coffee": entry.cups,
        "by": str(author) if author is not None else None,
        "kind": entry.kind,
    }
    if hypothesis is not None:
        record |= {"hypothesis": hypothesis[0], "state": hypothesis[1]}
    if entry.tag("RECHECK") is not None:
        record["recheck"] = True
    if entry.stamp in observed:
        record["observed"] = True
    record |= {"tags": [list(tag) for tag in entry.tags], "text": entry.text}
    if format_entry(entry) != data + b"\n":
        record["raw"] = raw
    return record


def _end_fields(line: Line) -> dict[str, Any]:
    return {} if line.finished else {"unfinished": True}


def record_to_bytes(record: object) -> bytes:
    """Return the bytes of a record's line, with its newline. Raise `InvalidRecord`."""
    if not isinstance(record, Mapping):
        raise InvalidRecord("it is not an object")
    try:
        if (raw := record.get("raw")) is not None:
            line = base64.b64decode(raw, validate=True) + b"\n"
            if line.count(b"\n") > 1:
                raise InvalidRecord("its bytes are more than one line")
        else:
            stamp = Stamp.parse(record["at"])
            if stamp is None:
                raise InvalidRecord(f"{record['at']!r} is not a stamp")
            tags = tuple((str(key), str(value)) for key, value in record["tags"])
            if type(record["coffee"]) is not int or not isinstance(record["tags"], list):
                raise InvalidRecord("coffee is a whole number, and tags are a list of pairs")
            entry = Entry(stamp, record["coffee"], tags, str(record["text"]))
            line = format_entry(entry)
            if parse_entry(line[:-1]) != entry:  # an invalid key or negative cups: the line would parse differently
                raise InvalidRecord("it is not as 3am export jsonl writes it: its tags or cups are invalid")
    except KeyError as error:
        raise InvalidRecord(f"it has no {error.args[0]!r}") from None
    except (TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise InvalidRecord(f"it is not as 3am export jsonl writes it: {error}") from None
    return line[:-1] if record.get("unfinished") is True or record.get("more") else line


class RecordDecoder:
    """Decodes the records of a log to its bytes, one after the other.

    ``is_at_unfinished_line``: the last line has no newline, so no record can follow.
    """

    def __init__(self) -> None:
        self.is_at_unfinished_line = False
        self._missing_bytes = 0  # of the current line, expected in the next records

    def decode(self, record: object) -> bytes:
        """Return the bytes of ``record``. Raise `InvalidRecord`."""
        data = record_to_bytes(record)
        assert isinstance(record, Mapping)
        if (record.get("continues") is True) != (self._missing_bytes > 0):
            raise InvalidRecord(
                "the rest of a long line is missing before it" if self._missing_bytes else "it continues no line"
            )
        size, remaining = len(data.removesuffix(b"\n")), record.get("more", 0)
        if (
            type(remaining) is not int
            or remaining < 0
            or (self._missing_bytes and remaining != self._missing_bytes - size)
        ):
            raise InvalidRecord("its 'more' is not the number of bytes that the line still has")
        self._missing_bytes, self.is_at_unfinished_line = remaining, record.get("unfinished") is True
        return data

    def check_complete(self) -> None:
        """Raise `InvalidRecord` if the rest of a line is missing."""
        if self._missing_bytes:
            raise InvalidRecord(f"{self._missing_bytes:,} bytes of its line are missing")


def json_lines(line: Line, observed: IntervalSet, quotations: QuotationReader) -> Iterator[str]:
    """Yield a line of the log as JSON: one line for each of its records. Raise OSError.

    A line that cites another log has what ``quotations`` gives for it in ``quotes``. An import does not read that.
    """
    cited = parse_cited_line(line.entry) if line.entry is not None else None
    for record in line_records(line, observed):
        if cited is not None and "continues" not in record:
            record["quotes"] = quotations.to_json(cited)
        yield escape_json(json.dumps(record, ensure_ascii=False)) + "\n"


def csv_header() -> str:
    """Return the first row: the names of the columns."""
    return _csv_row(list(CSV_COLUMNS))


def csv_rows(line: Line, observed: IntervalSet) -> Iterator[str]:
    """Yield a line of the log as CSV: one row for each of its records. Raise OSError.

    A cell that a spreadsheet would run as a formula, or that begins with a single quote, gets a single quote in front.
    """
    for record in line_records(line, observed):
        if "tags" in record:
            record["tags"] = json.dumps(record["tags"], ensure_ascii=False)
        values = [record.get(name) for name in CSV_COLUMNS]
        cells = ["" if value is None else escape_unprintable(str(value)) for value in values]
        yield _csv_row([f"'{cell}" if cell.startswith(_FORMULA_PREFIXES) else cell for cell in cells])


def _csv_row(cells: list[str]) -> str:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    return row.getvalue()
