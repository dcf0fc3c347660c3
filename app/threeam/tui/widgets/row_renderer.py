"""How one row of the journal is drawn: its columns, at a width, as strips."""

from __future__ import annotations

import re
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable
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
from threeam.core.format.times import format_duration
from threeam.core.platform.disk import format_bytes
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.experiments.run_tags import run_label
from threeam.hypotheses.amendments import Amendment
from threeam.tui.cells import drawable
from threeam.tui.glyphs import glyph_of
from threeam.tui.log_blocks import BLOCK_GAP_NS
from threeam.tui.log_window import Row

AUTHOR_STYLE_COUNT = 6  # log--who-0 … log--who-5

_MOST_DRAWN = MAX_TEXT_BYTES + 1024  # bytes of a line: the longest text that 3am writes, and its tags
_DRAWN_BEFORE = 1024  # characters of a longer one that are drawn before what is searched in it
GAP_NS = 5 * 60 * NS_PER_S  # so long without a line is marked
TIME_MODES = ("full", "since", "t0", "local")

StyleGetter = Callable[[str], Style]


class RenderOptions(NamedTuple):
    """How rows are drawn.

    ``time``: what the time column shows: ``full``, ``since`` the row before, ``t0`` (since ``t0``, with its sign), or
    ``local`` (in the zone of who looks). ``pattern``: what is highlighted.
    """

    wrap: bool = False
    emoji: bool = True
    time_mode: str = "full"
    t0: Stamp | None = None
    pattern: Pattern | None = None


class RowFlags(NamedTuple):
    """What is so of a row where it stands: under the cursor, maybe not to last, marked, the first of the screen.

    ``said``: the words that are read there, in place of what was written. ``progress``: how far the experiment is that
    it plans. ``observed``: a tracer was attached to something then.
    """

    is_selected: bool = False
    is_unsure: bool = False
    is_marked: bool = False
    is_first: bool = False
    amendment: Amendment | None = None
    progress: str = ""
    is_observed: bool = False


class Columns(NamedTuple):
    """How wide the columns are, in cells, at a given width of the view."""

    time: int  # 18 with nanoseconds, 12 with milliseconds, 8 with seconds
    cups: int
    author: int
    shows_hold: bool

    @classmethod
    def for_width(cls, width: int) -> Columns:
        """What fits: the text is never squeezed below about half of a narrow view."""
        if width >= 76:
            return cls(18, 4, 10, True)
        if width >= 56:
            return cls(12, 4, 8, True)
        if width >= 44:
            return cls(8, 0, 7, False)
        return cls(8, 0, 0, False)


def author_style(user: str) -> str:
    """The style class of a person: always the same for the same name."""
    return f"who-{zlib.crc32(user.encode()) % AUTHOR_STYLE_COUNT}"


