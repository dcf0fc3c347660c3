"""Blocks: the lines that were written under one hold of the lock, recognized from the log."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import ACQUIRED, CONTINUATION_PREFIX, RELEASING, Entry
from threeam.core.store.reader import Line

BLOCK_GAP_NS = 1_000  # closer lines of one author are of one block: its stamps are 1 ns apart


def block_bounds(lines: list[Line], index: int) -> tuple[int, int]:
    """Return the first and last index of the block that contains the line at ``index``."""
    first = last = index
    while first > 0 and _is_same_block(lines[first - 1].entry, lines[first].entry):
        first -= 1
    while last + 1 < len(lines) and _is_same_block(lines[last].entry, lines[last + 1].entry):
        last += 1
    return first, last


def submission_of(lines: list[Line], index: int) -> list[Line]:
    """Return the lines that were sent as one text with the line at ``index``: an entry and those that continue it."""
    block_first, block_last = block_bounds(lines, index)
    first = last = index
    while first > block_first and _continues(lines[first].entry):
        first -= 1
    while last < block_last and _continues(lines[last + 1].entry):
        last += 1
    return lines[first : last + 1]


def copied_text(lines: Sequence[Line]) -> str:
    """Return ``lines`` to paste elsewhere: entries as the log has them, and what continues one as it was typed."""
    copied: list[str] = []
    for line in lines:
        entry = line.entry
        if entry is None or not copied or not _continues(entry):
            copied.append(line.display_text)
        elif entry.text.startswith(CONTINUATION_PREFIX):
            copied[-1] += entry.text.removeprefix(CONTINUATION_PREFIX)
        else:
            copied.append(entry.text.removeprefix("| "))
    return "\n".join(copied)


def _continues(entry: Entry | None) -> bool:
    return entry is not None and entry.text.startswith(("| ", CONTINUATION_PREFIX))


def lock_hold_ns(block: list[Line]) -> int | None:
    """Return how long the lock was held at least (ns), from the ceremony of ``block``; None if it has no ceremony."""
    first, last = block[0].entry, block[-1].entry
    if first is None or last is None or first.text != ACQUIRED or last.text != RELEASING:
        return None
    return last.stamp.ns - first.stamp.ns


def _is_same_block(entry: Entry | None, next_entry: Entry | None) -> bool:
    if entry is None or next_entry is None or entry.tag("BY") != next_entry.tag("BY"):
        return False
    if entry.text == RELEASING or next_entry.text == ACQUIRED:
        return False
    return (
        entry.text == ACQUIRED
        or next_entry.text == RELEASING
        or 0 <= next_entry.stamp.ns - entry.stamp.ns < BLOCK_GAP_NS
    )
