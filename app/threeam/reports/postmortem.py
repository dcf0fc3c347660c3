"""The night as a report: what is known in the end, the theories tried, the evidence, what was changed, what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Entry, Stamp, author_name
from threeam.core.format.report import ReportLine, ReportSection, format_attribution, format_when
from threeam.core.state.fold import OPEN, State
from threeam.core.store.reader import Line
from threeam.experiments.experiment import Experiment
from threeam.experiments.run_rows import IsExperimentRun
from threeam.experiments.runs import experiments
from threeam.hypotheses import thread
from threeam.hypotheses.amendments import amended_stamp, amendments, claim_of, current_text
from threeam.hypotheses.changes import changes
from threeam.hypotheses.handoff_notes import handoff_note
from threeam.hypotheses.ledger import event_text, own_event_text, sorted_hypotheses, thread_of, verdict_of
from threeam.hypotheses.thread import MISSING_CLAIM, verdict_line
from threeam.tracing.observations import observed_intervals

_SKIPPED_KINDS = ("ceremony", "Continued")  # lines of the journal itself
_RUN_OF_EXPERIMENT = IsExperimentRun()
_MAX_FOREIGN_LINES = 100  # lines that are not entries, one after the other: more of them are another program's stream
_MAX_FOREIGN_CHARS = 2000  # characters of one
OBSERVED_NOTE = "observed: timings perturbed"


class PostmortemSection(NamedTuple):
    """A part of the report with parts of its own; ``hint``: what its writer has to add."""

    title: str
    subsections: Sequence[ReportSection]
    hint: str = ""


class TimelineEvent(NamedTuple):
    """An entry of the timeline: its words as they are read now, and those that were written where they are others.

    ``lines``: the stamps of the lines that have words for it, or a number, and are told here. ``observed``: whether a
    tracer was attached to something then. ``foreign``: it is a line that is not an entry; ``entry`` has only the stamp
    of the entry before it.
    """

    entry: Entry
    text: str
    original_text: str = ""
    amendment_stamps: tuple[Stamp, ...] = ()
    observed: bool = False
    foreign: bool = False


class Postmortem(NamedTuple):
    """A report on the journal called ``name``, from the stamp ``begin`` to ``end``.

    ``events``: the timeline. ``left_out``: lines that are not in it, since they came through a pipe, or since many that
    are not entries follow one another.
    """

    name: str
    begin: Stamp | None
    end: Stamp | None
    sections: Sequence[PostmortemSection]
    events: Sequence[TimelineEvent]
    omitted_lines: int


def build_postmortem(name: str, state: State, lines: Iterable[Line]) -> Postmortem:
    """What ``lines`` and ``state`` come to. Pure."""
    cited = {move.cited.ns for one in sorted_hypotheses(state) for move in thread_of(state, one).evidence if move.cited}
    events: list[TimelineEvent] = []
    observed = observed_intervals(state)
    people: Counter[str] = Counter()
    elsewhere: dict[int, list[Stamp]] = {}
    left_out = foreign = 0
    last = Stamp(0)
    for line in lines:
        entry = None if line.is_forged else line.entry  # else a forged verdict would be told as one
        if entry is None and foreign < _MAX_FOREIGN_LINES:
            foreign += 1
            events.append(TimelineEvent(Entry(last, 0, (), ""), _truncate(line.display_text), foreign=True))
            continue
        if entry is None or (_is_streamed(line, entry) and entry.stamp.ns not in cited):
            left_out += 1
            continue
        foreign, last = 0, entry.stamp
        if entry.kind in _SKIPPED_KINDS or line.offset < line.segment.head.end:
            continue
        if (of := _merged_into(state, entry)) is not None:
            elsewhere.setdefault(of.ns, []).append(entry.stamp)
            continue
        said = amendments(state).by_target.get(entry.stamp.ns)
        text = entry.text if said is None else entry.text.removesuffix(entry.body) + said.text
        if entry.kind == "Conclusion" and entry.hypothesis is not None:
            text = text.replace("Conclusion", entry.hypothesis[1], 1)
        was = entry.text if said is not None and said.correction_count else ""
        events.append(TimelineEvent(entry, text, was, observed=entry.stamp in observed))
        people[author_name(entry.author)] += 1
    events = [
        event if event.foreign else event._replace(amendment_stamps=tuple(elsewhere.get(event.entry.stamp.ns, ())))
        for event in events
    ]
    stamps = [event.entry.stamp for event in events if not event.foreign]
    begin, end = (stamps[0], stamps[-1]) if stamps else (None, None)
    sections = [
        PostmortemSection(
            "Summary", [_summary_section(state, stamps, people)], "In two sentences: what broke, and why."
        ),
        PostmortemSection("Impact", [], "Who noticed, what it did to them, and for how long."),
        PostmortemSection("Theories tried, and their verdicts", _theory_sections(state)),
        PostmortemSection("Evidence", [_evidence_section(state, events)]),
        PostmortemSection("What was changed, and undone", [_changes_section(state)]),
        PostmortemSection("Open questions", [_open_questions_section(state)]),
    ]
    return Postmortem(name, begin, end, sections, events, left_out)


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_FOREIGN_CHARS else text[:_MAX_FOREIGN_CHARS] + "…"


def _is_streamed(line: Line, entry: Entry) -> bool:
    """Whether a line came through a pipe, or is one of an experiment's many: there are too many of them to be told."""
    return entry.tag("VIA") == "stdin" or _RUN_OF_EXPERIMENT.matches(line.raw)


