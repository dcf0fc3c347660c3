"""The hand-off: what the next person must know, the most important first.

Pure, except `find_awake_since`, and a `QuotationReader`, which reads attachments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Stamp, author_name
from threeam.core.format.remote_hypothesis import bound_prefix
from threeam.core.format.report import ReportLine, ReportSection, format_attribution, format_when
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.store.journal import Journal, Position
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import experiment_line, is_running, is_stalled
from threeam.experiments.run_list import unfinished_search_line, unfinished_searches
from threeam.experiments.runs.run_log import experiments
from threeam.human.awake import awake_since
from threeam.human.caffeine import HOUR_NS, remaining_mg
from threeam.human.drafts import pluralize
from threeam.human.intake import intake_of
from threeam.hypotheses.amendments import PendingStamp, amendments, claim_of, current_text
from threeam.hypotheses.changes import Change, open_changes
from threeam.hypotheses.handoff_notes import HandoffNote, handoff_note, journal_holder
from threeam.hypotheses.ledger import (
    RECHECK_NOTE,
    VERDICT_KINDS,
    HypothesisEvent,
    event_text,
    sorted_hypotheses,
    thread_of,
)
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.team_fold import TeamHypothesis, join_states
from threeam.hypotheses.thread import MISSING_CLAIM, verdict_line
from threeam.reports.end_of_night import UNDO_UNKNOWN
from threeam.reports.fix_assessment import FixAnswer, fix_answers
from threeam.reports.fixed_report import fix_answer_line
from threeam.reports.handoff_hosts import (
    TeamHandoff,
    decided_line,
    host_sections,
    said_elsewhere_lines,
    team_status_lines,
)
from threeam.restore.stable_commit import StableCommit, stable_commits
from threeam.restore.terminations import Termination, terminations
from threeam.timeline.clock_lines import ClockNote, clock_notes

_MAX_LINES = 100  # of a section
_MAX_EVIDENCE = 3  # for and against a hypothesis
_MAX_QUOTED_LINES = 8  # of one cited entry
_MAX_VERDICTS, _MAX_TERMINATIONS, _MAX_CLOCKS = 6, 5, 10  # the hand-off of an ordinary night is one screen
_STATE_ORDER = (OPEN, "confirmed", "refuted", "parked")


class AwakePerson(NamedTuple):
    """A person who is awake this night: cups, milligrams left, and since when they are awake (None: not known)."""

    user: str
    cups: int
    mg: float
    awake_since: Stamp | None


class Handoff(NamedTuple):
    """The facts that are handed over, as of ``now``; ``quotations`` gives the lines of other logs that they cite.

    ``team``: what the other hosts have for the next person; None without any.
    """

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
    experiments: list[Experiment]
    fix_answers: list[FixAnswer]
    terminations: list[Termination]
    stable_commits: list[StableCommit]
    clocks: list[ClockNote]
    quotations: QuotationReader
    team: TeamHandoff | None = None

    def on_all_hosts(self, hypothesis: Hypothesis) -> TeamHypothesis | None:
        """Return what all hosts say about a hypothesis of this log; None if only this log speaks of it."""
        return None if self.team is None else self.team.about_own(hypothesis.number)

    def states_of(self, hypothesis: Hypothesis) -> tuple[str, ...]:
        """Return the states of a hypothesis of this log, see `TeamHypothesis.states`."""
        known = self.on_all_hosts(hypothesis)
        return (hypothesis.state,) if known is None else known.states


def collect_handoff(
    state: State,
    now: Stamp,
    gap_ns: int,
    half_life_h: float,
    awake_since_by_user: Mapping[str, Stamp | None],
    quotations: QuotationReader,
) -> Handoff:
    """Return the hand-off of ``state`` as of ``now``, without other hosts.

    ``awake_since_by_user``: what `find_awake_since` returned.
    """
    people = []
    for user in state.people:
        person = state.current_night(user, now.ns, gap_ns)
        if person is not None:
            mg = remaining_mg(intake_of(state, user).doses, now.ns, half_life_h)
            people.append(AwakePerson(user, person.cups, mg, awake_since_by_user.get(user)))
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
        sorted(people, key=lambda awake: (-awake.cups, awake.user)),
        experiments(state),
        fix_answers(state),
        terminations(state)[::-1],
        stable_commits(state)[::-1],
        list(clock_notes(state).values())[::-1],
        quotations,
    )


def find_awake_since(journal: Journal, end: Position, state: State, now: Stamp, gap_ns: int) -> dict[str, Stamp | None]:
    """Return since when each person of this night is awake (None: not known). Read the log; raise OSError."""
    awake_users = [user for user in state.people if state.current_night(user, now.ns, gap_ns) is not None]
    return {user: awake_since(journal, end, user) for user in awake_users}


def handoff_report(handoff: Handoff) -> list[ReportSection]:
    """Return the hand-off as a report, the most important first. Empty sections are left out."""
    state, now = handoff.state, handoff.now
    states = [(hypothesis, handoff.states_of(hypothesis)) for hypothesis in handoff.hypotheses]
    open_ = [hypothesis for hypothesis, names in states if OPEN in names]
    refuted = [hypothesis for hypothesis, names in states if names == ("refuted",)]
    parked = [hypothesis for hypothesis, names in states if not {OPEN, "refuted", "confirmed"} & {*names}]
    unfinished = [experiment for experiment in handoff.experiments if experiment.remaining]
    running = [experiment for experiment in unfinished if is_running(experiment, now)]
    stalled = [experiment for experiment in unfinished if is_stalled(experiment, now)]
    interrupted = [experiment for experiment in unfinished if experiment.interrupted_run is not None]
    sections = [
        ReportSection("where we stand", _status_lines(handoff)),
        ReportSection("may it be called fixed", [fix_answer_line(answer) for answer in handoff.fix_answers]),
        ReportSection(
            "live hypotheses",
            [line for known in open_ for line in _open_hypothesis_lines(handoff, known)],
        ),
        ReportSection("what the experiments have shown", _experiment_verdict_lines(handoff.experiments, now)),
        ReportSection("running", [experiment_line(experiment, now) for experiment in running]),
        ReportSection("running, or killed", [_resumable_line(experiment, now) for experiment in stalled]),
        ReportSection("interrupted", [_resumable_line(experiment, now) for experiment in interrupted]),
        ReportSection(
            "searches without a result", [unfinished_search_line(run, now) for run in unfinished_searches(state)]
        ),
        ReportSection("next", _note_lines(state, handoff.next_step, now)),
        ReportSection("to be undone", [_change_line(change, now) for change in handoff.open_changes]),
        ReportSection("terminated backends", _termination_lines(handoff.terminations, now)),
        ReportSection("ruled out", [_decided_line(handoff, hypothesis) for hypothesis in refuted]),
        ReportSection("parked", [_decided_line(handoff, hypothesis) for hypothesis in parked]),
        ReportSection("stable commit", [_stable_commit_line(stable, now) for stable in handoff.stable_commits]),
        ReportSection("clocks of other logs", _clock_lines(handoff.clocks, now)),
        ReportSection("topology", _note_lines(state, handoff.topology, now)),
        ReportSection("shared state", _note_lines(state, handoff.shared_state, now)),
        ReportSection(
            "stamps without words", [_pending_stamp_line(pending, now) for pending in handoff.pending_stamps]
        ),
        *(host_sections(handoff.team, now) if handoff.team is not None else []),
        ReportSection("people", [_person_line(person, now) for person in handoff.people]),
    ]
    return [ReportSection(section.title, _limit_lines(section.lines)) for section in sections if section.lines]


def _limit_lines(lines: Sequence[ReportLine]) -> list[ReportLine]:
    """Return the first lines, and the number of omitted ones: a script in a loop may open thousands of hypotheses."""
    omitted = len(lines) - _MAX_LINES
    return [*lines[:_MAX_LINES], *([ReportLine(f"and {omitted:,} more lines: 3am hyp list")] if omitted > 0 else [])]


def _status_lines(handoff: Handoff) -> list[ReportLine]:
    state, now = handoff.state, handoff.now
    states = [(hypothesis, handoff.states_of(hypothesis)) for hypothesis in handoff.hypotheses]
    counts = Counter(join_states(names) for _, names in states)
    known_counts = [f"{counts.pop(name)} {name}" for name in _STATE_ORDER if counts[name]]
    other_counts = [f"{count} {name}" for name, count in counts.items() if count]
    lines = [_decided_line(handoff, hypothesis) for hypothesis, names in states if names == ("confirmed",)]
    if handoff.team is not None:
        lines += team_status_lines(handoff.team)
    lines.append(ReportLine("hypotheses: " + (", ".join([*known_counts, *other_counts]) or "none yet")))
    if (holder := handoff.holder) is not None:
        since = f"since {holder.stamp.time_of_day[:8]}"
        lines.append(ReportLine(f"{author_name(holder.author)} holds the journal", since, holder.stamp, "Taken"))
    if state.last_stamp is not None:
        lines.append(ReportLine(f"last entry {format_when(state.last_stamp, now)}", stamp=state.last_stamp))
    return lines


def _decided_line(handoff: Handoff, hypothesis: Hypothesis) -> ReportLine:
    """Return a hypothesis in one line, with its verdict; with those of all hosts if other hosts speak of it."""
    known = handoff.on_all_hosts(hypothesis)
    if known is not None:
        return decided_line(known, handoff.now)
    return verdict_line(handoff.state, hypothesis, handoff.now)


def _open_hypothesis_lines(handoff: Handoff, hypothesis: Hypothesis) -> list[ReportLine]:
    """Return an open hypothesis with the last evidence for and against it, and its last prediction.

    If it was closed and reopened, say first why it was closed, and why it was reopened.
    """
    state, now = handoff.state, handoff.now
    thread, known = thread_of(state, hypothesis), handoff.on_all_hosts(hypothesis)
    all_evidence = thread if known is None else known
    counts = f"+{len(all_evidence.supports)} −{len(all_evidence.contradicts)}"
    lines = [
        ReportLine(
            f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}",
            f"{counts} · {format_attribution(hypothesis.author, hypothesis.opened_at, now)}",
            hypothesis.opened_at,
            "Hypothesis",
        )
    ]
    verdicts = [event for event in thread.events if event.kind in VERDICT_KINDS]
    if verdicts and verdicts[-1].kind == "Reopened":
        lines += [_verdict_event_line(state, event, now) for event in verdicts[-2:]]
    for events in (thread.supports, thread.contradicts):
        lines += [_event_line(handoff, event) for event in events[-_MAX_EVIDENCE:]]
        if len(events) > _MAX_EVIDENCE:
            earlier = len(events) - _MAX_EVIDENCE
            lines.append(ReportLine(f"    {earlier} earlier: 3am hyp show {hypothesis.name}"))
    if known is not None:
        lines += said_elsewhere_lines(known, now)
    return lines + [_event_line(handoff, event) for event in thread.predictions[-1:]]


def _event_line(handoff: Handoff, event: HypothesisEvent) -> ReportLine:
    quoted = event.quoted
    return ReportLine(
        f"    {event.kind}: {event_text(handoff.state, event)}",
        format_attribution(event.author, event.stamp, handoff.now),
        event.cited or event.stamp,
        event.kind,
        quotation=None if quoted is None else handoff.quotations.quotation(quoted, _MAX_QUOTED_LINES),
    )


def _verdict_event_line(state: State, event: HypothesisEvent, now: Stamp) -> ReportLine:
    name = "reopened" if event.kind == "Reopened" else event.state
    details = [format_attribution(event.author, event.stamp, now), *([RECHECK_NOTE] if event.recheck else [])]
    return ReportLine(
        f"    {name}: {event_text(state, event)}",
        " · ".join(details),
        event.stamp,
        event.kind if event.kind == "Reopened" else event.state,
    )


def _experiment_verdict_lines(all_experiments: Sequence[Experiment], now: Stamp) -> list[ReportLine]:
    """Return the verdicts of experiments, the newest first."""
    concluded = sorted(
        ((experiment.verdict, experiment) for experiment in all_experiments if experiment.verdict is not None),
        key=lambda pair: (pair[0].stamp.ns, pair[1].number),
        reverse=True,
    )
    lines = []
    for verdict, experiment in concluded[:_MAX_VERDICTS]:
        lines.append(
            ReportLine(
                f"{bound_prefix(experiment.hypothesis)}{experiment.name} {verdict.text}",
                f"{experiment.command} · {format_attribution(experiment.author, verdict.stamp, now)}",
                verdict.stamp,
                "Verdict",
                f"3am run --report {experiment.name}",
            )
        )
    omitted = len(concluded) - _MAX_VERDICTS
    return [*lines, *([ReportLine(f"and {omitted:,} older verdicts: 3am run --list")] if omitted > 0 else [])]


def _termination_lines(ended: Sequence[Termination], now: Stamp) -> list[ReportLine]:
    """Return the terminated backends, the newest first."""
    lines = [
        ReportLine(backend.text, format_attribution(backend.author, backend.stamp, now), backend.stamp, "Terminated")
        for backend in ended[:_MAX_TERMINATIONS]
    ]
    omitted = len(ended) - _MAX_TERMINATIONS
    return [*lines, *([ReportLine(f"and {omitted:,} more: 3am tail --kind Terminated")] if omitted > 0 else [])]


def _stable_commit_line(stable: StableCommit, now: Stamp) -> ReportLine:
    return ReportLine(stable.text, format_attribution(stable.author, stable.stamp, now), stable.stamp, "Stable")


def _clock_lines(clocks: Sequence[ClockNote], now: Stamp) -> list[ReportLine]:
    """Return the shifts of other logs' clocks, the newest first."""
    lines = [
        ReportLine(clock.text, format_attribution(clock.author, clock.stamp, now), clock.stamp, "Clock")
        for clock in clocks[:_MAX_CLOCKS]
    ]
    omitted = len(clocks) - _MAX_CLOCKS
    return [*lines, *([ReportLine(f"and {omitted:,} more: 3am tail --kind Clock")] if omitted > 0 else [])]


