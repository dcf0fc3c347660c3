"""The report on the closest finding of a group: its lines between their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from threeam.core.format.clock import Zone
from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.format.report import Quotation, ReportLine, ReportSection
from threeam.core.format.times import format_duration, format_exact_duration
from threeam.core.store.reader import lines_backward, lines_forward
from threeam.races.access import Access, ActorKind, distance
from threeam.races.finding import Finding, FindingGroup
from threeam.races.race_report import POSSIBLE
from threeam.races.race_rows import describe_distance, describe_doubts, describe_group, line_of, place_of
from threeam.timeline.instant import format_instant
from threeam.timeline.shifts import short_shift

_DATE_CHARS = len("2026-11-24 ")
_NEIGHBOUR_CHARS = 200


def finding_sections(group: FindingGroup, numbers: Mapping[tuple[int, int], int], zone: Zone) -> list[ReportSection]:
    """Return the closest finding of a group: what is known of its order, and its lines with their neighbours.

    ``numbers``: those of the lines, see `line_numbers`. Raises OSError.
    """
    finding = group.closest
    first, second = finding.pair
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
    text = f"{when} {place_of(access, numbers)} {access.operation}{actor_text(access)}"
    quotation = Quotation("", tuple(_with_neighbours(access)))
    return ReportLine(text, clock_text(access), quotation=quotation, subject=access)


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