def _merged_into(state: State, entry: Entry) -> Stamp | None:
    """The line for which this one only has words that are read there, or a number; None where it says something."""
    of = amended_stamp(state, entry)
    if entry.kind in ("Words", "Correction"):
        return of if of.ns in amendments(state).by_target else None
    return of if of.ns != entry.stamp.ns else None


def _summary_section(state: State, stamps: Sequence[Stamp], people: Counter[str]) -> ReportSection:
    lines = [verdict_line(state, one, None) for one in sorted_hypotheses(state) if one.state == "confirmed"]
    if stamps:
        begin, end = stamps[0], stamps[-1]
        span = f"{begin.iso_date} {begin.time_of_day[:8]} to {end.iso_date} {end.time_of_day[:8]}"
        if any(later.ns < earlier.ns for earlier, later in pairwise(stamps)):
            lines.append(
                ReportLine(f"{span}; the clock was stepped back in between, so the length is not known", stamp=begin)
            )
        else:
            hours, minutes = divmod((end.ns - begin.ns) // (60 * NS_PER_S), 60)
            lines.append(ReportLine(f"{span}, {hours} h {minutes} min", stamp=begin))
    lines.append(
        ReportLine("written by " + (", ".join(f"{who} ({count})" for who, count in people.most_common()) or "nobody"))
    )
    counts = Counter(one.state for one in state.hypotheses.values())
    lines.append(
        ReportLine("hypotheses: " + (", ".join(f"{count} {name}" for name, count in counts.items()) or "none"))
    )
    return ReportSection("", lines)


def _theory_sections(state: State) -> list[ReportSection]:
    found = []
    for one in sorted_hypotheses(state):
        lines = [line for part in thread.thread_report(state, one, None) for line in _labelled_lines(part)]
        lines += [
            told for made in experiments(state) if made.hypothesis == one.number for told in _experiment_lines(made)
        ]
        found.append(ReportSection(f"{one.label} {claim_of(state, one) or MISSING_CLAIM}: {one.state}", lines))
    return found


def _experiment_lines(experiment: Experiment) -> list[ReportLine]:
    """The verdict of an experiment, or how far it came."""
    if experiment.seed is None:
        return []  # one run is a line of the timeline
    text = experiment.verdict or f"{experiment.done_count} of {experiment.total} runs, and no verdict"
    return [
        ReportLine(
            f"experiment {experiment.name}: {text}",
            experiment.command,
            experiment.verdict_stamp or experiment.stamp,
            "Verdict",
        )
    ]


def _labelled_lines(section: ReportSection) -> list[ReportLine]:
    """The lines of a part of the thread, each of which says what it is."""
    if section.title == "claim":
        return [line for line in section.lines if line.stamp is not None]
    if section.title == "history":  # the verdict that stands is told with the claim
        return list(section.lines) if len(section.lines) > 1 else []
    word = "predicted" if section.title == "predictions" else section.title.partition(":")[0]
    return [line._replace(text=f"{word}: {line.text}") for line in section.lines]


def _evidence_section(state: State, events: Sequence[TimelineEvent]) -> ReportSection:
    """Every line that is cited, and for what."""
    found = {event.entry.stamp.ns: event for event in events if not event.foreign}
    lines = []
    for one in sorted_hypotheses(state):
        for move in thread_of(state, one).evidence:
            event = found.get(move.cited.ns) if move.cited is not None else None
            words, judge = own_event_text(state, move), author_name(move.author)
            about = f"{move.kind.lower()} {one.name}, says {judge}"
            if event is None or event.entry.stamp == move.stamp:
                lines.append(ReportLine(event_text(state, move), about, move.cited, move.kind))
                continue
            who = author_name(event.entry.author)
            why = "" if words in event.text or words in event.original_text else f": {words}"
            lines.append(ReportLine(event.text, f"{who} · {about}{why}", move.cited, move.kind))
    return ReportSection("", lines)


def _changes_section(state: State) -> ReportSection:
    lines = []
    for one in changes(state):
        undo = f"undo: {one.undo}" if one.undo else "nobody has said how to undo it"
        done = (
            "NOT UNDONE"
            if one.undone_at is None
            else f"undone, {format_attribution(one.undone_by, one.undone_at, None)}: {one.undone_how}"
        )
        text = f"{one.text} ({undo})"
        lines.append(
            ReportLine(text, f"{format_attribution(one.author, one.stamp, None)} · {done}", one.stamp, "Changed")
        )
    return ReportSection("", lines)


def _open_questions_section(state: State) -> ReportSection:
    lines = []
    for one in sorted_hypotheses(state):
        verdict = verdict_of(state, one)
        name = f"{one.label} {claim_of(state, one) or MISSING_CLAIM}"
        if verdict is not None and verdict.recheck:
            lines.append(ReportLine(f"recheck {name}", f"{one.state} over the toxic limit", verdict.stamp, one.state))
        elif one.state not in ("confirmed", "refuted"):
            lines.append(ReportLine(name, one.state, one.opened_at, "Hypothesis" if one.state == OPEN else one.state))
    lines += [
        ReportLine("a stamp without words", format_when(taken.stamp, None), taken.stamp, "Stamp")
        for taken in amendments(state).pending_stamps.values()
    ]
    if (following := handoff_note(state, "next")) is not None:
        text = current_text(state, following.stamp, following.lines[0])
        lines.append(
            ReportLine(
                f"next: {text}", format_attribution(following.author, following.stamp, None), following.stamp, "Next"
            )
        )
    return ReportSection("", lines)
