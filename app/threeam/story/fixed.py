"""May I call it fixed? What was changed, what was run before and since, or what the journal has seen.

Which change is the fix, and which runs are before it and after it:

- A change that is bound to the hypothesis (``3am changed -H H7``) concerns it. If none is, all changes that are bound
  to no hypothesis do. A change for another hypothesis never does.
- The answer is about the oldest change that concerns the hypothesis, still stands, and had a failure before it. A later
  change does not begin the count again, and a failure after an earlier one is not forgotten.
- Every failure since that change counts against it. If a later change is the fix, ``--since`` says so.
- The rate before it is that of the last regime (`threeam.observe.baseline`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from threeam.core.draft import Declined
from threeam.core.entry import Stamp, user_of
from threeam.core.fold import Hypothesis, State
from threeam.core.journal import Journal, Segment
from threeam.core.pattern import Pattern
from threeam.core.reader import lines_forward
from threeam.core.seek import found_forward
from threeam.core.told import Part, Told, who_when
from threeam.core.wanted import Text, Wanted
from threeam.method.changes import Change, changes
from threeam.method.texts import claim_of
from threeam.observe import fixed
from threeam.observe.baseline import InForce
from threeam.observe.experiment import Experiment, Place
from threeam.observe.fixed import Fixed, by_runs, by_time
from threeam.observe.runs import experiments

_LISTED = 5  # changes that a message names


def concerned(state: State, hypothesis: Hypothesis) -> list[Change]:
    """Return the changes that concern a hypothesis: those bound to it, or else those bound to none."""
    known = changes(state)
    own = [one for one in known if hypothesis.number is not None and one.hypothesis == hypothesis.number]
    return own or [one for one in known if one.hypothesis is None]


def from_runs(
    state: State, hypothesis: Hypothesis, since: int | None = None, arm: str | None = None
) -> tuple[Change, Fixed]:
    """Return the change and the answer from the runs that are bound to a hypothesis.

    ``since``: when the change was made; see `_the_change`. Raise `Declined`.
    """
    every = experiments(state)
    bound = [one for one in every if one.hypothesis == hypothesis.number is not None]
    if not bound:
        name = hypothesis.short
        raise Declined(
            f"no run is bound to {name}: 3am run -n 50 -H {name} -- CMD, or --seen RE for what comes by time"
        )
    failures = [one.last_place.position for one in bound if any(counts.failed for counts in one.counts().values())]
    change = _the_change(state, hypothesis, since, failures)
    unbound = [one for one in every if one.hypothesis is None and _resembles(one, bound)]
    return change, by_runs(
        bound, Place(change.position, change.at.ns), arm, _in_force(state, hypothesis, change), unbound
    )


def from_lines(journal: Journal, live: Segment, text: str, start: int | None) -> tuple[list[int], int | None]:
    """Return when ``text``, a regular expression, is found in a note, a stream or a foreign line, and the first time.

    Watched from ``start`` on (ns), or from the first line. Read the journal. Raise OSError and `BadPattern`.
    """
    wanted = Wanted((Text(Pattern(text, exact=True)),), once=True)
    seen: list[int] = []
    for segment in journal.segments(live):
        if start is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start = first.said_at.ns if first is not None else None
        for found in found_forward(segment, 0, segment.size(), wanted):
            entries = (line.entry for line in found.lines)
            seen += [entry.stamp.ns for entry in entries if entry is not None and entry.kind == "note"]
    return seen, start


def from_times(
    state: State, hypothesis: Hypothesis, what: str, watched: tuple[Sequence[int], int | None], since: int | None,
    now: Stamp,
) -> tuple[Change, Fixed]:  # fmt: skip
    """Return the change and the answer for what was seen; ``watched``: what `from_lines` gives. Raise `Declined`."""
    seen, start = watched
    change = _the_change(state, hypothesis, since, seen)
    in_force = _in_force(state, hypothesis, change)
    begin = change.at.ns if start is None else start
    return change, by_time(f"lines with {what}", seen, begin, change.at.ns, now.ns, in_force)


def _the_change(state: State, hypothesis: Hypothesis, since: int | None, failures: Iterable[int]) -> Change:
    """Return the change after which it may be fixed. ``failures``: when it failed.

    ``since``: the stamp of a change, or a time: then the first change that was made at that time or later.
    Raise `Declined`, with the changes that there are.
    """
    concerning = concerned(state, hypothesis)
    standing = [one for one in concerning if one.undone is None]
    if since is not None:
        exact = next((one for one in changes(state) if one.at.ns == since), None)
        if exact is not None:
            _check_may_be_fix(exact, hypothesis, standing)
        later = next((one for one in standing if one.at.ns >= since), None)
        if exact is None and later is None:
            raise Declined(f"nothing that still stands was changed at that time or later: {_listed(standing)}")
        return exact or later or standing[-1]
    if not standing:
        undone = ": all that was changed is undone" if concerning else ""
        name = hypothesis.short
        raise Declined(
            f"nothing was changed that still stands{undone}: 3am changed -H {name} TEXT says what the fix is"
        )
    first = min(failures, default=None)
    after_a_failure = [one for one in standing if first is not None and first <= one.position]
    return (after_a_failure or standing[-1:])[0]


def _check_may_be_fix(change: Change, hypothesis: Hypothesis, standing: Sequence[Change]) -> None:
    """Raise `Declined` if the change that ``--since`` names cannot be the fix: with it a yes would be wrong."""
    name = f"@{change.at} {change.text}"
    if change.hypothesis not in (None, hypothesis.number):
        raise Declined(f"{name} was made for H{change.hypothesis}, not for {hypothesis.short}: {_listed(standing)}")
    if change.undone is not None:
        raise Declined(
            f"{name} was undone by {user_of(change.undoer)} at {change.undone}, so it fixes nothing now: "
            f"{_listed(standing)}"
        )


def _listed(standing: Sequence[Change]) -> str:
    return "; ".join(f"@{one.at} {one.text}" for one in standing[-_LISTED:]) or "no change still stands"


def _in_force(state: State, hypothesis: Hypothesis, change: Change) -> list[InForce]:
    """Return when each change was in force that may concern a hypothesis, but for the one that is judged."""
    own = {one.at.ns for one in concerned(state, hypothesis)}
    return [
        InForce(one.position, None if one.undone is None else one.undone_position, one.at.ns in own)
        for one in changes(state)
        if one.at.ns != change.at.ns and (one.hypothesis is None or one.at.ns in own)
    ]


def _resembles(one: Experiment, bound: Sequence[Experiment]) -> bool:
    return any(one.same == other.same for other in bound)


def standing(state: State) -> list[Told]:
    """How far each bug is from being called fixed that has failed in a run before a change."""
    told = []
    numbers = {one.hypothesis for one in experiments(state)}
    for hypothesis in state.hypotheses.values():
        if hypothesis.number not in numbers:
            continue
        try:
            _, answer = from_runs(state, hypothesis)
        except Declined:  # nothing to say of that one
            continue
        so = fixed.so(answer)
        told.append(so._replace(text=f"{hypothesis.short} {so.text}", more=fixed.counted(answer), at=hypothesis.opened))
    return told


def parts(state: State, hypothesis: Hypothesis, change: Change, answer: Fixed, now: Stamp) -> list[Part]:
    """The answer, under what it is about."""
    about = Told(f"{hypothesis.short} {claim_of(state, hypothesis)}", at=hypothesis.opened, sign="Hypothesis")
    changed = Told(f"changed: {change.text}", who_when(change.by, change.at, now), change.at, "Changed")
    later = [] if answer.is_fixed else _later(state, hypothesis, change)
    first, facts, *rest = fixed.parts(answer)
    return [first, Part(facts.title, [about, changed, *later, *facts.lines]), *rest]


def _later(state: State, hypothesis: Hypothesis, change: Change) -> list[Told]:
    """Return the changes that came after the one that is judged: one of them may be the fix."""
    return [
        Told(
            f"later: {one.text}",
            f"if that is the fix: 3am fixed {hypothesis.name} --since @{one.at}",
            one.at,
            "Changed",
        )
        for one in concerned(state, hypothesis)
        if one.undone is None and one.position > change.position
    ][-_LISTED:]
