"""Lines that were blanked in what is sent: each is a hole of the same length, so that all offsets stay.

The chain of a segment is over its original bytes, so it cannot be computed across a hole: a hole has the link behind
it. Each line is a hole of its own, and so is each piece of a line that is longer than a message, because a message may
begin behind any of these.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from threeam.core.store.fork import BLANKED_TEXT, blank_line


class Hole(NamedTuple):
    """A blanked line, or piece of one, by its offsets in the segment. ``link``: of the chain, behind it."""

    begin: int
    end: int
    link: bytes


def fill(raw: bytes) -> bytes:
    """Return what stands in the mirrors instead of a line: as long, with its stamp, tags and kind, without its words.

    What was blanked already stays as it is.
    """
    newline = raw[-1:] if raw.endswith(b"\n") else b""
    size = len(raw) - len(newline)
    text = blank_line(raw[:size]).removesuffix(b"\n") if raw.startswith(b"[") else BLANKED_TEXT.encode()
    return text[:size].ljust(size, b".") + newline


def fill_holes(data: bytes, offset: int, holes: Iterable[Hole]) -> bytes:
    """Return ``data``, which stands at ``offset``, with ``holes`` filled; a hole that is partly outside stays."""
    filled = bytearray(data)
    for begin, end, _ in holes:
        if offset <= begin and end <= offset + len(data):
            filled[begin - offset : end - offset] = fill(data[begin - offset : end - offset])
    return bytes(filled)


def mask_holes(data: bytes, offset: int, holes: Iterable[Hole]) -> bytes:
    """Return ``data``, which stands at ``offset``, with zeros in ``holes``, to compare what is between these."""
    masked = bytearray(data)
    for hole in holes:
        begin, end = max(hole.begin - offset, 0), min(hole.end - offset, len(data))
        masked[begin:end] = bytes(max(0, end - begin))
    return bytes(masked)
