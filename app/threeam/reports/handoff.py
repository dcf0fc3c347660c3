"""The hand-off: what whoever takes over has to know, the most important first. Pure, but for `nights_of`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Stamp, author_name
from threeam.core.format.report import Part, Told, when, who_when
from threeam.core.state.fold import OPEN, Hypothesis, State
from threeam.core.store.journal import Journal, Position
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import in_a_line, is_quiet, is_running
from threeam.experiments.runs import experiments
from threeam.human.awake import awake_since
from threeam.human.caffeine import HOUR_NS, milligrams
from threeam.human.intake import human
from threeam.hypotheses.amendments import Taken, claim_of, read, texts
from threeam.hypotheses.changes import Change, open_changes
from threeam.hypotheses.handoff_notes import Noted, holder_of_journal, noted
from threeam.hypotheses.ledger import Move, in_order, thread_of, words_of
from threeam.hypotheses.thread import LOST, judged
from threeam.reports.fixed_report import standing

_MOST = 100  # lines of a part
_STATES = (OPEN, "confirmed", "refuted", "parked")


class Awake(NamedTuple):
    """Somebody who is up this night: cups, milligrams left, and since when (None: not known)."""

    user: str
    cups: int
    mg: float
    since: Stamp | None


class Handoff(NamedTuple):
    """All that is handed over, as of ``now``."""

    state: State
    now: Stamp
    hypotheses: list[Hypothesis]
    to_undo: list[Change]
    unworded: list[Taken]
    topology: Noted | None
    shared: Noted | None
    next: Noted | None
    holder: Noted | None
    people: list[Awake]


def handoff(state: State, now: Stamp, gap_ns: int, half_life_h: float, nights: Mapping[str, Stamp | None]) -> Handoff:
    """What ``state`` comes to, as of ``now``. ``nights``: since when each is awake, from `nights_of`."""
    people = [
        Awake(user, person.cups, milligrams(human(state, user).doses, now.ns, half_life_h), nights.get(user))
        for user in state.people
        if (person := state.current_night(user, now.ns, gap_ns)) is not None
    ]
    return Handoff(
        state,
        now,
        in_order(state),
        open_changes(state)[::-1],
        list(texts(state).stamps.values()),
        noted(state, "topology"),
        noted(state, "shared"),
        noted(state, "next"),
        holder_of_journal(state),
        sorted(people, key=lambda one: (-one.cups, one.user)),
    )


def nights_of(journal: Journal, end: Position, state: State, now: Stamp, gap_ns: int) -> dict[str, Stamp | None]:
    """Since when everybody is awake who is up this night. Reads the log. Raises OSError."""
    up = [user for user in state.people if state.current_night(user, now.ns, gap_ns) is not None]
    return {user: awake_since(journal, end, user) for user in up}


def parts(all_of_it: Handoff) -> list[Part]:
    """The hand-off as it is told, the most important first; a part with nothing in it is left out."""
    state, now, every = all_of_it.state, all_of_it.now, all_of_it.hypotheses
    plans = [one for one in experiments(state) if one.left]
    found = [
        Part("where we stand", _standing(all_of_it)),
        Part("live hypotheses", [line for one in every if one.state == OPEN for line in _live(state, one, now)]),
        Part("running", [in_a_line(one, now) for one in plans if is_running(one, now)]),
        Part("running, or ended without a word", [_resumable(one, now) for one in plans if is_quiet(one, now)]),
        Part("interrupted", [_resumable(one, now) for one in plans if one.interrupted is not None]),
        Part("may it be called fixed", standing(state)),
        Part("ruled out", [judged(state, one, now) for one in every if one.state == "refuted"]),
        Part("parked", [judged(state, one, now) for one in every if one.state not in (OPEN, "refuted", "confirmed")]),
        Part("to be undone", [_to_undo(one, now) for one in all_of_it.to_undo]),
        Part("topology", _noted(state, all_of_it.topology, now)),
        Part("shared state", _noted(state, all_of_it.shared, now)),
        Part("next", _noted(state, all_of_it.next, now)),
        Part("stamps without words", [Told("no words yet", who_when(one.by, one.at, now), one.at, "Stamp")
                                      for one in all_of_it.unworded]),
        Part("people", [_person(one, now) for one in all_of_it.people]),
    ]  # fmt: skip
    return [Part(part.title, _readable(part.lines)) for part in found if part.lines]


def _readable(lines: Sequence[Told]) -> list[Told]:
    """As many lines as anybody reads: a script in a loop opens thousands of hypotheses."""
    more = len(lines) - _MOST
    return [*lines[:_MOST], *([Told(f"and {more:,} lines more: 3am hyp list")] if more > 0 else [])]


def _standing(all_of_it: Handoff) -> list[Told]:
    state, now = all_of_it.state, all_of_it.now
    counts = Counter(one.state for one in all_of_it.hypotheses)
    known = [f"{counts.pop(name)} {name}" for name in _STATES if counts[name]]
    others = [f"{count} {name}" for name, count in counts.items() if count]
    lines = [judged(state, one, now) for one in all_of_it.hypotheses if one.state == "confirmed"]
    lines.append(Told("hypotheses: " + (", ".join([*known, *others]) or "none yet")))
    if (holder := all_of_it.holder) is not None:
        user = author_name(holder.by)
        lines.append(Told(f"{user} holds the journal", f"since {holder.at.time_of_day[:8]}", holder.at, "Taken"))
    if state.last_stamp is not None:
        lines.append(Told(f"last entry {when(state.last_stamp, now)}", at=state.last_stamp))
    return lines


def _live(state: State, one: Hypothesis, now: Stamp) -> list[Told]:
    """An open hypothesis, and of what stands for it and against it the last of each."""
    thread = thread_of(state, one)
    counts = f"+{len(thread.supports)} −{len(thread.contradicts)}"
    lines = [
        Told(
            f"{one.label} {claim_of(state, one) or LOST}",
            f"{counts} · {who_when(one.author, one.opened_at, now)}",
            one.opened_at,
            "Hypothesis",
        )
    ]
    for best in (thread.supports[-1:], thread.contradicts[-1:], thread.predictions[-1:]):
        lines += [_evidence(state, move, now) for move in best]
    return lines


def _evidence(state: State, move: Move, now: Stamp) -> Told:
    return Told(
        f"    {move.kind}: {words_of(state, move)}", who_when(move.by, move.at, now), move.cites or move.at, move.kind
    )


def _resumable(one: Experiment, now: Stamp) -> Told:
    told, resume = in_a_line(one, now), f"3am run --resume {one.name}"
    return told._replace(more=f"{told.more} · {resume} goes on", command=resume)


def _to_undo(one: Change, now: Stamp) -> Told:
    undo = f"undo: {one.undo}" if one.undo else "nobody has said how"
    return Told(one.text, f"{undo} · {who_when(one.by, one.at, now)}", one.at, "Changed")


def _noted(state: State, one: Noted | None, now: Stamp) -> list[Told]:
    if one is None:
        return []
    first, *rest = one.lines
    return [
        Told(read(state, one.at, first), who_when(one.by, one.at, now), one.at),
        *(Told(line, at=one.at) for line in rest),
    ]


def _person(one: Awake, now: Stamp) -> Told:
    awake = "" if one.since is None else f" · awake for {hours_awake(one, now)} h at least"
    return Told(f"{one.user}: {one.cups} {'cup' if one.cups == 1 else 'cups'}, {one.mg:.0f} mg{awake}", at=one.since)


def hours_awake(one: Awake, now: Stamp) -> float | None:
    """Hours since the night of somebody began, to a tenth."""
    return None if one.since is None else max(0, now.ns - one.since.ns) * 10 // HOUR_NS / 10
