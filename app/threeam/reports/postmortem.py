"""The postmortem of a night: summary, theories, evidence, changes, open questions, and the timeline.

Pure, except a `QuotationReader`, which reads attachments.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    NS_PER_S,
    Entry,
    Stamp,
    author_name,
    leading_stamp_ref,
)
from threeam.core.format.report import ReportLine, ReportSection, format_attribution, format_when
from threeam.core.format.times import format_duration
from threeam.core.state.fold import OPEN, State
from threeam.core.store.reader import Line
from threeam.experiments.experiment import Experiment
from threeam.experiments.runs.run_log import experiments
from threeam.experiments.runs.run_rows import IsExperimentRun
from threeam.hypotheses import thread
from threeam.hypotheses.amendments import amended_stamp, amendments, claim_of, current_text
from threeam.hypotheses.changes import changes
from threeam.hypotheses.handoff_notes import handoff_note
from threeam.hypotheses.ledger import (
    EVIDENCE_KINDS,
    event_text,
    own_event_text,
    sorted_hypotheses,
    thread_of,
    verdict_of,
)
from threeam.hypotheses.quotations import QuotationReader
from threeam.hypotheses.thread import MISSING_CLAIM, verdict_line
from threeam.reports.end_of_night import UNDO_UNKNOWN
from threeam.tracing.observations import observed_intervals

_SKIPPED_KINDS = ("ceremony", "Continued")  # lines of the journal itself
_RUN_OF_EXPERIMENT = IsExperimentRun()
_MAX_FOREIGN_LINES = 100  # lines in a row that are not entries: more are the stream of another program
_MAX_FOREIGN_CHARS = 2000  # of one such line
_MAX_QUOTED_LINES = 100  # of one cited entry of another log
_EXCERPT_LINES = 3  # of a pipe, before and after a cited line
_MAX_BLOCK_GAP_NS = 1000  # the lines of a block are 1 ns apart
_MINUTE_NS = 60 * NS_PER_S
OBSERVED_NOTE = "observed: timings perturbed"


class PostmortemSection(NamedTuple):
    """A section of the postmortem. ``hint`` names the text that a person still has to write."""

    title: str
    subsections: Sequence[ReportSection]
    hint: str = ""


class QuotedLine(NamedTuple):
    """A line that is shown in a code block: its stamp and its text. ``is_cited``: the entry above it cites this one."""

    stamp: Stamp
    text: str
    is_cited: bool = False


class TimelineEvent(NamedTuple):
    """An entry of the timeline with its current text, and ``original_text`` if it was corrected.

    ``amendment_stamps`` are the stamps of the lines that amend or number the entry; those lines are not in the timeline
    themselves. ``observed`` means that a tracer was attached to a process at that time. ``foreign`` means that the line
    is not an entry; ``entry`` then has only the stamp of the preceding entry. ``block``: the further lines of a text
    that was written as a block. ``excerpt``: the lines of a pipe around the one that this entry cites.
    """

    entry: Entry
    text: str
    original_text: str = ""
    amendment_stamps: tuple[Stamp, ...] = ()
    observed: bool = False
    foreign: bool = False
    block: tuple[QuotedLine, ...] = ()
    excerpt: tuple[QuotedLine, ...] = ()


class Postmortem(NamedTuple):
    """A report on the journal called ``name``, from the stamp ``begin`` to ``end``.

    ``events`` is the timeline. ``omitted_lines`` is the number of lines that are not in it, because they came through a
    pipe or are part of a long run of lines that are not entries.
    """

    name: str
    begin: Stamp | None
    end: Stamp | None
    sections: Sequence[PostmortemSection]
    events: Sequence[TimelineEvent]
    omitted_lines: int


def build_postmortem(name: str, state: State, lines: Iterable[Line], quotations: QuotationReader) -> Postmortem:
    """Return the postmortem of ``lines``, which fold to ``state``.

    ``quotations`` gives the lines of other logs that evidence cites.
    """
    events, omitted = _build_timeline(state, lines)
    entries = [event.entry for event in events if not event.foreign]
    stamps = [entry.stamp for entry in entries]
    people = Counter(author_name(entry.author) for entry in entries)
    summary = _summary_section(state, stamps, people)
    sections = [
        PostmortemSection("Summary", [summary], "In two sentences: what broke, and why."),
        PostmortemSection("Impact", [], "Who noticed, what it did to them, and for how long."),
        PostmortemSection("Root cause", [], "The mechanism, in the terms of the code or the configuration."),
        PostmortemSection("Theories tried, and their verdicts", _theory_sections(state)),
        PostmortemSection("Evidence", [_evidence_section(state, events, quotations)]),
        PostmortemSection("What was changed, and undone", [_changes_section(state)]),
        PostmortemSection("Open questions", [_open_questions_section(state)]),
        PostmortemSection("Action items", [], "What keeps it from happening again: who does what, and by when."),
    ]
    begin, end = (stamps[0], stamps[-1]) if stamps else (None, None)
    return Postmortem(name, begin, end, sections, events, omitted)


def _build_timeline(state: State, lines: Iterable[Line]) -> tuple[list[TimelineEvent], int]:
    """Return the events of the timeline, and the number of lines left out."""
    cited_ns = {
        event.cited.ns
        for hypothesis in state.hypotheses.values()
        for event in thread_of(state, hypothesis).evidence
        if event.cited
    }
    observed = observed_intervals(state)
    excerpts = _ExcerptCollector(cited_ns)
    events: list[TimelineEvent] = []
    amendment_stamps: dict[int, list[Stamp]] = {}
    omitted = foreign_in_a_row = 0
    last_stamp = Stamp(0)
    for line in lines:
        entry = None if line.is_forged else line.entry  # a forged verdict must not look like a verdict
        if entry is None and foreign_in_a_row < _MAX_FOREIGN_LINES:
            foreign_in_a_row += 1
            events.append(TimelineEvent(Entry(last_stamp, 0, (), ""), _truncate(line.display_text), foreign=True))
            continue
        if entry is not None and entry.tag("VIA") == "stdin":
            excerpts.add(entry)
        if entry is None or (_is_streamed(line, entry) and entry.stamp.ns not in cited_ns):
            omitted += 1
            continue
        foreign_in_a_row, last_stamp = 0, entry.stamp
        if entry.kind in _SKIPPED_KINDS or line.offset < line.segment.head.end:
            continue
        target = _merged_into(state, entry)
        if target is not None:
            amendment_stamps.setdefault(target.ns, []).append(entry.stamp)
            continue
        event = _timeline_event(state, entry, observed=entry.stamp in observed)
        if events and _is_same_block(events[-1], event):
            quoted = QuotedLine(entry.stamp, event.text.removeprefix("| "))
            events[-1] = events[-1]._replace(block=(*events[-1].block, quoted))
        else:
            events.append(event)
    merged = [
        event
        if event.foreign
        else event._replace(
            amendment_stamps=tuple(amendment_stamps.get(event.entry.stamp.ns, ())),
            excerpt=excerpts.of(event.entry),
        )
        for event in events
    ]
    return merged, omitted - excerpts.neighbour_count


class _ExcerptCollector:
    """Collects the lines of pipes around each cited one."""

    def __init__(self, cited_ns: Collection[int]) -> None:
        self._cited_ns = cited_ns
        self._recent: deque[QuotedLine] = deque(maxlen=_EXCERPT_LINES)
        self._excerpts: dict[int, list[QuotedLine]] = {}
        self._unfinished: list[tuple[list[QuotedLine], int]] = []  # with the length at which each is complete

    def add(self, entry: Entry) -> None:
        """Add the next line that came through a pipe."""
        line = QuotedLine(entry.stamp, _truncate(entry.text))
        for excerpt, _ in self._unfinished:
            excerpt.append(line)
        self._unfinished = [pair for pair in self._unfinished if len(pair[0]) < pair[1]]
        if entry.stamp.ns in self._cited_ns:
            excerpt = self._excerpts[entry.stamp.ns] = [*self._recent, line._replace(is_cited=True)]
            self._unfinished.append((excerpt, len(excerpt) + _EXCERPT_LINES))
        self._recent.append(line)

    def of(self, entry: Entry) -> tuple[QuotedLine, ...]:
        """Return the excerpt around the line that ``entry`` cites as evidence."""
        cited = leading_stamp_ref(entry.body) if entry.kind in EVIDENCE_KINDS else None
        return tuple(self._excerpts.get(cited.ns, ())) if cited is not None else ()

    @property
    def neighbour_count(self) -> int:
        """Return how many lines are in an excerpt only because they are near a cited one."""
        shown = {line.stamp.ns for excerpt in self._excerpts.values() for line in excerpt}
        return len(shown - self._excerpts.keys())


def _is_same_block(previous: TimelineEvent, event: TimelineEvent) -> bool:
    """Return whether ``event`` is a further line of the text of ``previous``: its writer has put a bar before it."""
    last = previous.block[-1].stamp if previous.block else previous.entry.stamp
    return (
        event.text.startswith(("| ", CONTINUATION_PREFIX))
        and not (previous.foreign or event.original_text)
        and event.entry.author == previous.entry.author
        and 0 <= event.entry.stamp.ns - last.ns < _MAX_BLOCK_GAP_NS
    )


def _timeline_event(state: State, entry: Entry, *, observed: bool) -> TimelineEvent:
    """Return an entry with its current text; a conclusion begins with its verdict."""
    amendment = amendments(state).by_target.get(entry.stamp.ns)
    text = entry.text if amendment is None else entry.text.removesuffix(entry.body) + amendment.text
    if entry.kind == "Conclusion" and entry.state_after is not None:
        text = text.replace("Conclusion", entry.state_after, 1)
    is_corrected = amendment is not None and amendment.correction_count > 0
    return TimelineEvent(entry, text, entry.text if is_corrected else "", observed=observed)


def format_excerpt_line(line: QuotedLine) -> str:
    """Return a line of an excerpt with its time; the cited one is marked."""
    return f"{'>' if line.is_cited else ' '} {line.stamp.time_of_day[:12]} {line.text}"


def format_omitted_lines(count: int) -> str:
    """Return how many lines are not in the timeline."""
    lines, are = ("line", "is") if count == 1 else ("lines", "are")
    return f"{count:,} {lines} that came through a pipe, or of another program, {are} not in it."


def _truncate(text: str) -> str:
    return text if len(text) <= _MAX_FOREIGN_CHARS else text[:_MAX_FOREIGN_CHARS] + "…"


def _is_streamed(line: Line, entry: Entry) -> bool:
    """Return whether a line came through a pipe or is a run of an experiment: a timeline has no room for those."""
    return entry.tag("VIA") == "stdin" or _RUN_OF_EXPERIMENT.matches(line.raw)


def _merged_into(state: State, entry: Entry) -> Stamp | None:
    """Return the line that ``entry`` only amends or numbers; None if ``entry`` has a place in the timeline."""
    target = amended_stamp(state, entry)
    if entry.kind in ("Words", "Correction"):
        return target if target.ns in amendments(state).by_target else None
    return target if target.ns != entry.stamp.ns else None


def _summary_section(state: State, stamps: Sequence[Stamp], people: Counter[str]) -> ReportSection:
    confirmed = [hypothesis for hypothesis in sorted_hypotheses(state) if hypothesis.state == "confirmed"]
    lines = [verdict_line(state, hypothesis, None) for hypothesis in confirmed]
    if stamps:
        begin, end = stamps[0], stamps[-1]
        span = f"{begin.iso_date} {begin.time_of_day[:8]} to {end.iso_date} {end.time_of_day[:8]}"
        if any(later.ns < earlier.ns for earlier, later in pairwise(stamps)):
            text = f"{span}; the clock was stepped back in between, so the length is not known"
        else:
            minutes_ns = (end.ns - begin.ns) // _MINUTE_NS * _MINUTE_NS
            text = f"{span}, {format_duration(minutes_ns) if minutes_ns else 'less than 1m'}"
        lines.append(ReportLine(text, stamp=begin))
    authors = ", ".join(f"{author} ({count})" for author, count in people.most_common())
    lines.append(ReportLine(f"written by {authors or 'no one'}"))
    counts = Counter(hypothesis.state for hypothesis in state.hypotheses.values())
    states = ", ".join(f"{count} {name}" for name, count in counts.items())
    lines.append(ReportLine(f"hypotheses: {states or 'none'}"))
    return ReportSection("", lines)


def _theory_sections(state: State) -> list[ReportSection]:
    sections = []
    for hypothesis in sorted_hypotheses(state):
        lines = [line for section in thread.thread_report(state, hypothesis, None) for line in _labelled_lines(section)]
        for experiment in experiments(state):
            if experiment.hypothesis == hypothesis.bound is not None:
                lines += _experiment_lines(experiment)
        claim = claim_of(state, hypothesis) or MISSING_CLAIM
        sections.append(ReportSection(f"{hypothesis.label} {claim}: {hypothesis.state}", lines))
    return sections


def _experiment_lines(experiment: Experiment) -> list[ReportLine]:
    """Return the verdict of an experiment, or its progress."""
    if experiment.seed is None:
        return []  # a single run: it has its own line in the timeline
    text, stamp = f"{experiment.done_count} of {experiment.total} runs, and no verdict", experiment.stamp
    if experiment.verdict is not None:
        text, stamp = experiment.verdict.text, experiment.verdict.stamp
    return [ReportLine(f"experiment {experiment.name}: {text}", experiment.command, stamp, "Verdict")]


def _labelled_lines(section: ReportSection) -> list[ReportLine]:
    """Return the lines of a section of the thread, each with its section's label."""
    if section.title == "claim":
        return [line for line in section.lines if line.stamp is not None]
    if section.title == "history":  # the current verdict stands with the claim
        return list(section.lines) if len(section.lines) > 1 else []
    label = "predicted" if section.title == "predictions" else section.title.partition(":")[0]
    return [line._replace(text=f"{label}: {line.text}") for line in section.lines]


