"""Rendering of one row of the journal: its columns, at a given width, as strips."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from time import localtime
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    MAX_TEXT_BYTES,
    NS_PER_S,
    Entry,
    Stamp,
    decode_utf8,
    find_stamp_refs,
)
from threeam.core.format.kinds import is_own_tag
from threeam.core.format.times import format_duration
from threeam.core.platform.disk import format_bytes
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.experiments.run_tags import run_label
from threeam.hypotheses.amendments import Amendment
from threeam.tui.cells import drawable
from threeam.tui.glyphs import Glyph, glyph_of
from threeam.tui.log_rows import Row
from threeam.tui.widgets.segments import (
    Span,
    count_cells,
    crop_segments,
    highlight_segments,
    plain_text,
    wrap_segments,
)

AUTHOR_STYLE_COUNT = 6  # log--who-0 … log--who-5

_MAX_DRAWN_BYTES = MAX_TEXT_BYTES + 1024  # of a line: the longest text that 3am writes, and its tags
_CONTEXT_CHARS = 1024  # characters of a longer line that are drawn before its match
GAP_NS = 5 * 60 * NS_PER_S  # a longer time without a line is marked
_SHOWN_HOLD_NS = 5 * NS_PER_S  # a shorter hold is an ordinary one (the Bash script sleeps a second): the entry has it
TIME_MODES = {  # the modes of the time column, with the names that the user sees
    "ms": "milliseconds",
    "ns": "nanoseconds",
    "since": "since the row before",
    "t0": "since T0",
    "local": "local time",
}

StyleGetter = Callable[[str], Style]


class RenderOptions(NamedTuple):
    """The options that all rows are drawn with.

    ``time_mode`` is a key of `TIME_MODES`: the time of day to the millisecond or to the nanosecond, the time since the
    row before, the signed time since the stamp ``t0``, or the time of day in the local zone. Matches of ``pattern``
    are highlighted.
    """

    wrap: bool = True
    emoji: bool = True
    time_mode: str = "ms"
    t0: Stamp | None = None
    pattern: Pattern | None = None


class RowFlags(NamedTuple):
    """The facts about one row that its line does not contain.

    ``is_selected``: it is under the cursor. ``is_unsure``: it may not stay in the log. ``is_first``: it is the first
    row of the screen. ``amendment`` is shown in place of the entry's own text. ``progress`` is that of the experiment
    whose plan it is. ``is_observed``: a tracer was attached to some process at that time.
    """

    is_selected: bool = False
    is_unsure: bool = False
    is_marked: bool = False
    is_first: bool = False
    amendment: Amendment | None = None
    progress: str = ""
    is_observed: bool = False


class Columns(NamedTuple):
    """The widths of the columns, in cells."""

    time: int  # 18 with nanoseconds, 12 with milliseconds, 8 with seconds
    cups: int
    author: int

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


class _Brush(NamedTuple):
    """The styles and signs that one row is drawn with."""

    get_style: StyleGetter
    base: Style
    emoji: bool

    def segment(self, text: str, style: str) -> Segment:
        """Return ``text`` in the style class ``style``, on the row's background."""
        return Segment(text, self.base + self.get_style(style))

    @property
    def cut_mark(self) -> Segment:
        """The sign that stands for text that does not fit."""
        return Segment(self.sign("…", "~"), self.base)

    def sign(self, symbol: str, ascii_symbol: str) -> str:
        return symbol if self.emoji else ascii_symbol


class _RowLayout(NamedTuple):
    """The parts of a row from left to right: its columns, its text, and what stands at the right edge."""

    head: list[Segment]
    text: list[Segment]
    tail: list[Segment]
    match: Span | None  # the first match in the text

    def fit(self, width: int, brush: _Brush, *, wrap: bool) -> list[Strip]:
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


def author_style(user: str) -> str:
    """Return the style class of ``user``: always the same for the same name."""
    return f"who-{zlib.crc32(user.encode()) % AUTHOR_STYLE_COUNT}"


