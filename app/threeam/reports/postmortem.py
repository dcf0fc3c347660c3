"""The night as a report: what is known in the end, the theories tried, the evidence, what was changed, what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Entry, Stamp, author_name
from threeam.core.format.report import Part, Told, when, who_when
from threeam.core.state.fold import OPEN, State
from threeam.core.store.reader import Line
from threeam.experiments.experiment import Experiment
from threeam.experiments.run_rows import OneOfMany
from threeam.experiments.runs import experiments
from threeam.hypotheses import thread
from threeam.hypotheses.amendments import claim_of, read, spoken_for, texts
from threeam.hypotheses.changes import changes
from threeam.hypotheses.handoff_notes import noted
from threeam.hypotheses.ledger import in_order, own_words_of, thread_of, verdict_of, words_of
from threeam.hypotheses.thread import LOST, judged
from threeam.tracing.observations import intervals

_QUIET = ("ceremony", "Continued")  # lines of the journal itself
_MANY = OneOfMany()
_MOST_FOREIGN = 100  # lines that are not entries, one after the other: more of them are another program's stream
_LONGEST_FOREIGN = 2000  # characters of one
OBSERVED = "observed: timings perturbed"


class Section(NamedTuple):
    """A part of the report with parts of its own; ``hint``: what its writer has to add."""

    title: str
    parts: Sequence[Part]
    hint: str = ""


class Event(NamedTuple):
    """An entry of the timeline: its words as they are read now, and those that were written where they are others.

    ``lines``: the stamps of the lines that have words for it, or a number, and are told here. ``observed``: whether a
    tracer was attached to something then. ``foreign``: it is a line that is not an entry; ``entry`` has only the stamp
    of the entry before it.
    """

    entry: Entry
    text: str
    was: str = ""
    lines: tuple[Stamp, ...] = ()
    observed: bool = False
    foreign: bool = False


class Report(NamedTuple):
    """A report on the journal called ``name``, from the stamp ``begin`` to ``end``.

    ``events``: the timeline. ``left_out``: lines that are not in it, since they came through a pipe, or since many that
    are not entries follow one another.
    """

    name: str
    begin: Stamp | None
    end: Stamp | None
    sections: Sequence[Section]
    events: Sequence[Event]
    left_out: int


def report(name: str, state: State, lines: Iterable[Line]) -> Report:
    """What ``lines`` and ``state`` come to. Pure."""
    cited = {move.cites.ns for one in in_order(state) for move in thread_of(state, one).evidence if move.cites}
    events: list[Event] = []
    observed = intervals(state)
    people: Counter[str] = Counter()
    elsewhere: dict[int, list[Stamp]] = {}
    left_out = foreign = 0
    last = Stamp(0)
    for line in lines:
        entry = None if line.forged else line.entry  # else a forged verdict would be told as one
        if entry is None and foreign < _MOST_FOREIGN:
            foreign += 1
            events.append(Event(Entry(last, 0, (), ""), _shortened(line.shown), foreign=True))
            continue
        if entry is None or (_is_streamed(line, entry) and entry.stamp.ns not in cited):
            left_out += 1
            continue
        foreign, last = 0, entry.stamp
        if entry.kind in _QUIET or line.offset < line.segment.head.end:
            continue
        if (of := _told_at(state, entry)) is not None:
            elsewhere.setdefault(of.ns, []).append(entry.stamp)
            continue
        said = texts(state).said.get(entry.stamp.ns)
        text = entry.text if said is None else entry.text.removesuffix(entry.body) + said.text
        if entry.kind == "Conclusion" and entry.hypothesis is not None:
            text = text.replace("Conclusion", entry.hypothesis[1], 1)
        was = entry.text if said is not None and said.times else ""
        events.append(Event(entry, text, was, observed=entry.stamp in observed))
        people[author_name(entry.author)] += 1
    events = [
        event if event.foreign else event._replace(lines=tuple(elsewhere.get(event.entry.stamp.ns, ())))
        for event in events
    ]
    stamps = [event.entry.stamp for event in events if not event.foreign]
    begin, end = (stamps[0], stamps[-1]) if stamps else (None, None)
    sections = [
        Section("Summary", [_summary(state, stamps, people)], "In two sentences: what broke, and why."),
        Section("Impact", [], "Who noticed, what it did to them, and for how long."),
        Section("Theories tried, and their verdicts", _theories(state)),
        Section("Evidence", [_evidence(state, events)]),
        Section("What was changed, and undone", [_changes(state)]),
        Section("Open questions", [_open(state)]),
    ]
    return Report(name, begin, end, sections, events, left_out)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_FOREIGN else text[:_LONGEST_FOREIGN] + "…"


def _is_streamed(line: Line, entry: Entry) -> bool:
    """Whether a line came through a pipe, or is one of an experiment's many: there are too many of them to be told."""
    return entry.tag("VIA") == "stdin" or _MANY.holds(line.raw)


