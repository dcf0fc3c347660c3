"""The ledger: what was predicted of each hypothesis, the evidence for and against it, and its verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.cited_line import CitedLine, parse_cited_line
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, leading_stamp_ref
from threeam.core.format.remote_hypothesis import parse_remote_hypothesis
from threeam.core.state.fold import OPEN, Hypothesis, Projection, State
from threeam.hypotheses.amendments import amendments, current_text

SUPPORTS, CONTRADICTS, PREDICTION = "Supports", "Contradicts", "Prediction"
EVIDENCE_KINDS = (SUPPORTS, CONTRADICTS)
VERDICT_KINDS = ("Conclusion", "Reopened")
RECHECK_TAGS = (("RECHECK", "toxic"),)  # the tags of a verdict whose author had too many cups
RECHECK_NOTE = "recheck: too many cups"  # the text beside such a verdict


class HypothesisEvent(NamedTuple):
    """One line about a hypothesis: when, of which kind, by whom, its text, and the state of the hypothesis after it.

    ``state`` of a line about another host's hypothesis: empty, except in a verdict. ``cited``: the line that evidence
    points at; evidence without a reference cites itself. ``recheck``: the author of this verdict had too many cups.
    ``position``: that of the line, see `Entry.position`. ``quoted``: the line of another log that evidence quotes.
    """

    stamp: Stamp
    kind: str
    author: Author | None
    text: str
    state: str
    cited: Stamp | None = None
    recheck: bool = False
    position: int = 0
    quoted: CitedLine | None = None

    @property
    def evidence_key(self) -> object:
        """Return what this evidence points at: of events with the same key, only the last one counts."""
        if self.quoted is not None:
            return self.quoted.reference, self.quoted.sha256
        return None if self.cited is None else self.cited.ns


class Thread(NamedTuple):
    """All events of one hypothesis, in the order of the log.

    ``evidence``: for each cited line, the last evidence that cites it.
    """

    events: tuple[HypothesisEvent, ...] = ()
    evidence: tuple[HypothesisEvent, ...] = ()

    @classmethod
    def from_events(cls, events: Iterable[HypothesisEvent]) -> Thread:
        """Return the thread of ``events``."""
        last_by_cited: dict[object, HypothesisEvent] = {}
        events = tuple(events)
        for event in events:
            if (key := event.evidence_key) is not None:
                last_by_cited.pop(key, None)
                last_by_cited[key] = event
        return cls(events, tuple(last_by_cited.values()))

    @property
    def supports(self) -> tuple[HypothesisEvent, ...]:
        """Return the evidence for it."""
        return tuple(event for event in self.evidence if event.kind == SUPPORTS)

    @property
    def contradicts(self) -> tuple[HypothesisEvent, ...]:
        """Return the evidence against it."""
        return tuple(event for event in self.evidence if event.kind == CONTRADICTS)

    @property
    def predictions(self) -> tuple[HypothesisEvent, ...]:
        """Return the predictions."""
        return tuple(event for event in self.events if event.kind == PREDICTION)


def thread_of(state: State, hypothesis: Hypothesis) -> Thread:
    """Return the thread of a hypothesis; an empty one if it has no number yet."""
    threads = PROJECTION.of(state)
    return threads.get(hypothesis.number, Thread()) if hypothesis.number is not None else Thread()


def verdict_of(state: State, hypothesis: Hypothesis) -> HypothesisEvent | None:
    """Return the verdict that gave a hypothesis its current state, or None."""
    verdicts = (event for event in reversed(thread_of(state, hypothesis).events) if event.kind in VERDICT_KINDS)
    last = next(verdicts, None)
    return last if last is not None and last.state == hypothesis.state else None


def event_text(state: State, event: HypothesisEvent) -> str:
    """Return the text of an event as it reads now.

    If the line that it cites was corrected since, the corrected text comes first.
    """
    own_text = own_event_text(state, event)
    if event.cited is None or event.cited == event.stamp:
        return own_text
    amendment = amendments(state).by_target.get(event.cited.ns)
    if amendment is None or amendment.position <= event.position or own_text == amendment.text:
        return own_text
    if amendment.correction_count and own_text:
        return f"{amendment.text} (before it was corrected: {own_text})"
    return amendment.text


def own_event_text(state: State, event: HypothesisEvent) -> str:
    """Return the text of an event's own line as it reads now, without the reference that evidence begins with."""
    text = current_text(state, event.stamp, event.text)
    reference = leading_stamp_ref(text) if event.kind in EVIDENCE_KINDS and event.quoted is None else None
    return text if reference is None else text.removeprefix(f"@{reference}").strip()


