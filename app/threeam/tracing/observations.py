"""The projection of observations: timings in lines that were logged during one are marked as perturbed."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tags

SOURCE = "observe"
_NO_END_NS = 2**63  # in place of the end of an observation that has none yet
_OBSERVER_VALUE = re.compile(r"(strace|perf|lsof|tcpdump) (\d{1,10}) from=(\d{1,19}) to=(\d{1,19}|now)", re.ASCII)


class Observation(NamedTuple):
    """An attachment of a tool to the process ``pid``, from ``since_ns`` to ``until_ns`` (None: it is still attached).

    ``text``: that of its last line. ``file``: the attachment with the output of the tool; empty: nothing was saved.
    """

    tool: str
    pid: int
    since_ns: int
    until_ns: int | None
    text: str
    file: str
    stamp: Stamp
    author: Author | None


ObservationKey = tuple[str, int, int]  # the tool, the pid, and since when (ns)


class IntervalSet:
    """The times in which something was observed: disjoint intervals, in order."""

    def __init__(self, all_observations: Sequence[Observation] = ()) -> None:
        merged: list[list[int]] = []
        for observation in sorted(all_observations, key=lambda observation: observation.since_ns):
            end_ns = _NO_END_NS if observation.until_ns is None else observation.until_ns
            if merged and observation.since_ns <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end_ns)
            else:
                merged.append([observation.since_ns, end_ns])
        self._begins = [begin for begin, _ in merged]
        self._ends = [end for _, end in merged]

    def __contains__(self, stamp: Stamp) -> bool:
        index = bisect_right(self._begins, stamp.ns) - 1
        return index >= 0 and stamp.ns <= self._ends[index]

    def __bool__(self) -> bool:
        return bool(self._begins)


def observations(state: State) -> Mapping[ObservationKey, Observation]:
    """Return all observations, in the order of their first lines."""
    return PROJECTION.of(state)


def observed_intervals(state: State) -> IntervalSet:
    """Return the times in which a tool was attached to some process."""
    return IntervalSet(list(observations(state).values()))


class TracerAttachment(NamedTuple):
    """A tool, the process that it is attached to (pid and name), since when (ns), and the hypothesis that it is for."""

    tool: str
    pid: int
    name: str
    since_ns: int
    hypothesis: Bound | None


def attached_draft(attachment: TracerAttachment) -> Draft:
    """Return the draft of the line that says that a tool is attached."""
    text = f"{attachment.tool} attached to {attachment.pid} ({attachment.name})"
    tag = _observer_tag(attachment.tool, attachment.pid, attachment.since_ns, "now")
    return _draft(text, tag, "", attachment.hypothesis)


def detached_draft(attachment: TracerAttachment, until_ns: int, file: str) -> Draft:
    """Return the draft of the line that says that a tool is detached; ``file``: the attachment with its output."""
    seconds = (until_ns - attachment.since_ns) / 1e9
    text = f"{attachment.tool} detached from {attachment.pid} ({attachment.name}) after {seconds:.3f}s"
    tag = _observer_tag(attachment.tool, attachment.pid, attachment.since_ns, str(until_ns))
    return _draft(text, tag, file, attachment.hypothesis)


def abandoned_draft(observation: Observation, now_ns: int) -> Draft:
    """Return the draft of the line that ends an observation whose process is gone: it ended at ``now_ns`` or before."""
    text = observation.text.replace(" attached to ", " detached from ", 1)
    tag = _observer_tag(observation.tool, observation.pid, observation.since_ns, str(now_ns))
    return _draft(f"{text} at the latest now: who watched is gone", tag, "", None)


def _draft(text: str, tag: tuple[str, str], file: str, hypothesis: Bound | None) -> Draft:
    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tags = (*hypothesis_tags(state, hypothesis), tag, *_file_tags(file))
        return [DraftLine(f"Observer: {text}", tags)]

    return Draft(lines, needs_full_state=isinstance(hypothesis, int), source=SOURCE)


def _observer_tag(tool: str, pid: int, since_ns: int, until: str) -> tuple[str, str]:
    return "OBSERVER", f"{tool} {pid} from={since_ns} to={until}"


def _file_tags(file: str) -> tuple[tuple[str, str], ...]:
    return (("FILE", file),) if file else ()


def _fold(
    current: Mapping[ObservationKey, Observation], entries: Sequence[Entry]
) -> Mapping[ObservationKey, Observation]:
    updated: dict[ObservationKey, Observation] | None = None
    for entry in entries:
        match = _OBSERVER_VALUE.fullmatch(entry.tag("OBSERVER") or "")
        if match is None or entry.kind != "Observer":
            continue
        if updated is None:
            updated = dict(current)
        tool, pid, since_ns = match[1], int(match[2]), int(match[3])
        until_ns = None if match[4] == "now" else int(match[4])
        key = tool, pid, since_ns
        known = updated.get(key)
        if until_ns is None and known is not None and known.until_ns is not None:
            continue  # the line about the begin comes again, or came late
        file = entry.tag("FILE") or ""
        updated[key] = Observation(tool, pid, since_ns, until_ns, entry.body, file, entry.effective_stamp, entry.author)
    return current if updated is None else updated


def _checkpoint(current: Mapping[ObservationKey, Observation]) -> Iterator[Entry]:
    """Yield the entries that carry the observations over a rotation."""
    for observation in current.values():
        until = "now" if observation.until_ns is None else str(observation.until_ns)
        tag = _observer_tag(observation.tool, observation.pid, observation.since_ns, until)
        tags = (*by_tag(observation.author), tag, *_file_tags(observation.file))
        yield Entry(observation.stamp, 0, tags, f"Observer: {observation.text}")


PROJECTION: Projection[Mapping[ObservationKey, Observation]] = Projection(
    "observers", ("OBSERVER",), {}, _fold, _checkpoint
)
