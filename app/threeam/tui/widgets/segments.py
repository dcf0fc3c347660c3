"""Lists of Rich segments: measured, highlighted, cropped to a width, and wrapped."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Span = tuple[int, int]  # begin and end, in characters


def plain_text(segments: Iterable[Segment]) -> str:
    """Return the text of ``segments``, without styles."""
    return "".join(segment.text for segment in segments)


def count_cells(segments: Iterable[Segment]) -> int:
    """Return the width of ``segments``, in cells."""
    return sum(cell_len(segment.text) for segment in segments)


def highlight_segments(segments: list[Segment], spans: list[Span], style: Style) -> list[Segment]:
    """Return ``segments`` with ``style`` added in the sorted ``spans`` of their text."""
    span_begins = [begin for begin, _ in spans]
    edges = [edge for span in spans for edge in span]
    highlighted, offset = [], 0
    for text, old_style, _ in segments:
        first, last = bisect_right(edges, offset), bisect_left(edges, offset + len(text))
        cuts = [edge - offset for edge in edges[first:last]]
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            index = bisect_right(span_begins, offset + begin) - 1
            is_match = index >= 0 and offset + begin < spans[index][1]
            highlighted.append(Segment(text[begin:end], (old_style or Style.null()) + style if is_match else old_style))
        offset += len(text)
    return highlighted


def crop_segments(segments: list[Segment], width_cells: int, cut_mark: Segment, match: Span | None) -> list[Segment]:
    """Return at most ``width_cells`` of ``segments``: the beginning, or the part around ``match``.

    ``cut_mark`` stands at each cut.
    """
    cells = count_cells(segments)
    if cells <= width_cells:
        return segments
    glyph = segments[0]
    left = [glyph, cut_mark] if cell_len(glyph.text) < width_cells // 2 else [cut_mark]
    remaining = width_cells - count_cells(left)
    text = plain_text(segments)
    if match is None or remaining < 2 or cell_len(text[: match[1]]) < width_cells:
        return [*Strip(segments).crop(0, max(0, width_cells - 1)), cut_mark]
    # A third of the width is for the text before the match, more if the match is near the end of the line.
    begin = min(cell_len(text[: match[0]]) - remaining // 3, cells - remaining)
    if begin + remaining >= cells:
        return [*left, *Strip(segments).crop(begin, cells)]
    return [*left, *Strip(segments).crop(begin, begin + remaining - 1), cut_mark]


def wrap_segments(segments: list[Segment], width_cells: int) -> list[list[Segment]]:
    """Return ``segments`` in lines of at most ``width_cells``, broken between words if possible."""
    text = plain_text(segments)
    lines: list[list[Segment]] = []
    rest, offset = list(segments), 0
    for cut in [*_line_breaks(text, width_cells), len(text)]:
        line = []
        while rest and offset < cut:
            segment = rest.pop(0)
            taken = min(len(segment.text), cut - offset)
            line.append(Segment(segment.text[:taken], segment.style))
            if taken < len(segment.text):
                rest.insert(0, Segment(segment.text[taken:], segment.style))
            offset += taken
        lines.append(line)
    return lines


def _line_breaks(text: str, width_cells: int) -> list[int]:
    """Return the indexes at which ``text`` is broken; a line is never filled to less than half for a word."""
    breaks, begin, line_cells, space = [], 0, 0, -1
    for index, char in enumerate(text):
        char_cells = cell_len(char)
        if line_cells + char_cells > width_cells:
            cut = space + 1 if space >= begin + width_cells // 2 else index
            breaks.append(cut)
            line_cells = cell_len(text[cut:index])
            begin, space = cut, -1
        if char == " ":
            space = index
        line_cells += char_cells
    return breaks
