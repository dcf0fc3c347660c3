"""Samples of the lines of a file, from which its format is detected."""

from __future__ import annotations

from itertools import islice

from threeam.core.format.entry import BOM
from threeam.core.store.reader import find_line_begin_between, lines_backward, lines_forward
from threeam.core.store.segment import Segment

_SAMPLE_LINES = 200  # from the head, the middle and the tail each
_SAMPLE_BYTES = 64 * 1024


def sample_lines(segment: Segment) -> list[bytes]:
    """Return up to `_SAMPLE_LINES` lines each of the head, the middle and the tail of a file. Raises OSError."""
    size = segment.size()
    middle = find_line_begin_between(segment, size // 2, min(size, size // 2 + _SAMPLE_BYTES))
    parts = [
        list(islice(lines_forward(segment, 0, min(size, _SAMPLE_BYTES)), _SAMPLE_LINES)),
        list(islice(lines_forward(segment, middle, min(size, middle + _SAMPLE_BYTES)), _SAMPLE_LINES))
        if middle
        else [],
        list(islice(lines_backward(segment, size), _SAMPLE_LINES))[::-1],
    ]
    lines = {line.offset: line for part in parts for line in part}  # the parts of a small file overlap
    return [line.raw if offset else line.raw.removeprefix(BOM) for offset, line in sorted(lines.items())]