def last_event_stamp(state: State, hypothesis: Hypothesis) -> Stamp:
    """Return the stamp of the last event of a hypothesis; of its opening, if there was none."""
    events = thread_of(state, hypothesis).events
    return events[-1].stamp if events else hypothesis.opened_at


def _last_event_position(state: State, hypothesis: Hypothesis) -> int:
    events = thread_of(state, hypothesis).events
    return events[-1].position if events else hypothesis.position


def sorted_hypotheses(state: State) -> list[Hypothesis]:
    """Return all hypotheses in the order of the board.

    The open ones come first, by fewest contradictions, then by most support, then by the newest event. The others
    follow by their verdicts, newest first.
    """

    def sort_key(hypothesis: Hypothesis) -> tuple[int, ...]:
        if hypothesis.state != OPEN:
            verdict = verdict_of(state, hypothesis)
            return (1, -(verdict.position if verdict is not None else hypothesis.position))
        thread = thread_of(state, hypothesis)
        return (0, len(thread.contradicts), -len(thread.supports), -_last_event_position(state, hypothesis))

    return sorted(state.hypotheses.values(), key=sort_key)


def parse_event(entry: Entry) -> HypothesisEvent | None:
    """Return the event that a line is, of a hypothesis of this log or of another host, or None."""
    kind = entry.kind
    if kind not in (*EVIDENCE_KINDS, PREDICTION, *VERDICT_KINDS):
        return None
    if entry.hypothesis is None and parse_remote_hypothesis(entry) is None:
        return None
    state_after = entry.state_after if entry.hypothesis is not None or kind in VERDICT_KINDS else None
    text, stamp = entry.body, entry.effective_stamp
    event = HypothesisEvent(stamp, kind, entry.author, text, state_after or "", position=entry.position)
    if kind in EVIDENCE_KINDS:
        quoted = parse_cited_line(entry)
        cited = stamp if quoted is not None else leading_stamp_ref(text) or stamp
        return event._replace(cited=cited, quoted=quoted)
    return event._replace(recheck=entry.tag("RECHECK") is not None)


def _fold(threads: Mapping[int, Thread], entries: Sequence[Entry]) -> Mapping[int, Thread]:
    changed: dict[int, dict[HypothesisEvent, None]] = {}
    for entry in entries:
        event = parse_event(entry) if entry.hypothesis is not None else None
        if entry.hypothesis is None or event is None:
            continue
        number, _ = entry.hypothesis
        events = changed.get(number)
        if events is None:
            events = changed[number] = dict.fromkeys(threads.get(number, Thread()).events)
        # A rotation repeats events in their order, after all events before it.
        events.pop(event, None)
        events[event] = None
    if not changed:
        return threads
    return {**threads, **{number: Thread.from_events(events) for number, events in changed.items()}}


def repeated_event(event: HypothesisEvent, hypothesis_tags: tuple[tuple[str, str], ...]) -> Entry:
    """Return the entry that a rotation repeats for ``event``."""
    recheck = RECHECK_TAGS if event.recheck else ()
    quoted = event.quoted.tags if event.quoted is not None else ()
    tags = (*by_tag(event.author), *hypothesis_tags, *recheck, *quoted)
    return Entry(event.stamp, 0, tags, f"{event.kind}: {event.text}", event.position)


def _checkpoint(threads: Mapping[int, Thread]) -> Iterator[Entry]:
    for number, thread in threads.items():
        for event in thread.events:
            yield repeated_event(event, ((f"H{number}", event.state),))


PROJECTION: Projection[Mapping[int, Thread]] = Projection("ledger", (), {}, _fold, _checkpoint)
