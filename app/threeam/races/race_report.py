"""The report on a search for races, for the command line and the screen: deadlocks, keys to search for, and groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.format.report import Quotation, ReportLine, ReportSection
from threeam.races.access import ActorKind
from threeam.races.deadlocks.group_text import deadlock_lines
from threeam.races.deadlocks.groups import DeadlockGroup, Deadlocks
from threeam.races.distinct_keys import format_key_count
from threeam.races.finding import FindingGroup
from threeam.races.key_candidates import KeyCandidate
from threeam.races.race_rows import (
    actor_sentence,
    describe_distance,
    describe_doubts,
    describe_group,
    witness_rows,
)
from threeam.races.search import RaceReport
from threeam.races.unknown_operations import UnknownOperations
from threeam.timeline.instant import format_instant

NO_KEY = "no line names a key: is the pattern right?"
POSSIBLE = "possible: order not known, or another reason"
_DATE_CHARS = len("2026-11-24 ")


def deadlock_sections(deadlocks: Deadlocks, zone: Zone) -> list[ReportSection]:
    """Return a section with the deadlocks that servers have reported; no section if they have reported none."""
    lines = [_deadlock_line(group, zone) for group in deadlocks.groups]
    if sentence := others_sentence(deadlocks):
        lines.append(ReportLine(sentence))
    return [ReportSection("deadlocks, as the servers report them", lines)] if lines else []


def others_sentence(deadlocks: Deadlocks) -> str:
    """Return how many deadlocks the report does not list; "" if it lists all of them."""
    if not deadlocks.others:
        return ""
    return f"{deadlocks.others:,} deadlocks of other shapes are not listed: search fewer logs at a time"


def _deadlock_line(group: DeadlockGroup, zone: Zone) -> ReportLine:
    """Return the row of a group of deadlocks, with its statements and locks below it."""
    first, *more = deadlock_lines(group, zone)
    return ReportLine(first, quotation=Quotation("", tuple(more)), subject=group)


def key_section(candidates: Sequence[KeyCandidate], command: Callable[[str], str]) -> ReportSection:
    """Return the keys that are worth a search. ``command``: returns the command that searches for a pattern."""
    lines = [_key_line(candidate, command(candidate.pattern)) for candidate in candidates]
    nothing = ReportLine(
        "no name has values in two logs or under two actors", "write --key 'cart=(?P<key>\\d+)' with a name of the logs"
    )
    return ReportSection("keys that are worth a search", lines or [nothing])


def _key_line(candidate: KeyCandidate, command: str) -> ReportLine:
    name = escape_unprintable(candidate.name)
    shared = f"{candidate.shared_by_actors:,} under two actors, {candidate.shared_by_sources:,} in two logs"
    least = "" if candidate.is_complete else "at least "
    return ReportLine(f"{name}: {least}{candidate.values:,} values, {shared}", command, subject=candidate)


def race_sections(report: RaceReport, zone: Zone, *, quotes_lines: bool) -> list[ReportSection]:
    """Return the groups, certain ones first, and what was searched.

    ``quotes_lines``: below each group are the lines of its closest finding. They are read now, which raises OSError.
    """
    lines = [(group.key.is_certain, _group_line(group, zone, quotes_lines=quotes_lines)) for group in report.groups]
    nothing = [] if report.groups else [ReportLine("nothing suspicious was found" if report.matches else NO_KEY)]
    sections = [
        ReportSection("certain", [line for is_certain, line in lines if is_certain]),
        ReportSection(POSSIBLE, [line for is_certain, line in lines if not is_certain]),
        ReportSection("the search", [*nothing, *map(ReportLine, _search_sentences(report))]),
    ]
    return [section for section in sections if section.lines]


def _group_line(group: FindingGroup, zone: Zone, *, quotes_lines: bool) -> ReportLine:
    """Return the row of a group: below it, why it is not certain, and the times of its first and last finding."""
    finding = group.closest
    first, last = (format_instant(ns, NS_PER_S, zone) for ns in (group.first_ns, group.last_ns))
    last = last[_DATE_CHARS:] if last[:_DATE_CHARS] == first[:_DATE_CHARS] else last
    times = first if group.findings == 1 else f"{first} to {last}"
    doubts = describe_doubts(finding)
    detail = f"{doubts}; {describe_distance(finding)} · {times}" if doubts else times
    quotation = Quotation("", tuple(witness_rows(finding, zone))) if quotes_lines else None
    return ReportLine(describe_group(group), detail, quotation=quotation, subject=group)


def _search_sentences(report: RaceReport) -> list[str]:
    """Return the extent of the search, the assumption about the clocks, and what was left out."""
    counts = ((format_key_count(count), escape_unprintable(name)) for name, count in report.seen_keys.items())
    names = ", ".join(f"{count} of {name}" for count, name in counts)
    lines = f"{report.matches:,} {'line names' if report.matches == 1 else 'lines name'} a key; keys: {names}"
    if report.actor_kinds:
        lines = f"{lines}; {actor_sentence(report.actor_kinds)}"
    sentences = [clock_sentence(report.one_clock), _one_actor_sentence(report), _unknown_sentence(report.unknown)]
    return [lines, *filter(None, sentences), *report.omissions.sentences()]


def _one_actor_sentence(report: RaceReport) -> str:
    """Return which logs are taken for one actor each, or ""."""
    names = [escape_unprintable(name) for name, kind in report.actor_kinds.items() if kind is ActorKind.SOURCE]
    if not names:
        return ""
    return (
        f"no request id, thread or pid was found in {', '.join(names)}, so all lines of a log are of one actor; "
        "a group (?P<actor>…) in each --key names the actors"
    )


def _unknown_sentence(unknown: UnknownOperations) -> str:
    """Return in how many lines no operation is known, if that may hide findings."""
    if 2 * unknown.unknown <= unknown.lines:
        return ""
    remedy = f"; --op W={escape_unprintable(unknown.word)} says what a word means" if unknown.word else ""
    return f"{unknown.unknown:,} of {unknown.lines:,} lines about shared keys state no operation that is known{remedy}"


def clock_sentence(names: Sequence[str]) -> str:
    """Return the sentence about the clocks that are assumed to be one, those of the sources ``names``, or ""."""
    if not names:
        return ""
    listed = ", ".join(map(escape_unprintable, names))
    return (
        f"assumed: {listed} have one clock; 3am align measures it, --shift {names[-1]}=0s±5ms says how wrong it may be"
    )