def _resumable_line(experiment: Experiment, now: Stamp) -> ReportLine:
    line, resume = experiment_line(experiment, now), f"3am run --resume {experiment.name}"
    return line._replace(detail=f"{line.detail} · {resume} resumes it", command=resume)


def _change_line(change: Change, now: Stamp) -> ReportLine:
    undo = f"undo: {change.undo}" if change.undo else UNDO_UNKNOWN
    attribution = format_attribution(change.author, change.stamp, now)
    return ReportLine(change.text, f"{undo} · {attribution}", change.stamp, "Changed")


def _pending_stamp_line(pending: PendingStamp, now: Stamp) -> ReportLine:
    attribution = format_attribution(pending.author, pending.stamp, now)
    return ReportLine("no words yet", attribution, pending.stamp, "Stamp")


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
    awake = "" if person.awake_since is None else f" · awake since {format_when(person.awake_since, now)} at least"
    return ReportLine(
        f"{person.user}: {pluralize(person.cups, 'cup')}, {person.mg:.0f} mg{awake}",
        stamp=person.awake_since,
    )


def hours_awake(person: AwakePerson, now: Stamp) -> float | None:
    """Return the hours since a person's night began, to a tenth; None if that is not known."""
    return None if person.awake_since is None else max(0, now.ns - person.awake_since.ns) * 10 // HOUR_NS / 10
