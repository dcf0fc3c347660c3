"""The text of a row: what is drawn of its line, and the note at the right edge."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment

from threeam.core.format.entry import (
    CONTINUATION_PREFIX,
    MAX_TEXT_BYTES,
    NS_PER_S,
    Entry,
    decode_utf8,
    find_stamp_refs,
)
from threeam.core.format.kinds import is_own_tag
from threeam.core.format.times import format_duration
from threeam.core.platform.disk import format_bytes
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.experiments.runs.run_tags import run_label
from threeam.tui.cells import drawable
from threeam.tui.glyphs import ENDED_THEN, Glyph, glyph_of
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_look import Brush, RowFlags
from threeam.tui.widgets.row_time import late_note

_MAX_DRAWN_BYTES = MAX_TEXT_BYTES + 1024  # of a line: the longest text that 3am writes, and its tags
_CONTEXT_CHARS = 1024  # characters of a longer line that are drawn before its match
_SHOWN_HOLD_NS = 5 * NS_PER_S  # a shorter hold is an ordinary one (the Bash script sleeps a second): the entry has it


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


def text_segments(row: Row, flags: RowFlags, brush: Brush) -> list[Segment]:
    entry, line, amendment = row.entry, row.line, flags.amendment
    if not row.is_of_journal:
        return _other_log_segments(row, brush)
    if entry is not None and amendment is not None:
        kind = "" if entry.text == entry.body else f"{entry.text.partition(':')[0]}: "
        entry = entry._replace(text=kind + amendment.text)
    unsure = [brush.segment("unsure: ", "toxic")] if flags.is_unsure else []
    if entry is None or not line.finished:
        glyph = glyph_of(entry, finished=line.finished)
        symbol = brush.segment(brush.sign(glyph.symbol, glyph.ascii_symbol) + " ", glyph.style)
        word = "foreign" if line.finished else "unfinished"
        return [*unsure, symbol, brush.segment(f"{word}: {drawable(line.display_text)}", "foreign")]
    return [*unsure, *_entry_segments(entry, flags, brush)]


def _entry_segments(entry: Entry, flags: RowFlags, brush: Brush, host: str = "") -> list[Segment]:
    """Return the sign, the labels and the text of an entry. ``host``: in whose journal it is; empty: in this one."""
    if entry.kind == "note" and entry.text.startswith(("| ", CONTINUATION_PREFIX)):  # its block begins above
        continuation = brush.sign("│ ", "| ") + drawable(entry.text.partition(" ")[2])
        return [brush.segment(continuation, "text")]
    glyph = glyph_of(entry)
    symbol = brush.segment(brush.sign(glyph.symbol, glyph.ascii_symbol) + " ", glyph.style)
    return [symbol, *_label_segments(entry, flags, brush, host), *_body_segments(entry, glyph, brush)]


def _other_log_segments(row: Row, brush: Brush) -> list[Segment]:
    """Return a line of another log as it is, without the stamp that the time column shows.

    A line of another journal is shown as one of ours, after its author: the column of authors names the source.
    """
    line, placement = row.line, row.placement
    assert placement is not None
    entry = line.entry
    if entry is not None and line.finished:
        author = [brush.segment(drawable(entry.author.label) + " ", "dim")] if entry.author else []
        return [*author, *_entry_segments(entry, RowFlags(), brush, placement.source.name)]
    begin, end = placement.stamp_span
    if end:
        line = line._replace(raw=line.raw[:begin].rstrip() + line.raw[end:])
    line = line._replace(raw=line.raw.replace(b"\t", b"    "))
    text = drawable(line.display_text).lstrip() if end else drawable(line.display_text)
    segments = [brush.segment(brush.sign("│ ", "| "), "dim")] if placement.continues else []
    segments.append(brush.segment(text, "text"))
    if placement.ended_then:
        segments.append(brush.segment(f" {brush.sign(ENDED_THEN.symbol, ENDED_THEN.ascii_symbol)} ended then", "dim"))
    return segments


def _label_segments(entry: Entry, flags: RowFlags, brush: Brush, host: str) -> Iterable[Segment]:
    """Yield what stands between the sign of an entry and its text."""
    own_prefix = f"{host}/" if host else ""  # an H1 of this journal may stand in the row above
    if name := entry.hypothesis_name:
        shown = f"{own_prefix}{name}" if entry.hypothesis is not None else name
        yield brush.segment(drawable(f"{shown} "), "hypothesis")
    run = run_label(entry)
    if run is not None:
        yield brush.segment(drawable(f"{own_prefix}{run} "), "experiment")
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


def _body_segments(entry: Entry, glyph: Glyph, brush: Brush) -> list[Segment]:
    kind = entry.kind
    if kind == "note":
        return [brush.segment("note: ", "dim"), brush.segment(drawable(entry.text), "text")]
    if kind in ("ceremony", "Continued"):
        return [brush.segment(drawable(entry.text), "dim")]
    word = (entry.state_after if kind == "Conclusion" else None) or kind
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


def tail_segments(row: Row, width_cells: int, brush: Brush) -> list[Segment]:
    """Return how late the line was written, or for how long the lock was held; if that was long and fits."""
    if late := late_note(row, brush):
        return [brush.segment(f"  {late} ", "toxic")] if len(late) + 3 <= width_cells else []
    if row.lock_held_ns is None or row.lock_held_ns < _SHOWN_HOLD_NS:
        return []
    hold = f"  held {format_duration(row.lock_held_ns)} "
    return [brush.segment(hold, "dim")] if len(hold) <= width_cells else []


def _shorten_references(text: str) -> str:
    """Return ``text`` with ``@03:14:07.123`` for each full stamp."""
    for stamp in find_stamp_refs(text):
        text = text.replace(f"@{stamp}", f"@{stamp.time_of_day[:12]}")
    return text