def truncate_line(line: Line, pattern: Pattern | None = None) -> tuple[Line, str]:
    """``line`` without what is too much to draw of somebody's endless one, and how that is told.

    Its beginning stays, and if ``pattern`` finds something only after that, also the part around it. What 3am writes is
    never so long.
    """
    raw, end = line.raw, _MOST_DRAWN
    if len(raw) <= end:
        return line, ""
    while end > _MOST_DRAWN - 4 and raw[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    kept = raw[:end]
    if pattern is not None and not pattern.matches(kept):
        text = decode_utf8(raw)
        for begin, _ in pattern.spans(text[_DRAWN_BEFORE:])[:1]:  # not in the stamp
            kept = f"{text[:_DRAWN_BEFORE]} … {text[begin : begin + _MOST_DRAWN // 4]}".encode()
    return line._replace(
        raw=kept, omitted_bytes=0
    ), f" and {format_bytes(len(raw) - len(kept) + line.omitted_bytes)} more"


def render_row(
    row: Row, before: Row | None, width: int, look: RenderOptions, about: RowFlags, styles: StyleGetter
) -> list[Strip]:
    """The strips of ``row``, each ``width`` cells; one, unless they wrap."""
    line, left_out = truncate_line(row.line, look.pattern)
    if left_out:
        row = row._replace(line=line, entry=line.entry if row.entry is not None else None)
    columns, emoji, selected = Columns.for_width(width), look.emoji, about.is_selected
    base = styles("selected") if selected else styles("row")
    head = [Segment("▌" if emoji and selected else ">" if selected else " ", styles("cursor") if selected else base)]
    head += _head(row.entry, before, columns, base, styles, look, about)
    text = [Segment("unsure: ", base + styles("toxic"))] if about.is_unsure else []
    text += _text(row, about.amendment, base, styles, emoji)
    if left_out:
        text.append(Segment(left_out, base + styles("dim")))
    match = None
    if look.pattern is not None and (spans := look.pattern.spans("".join(one.text for one in text))):
        match = spans[0]
        text = _highlighted(text, spans, styles("match"))
    indent, tail = sum(cell_len(one.text) for one in head), list[Segment]()
    if about.progress:  # it says more than the end of its plan
        tail = [Segment(f"  {about.progress} ", base + styles("hypothesis"))]
    elif columns.shows_hold and row.lock_held_ns is not None:
        held = f"  held {format_duration(row.lock_held_ns)} "
        if look.wrap or indent + sum(cell_len(one.text) for one in text) + len(held) <= width:  # the words come first
            tail = [Segment(held, base + styles("dim"))]
    room = max(1, width - indent - sum(cell_len(one.text) for one in tail))
    lines = _broken(text, room) if look.wrap else [_cut(text, room, emoji, base, match)]
    strips = [_border(row.line.gap_reason, width, emoji, styles)] if row.line.gap_reason else []
    for i, segments in enumerate(lines):
        left = head if i == 0 else [Segment(" " * indent, base)]
        used = sum(cell_len(one.text) for one in segments)
        fill = Segment(" " * (room - used), base)
        right = tail if i == 0 else [Segment(" " * (width - indent - room), base)]
        strips.append(Strip([*left, *segments, fill, *right], width))
    return strips


def _border(gap: str, width: int, emoji: bool, styles: StyleGetter) -> Strip:
    """The line above a row before which others may be missing."""
    rule = "─" if emoji else "-"
    text = set_cell_size(f"{rule * 2} {gap} ", min(width, cell_len(gap) + 4))
    return Strip([Segment(text + rule * (width - cell_len(text)), styles("row") + styles("toxic"))], width)


def _head(
    entry: Entry | None,
    before: Row | None,
    columns: Columns,
    base: Style,
    styles: StyleGetter,
    look: RenderOptions,
    about: RowFlags,
) -> list[Segment]:
    time = cups = who = ""
    time_style, who_class, emoji = base + styles("time"), "dim", look.emoji
    earlier = before.entry if before is not None else None
    if entry is not None:
        time = _time(entry, earlier, columns.time, look, about)
        by = entry.author
        who = by.label if by else "script"
        who_class = author_style(by.user) if by else "dim"
        if entry.cups:
            cups = f"☕{entry.cups}" if emoji else f"c{entry.cups}"
    sign, style = _gutter(entry, earlier, emoji, about)
    segments = [Segment(time.rjust(columns.time), time_style), Segment(sign, base + styles(style))]
    if columns.cups:
        segments.append(Segment(set_cell_size(cups, columns.cups) + " ", base + styles("coffee")))
    if columns.author:
        segments.append(Segment(_fit(drawable(who), columns.author, emoji) + " ", base + styles(who_class)))
    return segments


def _gutter(entry: Entry | None, before: Entry | None, emoji: bool, about: RowFlags) -> tuple[str, str]:
    """The sign between the time and what follows it, and its style.

    A mark, a step of the clock backwards, an observer, a gap: the first of these that there is.
    """
    if about.is_marked:
        return ("◆" if emoji else "*"), "hypothesis"
    after = entry.stamp.ns - before.stamp.ns if entry is not None and before is not None else 0
    if after < 0:
        return ("«" if emoji else "<"), "toxic"
    if about.is_observed:
        return ("◉" if emoji else "o"), "coffee"
    if after >= GAP_NS:
        return ("┊" if emoji else ":"), "dim"
    return " ", "dim"


def _time(entry: Entry, before: Entry | None, width: int, look: RenderOptions, about: RowFlags) -> str:
    """The clock time, or how long after another line; for a later line of a block, after the one before it."""
    stamp = entry.stamp
    if look.time_mode == "since" and before is not None:
        return _signed(stamp.ns - before.stamp.ns, width)
    if look.time_mode == "t0" and look.t0 is not None:
        return _signed(stamp.ns - look.t0.ns, width)
    if look.time_mode == "local":
        return Stamp(stamp.ns, localtime(stamp.ns // NS_PER_S).tm_gmtoff).time_of_day[:width]
    if before is not None and not about.is_first and width >= 12:
        after = stamp.ns - before.stamp.ns
        if 0 < after < BLOCK_GAP_NS and entry.tag("BY") == before.tag("BY"):
            return f"+{format_duration(after)}"
    return stamp.time_of_day[:width]


def _signed(ns: int, width: int) -> str:
    """A length of time with its sign, to the nanosecond where that fits: ``+3:12.123456789``."""
    seconds, fraction = divmod(abs(ns), NS_PER_S)
    minutes, hours = seconds // 60, seconds // 3600
    whole = f"{hours}:{minutes % 60:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
    return f"{'-' if ns < 0 else '+'}{whole}.{fraction:09d}"[:width].rstrip(".")


def _highlighted(segments: list[Segment], spans: list[tuple[int, int]], style: Style) -> list[Segment]:
    """``segments`` with the ``spans`` of their text (in characters, in their order) in another style."""
    begins = [first for first, _ in spans]
    edges = [edge for span in spans for edge in span]
    shown, at = [], 0
    for text, was, _ in segments:
        cuts = [edge - at for edge in edges[bisect_right(edges, at) : bisect_left(edges, at + len(text))]]
        for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
            before = bisect_right(begins, at + begin) - 1
            inside = before >= 0 and at + begin < spans[before][1]
            shown.append(Segment(text[begin:end], (was or Style.null()) + style if inside else was))
        at += len(text)
    return shown


def _text(row: Row, said: Amendment | None, base: Style, styles: StyleGetter, emoji: bool) -> list[Segment]:
    entry, line = row.entry, row.line
    if entry is not None and said is not None:
        kind = "" if entry.text == entry.body else f"{entry.text.partition(':')[0]}: "
        entry = entry._replace(text=kind + said.text)
    sign = glyph_of(entry, finished=line.finished)
    segments = [Segment((sign.symbol if emoji else sign.ascii_symbol) + " ", base + styles(sign.style))]
    if entry is None or not line.finished:
        word = "unfinished" if not line.finished else "foreign"
        return [*segments, Segment(f"{word}: {drawable(line.display_text)}", base + styles("foreign"))]
    if hypothesis := entry.hypothesis:
        segments.append(Segment(f"H{hypothesis[0]} ", base + styles("hypothesis")))
    if (run := run_label(entry)) is not None:
        segments.append(Segment(f"{run} ", base + styles("hypothesis")))
    others = [f"[{key}: {value}] " for key, value in entry.tags if not KNOWN_TAG.fullmatch(key)]
    if others:  # tags of a later version, or of another tool: shown as they are
        segments.append(Segment(drawable("".join(others)), base + styles("dim")))
    kind = entry.kind
    if entry.tag("RECHECK") is not None:
        segments.append(Segment("recheck ", base + styles("toxic")))
    if said is not None and said.correction_count:
        segments.append(Segment("corrected ", base + styles("dim")))
    if kind == "note" and entry.text.startswith(("| ", CONTINUATION_PREFIX)):  # of the block that begins above
        bar = "│ " if emoji else "| "
        segments = [Segment(bar + drawable(entry.text.partition(" ")[2]), base + styles("text"))]
    elif kind == "note":
        segments.append(Segment("note: ", base + styles("dim")))
        segments.append(Segment(drawable(entry.text), base + styles("text")))
    elif kind in ("ceremony", "Continued"):
        segments.append(Segment(drawable(entry.text), base + styles("dim")))
    else:
        word = hypothesis[1] if kind == "Conclusion" and hypothesis else kind
        segments.append(Segment(drawable(f"{word}: "), base + styles(sign.style)))
        style = sign.style if kind == "WARNING" else "text"
        segments.append(Segment(drawable(_short_references(entry.body)), base + styles(style)))
    return segments


def _short_references(text: str) -> str:
    """``text`` with ``@03:14:07.123`` for a whole stamp: the words are what is read here."""
    for stamp in find_stamp_refs(text):
        text = text.replace(f"@{stamp}", f"@{stamp.time_of_day[:12]}")
    return text


# The tags that 3am writes: their sign, their word or their column says the same.
KNOWN_TAG = re.compile(
    r"[HR]\d+|BY|VIA|MG|WATER|NIGHT|AT|DOSES|MARK|DISK"
    r"|STAMP|CORRECTION|CHANGE|NOTED|HOLDS|RECHECK|FORK|HANDOFF|PREFLIGHT"
    r"|BASELINE|FILE|STABLE|TREE|TERMINATED|RESTORE"
    r"|PLAN|IDENTITY|RUN|VERDICT|RUNS|SPENT|CUTS|LAST|ORDER|REPEATED|OBSERVER|CAPTURED",
    re.ASCII,
)


def _fit(text: str, width: int, emoji: bool) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ("…" if emoji else "~")


def _cut(
    segments: list[Segment], room: int, emoji: bool, base: Style, match: tuple[int, int] | None = None
) -> list[Segment]:
    """``segments`` in ``room`` cells: their beginning, or the part around ``match`` if that lies further on."""
    cells = sum(cell_len(one.text) for one in segments)
    if cells <= room:
        return segments
    more = Segment("…" if emoji else "~", base)
    sign = segments[0]
    left = [sign, more] if cell_len(sign.text) < room // 2 else [more]
    width = room - sum(cell_len(one.text) for one in left)
    text = "".join(one.text for one in segments)
    if match is None or width < 2 or cell_len(text[: match[1]]) < room:
        return [*Strip(segments).crop(0, max(0, room - 1)), more]
    # A third of the room is for what stands before the match; the end of the line leaves none empty.
    begin = min(cell_len(text[: match[0]]) - width // 3, cells - width)
    if begin + width >= cells:
        return [*left, *Strip(segments).crop(begin, cells)]
    return [*left, *Strip(segments).crop(begin, begin + width - 1), more]


def _broken(segments: list[Segment], room: int) -> list[list[Segment]]:
    """``segments`` in lines of at most ``room`` cells; words stay whole where they fit."""
    text = "".join(one.text for one in segments)
    cuts, begin, width, space = [], 0, 0, -1
    for i, char in enumerate(text):
        cells = cell_len(char)
        if width + cells > room:
            end = space + 1 if space >= begin + room // 2 else i
            cuts.append(end)
            width = cell_len(text[end:i])
            begin, space = end, -1
        if char == " ":
            space = i
        width += cells
    lines, at = [], 0
    rest = list(segments)
    for cut in [*cuts, len(text)]:
        line = []
        while rest and at < cut:
            one = rest.pop(0)
            take = min(len(one.text), cut - at)
            line.append(Segment(one.text[:take], one.style))
            if take < len(one.text):
                rest.insert(0, Segment(one.text[take:], one.style))
            at += take
        lines.append(line)
    return lines
