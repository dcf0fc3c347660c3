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
_OPEN = 2**63  # ns: the end of what has none yet
_TAG = re.compile(r"(strace|perf|lsof|tcpdump) (\d{1,10}) from=(\d{1,19}) to=(\d{1,19}|now)", re.ASCII)


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

    def __init__(self, found: Sequence[Observation] = ()) -> None:
        merged: list[list[int]] = []
        for one in sorted(found, key=lambda one: one.since_ns):
            until = _OPEN if one.until_ns is None else one.until_ns
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
    return PROJECTION.of(state)


def observed_intervals(state: State) -> IntervalSet:
    """The times in which something was attached."""
    return IntervalSet(list(observations(state).values()))


def attached_draft(tool: str, pid: int, name: str, since: int, hypothesis: str | None) -> Draft:
    """Says that a tool is attached, since before ``since``."""
    return _said(f"{tool} attached to {pid} ({name})", (tool, pid, since, "now"), "", hypothesis)


def detached_draft(tool: str, pid: int, name: str, since: int, until: int, file: str, hypothesis: str | None) -> Draft:
    """Says that it is so no more."""
    text = f"{tool} detached from {pid} ({name}) after {(until - since) / 1e9:.3f} s"
    return _said(text, (tool, pid, since, str(until)), file, hypothesis)


def abandoned_draft(one: Observation, now: int) -> Draft:
    """Says that what was attached is so no more, since ``now`` (ns) at the latest: nobody is left who could."""
    text = f"{one.text.replace(' attached to ', ' detached from ', 1)} at the latest now: who watched is gone"
    return _said(text, (one.tool, one.pid, one.since_ns, str(now)), "", None)


def _said(text: str, about: tuple[str, int, int, str], file: str, hypothesis: str | None) -> Draft:
    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        kept = (("FILE", file),) if file else ()
        return [DraftLine(f"Observer: {text}", (*hypothesis_tag(state, hypothesis), _tag(*about), *kept))]

    return Draft(lines, needs_full_state=hypothesis is not None, source=SOURCE)


def _tag(tool: str, pid: int, since: int, until: str) -> tuple[str, str]:
    return "OBSERVER", f"{tool} {pid} from={since} to={until}"


def _fold(
    found: Mapping[tuple[str, int, int], Observation], entries: Sequence[Entry]
) -> Mapping[tuple[str, int, int], Observation]:
    others: dict[tuple[str, int, int], Observation] | None = None
    for entry in entries:
        said = _TAG.fullmatch(entry.tag("OBSERVER") or "")
        if said is None or entry.kind != "Observer":
            continue
        others = dict(found) if others is None else others
        tool, pid, since = said[1], int(said[2]), int(said[3])
        until = None if said[4] == "now" else int(said[4])
        key = tool, pid, since
        if until is None and (known := others.get(key)) is not None and known.until_ns is not None:
            continue  # that it was attached is said again, or late
        file = entry.tag("FILE") or ""
        others[key] = Observation(tool, pid, since, until, entry.body, file, entry.effective_stamp, entry.author)
    return found if others is None else others


def _carry(found: Mapping[tuple[str, int, int], Observation]) -> Iterator[Entry]:
    for one in found.values():
        tag = _tag(one.tool, one.pid, one.since_ns, "now" if one.until_ns is None else str(one.until_ns))
        kept = (("FILE", one.file),) if one.file else ()
        yield Entry(one.stamp, 0, (*by_tag(one.author), tag, *kept), f"Observer: {one.text}")


PROJECTION: Projection[Mapping[tuple[str, int, int], Observation]] = Projection(
    "observers", ("OBSERVER",), {}, _fold, _carry
)
