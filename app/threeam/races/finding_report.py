"""The report on a search for races, and that on one group of its findings, for the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from threeam.core.format.clock import Zone
from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.format.report import Quotation, ReportLine, ReportSection
from threeam.core.format.times import format_duration, format_exact_duration
from threeam.core.store.reader import lines_backward, lines_forward
from threeam.races.access import Access, ActorKind, distance
from threeam.races.deadlock_shapes import DeadlockGroup, Deadlocks, deadlock_lines
from threeam.races.distinct_keys import format_key_count
from threeam.races.finding import Finding, FindingGroup
from threeam.races.race_rows import (
    actor_sentence,
    describe_distance,
    describe_doubts,
    describe_group,
    line_of,
)
from threeam.races.search import RaceReport
from threeam.timeline.instant import format_instant
from threeam.timeline.shifts import short_shift

POSSIBLE = "possible: order not known, or another reason"
_DATE_CHARS = len("2026-11-24 ")
_NEIGHBOUR_CHARS = 200


def search_sentences(report: RaceReport) -> list[str]:
    """Return the extent of the search: lines, keys, and the actors; and the assumption about the clocks."""
    names = ", ".join(
        f"{format_key_count(count)} of {escape_unprintable(name)}" for name, count in report.seen_keys.items()
    )
    lines = f"{report.matches:,} {'line names' if report.matches == 1 else 'lines name'} a key; keys: {names}"
    if report.actor_kinds:
        lines = f"{lines}; {actor_sentence(report.actor_kinds)}"
    assumption = clock_sentence(report.one_clock)
    return [lines, *([assumption] if assumption else []), *report.omissions.sentences()]


def clock_sentence(names: Sequence[str]) -> str:
    """Return the sentence about the clocks that are assumed to be one, those of the sources ``names``, or ""."""
    if not names:
        return ""
    listed = ", ".join(map(escape_unprintable, names))
    return (
        f"assumed: {listed} have one clock; 3am align measures it, --shift {names[-1]}=0s±5ms says how wrong it may be"
    )


def race_sections(report: RaceReport, zone: Zone) -> list[ReportSection]:
    """Return the groups, certain ones first, in sections."""
    certain = [group_line(group, zone) for group in report.groups if group.key.is_certain]
    possible = [group_line(group, zone) for group in report.groups if not group.key.is_certain]
    nothing = [] if report.groups else [ReportLine("nothing suspicious was found")]
    sections = [
        ReportSection("certain", certain),
        ReportSection(POSSIBLE, possible),
        ReportSection("the search", [*nothing, *map(ReportLine, search_sentences(report))]),
    ]
    return [section for section in sections if section.lines]


def deadlock_section(deadlocks: Deadlocks, zone: Zone) -> ReportSection:
    """Return the deadlocks that servers have reported; no lines if they have reported none."""
    lines = [deadlock_line(group, zone) for group in deadlocks.groups]
    if deadlocks.others:
        lines.append(ReportLine(f"and {deadlocks.others:,} of other shapes"))
    return ReportSection("deadlocks, as the servers report them", lines)


def deadlock_line(group: DeadlockGroup, zone: Zone) -> ReportLine:
    """Return the row of a deadlock, with its statements and locks below it."""
    first, *more = deadlock_lines(group, zone)
    return ReportLine(first, quotation=Quotation("", tuple(more)))


def group_line(group: FindingGroup, zone: Zone) -> ReportLine:
    """Return the row of a group: below it, why it is not certain, and the times of its first and last finding."""
    first, last = (format_instant(ns, 10**9, zone) for ns in (group.first_ns, group.last_ns))
    last = last[_DATE_CHARS:] if last[:_DATE_CHARS] == first[:_DATE_CHARS] else last
    times = first if group.findings == 1 else f"{first} to {last}"
    doubts = describe_doubts(group.closest)
    return ReportLine(describe_group(group), f"{doubts} · {times}" if doubts else times)


def finding_sections(group: FindingGroup, numbers: Mapping[tuple[int, int], int], zone: Zone) -> list[ReportSection]:
    """Return the closest finding of a group: what is known of its order, and its lines with their neighbours.

    ``numbers``: those of the lines, see `line_numbers`. Raises OSError.
    """
    finding = group.closest
    first, second = (finding.witness[index] for index in finding.pair)
    gap_ns = abs(finding.gap_ns)
    stamps = f"by the stamps {format_duration(gap_ns)} apart"
    about = [
        *(ReportLine(doubt) for doubt in finding.doubts),
        ReportLine(describe_distance(finding), f"{stamps}; {_error_text(first, second)}"),
        ReportLine(describe_group(group)),
    ]
    lines = [witness_line(access, numbers, zone) for access in finding.witness]
    return [
        ReportSection("certain" if finding.is_certain else POSSIBLE, about),
        ReportSection("its lines, each between its neighbours in the file", lines),
    ]


def witness_line(access: Access, numbers: Mapping[tuple[int, int], int], zone: Zone) -> ReportLine:
    """Return a line of a witness: when, where and by which actor, and its text between its neighbours."""
    when = format_instant(access.ns, access.resolution_ns, zone)[_DATE_CHARS:]
    number = numbers.get((access.source.number, access.offset))
    place = escape_unprintable(access.source.name) + ("" if number is None else f":{number}")
    text = f"{when} {place} {access.operation}{actor_text(access)}"
    return ReportLine(text, clock_text(access), quotation=Quotation("", tuple(_with_neighbours(access))))


def actor_text(access: Access) -> str:
    """Return `` by pid 11``; "" if the source is the actor."""
    kind, name, _ = access.actor
    return "" if kind is ActorKind.SOURCE else f" by {kind.value} {escape_unprintable(decode_utf8(name))}"


def clock_text(access: Access) -> str:
    """Return how the clock of an access is corrected, and how wrong that may be; "" if it is the one of this host."""
    shift = short_shift(access.source.correction)
    return f"{escape_unprintable(access.source.name)} {shift}" if shift else ""


def finding_title(finding: Finding) -> str:
    """Return the rule and the key: ``lost update, cart 42``."""
    return f"{finding.rule}, {finding.key_name} {escape_unprintable(decode_utf8(finding.key))}"


def finding_text(finding: Finding) -> str:
    """Return a finding in a few words, for the evidence that it becomes: ``lost update, cart 42, order not known``."""
    doubts = describe_doubts(finding)
    return finding_title(finding) + (f", {doubts}" if doubts else "")


def plain_text(sections: Sequence[ReportSection]) -> str:
    """Return the sections as plain text, to be copied."""
    return "\n".join(line for section in sections for line in _plain_lines(section))


def _plain_lines(section: ReportSection) -> Iterator[str]:
    yield section.title
    for line in section.lines:
        yield f"  {line.text}"
        if line.detail:
            yield f"    {line.detail}"
        if line.quotation is not None:
            yield from (f"    {text}" for text in line.quotation.lines)


def _with_neighbours(access: Access) -> Iterator[str]:
    """Yield the line before it in the file, the line itself, and the one after it."""
    segment, line = access.source.segment, line_of(access)
    for earlier in islice(lines_backward(segment, access.offset), 1):
        yield f"  {earlier.display_text[:_NEIGHBOUR_CHARS]}"
    yield f"> {line.display_text}"
    for later in islice(lines_forward(segment, line.end, access.source.end), 1):
        yield f"  {later.display_text[:_NEIGHBOUR_CHARS]}"


def _error_text(first: Access, second: Access) -> str:
    """Return how wrong the distance of two accesses may be."""
    error_ns = distance(first, second).error_ns
    if error_ns is None:
        return "their true distance has no bound"
    return f"clocks and digits leave ±{format_exact_duration(error_ns)}"