def _evidence_section(state: State, events: Sequence[TimelineEvent], quotations: QuotationReader) -> ReportSection:
    """Return every cited line with the hypothesis that it supports or contradicts."""
    event_by_ns: dict[int, TimelineEvent] = {}
    for known in events:
        if not known.foreign:
            event_by_ns[known.entry.stamp.ns] = known
            for line in known.block:
                event_by_ns[line.stamp.ns] = TimelineEvent(known.entry._replace(stamp=line.stamp), line.text)
    lines = []
    for hypothesis in sorted_hypotheses(state):
        for evidence in thread_of(state, hypothesis).evidence:
            claim = f"{evidence.kind.lower()} {hypothesis.name}, says {author_name(evidence.author)}"
            event = event_by_ns.get(evidence.cited.ns) if evidence.cited is not None else None
            if event is None or event.entry.stamp == evidence.stamp:
                quoted = evidence.quoted
                quotation = None if quoted is None else quotations.quotation(quoted, _MAX_QUOTED_LINES)
                text = event_text(state, evidence)
                lines.append(ReportLine(text, claim, evidence.cited, evidence.kind, quotation=quotation))
                continue
            comment = own_event_text(state, evidence)
            is_quote = comment in event.text or comment in event.original_text
            detail = f"{author_name(event.entry.author)} · {claim}{'' if is_quote else f': {comment}'}"
            lines.append(ReportLine(event.text, detail, evidence.cited, evidence.kind))
    return ReportSection("", lines)


