"""The format of the stamps of a file, from samples of its lines.

A place is accepted if most lines have a stamp there. If only a few have one, the others must be continuations, as those
of a stack trace: then the first lines must have one, and the times must grow. Among the places that are left, that with
the most lines is taken; then that whose times grow, then the leftmost, then the finest.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import NS_PER_S
from threeam.timeline.candidates import Candidate, candidates_of, joined_shape
from threeam.timeline.format_table import FORMATS
from threeam.timeline.missing_date import UnclearStamps, complete_clock, nearest_clock
from threeam.timeline.notation import DAY_FIRST, MONTH_FIRST
from threeam.timeline.timestamp_format import Context, TimestampFormat
from threeam.timeline.timestamp_reader import TimestampReader
from threeam.timeline.zones import ambiguous_zone, zone_name

_MAX_SAMPLE = 140_000  # bytes of a line; no stamp ends behind them
_ENOUGH = 0.5  # of the lines: more have a stamp than not
_FIRST_LINES = 4  # of which one must have a stamp, if most lines have none: MariaDB's general log has three before it
_MIN_GROWTH = 0.9  # of the steps, if most lines have no stamp
_SAME_SHARE = 0.95  # of the largest: two places of the same entries, of which a few lines break one
_PREFERRED = 0.75  # the same for a better place, which lines about the program itself do not have
_SAME_GROWTH = 0.02
_TIME_OF_DAY = re.compile(rb"\d:\d\d:\d\d")
_MAX_TIME_END = 40  # bytes of a line
_MAX_OTHER_TIMES = 0.3  # of the lines without a stamp
_CLOCK_ERROR_NS = 31 * 86_400 * NS_PER_S  # of a host whose clock was wrong
_NAMED = 0.5  # of the lines with a stamp: their context names the format
_MAX_UNREAD_ZONES = 0.05  # of the lines with a stamp: it may be a word of the text


class Detection(NamedTuple):
    """The format of a file. ``share``: of the sampled lines that have a stamp. ``assumptions``: not in the file."""

    format: TimestampFormat
    reader: TimestampReader
    share: float
    assumptions: tuple[str, ...] = ()


def detect(samples: Sequence[bytes], context: Context) -> Detection | None:
    """Return the format of a file with these lines, without their line ends; None if no stamp was found.

    ``samples``: up to 200 lines each of the head, the middle and the tail of the file, in their order. Raises
    `UnclearStamps` or `AmbiguousZone` if the stamps do not say which time they mean.
    """
    return detect_among(FORMATS, samples, context)


def detect_among(formats: Sequence[TimestampFormat], samples: Sequence[bytes], context: Context) -> Detection | None:
    """Return which of ``formats`` a file with these lines has; None if it has none of them. Raises as `detect`."""
    lines = _cut(samples)
    found = [each for each in _matching(formats, lines, context) if not _is_other_number(each, context)]
    best = _best(found, lines)
    if best is None:
        return None
    rival = {MONTH_FIRST: DAY_FIRST, DAY_FIRST: MONTH_FIRST}.get(best.layout.notation)
    if rival is not None:
        best = _right_order(
            best, [each for each in _matching(formats, lines, context) if each.layout.notation is rival]
        )
    return _detection(_named_format(best, lines), best, lines, context)


def reader_for_format(name: str, samples: Sequence[bytes], context: Context) -> Detection:
    """Return the reader of a format that the user names. Raises `BadInput`."""
    formats = [each for each in FORMATS if each.name == name]
    if not formats:
        near = difflib.get_close_matches(name, [each.name for each in FORMATS], 3, 0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "3am help timestamps lists them"
        raise BadInput(f"there is no timestamp format {name!r}; {hint}")
    lines = _cut(samples)
    found = sorted(_matching(formats, lines, context), key=lambda each: -each.share)
    if not found:
        example = formats[0].examples[0].line.decode()
        raise BadInput(f"no line has a stamp of the format {name}, as in: {example}")
    return _detection(formats[0], found[0], lines, context, forced=True)


def _cut(samples: Sequence[bytes]) -> list[bytes]:
    """Return the samples that are not empty, without what no layout looks at in a line of megabytes."""
    return [line for line in (sample[:_MAX_SAMPLE] for sample in samples) if not line.isspace() and line]


def _matching(formats: Sequence[TimestampFormat], lines: Sequence[bytes], context: Context) -> Iterator[Candidate]:
    """Yield each place of the formats at which lines have stamps."""
    shape = joined_shape(lines)
    for candidate in candidates_of(formats, shape):
        candidate.read_samples(lines, context)
        if candidate.indexes:
            yield candidate


def _is_other_number(candidate: Candidate, context: Context) -> bool:
    """Return whether numbers that could be seconds since 1970 cannot: a line is not later than the last write."""
    return "epoch" in candidate.pattern.groupindex and candidate.is_after(context.modified_ns + _CLOCK_ERROR_NS)


def _best(found: list[Candidate], lines: Sequence[bytes]) -> Candidate | None:
    found = [each for each in found if _is_plausible(each, lines)]
    if not found:
        return None
    found = [each for each in found if not each.is_constant] or found
    share = max(each.share for each in found)
    found = [each for each in found if each.share >= share * (_PREFERRED if each.layout.is_preferred else _SAME_SHARE)]
    growth = max(each.growth for each in found)
    found = [each for each in found if each.growth >= growth - _SAME_GROWTH]
    return min(found, key=lambda each: (each.begin, each.resolution_ns, _name(each, lines) is None, -len(each.indexes)))


def _is_plausible(candidate: Candidate, lines: Sequence[bytes]) -> bool:
    if candidate.jumps_about or not (_has_unnamed_user(candidate) or _name(candidate, lines)):
        return False
    if candidate.share >= _ENOUGH:
        return True
    # The others are continuations, unless they have stamps of their own.
    stamped = set(candidate.indexes)
    rest = [line for index, line in enumerate(lines) if index not in stamped]
    if sum(_TIME_OF_DAY.search(line, 0, _MAX_TIME_END) is not None for line in rest) > _MAX_OTHER_TIMES * len(rest):
        return False
    first, count = candidate.indexes[0], len(candidate.indexes)
    return first < (_FIRST_LINES if count > 1 else 1) and candidate.growth >= _MIN_GROWTH


def _right_order(best: Candidate, rivals: list[Candidate]) -> Candidate:
    """Return which of the readings of 03/04/2026 the samples prove. Raises `UnclearStamps` if they prove none."""
    for rival in rivals:
        if rival.begin != best.begin:
            continue
        readings = sorted((best, rival), key=lambda each: (len(each.stamps), each.growth), reverse=True)
        first, second = ((len(each.stamps), each.growth) for each in readings)
        if first == second:
            raise UnclearStamps(
                "the dates can be day/month or month/day, and no sampled line shows which: write --format SRC=date-dmy "
                "or --format SRC=date-mdy"
            )
        best = readings[0]
    return best


def _has_unnamed_user(candidate: Candidate) -> bool:
    """Return whether the place is enough for a format, whatever the context."""
    return any(not layout.context and not layout.file_mark for _, layout in candidate.users)


def _named_format(candidate: Candidate, lines: Sequence[bytes]) -> TimestampFormat:
    """Return the format, of those with the place of the candidate, that names the most of its lines."""
    unnamed = [each for each, layout in candidate.users if not (layout.context or layout.file_mark)]
    return _name(candidate, lines) or [*(each for each, _ in candidate.users), *unnamed][-1]


def _name(candidate: Candidate, lines: Sequence[bytes]) -> TimestampFormat | None:
    """Return the format whose context most of the lines with a stamp have; None if no format is told apart."""
    best: TimestampFormat | None = None
    best_count = candidate.compared_count * _NAMED
    for timestamp_format, layout in candidate.users:
        if layout.context or layout.file_mark:
            count = candidate.count_context(layout, lines)
            if count == candidate.compared_count:
                return timestamp_format
            if count > best_count:
                best, best_count = timestamp_format, count
    return best


def _detection(
    timestamp_format: TimestampFormat,
    candidate: Candidate,
    lines: Sequence[bytes],
    context: Context,
    *,
    forced: bool = False,
) -> Detection:
    _refuse_unread_zones(candidate)
    layout = next(layout for each, layout in candidate.users if each is timestamp_format)
    fields = tuple(candidate.pattern.groupindex)
    if "H" in fields and "d" not in fields and any(line.startswith(b"#Fields:") for line in lines):
        raise UnclearStamps("the lines have the time and the header has the date: have the program write both")
    clock, dates = complete_clock(
        candidate.stamps_by, fields, nearest_clock(context, layout), context.modified_ns, forced=forced
    )
    place = candidate.learn_place()
    assumptions = [*dates]
    if place.is_local and candidate.lacks_zone and not layout.utc and (context.zone_is_assumed or context.zone is None):
        assumptions.append(f"zone assumed: {zone_name(context.zone)}")
    if context.zone_is_assumed:
        zone = zone_name(context.zone)
        assumptions += [f"{name} assumed: that of {zone}" for name in sorted(candidate.zone_abbreviations)]
    if timestamp_format.caveat:
        assumptions.append(timestamp_format.caveat)
    return Detection(timestamp_format, TimestampReader(place, clock), candidate.share, tuple(assumptions))


def _refuse_unread_zones(candidate: Candidate) -> None:
    unread: Counter[bytes] = candidate.unread_zones
    if unread.total() > _MAX_UNREAD_ZONES * len(candidate.indexes):
        raise ambiguous_zone(unread.most_common(1)[0][0])