def truncate_line(line: Line, pattern: Pattern | None = None) -> tuple[Line, str]:
    """Return ``line`` cut to what is drawn of a very long one, and a note of how much was omitted ("": nothing).

    The beginning stays. If ``pattern`` matches only after it, the part around the match stays too. Lines that 3am
    writes are never cut.
    """
    raw, end = line.raw, _MAX_DRAWN_BYTES
    if len(raw) <= end:
        return line, ""
    while end > _MAX_DRAWN_BYTES - 4 and raw[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    drawn = raw[:end]
    if pattern is not None and not pattern.matches(drawn):
        text = decode_utf8(raw)
        for begin, _ in pattern.spans(text[_CONTEXT_CHARS:])[:1]:  # not in the stamp
            drawn = f"{text[:_CONTEXT_CHARS]} … {text[begin : begin + _MAX_DRAWN_BYTES // 4]}".encode()
    omitted_bytes = len(raw) - len(drawn) + line.omitted_bytes
    return line._replace(raw=drawn, omitted_bytes=0), f" and {format_bytes(omitted_bytes)} more"


def render_row(
    row: Row, previous: Row | None, width: int, options: RenderOptions, flags: RowFlags, get_style: StyleGetter
) -> list[Strip]:
    """Return the strips of ``row``, each ``width`` cells wide: one, unless its text wraps or lines may be missing."""
    line, omission = truncate_line(row.line, options.pattern)
    if omission:
        row = row._replace(line=line, entry=line.entry if row.entry is not None else None)
    brush = _Brush(get_style, get_style("selected" if flags.is_selected else "row"), options.emoji)
    columns = Columns.for_width(width, options.time_mode)
    head = [_cursor_segment(flags, brush), *_head_segments(row.entry, previous, columns, brush, options, flags)]
    text = _text_segments(row, flags, brush)
    if omission:
        text.append(brush.segment(omission, "dim"))
    spans = options.pattern.spans(plain_text(text)) if options.pattern is not None else []
    if spans:
        text = highlight_segments(text, spans, get_style("match"))
    tail_cells = width if options.wrap else width - count_cells(head) - count_cells(text)
    tail = _tail_segments(row, tail_cells, brush)
    strips = _RowLayout(head, text, tail, spans[0] if spans else None).fit(width, brush, wrap=options.wrap)
    if day := _new_day(row.entry, previous, options):
        strips.insert(0, _rule_strip(day, "dim", width, brush))
    if row.line.gap_reason:
        strips.insert(0, _rule_strip(row.line.gap_reason, "toxic", width, brush))
    return strips


def _rule_strip(title: str, style: str, width: int, brush: _Brush) -> Strip:
    """Return a rule with a title: above a row before which lines may be missing, or with which a day begins."""
    rule = brush.sign("─", "-")
    text = set_cell_size(f"{rule * 2} {title} ", min(width, cell_len(title) + 4))
    return Strip(
        [Segment(text + rule * (width - cell_len(text)), brush.get_style("row") + brush.get_style(style))], width
    )


def _new_day(entry: Entry | None, previous: Row | None, options: RenderOptions) -> str:
    """Return the date of ``entry`` if the row before is of an earlier one and the column shows times of day."""
    if entry is None or previous is None or previous.entry is None or options.time_mode in ("since", "t0"):
        return ""
    before, day = (_zoned(stamp, options).iso_date for stamp in (previous.entry.stamp, entry.stamp))
    return day if before < day else ""


def _zoned(stamp: Stamp, options: RenderOptions) -> Stamp:
    """Return ``stamp`` in the zone in which the time column shows it."""
    return Stamp(stamp.ns, localtime(stamp.ns // NS_PER_S).tm_gmtoff) if options.time_mode == "local" else stamp


def _cursor_segment(flags: RowFlags, brush: _Brush) -> Segment:
    if not flags.is_selected:
        return Segment(" ", brush.base)
    return Segment(brush.sign("▌", ">"), brush.get_style("cursor"))


def _head_segments(
    entry: Entry | None, previous: Row | None, columns: Columns, brush: _Brush, options: RenderOptions, flags: RowFlags
) -> list[Segment]:
    time: list[Segment] = [brush.segment(" " * columns.time, "time")]
    cups = author = ""
    author_class = "dim"
    previous_entry = previous.entry if previous is not None else None
    if entry is not None:
        time = _time_segments(entry, previous_entry, columns.time, options, flags, brush)
        author = entry.author.label if entry.author else "script"
        author_class = author_style(entry.author.user) if entry.author else "dim"
        cups = brush.sign("☕", "c") + str(entry.cups) if entry.cups else ""
    mark, mark_style = _gutter_mark(entry, previous_entry, brush, flags)
    segments = [*time, brush.segment(mark, mark_style)]
    if columns.cups:
        segments.append(brush.segment(set_cell_size(cups, columns.cups) + " ", "coffee"))
    if columns.author:
        segments.append(brush.segment(_fit_cells(drawable(author), columns.author, brush) + " ", author_class))
    return segments


def _gutter_mark(entry: Entry | None, previous: Entry | None, brush: _Brush, flags: RowFlags) -> tuple[str, str]:
    """Return the sign after the time, and its style.

    The first that applies: a mark, a backward step of the clock, an observer, a gap.
    """
    if flags.is_marked:
        return brush.sign("◆", "*"), "hypothesis"
    since_ns = entry.stamp.ns - previous.stamp.ns if entry is not None and previous is not None else 0
    if since_ns < 0:
        return brush.sign("«", "<"), "toxic"
    if flags.is_observed:
        return brush.sign("◉", "o"), "coffee"
    if since_ns >= GAP_NS:
        return brush.sign("┊", ":"), "dim"
    return " ", "dim"


def _time_segments(
    entry: Entry, previous: Entry | None, width: int, options: RenderOptions, flags: RowFlags, brush: _Brush
) -> list[Segment]:
    """Return the time column: what it repeats of the row before is dim, except on the first row of the screen."""
    text = _format_time(entry, previous, width, options)
    if previous is None or flags.is_first or options.time_mode in ("since", "t0"):
        return [brush.segment(text, "time")]
    above = _format_time(previous, None, width, options)
    repeated = width if text == above else 9 if text[:9] == above[:9] and width > 9 else 0  # 03:14:07.
    return [brush.segment(part, style) for part, style in ((text[:repeated], "dim"), (text[repeated:], "time")) if part]


def _format_time(entry: Entry, previous: Entry | None, width: int, options: RenderOptions) -> str:
    stamp = entry.stamp
    if options.time_mode == "since" and previous is not None:
        return _format_signed_duration(stamp.ns - previous.stamp.ns, width).rjust(width)
    if options.time_mode == "t0" and options.t0 is not None:
        return _format_signed_duration(stamp.ns - options.t0.ns, width).rjust(width)
    return _zoned(stamp, options).time_of_day[:width].rjust(width)


def _format_signed_duration(ns: int, width: int) -> str:
    """Return a duration with its sign, to the nanosecond if that fits: ``+3:12.123456789``."""
    total_seconds, fraction = divmod(abs(ns), NS_PER_S)
    minutes, seconds = divmod(total_seconds, 60)
    hours = minutes // 60
    clock = f"{hours}:{minutes % 60:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{'-' if ns < 0 else '+'}{clock}.{fraction:09d}"[:width].rstrip(".")


def _text_segments(row: Row, flags: RowFlags, brush: _Brush) -> list[Segment]:
    entry, line, amendment = row.entry, row.line, flags.amendment
    if entry is not None and amendment is not None:
        kind = "" if entry.text == entry.body else f"{entry.text.partition(':')[0]}: "
        entry = entry._replace(text=kind + amendment.text)
    unsure = [brush.segment("unsure: ", "toxic")] if flags.is_unsure else []
    glyph = glyph_of(entry, finished=line.finished)
    symbol = brush.segment(brush.sign(glyph.symbol, glyph.ascii_symbol) + " ", glyph.style)
    if entry is None or not line.finished:
        word = "foreign" if line.finished else "unfinished"
        return [*unsure, symbol, brush.segment(f"{word}: {drawable(line.display_text)}", "foreign")]
    if entry.kind == "note" and entry.text.startswith(("| ", CONTINUATION_PREFIX)):  # its block begins above
        continuation = brush.sign("│ ", "| ") + drawable(entry.text.partition(" ")[2])
        return [*unsure, brush.segment(continuation, "text")]
    return [*unsure, symbol, *_label_segments(entry, flags, brush), *_body_segments(entry, glyph, brush)]


def _label_segments(entry: Entry, flags: RowFlags, brush: _Brush) -> Iterable[Segment]:
    """Yield what stands between the sign of an entry and its text."""
    if hypothesis := entry.hypothesis:
        yield brush.segment(f"H{hypothesis[0]} ", "hypothesis")
    run = run_label(entry)
    if run is not None:
        yield brush.segment(f"{run} ", "experiment")
    if flags.progress:
        yield brush.segment(f"{flags.progress} ", "experiment")
    # Tags of a later version or of another tool are shown as they are.
    unknown_tags = [f"[{key}: {value}] " for key, value in entry.tags if not is_own_tag(key)]
    if unknown_tags:
        yield brush.segment(drawable("".join(unknown_tags)), "dim")
    if entry.tag("RECHECK") is not None:
        yield brush.segment("recheck ", "toxic")
    if flags.amendment is not None and flags.amendment.correction_count:
        yield brush.segment("corrected ", "dim")


def _body_segments(entry: Entry, glyph: Glyph, brush: _Brush) -> list[Segment]:
    kind, hypothesis = entry.kind, entry.hypothesis
    if kind == "note":
        return [brush.segment("note: ", "dim"), brush.segment(drawable(entry.text), "text")]
    if kind in ("ceremony", "Continued"):
        return [brush.segment(drawable(entry.text), "dim")]
    word = hypothesis[1] if kind == "Conclusion" and hypothesis else kind
    if kind == "Run" and ": " in entry.body:  # the command is what a reader looks for
        result, _, command = entry.body.partition(": ")
        return [
            brush.segment(drawable(command), "text"),
            brush.segment(drawable(f"{brush.sign(' · ', ' | ')}{result}"), "dim"),
        ]
    body_style = glyph.style if kind == "WARNING" else "text"
    return [
        brush.segment(drawable(f"{word}: "), glyph.style),
        brush.segment(drawable(_shorten_references(entry.body)), body_style),
    ]


def _tail_segments(row: Row, width_cells: int, brush: _Brush) -> list[Segment]:
    """Return for how long the lock was held, if that was long and fits."""
    if row.lock_held_ns is None or row.lock_held_ns < _SHOWN_HOLD_NS:
        return []
    hold = f"  held {format_duration(row.lock_held_ns)} "
    return [brush.segment(hold, "dim")] if len(hold) <= width_cells else []


def _shorten_references(text: str) -> str:
    """Return ``text`` with ``@03:14:07.123`` for each full stamp."""
    for stamp in find_stamp_refs(text):
        text = text.replace(f"@{stamp}", f"@{stamp.time_of_day[:12]}")
    return text


def _fit_cells(text: str, width: int, brush: _Brush) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + brush.sign("…", "~")
