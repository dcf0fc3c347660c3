"""A line of another log that evidence cites: what the tags ``CITED`` and ``FILE`` of the evidence say of it.

``[CITED: web1.log:8412 2026-11-24T03:14:07.100900Z sha256=… path=/var/log/web1.log (zone assumed UTC)]``. The digits of
the stamp give its resolution. The name and the path come from another program, so they have no blank and no bracket:
no name can pass for the fields behind it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.format.entry import Entry, Stamp, escape_unprintable

CITED_TAG, FILE_TAG = "CITED", "FILE"
_DIGITS = 9  # of the fraction of a second, in nanoseconds
_VALUE = re.compile(
    r"(?P<source>\S+):(?P<line>\d{1,18}) "
    r"(?:-|(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?Z(?:/(?P<resolution>\d{1,18})ns)?) "
    r"sha256=(?P<sha256>[0-9a-f]{64}) path=(?P<path>\S*)(?: \((?P<notes>.*)\))?",
    re.ASCII,
)
_ENCODED = re.compile(r"\\(\\|x20|x5d)")
_DECODED = {"\\": "\\", "x20": " ", "x5d": "]"}


class CitedLine(NamedTuple):
    """A line of another log, and the attachment that has its bytes.

    ``source``: the name of the log. ``path``: of its file, on the host of the author. ``line_number``: from 1. ``ns``:
    the time that the line states, without any shift, and ``resolution_ns`` its unit; None and 0 if no time was read.
    ``sha256``: of the bytes of the attachment ``file``, which have no secrets. ``notes``: what was assumed, and what
    was left out.
    """

    source: str
    path: str
    line_number: int
    ns: int | None
    resolution_ns: int
    sha256: str
    file: str
    notes: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """Return ``web1.log:8412``."""
        return f"{self.source}:{self.line_number}"

    @property
    def rfc3339(self) -> str | None:
        """Return the time that the line states, in UTC, with the digits of its resolution; None without one."""
        return None if self.ns is None else format_utc(self.ns, self.resolution_ns)

    @property
    def tags(self) -> tuple[tuple[str, str], ...]:
        """Return the tags of a line that cites this one."""
        stamp = "-" if self.ns is None else _format_stamp(self.ns, self.resolution_ns)
        notes = f" ({'; '.join(self.notes)})" if self.notes else ""
        value = (
            f"{_encode(self.source)}:{self.line_number} {stamp} sha256={self.sha256} path={_encode(self.path)}{notes}"
        )
        return ((CITED_TAG, value), (FILE_TAG, self.file))


def parse_cited_line(entry: Entry) -> CitedLine | None:
    """Return the line of another log that ``entry`` cites, or None."""
    match = _VALUE.fullmatch(entry.tag(CITED_TAG) or "")
    if match is None:
        return None
    ns, resolution_ns = None, 0
    if match["second"] is not None:
        fraction = match["fraction"] or ""
        stamp = Stamp.parse(f"{match['second']}.{fraction:0<9}+0000")
        if stamp is None:
            return None
        ns = stamp.ns
        resolution_ns = int(match["resolution"] or 10 ** (_DIGITS - len(fraction)))
    return CitedLine(
        _decode(match["source"]),
        _decode(match["path"]),
        int(match["line"]),
        ns,
        resolution_ns,
        match["sha256"],
        entry.tag(FILE_TAG) or "",
        tuple(match["notes"].split("; ")) if match["notes"] else (),
    )


def format_utc(ns: int, resolution_ns: int) -> str:
    """Return a time in UTC with as many digits as its resolution has, if it is a power of ten and the time fits."""
    text, digits = Stamp(ns).rfc3339(), _fraction_digits(ns, resolution_ns)
    return f"{text[:19]}Z" if digits == 0 else f"{text[: 20 + digits]}Z"


def _fraction_digits(ns: int, resolution_ns: int) -> int:
    return next(
        (count for count in range(_DIGITS) if resolution_ns == 10 ** (_DIGITS - count) and ns % resolution_ns == 0),
        _DIGITS,
    )


def _format_stamp(ns: int, resolution_ns: int) -> str:
    """Return a time as the tag has it. A resolution that its digits do not show stands after a slash."""
    is_shown = resolution_ns == 10 ** (_DIGITS - _fraction_digits(ns, resolution_ns))
    return format_utc(ns, resolution_ns) + ("" if is_shown else f"/{resolution_ns}ns")


def _encode(text: str) -> str:
    """Return ``text`` without a blank and without a bracket; `_decode` reverses it, except for unprintable ones."""
    text = text.replace("\\", "\\\\")
    return escape_unprintable(text).replace(" ", "\\x20").replace("]", "\\x5d")


def _decode(text: str) -> str:
    return _ENCODED.sub(lambda match: _DECODED[match[1]], text)
