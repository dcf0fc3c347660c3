"""Logs whose true order is known: one clock of nanoseconds dates the events, and each program writes its own view.

A program stamps an event by a clock that is wrong by a known bound, cuts the stamp to the digits of its format, and
may hold lines back in buffers. A line is known again by its file and its offset.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from support.commands import Run, good
from threeam.timeline.format_table import FORMATS
from threeam.timeline.timestamp_format import Example

NS_PER_S = 1_000_000_000
BERLIN = ZoneInfo("Europe/Berlin")
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # 5 h 45 min east
NEW_YORK = ZoneInfo("America/New_York")
NIGHT_NS = 1_795_490_047_000_000_000  # 2026-11-24T03:14:07Z
EXAMPLE_ZONE = BERLIN  # of the examples of the table that have no zone
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The days and times of day that logs have, in the words of strftime(3). {f} is the fraction, if not after %S.
_TEMPLATES = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d_%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S",
    "%d-%b-%Y::%H:%M:%S",
    "%a %b %d %H:%M:%S{f} %Y",
    "%a %b %e %H:%M:%S{f} %Y",
    "%a, %d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
    "%b %-d, %Y %-I:%M:%S{f} %p",
    "%d/%b/%Y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%y/%m/%d %H:%M:%S",
    "%y%m%d %H%M%S",
    "%Y%m%dT%H%M%S",
    "%m-%d %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y, %-I:%M:%S{f} %p",
    "%b %d %I:%M:%S{f} %p",
    "%b %d %H:%M:%S",
    "%b %e %H:%M:%S",
    "%m%d %H:%M:%S",
    "%y%m%d %k:%M:%S",
    "%Y-%m-%d %k:%M:%S",
    "%-m/%-d/%Y %-I:%M:%S{f} %p",
    "%m/%d/%Y %-I:%M:%S{f} %p",
    "%d.%m.%Y %H:%M:%S",
    "%s",
    "%H:%M:%S",
)
_WITHOUT_A_DATE = ("%H:%M:%S",)
_ZONE_STYLES = ("", "Z", " UTC", " GMT", "+0000", "+00:00", " +0000", " %Z")  # +0000: the digits of the offset
_UTC_STYLES = ("Z", " UTC", " GMT")


def civil(ns: int, zone: tzinfo) -> datetime:
    """Return the second of ``ns`` on a wall clock of ``zone``."""
    return (_EPOCH + timedelta(seconds=ns // NS_PER_S)).astimezone(zone)


def fraction(ns: int, resolution_ns: int) -> str:
    """Return the digits after the second, down to ``resolution_ns``."""
    return f"{ns % NS_PER_S:09}"[: 10 - len(str(resolution_ns))]


@cache
def _with_fraction(template: str) -> str:
    """Return ``template`` with the place of the fraction in it."""
    return template if "{f}" in template else re.sub("(%S|%s)", r"\1{f}", template)


@dataclass(frozen=True)
class StampWriter:
    """How a program writes an instant: a template, what stands before the fraction, and the zone."""

    template: str
    point: str
    zone_style: str
    zone: tzinfo
    resolution_ns: int

    def stamp(self, ns: int) -> bytes:
        """Return ``ns`` as text, cut to the resolution."""
        digits = fraction(ns, self.resolution_ns)
        tail = self.point + digits if digits else ""
        day = civil(ns, self.zone)
        text = day.strftime(_with_fraction(self.template).replace("%s", str(ns // NS_PER_S))).replace("{f}", tail)
        return (text + self._zone_of(day)).encode()

    def _zone_of(self, day: datetime) -> str:
        if self.zone_style == " %Z":
            return day.strftime(" %Z")
        offset = day.strftime("%z")
        return (
            self.zone_style.replace("00:00", f"{offset[1:3]}:{offset[3:]}")
            .replace("0000", offset[1:])
            .replace("+", offset[0])
        )


@dataclass(frozen=True)
class LineWriter:
    """A line of a format of the table, with any stamp: the line of its example, and the place of its stamp."""

    name: str
    before: bytes
    stamps: StampWriter
    after: bytes

    @property
    def resolution_ns(self) -> int:
        """The unit of the last digit of the stamps."""
        return self.stamps.resolution_ns

    @property
    def has_zone(self) -> bool:
        """Whether the format says the zone: each line does, or all are in UTC."""
        return self.stamps.zone is UTC or "00" in self.stamps.zone_style

    def line(self, ns: int, text: str) -> bytes:
        """Return the line, without its end, of an event at ``ns``."""
        words = text.encode()
        if not self.after and self.before.startswith(b"Started "):  # nothing may follow the stamp
            return self.before.replace(b"/c/42", b"/c/" + words.replace(b" ", b"-")) + self.stamps.stamp(ns)
        if self.after.endswith(b"}"):
            tail = self.after[:-1] + b',"event":"' + words + b'"}'
        else:
            tail = self.after + b" " + words
        return self.before + self.stamps.stamp(ns) + tail

    def in_zone(self, zone: tzinfo) -> LineWriter:
        """Return a writer of the same lines on a machine in ``zone``, if the text can say it."""
        if self.stamps.zone_style == " %Z" or (self.stamps.zone is UTC and "00" not in self.stamps.zone_style):
            return self
        style = self.stamps
        return LineWriter(
            self.name,
            self.before,
            StampWriter(style.template, style.point, style.zone_style, zone, style.resolution_ns),
            self.after,
        )


def _stamp_writers(example: Example) -> Iterator[StampWriter]:
    for template, zone in product(_TEMPLATES, (UTC, EXAMPLE_ZONE)):
        before_fraction = _with_fraction(template).partition("{f}")[0]
        if StampWriter(before_fraction, "", "", zone, NS_PER_S).stamp(example.ns) not in example.line:
            continue  # as nearly all are not: every worker that collects the tests tries them
        for zone_style, point in product(_ZONE_STYLES, (".", ",", "")):
            if zone_style in _UTC_STYLES and zone is not UTC:
                continue
            if template == "%s" and (zone_style or zone is not UTC):
                continue
            if point == "" and template != "%s" and example.resolution_ns < NS_PER_S:
                continue
            yield StampWriter(template, point, zone_style, zone, example.resolution_ns)


def writer_of(name: str, example: Example) -> LineWriter | None:
    """Return what writes lines as ``example`` is one, or None if its stamp is not one of an instant with a date."""
    found: tuple[int, StampWriter] | None = None
    for style in _stamp_writers(example):
        stamp = style.stamp(example.ns)
        if stamp in example.line and (found is None or len(stamp) > found[0]):
            found = len(stamp), style
    if found is None or found[1].template in _WITHOUT_A_DATE:
        return None
    before, _, after = example.line.partition(found[1].stamp(example.ns))
    if not found[1].zone_style and after.startswith(b" GMT"):
        return None  # a zone in words that are not written here
    return LineWriter(name, before, found[1], after)


@cache
def table_writers() -> tuple[LineWriter, ...]:
    """Return a writer for each example of the table that `writer_of` can write."""
    writers = (writer_of(row.name, example) for row in FORMATS for example in row.examples)
    return tuple(writer for writer in writers if writer is not None)


@dataclass
class Program:
    """A program and its clock: ``error_ns`` is how far its clock is ahead, known up to ``bound_ns``.

    ``shift_ns`` is the correction that the user gives: it makes up for ``error_ns``, up to ``bound_ns``. ``buffers``:
    of its threads; each is written when it is full. ``continuations``: of how many lines one has a second one without
    a stamp.
    """

    name: str
    writer: LineWriter
    error_ns: int = 0
    shift_ns: int = 0
    bound_ns: int | None = 0
    buffers: int = 1
    buffered_lines: int = 1
    continuations: int = 0

    @property
    def shift_text(self) -> str:
        """The shift and its bound, as the user writes them."""
        seconds, rest_ns = divmod(abs(self.shift_ns), NS_PER_S)
        sign = "-" if self.shift_ns < 0 else "+"
        return f"{sign}{seconds}.{rest_ns:09}s±{self.bound_ns}ns"

    def __post_init__(self) -> None:
        if self.bound_ns is not None:
            assert abs(self.error_ns + self.shift_ns) <= self.bound_ns


class Event(NamedTuple):
    """Something that happened at ``ns``, and the program that wrote it down."""

    ns: int
    number: int
    program: str


@dataclass
class Told:
    """What the programs wrote. ``events``: by file and offset; ``lines``: the lines of each event, with their ends."""

    events: dict[tuple[str, int], Event] = field(default_factory=dict)
    lines: dict[int, list[bytes]] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)

    @property
    def arguments(self) -> list[str]:
        """The arguments of a command: what is known of the clocks and zones, and the files."""
        options: list[str] = []
        for program in self.programs:
            if program.shift_ns or program.bound_ns:
                options += ["--shift", f"{program.name}={program.shift_text}"]
            if not program.writer.has_zone:
                options += ["--tz", f"{program.name}={program.writer.stamps.zone}"]
        return [*options, *(f"{program.name}={path}" for program, path in zip(self.programs, self.paths, strict=True))]

    @property
    def true_bytes(self) -> bytes:
        """All lines in the order in which it happened."""
        in_order = sorted(self.events.values())
        seen = dict.fromkeys(event.number for event in in_order)
        return b"".join(line for number in seen for line in self.lines[number])


def events_of(rng: random.Random, programs: Sequence[Program], count: int, gaps_ns: Sequence[int]) -> list[Event]:
    """Return events of the programs in turn by chance, each later than the one before by one of ``gaps_ns``."""
    ns = NIGHT_NS + rng.randrange(NS_PER_S)
    events: list[Event] = []
    for number in range(count):
        ns += rng.choice(gaps_ns) + rng.randrange(1, 1000)
        events.append(Event(ns, number, rng.choice(programs).name))
    return events


def _written(rng: random.Random, program: Program, events: list[Event]) -> list[Event]:
    """Return the order in which a program writes its events."""
    buffers: list[list[Event]] = [[] for _ in range(program.buffers)]
    written: list[Event] = []
    for event in events:
        buffer = rng.choice(buffers)
        buffer.append(event)
        if len(buffer) >= program.buffered_lines:
            written += buffer
            buffer.clear()
    return written + [event for buffer in buffers for event in buffer]


def tell(
    folder: Path, rng: random.Random, programs: Sequence[Program], events: Sequence[Event], end: bytes = b"\n"
) -> Told:
    """Write the log of each program, as it was written at the time of its last event."""
    told = Told(programs=list(programs))
    for program in programs:
        own = [event for event in events if event.program == program.name]
        data = bytearray()
        path = folder / f"{program.name}.log"
        for event in _written(rng, program, own):
            lines = [program.writer.line(event.ns + program.error_ns, f"event {event.number}") + end]
            if program.continuations and rng.randrange(program.continuations) == 0:
                lines.append(b"    at frame %d" % event.number + end)
            told.lines[event.number] = lines
            for line in lines:
                told.events[str(path), len(data)] = event
                data += line
        path.write_bytes(data)
        last_ns = events[-1].ns
        os.utime(path, ns=(last_ns, last_ns))
        told.paths.append(path)
    return told


Row = dict[str, Any]


def merged_rows(run: Run, *args: str, **env: str) -> list[Row]:
    """Return what `merge -o json` says of each row, with the corrected timestamp as ``ns``."""
    rows: list[Row] = [json.loads(line) for line in good(run("merge", "-o", "json", *args, **env)).splitlines()]
    for row in rows:
        if "ts_ns" in row:
            row["ns"] = int(row["ts_ns"])
    return rows
