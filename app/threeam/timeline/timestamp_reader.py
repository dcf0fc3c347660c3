"""The reader of the stamps of one file: at the place that was learned from its samples, and nowhere else.

Most lines are of the same second as the line before, and their stamps stand at the same columns. Such a line costs a
few slices and a look into a dictionary; any other is matched.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S
from threeam.timeline.instant import Timestamp
from threeam.timeline.notation import ZONE_NAMES
from threeam.timeline.stamp_clock import StampClock
from threeam.timeline.zones import utc_offset_s, wall_second, zone_name

_UNIT_NS = tuple(10 ** (9 - digits) for digits in range(10))  # of the last digit
_LOOKAHEAD = 8  # bytes after a stamp that decide whether it ends there
_MAX_END_LOOKAHEAD = 2  # of these, after the match
_LONG_REGIONS = frozenset((b" America", b" Antarct", b" Atlanti", b" Austral", b" Pacific"))  # /City follows
_MAX_CACHED = 4096
_NS_PER_MS = 1_000_000
_AFTER_THE_SECOND = ("f", "nano", "hex_nano", "total_ms")


class Columns(NamedTuple):
    """The columns of the stamps of a file, if all stand at the same ones.

    ``begin`` of the stamp; ``second_end``: of the date and the second; ``fraction_begin`` and ``fraction_end``: of the
    digits after it; ``end`` of the zone or year that follows.
    """

    begin: int
    second_end: int
    fraction_begin: int
    fraction_end: int
    end: int


class LearnedPlace(NamedTuple):
    """The place of the stamps of a file, learned from its samples.

    ``max_end``: bytes of a line that are looked at. ``columns``: None if they vary. ``zone_text`` follows the columns.
    ``coarsest_ns``: a lower limit of the resolution, if the last digits are always 0. ``sorts``: the bytes of the
    columns sort as the times do. ``is_local``: some stamps have no zone. ``rounding_ns``: the program has rounded the
    times, by this much at most; the instant may be before the stamp.
    """

    pattern: re.Pattern[bytes]
    max_end: int
    columns: Columns | None = None
    zone_text: bytes = b""
    coarsest_ns: int = 1
    sorts: bool = False
    is_local: bool = False
    rounding_ns: int = 0


class TimestampReader:
    """Reads the stamp of a line."""

    def __init__(self, place: LearnedPlace, clock: StampClock) -> None:
        self.place = place
        self.clock = clock
        self._columns = place.columns
        self._match, self._max_end = place.pattern.match, place.max_end
        groups = place.pattern.groupindex
        self._fields = tuple(name for name in groups if name not in _AFTER_THE_SECOND)
        self._has_fraction = "f" in groups
        self._nano = "nano" if "nano" in groups else "hex_nano" if "hex_nano" in groups else ""
        self._has_total = "total_ms" in groups  # the duration of what began at the stamp
        self._seconds: dict[object, int | None] = {}  # by the texts of the fields
        # The fast path: of lines that were matched, the bytes up to the fraction, with their second and the bytes that
        # were seen after the fraction. Several threads may read: a set of these bytes is of one zone, and stays so.
        self._heads: dict[bytes, tuple[int, set[bytes]]] = {}
        self._zone_tails: tuple[bytes, set[bytes]] = (place.zone_text, set())
        self._column_spans: tuple[tuple[int, int], ...] = ()  # of the groups of the last match at the columns
        self.read: Callable[[bytes], Timestamp | None] = self._read_any
        """Return the stamp of a line (without its line end); None if it has none at the learned place."""
        if place.columns is not None:
            self.read = self._reader_of_columns(place.columns)

    @property
    def reads_local_time(self) -> bool:
        """True if stamps have no zone and are read in one whose clocks are changed, so that an hour occurs twice."""
        return self.place.is_local and self.clock.zone.utcoffset(None) is None

    def is_hour_repeated(self, ns: int) -> bool:
        """Return whether the local clock has shown the time of a stamp twice, so that the stamp alone is unclear."""
        if not self.reads_local_time:
            return False
        zone = self.clock.zone
        wall_s = wall_second(zone, ns // NS_PER_S)
        return utc_offset_s(zone, wall_s, 0) != utc_offset_s(zone, wall_s, 1)

    @property
    def misses_date(self) -> bool:
        """True if stamps have no year, or no date at all: it follows from the time at which the file was written."""
        return not {"Y", "y", "epoch", "up", "tai"} & set(self._fields)

    @property
    def zone_description(self) -> str:
        """The zone of the stamps: the offset that they have, or the name of the zone in which they are read."""
        if "H" not in self._fields:
            return "UTC"  # seconds since 1970 have no other
        if not self.place.is_local:
            return self.place.zone_text.strip().decode("ascii", "replace") or "stated by each timestamp"
        return zone_name(self.clock.zone)

    @property
    def fixed_column_prefix(self) -> tuple[int, int] | None:
        """The columns of a line whose bytes sort as the times do, if `fixed_column_suffix` follows; None: none do."""
        if self._columns is None or not self.place.sorts:
            return None
        return self._columns.begin, self._columns.fraction_end

    @property
    def fixed_column_suffix(self) -> bytes:
        """The zone that follows the columns in the samples; in a line with another one the bytes do not sort."""
        return self.place.zone_text

    def with_fold(self, fold: int) -> TimestampReader:
        """Return a reader of the first (0) or the second (1) time that the clocks show an hour in autumn."""
        return self.with_clock(replace(self.clock, fold=fold))

    def with_modified(self, modified_ns: int) -> TimestampReader:
        """Return a reader for lines that were written at about another time: it gives them another year or date."""
        return self.with_clock(self.clock.near(modified_ns))

    def with_clock(self, clock: StampClock) -> TimestampReader:
        """Return a reader of the same place with other rules."""
        return TimestampReader(self.place, clock)

    def match(self, raw: bytes) -> re.Match[bytes] | None:
        """Return the match of the stamp of a line, or None."""
        match = self._match(raw, 0, self._max_end)
        if match is not None and match.end() + _LOOKAHEAD > self._max_end < len(raw):
            return None  # the stamp may continue where the line was cut
        return match

    def span(self, raw: bytes) -> tuple[int, int]:
        """Return where in a line its stamp stands, with its zone and its year; (0, 0) if it has none."""
        match = self.match(raw)
        if match is None:
            return 0, 0
        spans = [match.span(group) for group in match.re.groupindex if match.start(group) >= 0]
        return min(begin for begin, _ in spans), max(end for _, end in spans)

    def _read_any(self, raw: bytes) -> Timestamp | None:
        match = self._match(raw, 0, self._max_end)
        if match is None or match.end() + _LOOKAHEAD > self._max_end < len(raw):
            return None
        return self.read_match(raw, match)

    def _reader_of_columns(self, columns: Columns) -> Callable[[bytes], Timestamp | None]:
        """Return `read` for lines whose stamps stand at ``columns``; a closure, which is faster than a method."""
        head, fraction = slice(0, columns.fraction_begin), slice(columns.fraction_begin, columns.fraction_end)
        tail = slice(columns.fraction_end, columns.end + _LOOKAHEAD)
        has_fraction = columns.fraction_begin != columns.fraction_end
        unit_ns = _UNIT_NS[columns.fraction_end - columns.fraction_begin]
        resolution_ns = max(unit_ns, self.place.coarsest_ns)
        head_of, unknown = self._heads.get, (0, set[bytes]())
        read_any, timestamp = self._read_any, tuple.__new__

        def read(raw: bytes) -> Timestamp | None:
            second_ns, tails = head_of(raw[head], unknown)
            if raw[tail] not in tails:
                return read_any(raw)
            if not has_fraction:
                return timestamp(Timestamp, (second_ns, resolution_ns))
            digits = raw[fraction]
            if digits.isdigit():
                return timestamp(Timestamp, (second_ns + int(digits) * unit_ns, resolution_ns))
            return read_any(raw)

        return read

    def read_match(self, raw: bytes, match: re.Match[bytes]) -> Timestamp | None:
        """Return the stamp of a line that `match` has matched; None if there is no such time."""
        texts = match.group(*self._fields)
        try:
            second_ns = self._seconds[texts]
        except KeyError:
            fields = {name: match[name] for name in self._fields}
            second_ns = self.clock.second_ns(fields)
            if len(self._seconds) >= _MAX_CACHED:
                self._seconds.clear()
            self._seconds[texts] = second_ns
        if second_ns is None:
            return None
        if self._columns is not None and self._is_at_columns(match):
            self._keep(raw, match.end(), second_ns)
        if self._nano:
            nano = int(match[self._nano], 10 if self._nano == "nano" else 16)
            return Timestamp(second_ns + nano, 1) if nano < NS_PER_S else None
        digits = (match["f"] or b"").translate(None, b".,")[:9] if self._has_fraction else b""
        unit_ns = _UNIT_NS[len(digits)]
        ns = second_ns + int(digits or b"0") * unit_ns
        if self._has_total:  # the total is cut to whole milliseconds, as the stamp is
            return Timestamp(ns + int(match["total_ms"]) * _NS_PER_MS, unit_ns + _NS_PER_MS)
        return Timestamp(ns, max(unit_ns, self.place.coarsest_ns))

    def _is_at_columns(self, match: re.Match[bytes]) -> bool:
        spans = match.regs[1:]
        if spans != self._column_spans and columns_of(match) == self._columns:
            self._column_spans = spans
        return spans == self._column_spans

    def _keep(self, raw: bytes, match_end: int, second_ns: int) -> None:
        """Remember the bytes around the fraction of a line, so that the next line with them is not matched."""
        assert self._columns is not None
        if match_end > self._columns.end + _LOOKAHEAD - _MAX_END_LOOKAHEAD:
            return
        zone_text = raw[self._columns.fraction_end : self._columns.end]
        following = raw[self._columns.end : self._columns.end + _LOOKAHEAD]
        if not zone_text and (not following or may_begin_zone(following)):
            return  # nothing follows a line that was cut in its fraction either
        known_zone, tails = self._zone_tails
        if zone_text != known_zone or len(tails) >= _MAX_CACHED:
            tails = set()
            self._zone_tails = zone_text, tails
        if len(self._heads) >= _MAX_CACHED:
            self._heads.clear()
        tails.add(zone_text + following)
        self._heads[raw[: self._columns.fraction_begin]] = second_ns, tails


def columns_of(match: re.Match[bytes]) -> Columns:
    """Return the columns of a stamp that was matched."""
    groups = match.re.groupindex
    spans = [match.span(name) for name in groups if name not in ("f", "z", "total_ms") and match[name] is not None]
    begin = min(span[0] for span in spans)
    end = max(span[1] for span in spans)
    if "z" in groups and match["z"] is not None:
        end = max(end, match.end("z"))
    fraction_begin, fraction_end = match.span("f") if "f" in groups else (-1, -1)
    if fraction_begin < 0:
        second_end = max(
            span[1] for name in ("S", "epoch", "up", "tai") if name in groups and (span := match.span(name))
        )
        return Columns(begin, second_end, second_end, second_end, max(end, second_end))
    digits_begin = fraction_begin + (match["f"][:1] in (b".", b","))
    return Columns(begin, fraction_begin, digits_begin, fraction_end, max(end, fraction_end))


def may_begin_zone(following: bytes) -> bool:
    """Return whether the bytes after a stamp may be the begin of a zone, with what follows them."""
    if following in _LONG_REGIONS:
        return True
    text = following.removeprefix(b" ")
    if text[:1] in (b"+", b"-") and text[1:2].isdigit():
        return True
    return any(name.startswith(text) for name in ZONE_NAMES) and bool(text)