def _told_at(state: State, entry: Entry) -> Stamp | None:
    """The line for which this one only has words that are read there, or a number; None where it says something."""
    of = spoken_for(state, entry)
    if entry.kind in ("Words", "Correction"):
        return of if of.ns in texts(state).said else None
    return of if of.ns != entry.stamp.ns else None


def _summary(state: State, stamps: Sequence[Stamp], people: Counter[str]) -> Part:
    lines = [judged(state, one, None) for one in in_order(state) if one.state == "confirmed"]
    if stamps:
        begin, end = stamps[0], stamps[-1]
        span = f"{begin.iso_date} {begin.time_of_day[:8]} to {end.iso_date} {end.time_of_day[:8]}"
        if any(later.ns < earlier.ns for earlier, later in pairwise(stamps)):
            lines.append(Told(f"{span}; the clock was stepped back in between, so the length is not known", at=begin))
        else:
            hours, minutes = divmod((end.ns - begin.ns) // (60 * NS_PER_S), 60)
            lines.append(Told(f"{span}, {hours} h {minutes} min", at=begin))
    lines.append(
        Told("written by " + (", ".join(f"{who} ({count})" for who, count in people.most_common()) or "nobody"))
    )
    counts = Counter(one.state for one in state.hypotheses.values())
    lines.append(Told("hypotheses: " + (", ".join(f"{count} {name}" for name, count in counts.items()) or "none")))
    return Part("", lines)


def _theories(state: State) -> list[Part]:
    found = []
    for one in in_order(state):
        lines = [line for part in thread.parts(state, one, None) for line in _under(part)]
        lines += [told for made in experiments(state) if made.hypothesis == one.number for told in _shown_by(made)]
        found.append(Part(f"{one.label} {claim_of(state, one) or LOST}: {one.state}", lines))
    return found


def _shown_by(one: Experiment) -> list[Told]:
    """The verdict of an experiment, or how far it came."""
    if one.seed is None:
        return []  # one run is a line of the timeline
    text = one.verdict or f"{one.done} of {one.total} runs, and no verdict"
    return [Told(f"experiment {one.name}: {text}", one.command, one.verdict_at or one.at, "Verdict")]


def _under(part: Part) -> list[Told]:
    """The lines of a part of the thread, each of which says what it is."""
    if part.title == "claim":
        return [line for line in part.lines if line.at is not None]
    if part.title == "history":  # the verdict that stands is told with the claim
        return list(part.lines) if len(part.lines) > 1 else []
    word = "predicted" if part.title == "predictions" else part.title.partition(":")[0]
    return [line._replace(text=f"{word}: {line.text}") for line in part.lines]


def _evidence(state: State, events: Sequence[Event]) -> Part:
    """Every line that is cited, and for what."""
    found = {event.entry.stamp.ns: event for event in events if not event.foreign}
    lines = []
    for one in in_order(state):
        for move in thread_of(state, one).evidence:
            event = found.get(move.cites.ns) if move.cites is not None else None
            words, judge = own_words_of(state, move), author_name(move.by)
            about = f"{move.kind.lower()} {one.name}, says {judge}"
            if event is None or event.entry.stamp == move.at:
                lines.append(Told(words_of(state, move), about, move.cites, move.kind))
                continue
            who = author_name(event.entry.author)
            why = "" if words in event.text or words in event.was else f": {words}"
            lines.append(Told(event.text, f"{who} · {about}{why}", move.cites, move.kind))
    return Part("", lines)


def _changes(state: State) -> Part:
    lines = []
    for one in changes(state):
        undo = f"undo: {one.undo}" if one.undo else "nobody has said how to undo it"
        done = "NOT UNDONE" if one.undone is None else f"undone, {who_when(one.undoer, one.undone, None)}: {one.how}"
        text = f"{one.text} ({undo})"
        lines.append(Told(text, f"{who_when(one.by, one.at, None)} · {done}", one.at, "Changed"))
    return Part("", lines)


def _open(state: State) -> Part:
    lines = []
    for one in in_order(state):
        verdict = verdict_of(state, one)
        name = f"{one.label} {claim_of(state, one) or LOST}"
        if verdict is not None and verdict.recheck:
            lines.append(Told(f"recheck {name}", f"{one.state} over the toxic limit", verdict.at, one.state))
        elif one.state not in ("confirmed", "refuted"):
            lines.append(Told(name, one.state, one.opened_at, "Hypothesis" if one.state == OPEN else one.state))
    lines += [
        Told("a stamp without words", when(taken.at, None), taken.at, "Stamp") for taken in texts(state).stamps.values()
    ]
    if (following := noted(state, "next")) is not None:
        text = read(state, following.at, following.lines[0])
        lines.append(Told(f"next: {text}", who_when(following.by, following.at, None), following.at, "Next"))
    return Part("", lines)
