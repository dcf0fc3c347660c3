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

    def __str__(self) -> str:
        offset = ""
        if self.utc_offset_s is not None:
            sign, minutes = "-" if self.utc_offset_s < 0 else "+", abs(self.utc_offset_s) // 60
            offset = f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
        return f"{self.day and self.day + 'T'}{self.clock}{offset}"

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
        return Stamp.parse(str(self))

    def matches(self, stamp: Stamp) -> bool:
        """Return whether ``stamp`` begins like this."""
        shown = str(stamp if self.utc_offset_s is None else Stamp(stamp.ns, self.utc_offset_s))
        return shown.startswith(self.day) and shown[11:].startswith(self.clock)


_ANY = ShortStamp("", "")


def shortest_forms(stamps: Sequence[Stamp], min_length: int = 0, like: ShortStamp = _ANY) -> list[str]:
    """Return the shortest form of each of ``stamps`` that names no other of them.

    ``min_length``: of the time, in characters. Each form has the zone of ``like``, its day if it has one, and at least
    its digits: so, if ``stamps`` are all those of a log that match ``like``, a form names no other stamp of the log.
    """
    lengths = [length for length in _CLOCK_LENGTHS if length >= max(min_length, len(like.clock))]
    forms = []
    for index, stamp in enumerate(stamps):
        forms.append(_shortest_form(stamp, [*stamps[:index], *stamps[index + 1 :]], lengths, like))
    return forms


def _shortest_form(stamp: Stamp, others: Sequence[Stamp], lengths: Sequence[int], like: ShortStamp) -> str:
    shown = stamp if like.utc_offset_s is None else Stamp(stamp.ns, like.utc_offset_s)
    for day in (shown.iso_date,) if like.day else ("", shown.iso_date):
        for length in lengths:
            form = ShortStamp(day, shown.time_of_day[:length], like.utc_offset_s)
            if form.full_stamp() is None and not any(map(form.matches, others)):
                return f"@{form}"
    return f"@{stamp}"
