"""Lines as records for machines, and back: no byte of a log is lost on the way.

A line that is too long to be held whole is several records. Each says in ``more`` how many bytes of the line are in
the next ones, which have ``continues`` and no more than their bytes.
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
from threeam.core.format.entry import Entry, Stamp, escape_unprintable, format_entry, parse_entry
from threeam.core.format.escape import escape_json
from threeam.core.store.reader import MAX_HELD_LINE_BYTES, Line, read_chunks
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
_FORMULA_PREFIXES = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "'",
)  # with what a spreadsheet begins to calculate, and the quote itself


class InvalidRecord(BadInput):
    """A record from which no line can be made."""


MAX_RECORD_BYTES = (
    16 * MAX_HELD_LINE_BYTES
)  # bytes: JSON writes a byte of a head in six, and in one and a half for ``raw``


def line_records(line: Line, observed: IntervalSet) -> Iterator[dict[str, Any]]:
    """The record of a line, and those of the bytes that are not held. Raises OSError."""
    if not line.omitted_bytes:
        yield _head_record(line, observed) | _end_fields(line)
        return
    more = line.omitted_bytes
    yield _head_record(line, observed) | {"more": more}
    start = line.offset + len(line.raw)
    for piece in read_chunks(line.segment, start, start + more):
        more -= len(piece)
        record = {"ts": None, "ts_ns": None, "continues": True, "raw": base64.b64encode(piece).decode()}
        yield record | ({"more": more} if more else _end_fields(line))


def _head_record(line: Line, observed: IntervalSet) -> dict[str, Any]:
    """A line as a record: stamp, cups, tags in their order, text; ``observed`` where a tracer was attached then.

    A line of which these do not give every byte back (torn, foreign, or written otherwise than 3am writes) has its
    bytes in ``raw``, in base64, too.
    """
    entry = line.entry
    data = line.raw + line.line_end[:-1]
    raw = base64.b64encode(data).decode()
    if entry is None:
        return {"ts": None, "ts_ns": None, "foreign": True, "text": line.display_text, "raw": raw}
    by, hypothesis = entry.author, entry.hypothesis
    record: dict[str, Any] = {
        "ts": entry.stamp.rfc3339(),
        "ts_ns": str(entry.stamp.ns),
        "at": str(entry.stamp),
        "coffee": entry.cups,
        "by": str(by) if by is not None else None,
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
    """The bytes of the line that a record is of, with its newline. Raises `BadRecord`."""
    if not isinstance(record, Mapping):
        raise InvalidRecord("it is no object")
    try:
        if (raw := record.get("raw")) is not None:
            line = base64.b64decode(raw, validate=True) + b"\n"
            if line.count(b"\n") > 1:
                raise InvalidRecord("its bytes are more than one line")
        else:
            stamp = Stamp.parse(record["at"])
            if stamp is None:
                raise InvalidRecord(f"{record['at']!r} is no stamp")
            tags = tuple((str(key), str(value)) for key, value in record["tags"])
            if type(record["coffee"]) is not int or not isinstance(record["tags"], list):
                raise InvalidRecord("coffee is a whole number, and tags are a list of pairs")
            entry = Entry(stamp, record["coffee"], tags, str(record["text"]))
            line = format_entry(entry)
            if parse_entry(line[:-1]) != entry:  # a key that is none, cups below nothing: it would be another line
                raise InvalidRecord("it is not as 3am export jsonl writes it: its tags or cups are none")
    except KeyError as error:
        raise InvalidRecord(f"it has no {error.args[0]!r}") from None
    except (TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise InvalidRecord(f"it is not as 3am export jsonl writes it: {error}") from None
    return line[:-1] if record.get("unfinished") is True or record.get("more") else line


class RecordDecoder:
    """Makes the bytes of a log from its records, one after the other.

    ``ended``: whether the last line has no newline, so that no record can follow.
    """

    def __init__(self) -> None:
        self.is_at_unfinished_line = False
        self._missing_bytes = 0  # bytes of the line that the next records must have

    def decode(self, record: object) -> bytes:
        """The bytes that ``record`` stands for. Raises `BadRecord`."""
        data = record_to_bytes(record)
        assert isinstance(record, Mapping)
        if (record.get("continues") is True) != (self._missing_bytes > 0):
            raise InvalidRecord(
                "the rest of a long line is missing before it" if self._missing_bytes else "it continues no line"
            )
        size, more = len(data.removesuffix(b"\n")), record.get("more", 0)
        if type(more) is not int or more < 0 or (self._missing_bytes and more != self._missing_bytes - size):
            raise InvalidRecord("its 'more' is not the number of bytes that the line still has")
        self._missing_bytes, self.is_at_unfinished_line = more, record.get("unfinished") is True
        return data

    def check_complete(self) -> None:
        """Raises `BadRecord` if the rest of a line has not come."""
        if self._missing_bytes:
            raise InvalidRecord(f"{self._missing_bytes:,} bytes of its line are missing")


def json_lines(line: Line, observed: IntervalSet) -> Iterator[str]:
    """A line of the log as JSON: one line for each of its records. Raises OSError."""
    for record in line_records(line, observed):
        yield escape_json(json.dumps(record, ensure_ascii=False)) + "\n"


def csv_header() -> str:
    """The first row: what the columns are."""
    return _csv_row(list(CSV_COLUMNS))


def csv_rows(line: Line, observed: IntervalSet) -> Iterator[str]:
    """A line of the log as CSV: one row for each of its records. Raises OSError.

    A cell with which a spreadsheet would calculate, or that begins with a single quote, has one more in front.
    """
    for record in line_records(line, observed):
        if "tags" in record:
            record["tags"] = json.dumps(record["tags"], ensure_ascii=False)
        cells = ["" if (value := record.get(name)) is None else escape_unprintable(str(value)) for name in CSV_COLUMNS]
        yield _csv_row([f"'{cell}" if cell.startswith(_FORMULA_PREFIXES) else cell for cell in cells])


def _csv_row(cells: list[str]) -> str:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    return row.getvalue()
