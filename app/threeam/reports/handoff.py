"""The hand-off: what whoever takes over has to know, the most important first. Pure, but for `nights_of`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Stamp, author_name
from threeam.core.format.report import ReportLine, ReportSection, format_attribution, format_when
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.store.journal import Journal, Position
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import experiment_line, is_running, is_stalled
from threeam.experiments.runs import experiments
from threeam.human.awake import awake_since
from threeam.human.caffeine import HOUR_NS, remaining_mg
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import PendingStamp, amendments, claim_of, current_text
from threeam.hypotheses.changes import Change, open_changes
from threeam.hypotheses.handoff_notes import HandoffNote, handoff_note, journal_holder
from threeam.hypotheses.ledger import HypothesisEvent, event_text, sorted_hypotheses, thread_of
from threeam.hypotheses.thread import MISSING_CLAIM, verdict_line
from threeam.reports.fixed_report import fix_progress_lines

_MAX_LINES = 100  # lines of a part
_STATE_ORDER = (OPEN, "confirmed", "refuted", "parked")


class AwakePerson(NamedTuple):
    """Somebody who is up this night: cups, milligrams left, and since when (None: not known)."""

    user: str
    cups: int
    mg: float
    awake_since: Stamp | None


class Handoff(NamedTuple):
    """All that is handed over, as of ``now``."""

    state: State
    now: Stamp
    hypotheses: list[Hypothesis]
    open_changes: list[Change]
    pending_stamps: list[PendingStamp]
    topology: HandoffNote | None
    shared_state: HandoffNote | None
    next_step: HandoffNote | None
    holder: HandoffNote | None
    people: list[AwakePerson]


def collect_handoff(
    state: State, now: Stamp, gap_ns: int, half_life_h: float, awake_since_by_user: Mapping[str, Stamp | None]
) -> Handoff:
    """What ``state`` comes to, as of ``now``. ``awake_since_by_user``: since when each is awake, from `nights_of`."""
    people = [
        AwakePerson(
            user,
            person.cups,
            remaining_mg(intake_of(state, user).doses, now.ns, half_life_h),
            awake_since_by_user.get(user),
        )
        for user in state.people
        if (person := state.current_night(user, now.ns, gap_ns)) is not None
    ]
    return Handoff(
        state,
        now,
        sorted_hypotheses(state),
        open_changes(state)[::-1],
        list(amendments(state).pending_stamps.values()),
        handoff_note(state, "topology"),
        handoff_note(state, "shared"),
        handoff_note(state, "next"),
        journal_holder(state),
        sorted(people, key=lambda one: (-one.cups, one.user)),
    )


def find_awake_since(journal: Journal, end: Position, state: State, now: Stamp, gap_ns: int) -> dict[str, Stamp | None]:
    """Since when everybody is awake who is up this night. Reads the log. Raises OSError."""
    up = [user for user in state.people if state.current_night(user, now.ns, gap_ns) is not None]
    return {user: awake_since(journal, end, user) for user in up}


def handoff_report(all_of_it: Handoff) -> list[ReportSection]:
    """The hand-off as it is told, the most important first; a part with nothing in it is left out."""
    state, now, every = all_of_it.state, all_of_it.now, all_of_it.hypotheses
    plans = [one for one in experiments(state) if one.remaining]
    found = [
        ReportSection("where we stand", _status_lines(all_of_it)),
        ReportSection("live hypotheses", [line for one in every if one.state == OPEN for line in _open_hypothesis_lines(state, one, now)]),
        ReportSection("running", [experiment_line(one, now) for one in plans if is_running(one, now)]),
        ReportSection("running, or ended without a word", [_resumable_line(one, now) for one in plans if is_stalled(one, now)]),
        ReportSection("interrupted", [_resumable_line(one, now) for one in plans if one.interrupted_run is not None]),
        ReportSection("may it be called fixed", fix_progress_lines(state)),
        ReportSection("ruled out", [verdict_line(state, one, now) for one in every if one.state == "refuted"]),
        ReportSection("parked", [verdict_line(state, one, now) for one in every if one.state not in (OPEN, "refuted", "confirmed")]),
        ReportSection("to be undone", [_find_change_to_undo(one, now) for one in all_of_it.open_changes]),
        ReportSection("topology", _note_lines(state, all_of_it.topology, now)),
        ReportSection("shared state", _note_lines(state, all_of_it.shared_state, now)),
        ReportSection("next", _note_lines(state, all_of_it.next_step, now)),
        ReportSection("stamps without words", [ReportLine("no words yet", format_attribution(one.author, one.stamp, now), one.stamp, "Stamp")
                                      for one in all_of_it.pending_stamps]),
        ReportSection("people", [_person_line(one, now) for one in all_of_it.people]),
    ]  # fmt: skip
    return [ReportSection(part.title, _limit_lines(part.lines)) for part in found if part.lines]


def _limit_lines(lines: Sequence[ReportLine]) -> list[ReportLine]:
    """As many lines as anybody reads: a script in a loop opens thousands of hypotheses."""
    more = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], *([ReportLine(f"and {more:,} lines more: 3am hyp list")] if more > 0 else [])]


def _status_lines(handoff: Handoff) -> list[ReportLine]:
    state, now = handoff.state, handoff.now
    counts = Counter(one.state for one in handoff.hypotheses)
    known = [f"{counts.pop(name)} {name}" for name in _STATE_ORDER if counts[name]]
    others = [f"{count} {name}" for name, count in counts.items() if count]
    lines = [verdict_line(state, one, now) for one in handoff.hypotheses if one.state == "confirmed"]
    lines.append(ReportLine("hypotheses: " + (", ".join([*known, *others]) or "none yet")))
    if (holder := handoff.holder) is not None:
        user = author_name(holder.author)
        lines.append(
            ReportLine(f"{user} holds the journal", f"since {holder.stamp.time_of_day[:8]}", holder.stamp, "Taken")
        )
    if state.last_stamp is not None:
        lines.append(ReportLine(f"last entry {format_when(state.last_stamp, now)}", stamp=state.last_stamp))
    return lines


def _open_hypothesis_lines(state: State, hypothesis: Hypothesis, now: Stamp) -> list[ReportLine]:
    """An open hypothesis, and of what stands for it and against it the last of each."""
    thread = thread_of(state, hypothesis)
    counts = f"+{len(thread.supports)} −{len(thread.contradicts)}"
    lines = [
        ReportLine(
            f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}",
            f"{counts} · {format_attribution(hypothesis.author, hypothesis.opened_at, now)}",
            hypothesis.opened_at,
            "Hypothesis",
        )
    ]
    for best in (thread.supports[-1:], thread.contradicts[-1:], thread.predictions[-1:]):
        lines += [_event_line(state, move, now) for move in best]
    return lines


def _event_line(state: State, event: HypothesisEvent, now: Stamp) -> ReportLine:
    return ReportLine(
        f"    {event.kind}: {event_text(state, event)}",
        format_attribution(event.author, event.stamp, now),
        event.cited or event.stamp,
        event.kind,
    )


def _resumable_line(experiment: Experiment, now: Stamp) -> ReportLine:
    told, resume = experiment_line(experiment, now), f"3am run --resume {experiment.name}"
    return told._replace(detail=f"{told.detail} · {resume} goes on", command=resume)


def _find_change_to_undo(one: Change, now: Stamp) -> ReportLine:
    undo = f"undo: {one.undo}" if one.undo else "nobody has said how"
    return ReportLine(one.text, f"{undo} · {format_attribution(one.author, one.stamp, now)}", one.stamp, "Changed")


def _note_lines(state: State, note: HandoffNote | None, now: Stamp) -> list[ReportLine]:
    if note is None:
        return []
    first, *rest = note.lines
    return [
        ReportLine(
            current_text(state, note.stamp, first), format_attribution(note.author, note.stamp, now), note.stamp
        ),
        *(ReportLine(line, stamp=note.stamp) for line in rest),
    ]


def _person_line(person: AwakePerson, now: Stamp) -> ReportLine:
    awake = "" if person.awake_since is None else f" · awake for {hours_awake(person, now)} h at least"
    return ReportLine(
        f"{person.user}: {person.cups} {'cup' if person.cups == 1 else 'cups'}, {person.mg:.0f} mg{awake}",
        stamp=person.awake_since,
    )


def hours_awake(person: AwakePerson, now: Stamp) -> float | None:
    """Hours since the night of somebody began, to a tenth."""
    return None if person.awake_since is None else max(0, now.ns - person.awake_since.ns) * 10 // HOUR_NS / 10