def _changes_section(state: State) -> ReportSection:
    lines = []
    for change in changes(state):
        undo = f"undo: {change.undo}" if change.undo else UNDO_UNKNOWN
        outcome = "NOT UNDONE"
        if change.undone_at is not None:
            attribution = format_attribution(change.undone_by, change.undone_at, None)
            outcome = f"undone, {attribution}: {change.undone_how}"
        detail = f"{format_attribution(change.author, change.stamp, None)} · {outcome}"
        lines.append(ReportLine(f"{change.text} ({undo})", detail, change.stamp, "Changed"))
    return ReportSection("", lines)


def _open_questions_section(state: State) -> ReportSection:
    lines = []
    for hypothesis in sorted_hypotheses(state):
        verdict = verdict_of(state, hypothesis)
        claim = f"{hypothesis.label} {claim_of(state, hypothesis) or MISSING_CLAIM}"
        if verdict is not None and verdict.recheck:
            detail = f"{hypothesis.state} over the toxic limit"
            lines.append(ReportLine(f"recheck {claim}", detail, verdict.stamp, hypothesis.state))
        elif hypothesis.state not in ("confirmed", "refuted"):
            icon = "Hypothesis" if hypothesis.state == OPEN else hypothesis.state
            lines.append(ReportLine(claim, hypothesis.state, hypothesis.opened_at, icon))
    lines += [
        ReportLine("a stamp without words", format_when(pending.stamp, None), pending.stamp, "Stamp")
        for pending in amendments(state).pending_stamps.values()
    ]
    next_step = handoff_note(state, "next")
    if next_step is not None:
        text = current_text(state, next_step.stamp, next_step.lines[0])
        attribution = format_attribution(next_step.author, next_step.stamp, None)
        lines.append(ReportLine(f"next: {text}", attribution, next_step.stamp, "Next"))
    return ReportSection("", lines)
