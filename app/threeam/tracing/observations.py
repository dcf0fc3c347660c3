"""The observers room: when which tracer was attached to what. What was timed then was timed while it was watched."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tag

SOURCE = "observe"
_NO_END_NS = 2**63  # ns: the end of what has none yet
_OBSERVER_VALUE = re.compile(r"(strace|perf|lsof|tcpdump) (\d{1,10}) from=(\d{1,19}) to=(\d{1,19}|now)", re.ASCII)


class Observation(NamedTuple):
    """A tool was attached to the process ``pid`` from ``since`` to ``until`` (ns since the epoch); None: it still is.

    ``text``: what its line says. ``file``: what the tool has printed, beside the journal.
    """

    tool: str
    pid: int
    since_ns: int
    until_ns: int | None
    text: str
    file: str
    stamp: Stamp
    author: Author | None


class IntervalSet:
    """The times in which something was observed."""

    def __init__(self, observations: Sequence[Observation] = ()) -> None:
        merged: list[list[int]] = []
        for one in sorted(observations, key=lambda one: one.since_ns):
            until = _NO_END_NS if one.until_ns is None else one.until_ns
            if merged and one.since_ns <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], until)
            else:
                merged.append([one.since_ns, until])
        self._begins = [begin for begin, _ in merged]
        self._ends = [end for _, end in merged]

    def __contains__(self, stamp: Stamp) -> bool:
        at = bisect_right(self._begins, stamp.ns) - 1
        return at >= 0 and stamp.ns <= self._ends[at]

    def __bool__(self) -> bool:
        return bool(self._begins)


def observations(state: State) -> Mapping[tuple[str, int, int], Observation]:
    """Every time that something was attached, in the order in which it is known of."""
    found: Mapping[tuple[str, int, int], Observation] = state.projections[PROJECTION.name]
    return found


def observed_intervals(state: State) -> IntervalSet:
    """The times in which something was attached."""
    return IntervalSet(list(observations(state).values()))


def attached_draft(tool: str, pid: int, name: str, since_ns: int, hypothesis: str | None) -> Draft:
    """Says that a tool is attached, since before ``since_ns``."""
    return _observer_draft(f"{tool} attached to {pid} ({name})", (tool, pid, since_ns, "now"), "", hypothesis)


def detached_draft(
    tool: str, pid: int, name: str, since_ns: int, until_ns: int, file: str, hypothesis: str | None
) -> Draft:
    """Says that it is so no more."""
    text = f"{tool} detached from {pid} ({name}) after {(until_ns - since_ns) / 1e9:.3f} s"
    return _observer_draft(text, (tool, pid, since_ns, str(until_ns)), file, hypothesis)


def abandoned_draft(observation: Observation, now_ns: int) -> Draft:
    """Says that what was attached is so no more, since ``now_ns`` (ns) at the latest: nobody is left who could."""
    text = f"{observation.text.replace(' attached to ', ' detached from ', 1)} at the latest now: who watched is gone"
    return _observer_draft(text, (observation.tool, observation.pid, observation.since_ns, str(now_ns)), "", None)


def _observer_draft(text: str, observation: tuple[str, int, int, str], file: str, hypothesis: str | None) -> Draft:
    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        kept = (("FILE", file),) if file else ()
        return [
            DraftLine(f"Observer: {text}", (*hypothesis_tag(state, hypothesis), _observer_tag(*observation), *kept))
        ]

    return Draft(lines, needs_full_state=hypothesis is not None, source=SOURCE)


def _observer_tag(tool: str, pid: int, since_ns: int, until: str) -> tuple[str, str]:
    return "OBSERVER", f"{tool} {pid} from={since_ns} to={until}"


def _fold(
    current: Mapping[tuple[str, int, int], Observation], entries: Sequence[Entry]
) -> Mapping[tuple[str, int, int], Observation]:
    others: dict[tuple[str, int, int], Observation] | None = None
    for entry in entries:
        said = _OBSERVER_VALUE.fullmatch(entry.tag("OBSERVER") or "")
        if said is None or entry.kind != "Observer":
            continue
        others = dict(current) if others is None else others
        tool, pid, since = said[1], int(said[2]), int(said[3])
        until = None if said[4] == "now" else int(said[4])
        key = tool, pid, since
        if until is None and (known := others.get(key)) is not None and known.until_ns is not None:
            continue  # that it was attached is said again, or late
        file = entry.tag("FILE") or ""
        others[key] = Observation(tool, pid, since, until, entry.body, file, entry.effective_stamp, entry.author)
    return current if others is None else others


def _carry(current: Mapping[tuple[str, int, int], Observation]) -> Iterator[Entry]:
    for one in current.values():
        tag = _observer_tag(one.tool, one.pid, one.since_ns, "now" if one.until_ns is None else str(one.until_ns))
        kept = (("FILE", one.file),) if one.file else ()
        yield Entry(one.stamp, 0, (*by_tag(one.author), tag, *kept), f"Observer: {one.text}")


PROJECTION = Projection("observers", ("OBSERVER",), {}, _fold, _carry)
