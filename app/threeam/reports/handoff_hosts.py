"""The other hosts of a team in the hand-off: what they have found, and how many lines no other host holds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from threeam.core.format.entry import Stamp, author_name, escape_unprintable
from threeam.core.format.report import ReportLine, ReportSection, format_attribution
from threeam.core.state.fold import OPEN
from threeam.core.state.host_state import HostState
from threeam.experiments.runs.run_log import experiments
from threeam.human.drafts import pluralize
from threeam.hypotheses.changes import open_changes
from threeam.hypotheses.handoff_notes import handoff_note, journal_holder
from threeam.hypotheses.team_fold import IsBefore, TeamHypothesis, states_text, team_hypotheses, verdict_text
from threeam.hypotheses.team_report import signature, team_hypothesis_json
from threeam.hypotheses.thread import MISSING_CLAIM

_MAX_LINES = 12  # of a host
_MAX_EVENTS = 3  # of other hosts about a hypothesis


class TeamHandoff(NamedTuple):
    """The journals of a team. ``unheld_lines``: by origin id, the lines that no other host holds, if that is known.

    ``is_running``: whether a ``3am team`` runs, so that this is known as of now.
    """

    hosts: Sequence[HostState]
    hypotheses: Sequence[TeamHypothesis]
    unheld_lines: Mapping[str, int]
    is_running: bool

    def about_own(self, number: int | None) -> TeamHypothesis | None:
        """Return what all hosts say about a hypothesis of this journal; None if no other host speaks of it."""
        for known in self.hypotheses:
            if not known.host and known.hypothesis.number == number is not None and len(known.threads) > 1:
                return known
        return None


def collect_team_handoff(
    hosts: Sequence[HostState], is_before: IsBefore, unheld_lines: Mapping[str, int], *, is_running: bool
) -> TeamHandoff:
    """Return what is handed over of the ``hosts`` of a team."""
    return TeamHandoff(hosts, team_hypotheses(hosts, is_before), unheld_lines, is_running)


def team_status_lines(team: TeamHandoff) -> list[ReportLine]:
    """Return what "where we stand" says of the team: the verdicts that stand at once, and the lines held here alone."""
    disputed = [known for known in team.hypotheses if len(known.states) > 1]
    own = next(host for host in team.hosts if host.is_own)
    is_away = not team.is_running and len(team.hosts) > 1
    away = [
        ReportLine(
            "no 3am team of yours sends the lines of this log: if nobody else's does, no other host gets them",
            icon="WARNING",
        )
    ]
    return [*map(_team_hypothesis_line, disputed), *(away if is_away else []), *_unheld_lines(team, own)]


def host_sections(team: TeamHandoff, now: Stamp) -> list[ReportSection]:
    """Return a section for each other host, with what its journal has for the next person.

    A host without a mirror here has what this and other journals say about its hypotheses.
    """
    found = []
    for host in team.hosts:
        if not host.is_own:
            lines = [*_unheld_lines(team, host), *_host_lines(team, host, now)]
            omitted = len(lines) - _MAX_LINES
            more = [ReportLine(f"and {omitted:,} more lines: 3am open {host.host}")] if omitted > 0 else []
            found.append(ReportSection(f"on {host.host}", [*lines[:_MAX_LINES], *more]))
    mirrored = {host.origin_id for host in team.hosts}
    others = [known for known in team.hypotheses if known.origin_id not in mirrored]
    found += [
        ReportSection(f"on {name}", [_team_hypothesis_line(known) for known in others if known.host == name])
        for name in sorted({known.host for known in others})
    ]
    return [section for section in found if section.lines]


def said_elsewhere_lines(known: TeamHypothesis, now: Stamp) -> Iterator[ReportLine]:
    """Yield the last lines of other hosts for and against a hypothesis of this journal."""
    for statements in (known.supports, known.contradicts):
        elsewhere = [statement for statement in statements if not statement.host.is_own]
        for statement in elsewhere[-_MAX_EVENTS:]:
            yield ReportLine(f"    {statement.event.kind}: {statement.text}", signature(statement, now))


def decided_line(known: TeamHypothesis, now: Stamp) -> ReportLine:
    """Return a hypothesis in one line, with the verdicts of all hosts."""
    line = _team_hypothesis_line(known)
    if len(known.standing) == 1:
        (verdict,) = known.standing
        line = line._replace(detail=f"{verdict.event.state}: {verdict.text} · {signature(verdict, now)}")
    return line


def team_handoff_json(team: TeamHandoff) -> dict[str, Any]:
    """Return the hosts of a team for machine output."""
    return {
        "hosts": [
            {
                "host": escape_unprintable(host.host),
                "origin": host.origin_id,
                "own": host.is_own,
                "unheld_lines": team.unheld_lines.get(host.origin_id),
                "to_undo": [escape_unprintable(change.text) for change in open_changes(host.state)],
            }
            for host in team.hosts
        ],
        "team_is_running": team.is_running,
        "team_hypotheses": [team_hypothesis_json(known) for known in team.hypotheses],
    }


def _unheld_lines(team: TeamHandoff, host: HostState) -> list[ReportLine]:
    count = team.unheld_lines.get(host.origin_id, 0)
    if not count:
        return []
    where = "in this log" if host.is_own else f"on {host.host}"
    least = "" if team.is_running else " at least"
    return [ReportLine(f"{pluralize(count, 'line')}{least} {where} that no other host holds", icon="WARNING")]


def _host_lines(team: TeamHandoff, host: HostState, now: Stamp) -> Iterator[ReportLine]:
    known_here = [known for known in team.hypotheses if known.origin_id == host.origin_id]
    for known in known_here:
        if OPEN in known.states or "confirmed" in known.states:
            yield _team_hypothesis_line(known)
    for change in open_changes(host.state):
        undo = f"undo: {change.undo} · " if change.undo else ""
        yield ReportLine(
            f"to be undone: {change.text}", undo + format_attribution(change.author, change.stamp, now), icon="Changed"
        )
    for experiment in experiments(host.state):
        if (verdict := experiment.verdict) is not None:
            detail = f"{experiment.command} · {format_attribution(experiment.author, verdict.stamp, now)}"
            about = [f"{known.name} " for known in team.hypotheses if known.is_subject_of(host, experiment.hypothesis)]
            text = f"{''.join(about[:1])}{experiment.name} {verdict.text}"
            yield ReportLine(text, detail, icon="Verdict")
    if (following := handoff_note(host.state, "next")) is not None:
        detail = format_attribution(following.author, following.stamp, now)
        yield ReportLine(f"next: {following.lines[0]}", detail, icon="Next")
    if (holder := journal_holder(host.state)) is not None:
        yield ReportLine(f"{author_name(holder.author)} holds that journal", icon="Taken")
    for known in known_here:
        if OPEN not in known.states and "confirmed" not in known.states:
            yield _team_hypothesis_line(known)


def _team_hypothesis_line(known: TeamHypothesis) -> ReportLine:
    counts = f"+{len(known.supports)} −{len(known.contradicts)}"
    reason = verdict_text(known)
    detail = f"{states_text(known)}: {reason}" if reason else f"{states_text(known)} · {counts}"
    icon = known.states[0] if len(known.states) == 1 else "WARNING"
    stamp = known.hypothesis.opened_at if not known.host else None  # only a stamp of this journal can be gone to
    return ReportLine(f"{known.name} {known.claim or MISSING_CLAIM}", detail, stamp, icon)
