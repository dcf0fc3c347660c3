"""May I call it fixed? What was changed, what was run before and since, or what the journal has seen."""

from __future__ import annotations

from threeam.core.draft import Declined
from threeam.core.entry import Stamp
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
from threeam.observe.fixed import Fixed, by_runs, by_time
from threeam.observe.runs import experiments


def the_change(state: State, at: Stamp | None) -> Change:
    """The change after which it may be fixed: that of ``at``, or the last one that still stands. Raises `Declined`."""
    known = changes(state)
    if at is not None:
        one = next((one for one in known if one.at.ns == at.ns), None)
        if one is None:
            raise Declined(f"@{at} is no change: 3am tail --kind changed has them")
        return one
    standing = [one for one in known if one.undone is None]
    if not standing:
        raise Declined("nothing was changed that still stands: 3am changed TEXT says what the fix is")
    return standing[-1]


def from_runs(state: State, one: Hypothesis, change: Change, arm: str | None) -> Fixed:
    """The answer from the runs that are bound to a hypothesis. Raises `Declined`."""
    bound = [made for made in experiments(state) if made.hypothesis == one.number]
    if not bound:
        raise Declined(
            f"no run is bound to {one.short}: 3am run -n 50 -H {one.short} -- CMD, or --seen RE for what comes by time"
        )
    return by_runs(bound, change.at, arm)


def from_lines(journal: Journal, live: Segment, text: str, start: int | None, change: Change, now: Stamp) -> Fixed:
    """The answer from the notes, streams and foreign lines in which ``text``, a regular expression, is found.

    Reads the journal. Watched from ``start`` on (ns), or from its first line. Raises OSError, `BadPattern`, `Declined`.
    """
    wanted = Wanted((Text(Pattern(text, exact=True)),), once=True)
    seen = []
    for segment in journal.segments(live):
        if start is None:
            first = next((line.entry for line in lines_forward(segment) if line.entry is not None), None)
            start = first.said_at.ns if first is not None else None
        for found in found_forward(segment, 0, segment.size(), wanted):
            entries = (line.entry for line in found.lines)
            seen += [entry.stamp.ns for entry in entries if entry is not None and entry.kind == "note"]
    return by_time(f"lines with {text}", seen, start or change.at.ns, change.at.ns, now.ns)


def standing(state: State) -> list[Told]:
    """How far each bug is from being called fixed that has failed in a run before the last change."""
    told = []
    for one in state.hypotheses.values():
        try:
            answer = from_runs(state, one, the_change(state, None), None)
        except Declined:  # nothing to say of that one
            continue
        so = fixed.so(answer)
        told.append(so._replace(text=f"{one.short} {so.text}", more=fixed.counted(answer), at=one.opened))
    return told


def parts(state: State, one: Hypothesis, change: Change, answer: Fixed, now: Stamp) -> list[Part]:
    """The answer, under what it is about."""
    about = Told(f"{one.short} {claim_of(state, one)}", at=one.opened, sign="Hypothesis")
    changed = Told(f"changed: {change.text}", who_when(change.by, change.at, now), change.at, "Changed")
    first, facts, *rest = fixed.parts(answer)
    return [first, Part(facts.title, [about, changed, *facts.lines]), *rest]
