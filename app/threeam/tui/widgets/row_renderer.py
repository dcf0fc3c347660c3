"""Rendering of one row of the journal: its columns, at a given width, as strips."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.strip import Strip

from threeam.tui.cells import drawable
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_look import Brush, RenderOptions, RowFlags, StyleGetter, author_style, source_style
from threeam.tui.widgets.row_text import tail_segments, text_segments, truncate_line
from threeam.tui.widgets.row_time import format_difference, gutter_mark, new_day, order_mark, time_segments
from threeam.tui.widgets.segments import (
    Span,
    count_cells,
    crop_segments,
    highlight_segments,
    plain_text,
    wrap_segments,
)

_NAME_CELLS = 4  # of a source, at least


class Columns(NamedTuple):
    """The widths of the columns, in cells."""

    time: int  # 18 with nanoseconds, 15 with microseconds, 12 with milliseconds, 8 with seconds
    cups: int
    author: int  # on a timeline: of the source
    order: int = 0  # the sign of an order that is not known
    difference: int = 0  # the time since the row before

    @classmethod
    def for_width(cls, width: int, time_mode: str = "ms") -> Columns:
        """Return the columns for a view of ``width`` cells.

        The text has at least 70 of 95 cells in the usual mode, and about half of a narrow view in every mode.
        """
        precise = 12 if time_mode in ("ms", "local") else 18
        if width >= 110:
            return cls(precise, 4, 12)
        if width >= 76:
            return cls(precise, 0, 10)
        if width >= 56:
            return cls(12, 0, 8)
        if width >= 44:
            return cls(8, 0, 7)
        return cls(8, 0, 0)

    @classmethod
    def for_timeline(cls, width: int, time_mode: str = "ms") -> Columns:
        """Return the columns for the rows of several logs: in place of milliseconds they show microseconds."""
        precise = 15 if time_mode in ("ms", "local") else 18
        difference = 0 if time_mode == "since" else 7
        if width >= 110:
            return cls(precise, 0, 14, 2, difference)
        if width >= 76:
            return cls(precise, 0, 9, 2, difference)
        if width >= 56:
            return cls(12, 0, 6, 2)
        return cls(8, 0, 2, 2)


class _RowLayout(NamedTuple):
    """The parts of a row from left to right: its columns, its text, and what stands at the right edge."""

    head: list[Segment]
    text: list[Segment]
    tail: list[Segment]
    match: Span | None  # the first match in the text

    def fit(self, width: int, brush: Brush, *, wrap: bool) -> list[Strip]:
        """Return the row as one strip of ``width`` cells, or as many as its text needs if it wraps."""
        indent = count_cells(self.head)
        text_cells = max(1, width - indent - count_cells(self.tail))
        if wrap:
            lines = wrap_segments(self.text, text_cells)
        else:
            lines = [crop_segments(self.text, text_cells, brush.cut_mark, self.match)]
        strips, left, right = [], self.head, self.tail
        for segments in lines:
            fill = Segment(" " * (text_cells - count_cells(segments)), brush.base)
            strips.append(Strip([*left, *segments, fill, *right], width))
            left = [Segment(" " * indent, brush.base)]
            right = [Segment(" " * (width - indent - text_cells), brush.base)]
        return strips


def render_row(
    row: Row, previous: Row | None, width: int, options: RenderOptions, flags: RowFlags, get_style: StyleGetter
) -> list[Strip]:
    """Return the strips of ``row``, each ``width`` cells wide: one, unless its text wraps or lines may be missing."""
    line, omission = truncate_line(row.line, options.pattern)
    if omission:
        row = row._replace(line=line, entry=line.entry if row.entry is not None else None)
    brush = Brush(get_style, get_style("selected" if flags.is_selected else "row"), options.emoji)
    columns_for = Columns.for_width if row.placement is None else Columns.for_timeline
    columns = columns_for(width, options.time_mode)
    head = [_cursor_segment(flags, brush), *_head_segments(row, previous, columns, brush, options, flags)]
    text = text_segments(row, flags, brush)
    if omission:
        text.append(brush.segment(omission, "dim"))
    spans = options.pattern.spans(plain_text(text)) if options.pattern is not None else []
    if spans:
        text = highlight_segments(text, spans, get_style("match"))
    tail_cells = width if options.wrap else width - count_cells(head) - count_cells(text)
    tail = tail_segments(row, tail_cells, brush)
    strips = _RowLayout(head, text, tail, spans[0] if spans else None).fit(width, brush, wrap=options.wrap)
    if day := new_day(row, previous, options):
        strips.insert(0, _rule_strip(day, "dim", width, brush))
    if row.line.gap_reason:
        strips.insert(0, _rule_strip(row.line.gap_reason, "toxic", width, brush))
    return strips


def _rule_strip(title: str, style: str, width: int, brush: Brush) -> Strip:
    """Return a rule with a title: above a row before which lines may be missing, or with which a day begins."""
    rule = brush.sign("─", "-")
    text = set_cell_size(f"{rule * 2} {title} ", min(width, cell_len(title) + 4))
    return Strip(
        [Segment(text + rule * (width - cell_len(text)), brush.get_style("row") + brush.get_style(style))], width
    )


def _cursor_segment(flags: RowFlags, brush: Brush) -> Segment:
    if not flags.is_selected:
        return Segment(" ", brush.base)
    return Segment(brush.sign("▌", ">"), brush.get_style("cursor"))


def _head_segments(
    row: Row, previous: Row | None, columns: Columns, brush: Brush, options: RenderOptions, flags: RowFlags
) -> list[Segment]:
    segments = []
    if columns.order:
        segments.append(brush.segment(order_mark(row, previous, brush).ljust(columns.order), "toxic"))
    mark, mark_style = gutter_mark(row, previous, brush, flags)
    segments += [
        *time_segments(row, previous, columns.time, options, flags, brush),
        brush.segment(mark, mark_style),
    ]
    if columns.difference:
        difference = format_difference(row, previous, brush)
        segments.append(brush.segment(f"{difference:>{columns.difference}} ", "dim"))
    if columns.cups:
        entry = row.entry
        cups = brush.sign("☕", "c") + str(entry.cups) if entry is not None and entry.cups else ""
        segments.append(brush.segment(set_cell_size(cups, columns.cups) + " ", "coffee"))
    if columns.author:
        author, style = _author_or_source(row)
        if row.placement is not None and columns.author < _NAME_CELLS:
            author = author.partition(" ")[0]  # the number alone
        segments.append(brush.segment(_fit_cells(drawable(author), columns.author, brush) + " ", style))
    return segments


def _author_or_source(row: Row) -> tuple[str, str]:
    """Return who wrote the line, on a timeline after the number of the source; and the style."""
    entry, placement = row.entry, row.placement
    if placement is not None and placement.source.number:
        number, name = placement.source
        return ("" if placement.continues else f"{number} {name}"), source_style(number)
    if entry is None:
        return "", "dim"
    author = entry.author.label if entry.author else "script"
    style = author_style(entry.author.user) if entry.author else "dim"
    return author if placement is None else f"J {author}", style


def _fit_cells(text: str, width: int, brush: Brush) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + brush.sign("…", "~")
