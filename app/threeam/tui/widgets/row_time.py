"""The time column of a row, the sign beside it, and the day that begins with a row."""

from __future__ import annotations

from time import localtime

from rich.segment import Segment

from threeam.core.format.entry import NS_PER_S, Entry, Stamp
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_look import Brush, RenderOptions, RowFlags

GAP_NS = 5 * 60 * NS_PER_S  # a longer time without a line is marked


def new_day(entry: Entry | None, previous: Row | None, options: RenderOptions) -> str:
    """Return the date of ``entry`` if the row before is of an earlier one and the column shows times of day."""
    if entry is None or previous is None or previous.entry is None or options.time_mode in ("since", "t0"):
        return ""
    before, day = (_zoned(stamp, options).iso_date for stamp in (previous.entry.stamp, entry.stamp))
    return day if before < day else ""


def _zoned(stamp: Stamp, options: RenderOptions) -> Stamp:
    """Return ``stamp`` in the zone in which the time column shows it."""
    return Stamp(stamp.ns, localtime(stamp.ns // NS_PER_S).tm_gmtoff) if options.time_mode == "local" else stamp


def gutter_mark(entry: Entry | None, previous: Entry | None, brush: Brush, flags: RowFlags) -> tuple[str, str]:
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


def time_segments(
    entry: Entry, previous: Entry | None, width: int, options: RenderOptions, flags: RowFlags, brush: Brush
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
    if options.time_mode == "t0" and options.t0_ns is not None:
        return _format_signed_duration(stamp.ns - options.t0_ns, width).rjust(width)
    return _zoned(stamp, options).time_of_day[:width].rjust(width)


def _format_signed_duration(ns: int, width: int) -> str:
    """Return a duration with its sign, to the nanosecond if that fits: ``+3:12.123456789``."""
    total_seconds, fraction = divmod(abs(ns), NS_PER_S)
    minutes, seconds = divmod(total_seconds, 60)
    hours = minutes // 60
    clock = f"{hours}:{minutes % 60:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{'-' if ns < 0 else '+'}{clock}.{fraction:09d}"[:width].rstrip(".")
