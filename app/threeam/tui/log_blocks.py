"""Blocks: the lines that were written under one hold of the lock, as the log shows them."""

from __future__ import annotations

from threeam.core.format.entry import ACQUIRED, RELEASING, Entry
from threeam.core.store.reader import Line

BLOCK_NS = 1_000  # two lines of one author closer than this are of one block, which is stamped + 1 ns a line


def block_of(lines: list[Line], at: int) -> tuple[int, int]:
    """The first and last index of the block that the line at index ``at`` is in: what was written under one hold."""
    first = last = at
    while first > 0 and _together(lines[first - 1].entry, lines[first].entry):
        first -= 1
    while last + 1 < len(lines) and _together(lines[last].entry, lines[last + 1].entry):
        last += 1
    return first, last


def held_ns(block: list[Line]) -> int | None:
    """How long the lock was held around a block at least, as its ceremony says (ns); None where it has none."""
    first, last = block[0].entry, block[-1].entry
    if first is None or last is None or first.text != ACQUIRED or last.text != RELEASING:
        return None
    return last.stamp.ns - first.stamp.ns


def _together(one: Entry | None, after: Entry | None) -> bool:
    if one is None or after is None or one.tag("BY") != after.tag("BY"):
        return False
    if one.text == RELEASING or after.text == ACQUIRED:
        return False
    return one.text == ACQUIRED or after.text == RELEASING or 0 <= after.stamp.ns - one.stamp.ns < BLOCK_NS
