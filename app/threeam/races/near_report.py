"""The report on near misses, for the command line and the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp, decode_utf8, escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.format.times import format_duration, format_exact_duration
from threeam.experiments.verdicts.verdict import format_percent
from threeam.races.access import Access, distance
from threeam.races.finding_report import actor_text
from threeam.races.near_miss import Bar, Comparison, NearMisses, Occurrence, OperationPair, Share
from threeam.races.race_report import clock_sentence
from threeam.races.race_rows import access_json, line_numbers, place_of
from threeam.races.rules import format_distance
from threeam.timeline.instant import format_instant

_DATE_CHARS = len("2026-11-24 ")
_MAX_HOURS = 24
_MAX_OPERATIONS = 8
_MIN_BAR_CELLS, _MAX_BAR_CELLS = 6, 40
_BLOCKS = " ▏▎▍▌▋▊▉█"  # eighths of a cell


class NotedChange(Protocol):
    """A change that the journal notes; ``undone_at``: when it was undone, or None."""

    @property
    def stamp(self) -> Stamp: ...

    @property
    def text(self) -> str: ...

    @property
    def undone_at(self) -> Stamp | None: ...


class NearReport(NamedTuple):
    """The facts for a report: the gaps, the changes of the journal, and how the report is drawn.

    ``numbers``: those of the lines of the closest ones, see `closest_line_numbers`. ``width``: the cells of a row.
    ``emoji``: whether signs that are not ASCII may be drawn.
    """

    near: NearMisses
    numbers: Mapping[tuple[int, int], int]
    changes: Sequence[NotedChange]
    zone: Zone
    width: int
    emoji: bool

    def sections(self) -> list[ReportSection]:
        """Return the sections: the gaps in short, as a histogram, per hour, around changes, and the smallest ones."""
        if not len(self.near):
            sentences = [empty_sentence(self.near), *self.near.omissions.sentences()]
            return [ReportSection(self._title, [ReportLine(sentence) for sentence in sentences])]
        sections = [
            ReportSection(self._title, list(self._summary())),
            ReportSection("gaps", list(self._bars())),
            ReportSection("before and after a change", list(self._comparisons())),
            ReportSection("the smallest gap of each hour", list(self._hours())),
            ReportSection("the closest", [self.occurrence_line(occurrence) for occurrence in self.near.closest]),
        ]
        return [section for section in sections if section.lines]

    @property
    def _title(self) -> str:
        return f"near misses: {self.near.pair}"

    def _summary(self) -> Iterator[ReportLine]:
        near = self.near
        key = " or ".join(sorted(near.key_names))
        window = format_duration(near.window_ns)
        yield ReportLine(f"{near.pair.second} and {near.pair.first} of one {key} by two actors, at most {window} apart")
        sides = near.sides()
        titles = {sign: side_title(near.pair, sign) for sign in sides}
        wide, most = max(map(len, titles.values())), max(len(f"{side.total:,}") for side in sides.values())
        for sign, side in sides.items():
            quantiles = (
                f"minimum {format_duration(side.least_ns)}, 1st percentile {format_duration(side.percentile_ns)}, "
                f"median {format_duration(side.median_ns)}"
            )
            yield ReportLine(f"{titles[sign]:<{wide}}  {side.total:>{most},}", quantiles if sign else "")
        if near.unknown:
            yield ReportLine(f"≈ either order: {near.unknown:,} of {len(near):,}; {error_text(near)}")
        else:
            yield ReportLine(f"the order of each is known; {error_text(near)}")
        if assumption := clock_sentence(near.one_clock):
            yield ReportLine(assumption)
        yield from map(ReportLine, near.omissions.sentences())
        if near.stepped:
            yield ReportLine(f"left out: {near.stepped:,}, since a clock was stepped between their two lines")
        for doubt, count in near.doubts.most_common():
            yield ReportLine(f"in doubt: {count:,} of {len(near):,}: {doubt}")

    def _bars(self) -> Iterator[ReportLine]:
        bars = self.near.histogram()
        labels = [bar_label(bar) for bar in bars]
        label_cells = max(map(len, labels))
        count_cells = max(len(_bar_count(bar)) for bar in bars)
        cells = max(_MIN_BAR_CELLS, min(_MAX_BAR_CELLS, self.width - label_cells - count_cells - 4))
        most = max(bar.known + bar.unknown for bar in bars)
        sign = None
        for bar, label in zip(bars, labels, strict=True):
            if bar.sign != sign:
                sign = bar.sign
                yield ReportLine(side_title(self.near.pair, sign))
            drawn = _draw_bar(bar, most, cells, emoji=self.emoji)
            yield ReportLine(f"  {label:<{label_cells}} {drawn}{' ' if drawn else ''}{_bar_count(bar)}")
        if self.near.unknown:
            yield ReportLine(f"hatched {'░' if self.emoji else '/'}: could have been either order")

    def _comparisons(self) -> Iterator[ReportLine]:
        near = self.near
        texts = {
            change.stamp.ns: change.text for change in self.changes if near.first_ns < change.stamp.ns <= near.last_ns
        }
        for comparison in near.comparisons(list(texts), _ends(self.changes)):
            when = format_instant(comparison.change_ns, NS_PER_S, self.zone)
            yield ReportLine(comparison_text(comparison), f"Changed: {texts[comparison.change_ns]} · {when}")
        outside = len(self.changes) - len(texts)
        if outside and texts:
            others = "other change is" if outside == 1 else "other changes are"
            yield ReportLine(f"{outside:,} {others} before or after these lines")

    def _hours(self) -> Iterator[ReportLine]:
        hours = self.near.hours()
        if len(hours) > _MAX_HOURS:
            yield ReportLine(f"of {len(hours):,} only the last {_MAX_HOURS}; --json has all")
        day = ""
        for hour in hours[-_MAX_HOURS:]:
            date, clock = format_instant(hour.begin_ns, NS_PER_S, self.zone)[:16].split(" ")
            shown, day = (f"{date} {clock}" if date != day else f"{'':10} {clock}"), date
            gap = format_duration(abs(hour.gap_ns))
            unknown = " ≈" if not hour.is_known else "  "
            first = self.near.pair.first if hour.gap_ns > 0 else self.near.pair.second
            yield ReportLine(f"{shown}  {gap:>8}{unknown} {first} first, of {hour.total:,}")

    def occurrence_line(self, occurrence: Occurrence) -> ReportLine:
        """Return a line about an occurrence, the earlier of the two accesses first."""
        pair = (occurrence.first, occurrence.second)
        accesses = pair if occurrence.gap_ns >= 0 else pair[::-1]
        gap = format_duration(abs(occurrence.gap_ns))
        key = escape_unprintable(decode_utf8(occurrence.key))
        unknown = "" if occurrence.is_known else " ≈ either order"
        text = f"{gap}{unknown}: {occurrence.key_name} {key}"
        told = ", then ".join(self._access_text(access) for access in accesses)
        return ReportLine(text, f"{told} · true distance {format_distance(*accesses)}", subject=occurrence)

    def _access_text(self, access: Access) -> str:
        """Return what was done, by which actor, and when: ``delete by pid 11 in web1:8409 at 03:14:07.1009``."""
        place = place_of(access, self.numbers)
        when = format_instant(access.ns, access.resolution_ns, self.zone)[_DATE_CHARS:]
        return f"{access.operation}{actor_text(access)} in {place} at {when}"


def closest_line_numbers(near: NearMisses) -> dict[tuple[int, int], int]:
    """Return the numbers of the lines of the closest occurrences, as `line_numbers` does. Raises OSError."""
    return line_numbers(access for each in near.closest for access in (each.first, each.second))


def side_title(pair: OperationPair, sign: int) -> str:
    """Return which of the two operations came first: by their stamps, if the order is not known."""
    first, second = pair
    if not sign:
        return f"{second} and {first} with equal stamps"
    return f"{second} after {first}" if sign > 0 else f"{second} before {first}"


def bar_label(bar: Bar) -> str:
    """Return the range of the gaps of a bar: ``1ms to 10ms``."""
    return f"{format_duration(bar.begin_ns)} to {format_duration(bar.begin_ns * 10)}" if bar.begin_ns else "0"


def error_text(near: NearMisses) -> str:
    """Return how wrong a gap may be."""
    if not near.unbounded:
        return f"the clocks and the digits of the stamps leave ±{format_exact_duration(near.error_ns)}"
    which = "each gap" if near.unbounded == len(near) else f"{near.unbounded:,} gaps"
    return f"the error of {which} is not known: a clock was not measured, or stamps are those of a begin or an end"


def comparison_text(comparison: Comparison) -> str:
    """Return ``below 1ms: 14 of 4,211 before (0.18 to 0.56 %), 0 of 1,950 after (at most 0.19 %)``."""
    limit = format_duration(comparison.limit_ns)
    return f"below {limit}: {share_text(comparison.before)} before, {share_text(comparison.after)} after"


def share_text(share: Share) -> str:
    """Return how many gaps are below a limit, with the exact 95 % interval of their share."""
    if not share.of:
        return "no gap"
    low, high = (format_percent(end) for end in share.interval)
    interval = f"at most {high} %" if not share.below else f"{low} to {high} %"
    return f"{share.below:,} of {share.of:,} ({interval})"


def empty_sentence(near: NearMisses) -> str:
    """Return why the pair did not occur, with the operations that were seen."""
    if not near.matches:
        return "no line has a key: check --key against a line of the logs"
    if not near.operations:
        return f"{near.matches:,} lines have a key, and no key is in two of them"
    missing = [name for name in dict.fromkeys(near.pair) if not near.count(name)]
    if near.stepped:
        return f"each {near.pair} has a step of a clock between its two lines: their gaps are not known"
    if not missing:
        window = format_duration(near.window_ns)
        return (
            f"{near.pair}: both were seen, but never of one key, by two actors, and at most {window} apart; "
            f"{seen_text(near)}"
        )
    return f"{near.pair}: no line is {' or '.join(missing)}; {seen_text(near)}"


def seen_text(near: NearMisses) -> str:
    """Return the operations that were seen, the most frequent first, with the letters of their kinds."""
    seen = [
        f"{operation or 'no operation'}{f' ({kind.value})' if kind is not None else ''} {count:,}"
        for (operation, kind), count in near.operations.most_common(_MAX_OPERATIONS)
    ]
    more = len(near.operations) - len(seen)
    return f"seen: {', '.join(seen)}{f' and {more:,} others' if more else ''}"


def near_json(near: NearMisses, changes: Sequence[NotedChange]) -> dict[str, Any]:
    """Return all that a report has, to the nanosecond. Raises OSError."""
    record: dict[str, Any] = {
        "pair": list(near.pair),
        "window_ns": near.window_ns,
        "keys": sorted(near.key_names),
        "count": len(near),
        "either_order": near.unknown,
        "error_ns": None if near.unbounded else near.error_ns,
        "stepped": near.stepped,
        "doubts": dict(near.doubts),
        **near.omissions.to_json(),
        "operations": [
            {"operation": operation, "kind": kind.value if kind is not None else None, "count": count}
            for (operation, kind), count in near.operations.most_common()
        ],
    }
    if not len(near):
        return {**record, "sentence": empty_sentence(near)}
    return {
        **record,
        "first": Stamp(near.first_ns).rfc3339(),
        "last": Stamp(near.last_ns).rfc3339(),
        "sides": {
            name: {
                "count": side.total,
                "either_order": side.unknown,
                "min_ns": side.least_ns,
                "p1_ns": side.percentile_ns,
                "median_ns": side.median_ns,
            }
            for sign, name in ((1, "after"), (-1, "before"), (0, "equal"))
            if (side := near.sides().get(sign)) is not None
        },
        "histogram": [bar._asdict() for bar in near.histogram()],
        "hours": [
            {
                "begin": Stamp(hour.begin_ns).rfc3339(),
                "count": hour.total,
                "gap_ns": hour.gap_ns,
                "order_known": hour.is_known,
            }
            for hour in near.hours()
        ],
        "changes": [
            {
                "at": Stamp(comparison.change_ns).rfc3339(),
                "below_ns": comparison.limit_ns,
                "before": _share_json(comparison.before),
                "after": _share_json(comparison.after),
            }
            for comparison in near.comparisons([change.stamp.ns for change in changes], _ends(changes))
        ],
        "closest": [_occurrence_json(occurrence) for occurrence in near.closest],
    }


def _ends(changes: Sequence[NotedChange]) -> list[int]:
    """Return the times at which changes were undone, in ns."""
    return [change.undone_at.ns for change in changes if change.undone_at is not None]


def _share_json(share: Share) -> dict[str, Any]:
    low, high = share.interval
    return {"below": share.below, "of": share.of, "low": low, "high": high}


def _occurrence_json(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "gap_ns": occurrence.gap_ns,
        "order_known": occurrence.is_known,
        "true_gap_ns": list(distance(occurrence.first, occurrence.second)),
        "key_name": occurrence.key_name,
        "key": decode_utf8(occurrence.key),
        "lines": [access_json(access) for access in (occurrence.first, occurrence.second)],
    }


def _bar_count(bar: Bar) -> str:
    return f"{bar.known + bar.unknown:,}"


def _draw_bar(bar: Bar, most: int, cells: int, *, emoji: bool) -> str:
    """Return a bar of up to ``cells`` cells: those of a known order, then those of either order, hatched."""
    eighths = bar.known * cells * 8 // most
    full, part = divmod(eighths, 8)
    hatched = -(-bar.unknown * cells // most)  # one at least
    full = min(full, cells - hatched)
    if not emoji:
        return "#" * (full or int(bar.known > 0)) + "/" * hatched
    rest = _BLOCKS[part].strip() or ("▏" if bar.known and not full else "")
    return "█" * full + rest + "░" * hatched
