"""How one row of the journal is drawn: its columns, at a width, as strips."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from threeam.core.entry import Entry, references
from threeam.core.when import duration
from threeam.tui.cells import drawn
from threeam.tui.signs import sign_of
from threeam.tui.window import Row

PEOPLE_STYLES = 6  # log--who-0 … log--who-5
BLOCK_NS = 1_000  # two lines of one author closer than this are of one block, which is stamped + 1 ns a line

Styles = Callable[[str], Style]


class Columns(NamedTuple):
    """How wide the columns are, in cells, at a given width of the view."""

    time: int  # 18 with nanoseconds, 12 with milliseconds, 8 with seconds
    cups: int
    who: int
    held: bool

    @classmethod
    def at(cls, width: int) -> Columns:
        """What fits: the text is never squeezed below about half of a narrow view."""
        if width >= 76:
            return cls(18, 4, 10, True)
        if width >= 56:
            return cls(12, 4, 8, True)
        if width >= 44:
            return cls(8, 0, 7, False)
        return cls(8, 0, 0, False)


def who_style(user: str) -> str:
    """The style class of a person: always the same for the same name."""
    return f"who-{zlib.crc32(user.encode()) % PEOPLE_STYLES}"


def draw(
    row: Row, before: Row | None, width: int, *, wrap: bool, emoji: bool, selected: bool, unsure: bool, styles: Styles
) -> list[Strip]:
    """The strips of ``row``, each ``width`` cells; one, unless ``wrap``."""
    columns = Columns.at(width)
    base = styles("selected") if selected else styles("row")
    head = [Segment("▌" if emoji and selected else ">" if selected else " ", styles("cursor") if selected else base)]
    head += _head(row.entry, before, columns, base, styles, emoji)
    text = [Segment("unsure: ", base + styles("toxic"))] if unsure else []
    text += _text(row, base, styles, emoji)
    tail: list[Segment] = []
    if columns.held and row.held_ns is not None:
        tail = [Segment(f"  held {duration(row.held_ns)} ", base + styles("dim"))]
    indent = sum(cell_len(one.text) for one in head)
    room = max(1, width - indent - sum(cell_len(one.text) for one in tail))
    lines = _broken(text, room) if wrap else [_cut(text, room, emoji, base)]
    strips = [_border(row.line.gap, width, emoji, styles)] if row.line.gap else []
    for i, segments in enumerate(lines):
        left = head if i == 0 else [Segment(" " * indent, base)]
        used = sum(cell_len(one.text) for one in segments)
        fill = Segment(" " * (room - used), base)
        right = tail if i == 0 else [Segment(" " * (width - indent - room), base)]
        strips.append(Strip([*left, *segments, fill, *right], width))
    return strips


def _border(gap: str, width: int, emoji: bool, styles: Styles) -> Strip:
    """The line above a row before which others may be missing."""
    rule = "─" if emoji else "-"
    text = set_cell_size(f"{rule * 2} {gap} ", min(width, cell_len(gap) + 4))
    return Strip([Segment(text + rule * (width - cell_len(text)), styles("row") + styles("toxic"))], width)


def _head(
    entry: Entry | None, before: Row | None, columns: Columns, base: Style, styles: Styles, emoji: bool
) -> list[Segment]:
    time = cups = who = ""
    time_style, who_class = base + styles("time"), "dim"
    if entry is not None:
        time = _time(entry, before, columns.time)
        by = entry.by
        who = by.short if by else "script"
        who_class = who_style(by.user) if by else "dim"
        if entry.coffee:
            cups = f"☕{entry.coffee}" if emoji else f"c{entry.coffee}"
    segments = [Segment(time.rjust(columns.time) + " ", time_style)]
    if columns.cups:
        segments.append(Segment(set_cell_size(cups, columns.cups) + " ", base + styles("coffee")))
    if columns.who:
        segments.append(Segment(_fit(drawn(who), columns.who, emoji) + " ", base + styles(who_class)))
    return segments


def _time(entry: Entry, before: Row | None, width: int) -> str:
    """The clock time, or for a later line of a block how long after the one before it."""
    if before is not None and before.entry is not None and width >= 12:
        after = entry.stamp.ns - before.entry.stamp.ns
        if 0 < after < BLOCK_NS and entry.tag("BY") == before.entry.tag("BY"):
            return f"+{duration(after)}"
    return entry.stamp.clock[:width]


def _text(row: Row, base: Style, styles: Styles, emoji: bool) -> list[Segment]:
    entry, line = row.entry, row.line
    sign = sign_of(entry, finished=line.finished)
    segments = [Segment((sign.sign if emoji else sign.plain) + " ", base + styles(sign.style))]
    if entry is None or not line.finished:
        word = "unfinished" if not line.finished else "foreign"
        return [*segments, Segment(f"{word}: {drawn(line.shown)}", base + styles("foreign"))]
    if hypothesis := entry.hypothesis:
        segments.append(Segment(f"H{hypothesis[0]} ", base + styles("hypothesis")))
    others = [f"[{key}: {value}] " for key, value in entry.tags if key not in _KNOWN_TAGS and not key[1:].isdigit()]
    if others:  # tags of a later version, or of another tool: shown as they are
        segments.append(Segment(drawn("".join(others)), base + styles("dim")))
    kind = entry.kind
    if kind == "note":
        segments.append(Segment("note: ", base + styles("dim")))
        segments.append(Segment(drawn(entry.text), base + styles("text")))
    elif kind in ("ceremony", "Continued"):
        segments.append(Segment(drawn(entry.text), base + styles("dim")))
    else:
        word = hypothesis[1] if kind == "Conclusion" and hypothesis else kind
        segments.append(Segment(drawn(f"{word}: "), base + styles(sign.style)))
        style = sign.style if kind == "WARNING" else "text"
        segments.append(Segment(drawn(_short_references(entry.body)), base + styles(style)))
    return segments


def _short_references(text: str) -> str:
    """``text`` with ``@03:14:07.123`` for a whole stamp: the words are what is read here."""
    for stamp in references(text):
        text = text.replace(f"@{stamp}", f"@{stamp.clock[:12]}")
    return text


_KNOWN_TAGS = frozenset({"BY", "VIA", "MG", "WATER", "NIGHT", "AT", "DOSES"})


def _fit(text: str, width: int, emoji: bool) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + ("…" if emoji else "~")


def _cut(segments: list[Segment], room: int, emoji: bool, base: Style) -> list[Segment]:
    if sum(cell_len(one.text) for one in segments) <= room:
        return segments
    cut = Strip(segments).crop(0, max(0, room - 1))
    return [*cut, Segment("…" if emoji else "~", base)]


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
