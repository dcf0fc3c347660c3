"""Logs that are named twice: a copy, a hard link, a compressed copy, or standard input and the file."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from threeam.core.store.reader import read_chunks
from threeam.timeline.source import Source

_HEAD_BYTES = 4096  # most logs differ in them


class Copy(NamedTuple):
    """A log whose lines are the first lines of another one, or all of them. Both are names of sources."""

    name: str
    original: str


def without_copies(sources: Sequence[Source]) -> tuple[list[Source], list[Copy]]:
    """Return the sources that have lines of their own, and the copies: each line counts once. Raises OSError.

    A copy that was made while the log went on is shorter than it.
    """
    kept, copies = list[Source](), list[Copy]()
    for source in sorted(sources, key=lambda each: (-each.end, each.number)):
        original = next((other for other in kept if _begins_with(other, source)), None)
        if original is None:
            kept.append(source)
        else:
            copies.append(Copy(source.name, original.name))
    kept.sort(key=lambda each: each.number)
    return kept, sorted(copies)


def _begins_with(source: Source, other: Source) -> bool:
    """Return whether the first bytes of ``source`` are all those of ``other``, which is not longer."""
    if not other.end:
        return False
    size = min(other.end, _HEAD_BYTES)
    if source.segment.read(0, size) != other.segment.read(0, size):
        return False
    chunks = (read_chunks(each.segment, 0, other.end) for each in (source, other))
    return all(own == others for own, others in zip_longest(*chunks))
