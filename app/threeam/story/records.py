"""Lines as records for machines, and back: no byte of a log is lost on the way."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from threeam.core.entry import Entry, Stamp, format_entry, parse, visible
from threeam.core.journal import BadInput
from threeam.core.reader import Line
from threeam.observe.observers import Intervals

COLUMNS = (
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
)
# What JSON leaves as it is, and a terminal does not: it is safe to look at the records.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # with what a spreadsheet begins to calculate, and the quote itself


class BadRecord(BadInput):
    """A record from which no line can be made."""


def record_of(line: Line, observed: Intervals) -> dict[str, Any]:
    """A line as a record: stamp, cups, tags in their order, text; ``observed`` where a tracer was attached then.

    A line of which these do not give every byte back (torn, foreign, or written otherwise than 3am writes) has its
    bytes in ``raw``, in base64, too.
    """
    entry = line.entry
    raw = base64.b64encode(line.raw).decode()
    if entry is None:
        return {"ts": None, "ts_ns": None, "foreign": True, "text": line.shown, "raw": raw, **_end(line)}
    by, hypothesis = entry.by, entry.hypothesis
    record: dict[str, Any] = {
        "ts": entry.stamp.rfc3339(),
        "ts_ns": str(entry.stamp.ns),
        "at": str(entry.stamp),
        "coffee": entry.coffee,
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
    if format_entry(entry) != line.raw + b"\n":
        record["raw"] = raw
    return record | _end(line)


def _end(line: Line) -> dict[str, Any]:
    return {} if line.finished else {"unfinished": True}


def line_of_record(record: object) -> bytes:
    """The bytes of the line that a record is of, with its newline. Raises `BadRecord`."""
    if not isinstance(record, Mapping):
        raise BadRecord("it is no object")
    try:
        if (raw := record.get("raw")) is not None:
            line = base64.b64decode(raw, validate=True) + b"\n"
            if line.count(b"\n") > 1:
                raise BadRecord("its bytes are more than one line")
        else:
            stamp = Stamp.parse(record["at"])
            if stamp is None:
                raise BadRecord(f"{record['at']!r} is no stamp")
            tags = tuple((str(key), str(value)) for key, value in record["tags"])
            if type(record["coffee"]) is not int or not isinstance(record["tags"], list):
                raise BadRecord("coffee is a whole number, and tags are a list of pairs")
            entry = Entry(stamp, record["coffee"], tags, str(record["text"]))
            line = format_entry(entry)
            if parse(line[:-1]) != entry:  # a key that is none, cups below nothing: it would be another line
                raise BadRecord("it is not as 3am export jsonl writes it: its tags or cups are none")
    except KeyError as error:
        raise BadRecord(f"it has no {error.args[0]!r}") from None
    except (TypeError, ValueError, OverflowError, binascii.Error) as error:
        raise BadRecord(f"it is not as 3am export jsonl writes it: {error}") from None
    return line[:-1] if record.get("unfinished") is True else line


def as_json(line: Line, observed: Intervals) -> str:
    """A line of the log as a line of JSON."""
    text = json.dumps(record_of(line, observed), ensure_ascii=False)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def csv_head() -> str:
    """The first row: what the columns are."""
    return _row(list(COLUMNS))


def as_csv(line: Line, observed: Intervals) -> str:
    """A line of the log as a row of CSV.

    A cell with which a spreadsheet would calculate, or that begins with a single quote, has one more in front.
    """
    record = record_of(line, observed)
    if "tags" in record:
        record["tags"] = json.dumps(record["tags"], ensure_ascii=False)
    cells = ["" if (value := record.get(name)) is None else visible(str(value)) for name in COLUMNS]
    return _row([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])


def _row(cells: list[str]) -> str:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    return row.getvalue()
