"""The projection of the backends that were terminated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp, by_tag
from threeam.core.state.fold import Projection, State, latest_by_key

_MAX_REMEMBERED = 20  # a script in a loop may terminate thousands, and each rotation repeats these lines


class Termination(NamedTuple):
    """A backend that was terminated: its process id, the text of its line, when and by whom."""

    pid: int
    text: str
    stamp: Stamp
    author: Author | None


def terminations(state: State) -> list[Termination]:
    """Return the last terminated backends, oldest first."""
    return list(PROJECTION.of(state).values())


def _parse_entry(entry: Entry) -> tuple[int, Termination] | None:
    pid = entry.tag("TERMINATED")
    if pid is None or entry.kind != "Terminated" or not (pid.isascii() and pid.isdigit() and len(pid) < 10):
        return None
    return entry.effective_stamp.ns, Termination(int(pid), entry.body, entry.effective_stamp, entry.author)


def _fold(known: Mapping[int, Termination], entries: Sequence[Entry]) -> Mapping[int, Termination]:
    updated = latest_by_key(known, entries, _parse_entry)
    if len(updated) <= _MAX_REMEMBERED:
        return updated
    return {ns: updated[ns] for ns in list(updated)[-_MAX_REMEMBERED:]}


def _checkpoint(known: Mapping[int, Termination]) -> Iterator[Entry]:
    for termination in known.values():
        tags = (*by_tag(termination.author), ("TERMINATED", str(termination.pid)))
        yield Entry(termination.stamp, 0, tags, f"Terminated: {termination.text}")


PROJECTION: Projection[Mapping[int, Termination]] = Projection("terminations", ("TERMINATED",), {}, _fold, _checkpoint)
