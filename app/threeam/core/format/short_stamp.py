"""Short forms of a stamp: ``@03:14``, ``@03:14:07.123``, ``@2026-11-24T03:14:07``, each with or without an offset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import Stamp

_FORM = re.compile(r"(?:(\d{4}-\d\d-\d\d)T)?(\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(?:(Z)|([+-])(\d\d):?(\d\d))?", re.ASCII)
_FULL_LENGTH = len("03:14:07.123456789")
_CLOCK_LENGTHS = (5, 8, 12, 15, _FULL_LENGTH)  # of a time: to the minute, the second, and each three digits


class ShortStamp(NamedTuple):
    """The beginning of a stamp. ``day`` may be empty. ``utc_offset_s``: the zone of the time; None: the line's own."""

    day: str
    clock: str
    utc_offset_s: int | None = None

    @classmethod
    def parse(cls, text: str) -> ShortStamp | None:
        """Return the form that the whole of ``text`` is, without its ``@``, or None."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        day, clock, utc, sign, hours, minutes = match.groups()
        offset_s = 0 if utc else None
        if sign is not None:
            offset_s = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
        return cls(day or "", clock, offset_s)

    def full_stamp(self) -> Stamp | None:
        """Return the stamp if nothing is left out of it, as in RFC 3339."""
        if not self.day or self.utc_offset_s is None or len(self.clock) < _FULL_LENGTH:
            return None
        sign, minutes = "-" if self.utc_offset_s < 0 else "+", abs(self.utc_offset_s) // 60
        return Stamp.parse(f"{self.day}T{self.clock}{sign}{minutes // 60:02d}{minutes % 60:02d}")

    def matches(self, stamp: Stamp) -> bool:
        """Return whether ``stamp`` begins like this."""
        shown = str(stamp if self.utc_offset_s is None else Stamp(stamp.ns, self.utc_offset_s))
        return shown.startswith(self.day) and shown[11:].startswith(self.clock)


def shortest_forms(stamps: Sequence[Stamp], min_length: int = 0) -> list[str]:
    """Return the shortest form of each of ``stamps`` that names no other of them.

    ``min_length``: of the time, in characters.
    """
    lengths = [length for length in _CLOCK_LENGTHS if length >= min_length]
    return [_shortest_form(stamp, [other for other in stamps if other.ns != stamp.ns], lengths) for stamp in stamps]


def _shortest_form(stamp: Stamp, others: Sequence[Stamp], lengths: Sequence[int]) -> str:
    for day in ("", stamp.iso_date):
        for length in lengths:
            form = ShortStamp(day, stamp.time_of_day[:length])
            if not any(map(form.matches, others)):
                return f"@{day and day + 'T'}{form.clock}"
    return f"@{stamp}"
