"""The lines of this log about hypotheses of other hosts: predictions, evidence and verdicts with an ``ON`` tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import ON_TAG, Entry
from threeam.core.format.remote_hypothesis import RemoteHypothesis, parse_remote_hypothesis
from threeam.core.state.fold import Projection, State
from threeam.hypotheses.ledger import HypothesisEvent, Thread, parse_event, repeated_event

_Key = tuple[str, int, int]  # see `RemoteHypothesis.key`


class Remarks(NamedTuple):
    """All that this log says about a hypothesis of another host, which the last line about it calls ``subject``."""

    subject: RemoteHypothesis
    thread: Thread = Thread()


def remarks(state: State) -> Mapping[_Key, Remarks]:
    """Return what the log says about hypotheses of other hosts, by `RemoteHypothesis.key`."""
    return PROJECTION.of(state)


def _fold(known: Mapping[_Key, Remarks], entries: Sequence[Entry]) -> Mapping[_Key, Remarks]:
    changed: dict[_Key, tuple[RemoteHypothesis, dict[HypothesisEvent, None]]] = {}
    for entry in entries:
        subject = parse_remote_hypothesis(entry) if entry.tag(ON_TAG) is not None else None
        event = None if subject is None else parse_event(entry)
        if subject is None or event is None:
            continue
        if subject.key in changed:
            _, events = changed[subject.key]
        else:
            before = known.get(subject.key)
            events = {} if before is None else dict.fromkeys(before.thread.events)
        events.pop(event, None)  # a rotation repeats events in their order, after all events before it
        events[event] = None
        changed[subject.key] = subject, events
    if not changed:
        return known
    return {
        **known,
        **{key: Remarks(subject, Thread.from_events(events)) for key, (subject, events) in changed.items()},
    }


def _checkpoint(known: Mapping[_Key, Remarks]) -> Iterator[Entry]:
    for subject, thread in known.values():
        for event in thread.events:
            yield repeated_event(event, subject.tags(event.state))


PROJECTION: Projection[Mapping[_Key, Remarks]] = Projection("remarks", (ON_TAG,), {}, _fold, _checkpoint)
