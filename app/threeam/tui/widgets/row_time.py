"""The time column of a row, the signs beside it, and the day that begins with a row."""

from __future__ import annotations

from time import localtime

from rich.segment import Segment

from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.timeline.instant import Order, Timestamp, fraction_digits
from threeam.tui.glyphs import LATE, ORDER_UNKNOWN
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_look import Brush, RenderOptions, RowFlags

GAP_NS = 5 * 60 * NS_PER_S  # a longer time without a line is marked
_UNITS = (  # of a short duration: the least that is told in it, in ns, and one of it
    (2 * 86400 * NS_PER_S, 86400 * NS_PER_S, "d"),
    (2 * 3600 * NS_PER_S, 3600 * NS_PER_S, "h"),
    (120 * NS_PER_S, 60 * NS_PER_S, "m"),
    (NS_PER_S, NS_PER_S, "s"),
    (1_000_000, 1_000_000, "ms"),
    (1_000, 1_000, "µs"),
    (0, 1, "ns"),
)


def new_day(row: Row, previous: Row | None, options: RenderOptions) -> str:
    """Return the date of ``row`` if the row before is of an earlier one and the column shows times of day."""
    if previous is None or options.time_mode in ("since", "t0"):
        return ""
    before, day = _shown_stamp(previous, options), _shown_stamp(row, options)
    return day.iso_date if before is not None and day is not None and before.iso_date < day.iso_date else ""


def gutter_mark(row: Row, previous: Row | None, brush: Brush, flags: RowFlags) -> tuple[str, str]:
    """Return the sign after the time, and its style.

    The first that applies: a mark, a backward step of the clock (on a timeline it has a column), an observer, a gap.
    """
    if flags.is_marked:
        return brush.sign("◆", "*"), "hypothesis"
    since_ns = _ns_since(row, previous) or 0
    if since_ns < 0 and row.placement is None:
        return brush.sign("«", "<"), "toxic"
    if flags.is_observed:
        return brush.sign("◉", "o"), "coffee"
    if since_ns >= GAP_NS:
        return brush.sign("┊", ":"), "dim"
    return " ", "dim"


def order_mark(row: Row, previous: Row | None, brush: Brush) -> str:
    """Return the sign before the time of a row that did not certainly come after the row above; else a space."""
    if row.placement is None or previous is None or previous.placement is None:
        return " "
    match row.placement.order_to(previous.placement):
        case Order.AFTER:
            return " "
        case Order.BEFORE:
            return brush.sign("«", "<")
        case _:
            return brush.sign(ORDER_UNKNOWN.symbol, ORDER_UNKNOWN.ascii_symbol)


def late_note(row: Row, brush: Brush) -> str:
    """Return how much later the line was written than it says: ``↥ 0.5ms``; "" if it was written in order."""
    if row.placement is None or not row.placement.lateness_ns:
        return ""
    return (
        f"{brush.sign(LATE.symbol, LATE.ascii_symbol)} {short_duration(row.placement.lateness_ns, emoji=brush.emoji)}"
    )


def format_difference(row: Row, previous: Row | None, brush: Brush) -> str:
    """Return the time since the row before: ``+50µs``; or ``≤+1ms``, if the digits of a stamp end before that."""
    since_ns = _ns_since(row, previous)
    if since_ns is None or previous is None or (row.placement is not None and row.placement.continues):
        return ""
    unit_ns = max(row.resolution_ns, previous.resolution_ns)
    if abs(since_ns) < unit_ns and unit_ns > 1:
        return f"{brush.sign('≤', '<=')}+{short_duration(unit_ns, emoji=brush.emoji)}"
    return f"{'-' if since_ns < 0 else '+'}{short_duration(abs(since_ns), emoji=brush.emoji)}"


def time_segments(
    row: Row, previous: Row | None, width: int, options: RenderOptions, flags: RowFlags, brush: Brush
) -> list[Segment]:
    """Return the time column: what it repeats of the row before is dim, except on the first row of the screen."""
    if row.ns is None or (row.placement is not None and row.placement.continues):
        return [brush.segment(" " * width, "time")]
    text = _format_time(row, previous, width, options)
    if previous is None or previous.ns is None or flags.is_first or options.time_mode in ("since", "t0"):
        return [brush.segment(text, "time")]
    above = _format_time(previous, None, width, options)
    repeated = width if text == above else 9 if text[:9] == above[:9] and width > 9 else 0  # 03:14:07.
    return [brush.segment(part, style) for part, style in ((text[:repeated], "dim"), (text[repeated:], "time")) if part]


def stated_time(timestamp: Timestamp) -> str:
    """Return what a line states, in the local zone, with its date and its digits: ``2026-11-24 03:14:07.100 +0100``."""
    stamp = str(_local(timestamp.ns))
    return f"{stamp[:10]} {stamp[11 : 11 + _stated_chars(timestamp.resolution_ns)]} {stamp[29:]}"


def _local(ns: int) -> Stamp:
    return Stamp(ns, localtime(ns // NS_PER_S).tm_gmtoff)


def _ns_since(row: Row, previous: Row | None) -> int | None:
    return row.ns - previous.ns if previous is not None and row.ns is not None and previous.ns is not None else None


def _format_time(row: Row, previous: Row | None, width: int, options: RenderOptions) -> str:
    stamp = _shown_stamp(row, options)
    assert stamp is not None
    since_ns = _ns_since(row, previous)
    if options.time_mode == "since" and since_ns is not None and previous is not None:
        unit_ns = max(row.resolution_ns, previous.resolution_ns)
        return _format_signed_duration(since_ns, width, fraction_digits(unit_ns)).rjust(width)
    if options.time_mode == "t0" and options.t0_ns is not None:
        digits = fraction_digits(row.resolution_ns)
        return _format_signed_duration(stamp.ns - options.t0_ns, width, digits).rjust(width)
    text = stamp.time_of_day[: min(width, _stated_chars(row.resolution_ns))]
    return text.rjust(width) if row.placement is None else text.ljust(width)


def _stated_chars(resolution_ns: int) -> int:
    """Return how many characters of ``HH:MM:SS.nnnnnnnnn`` a stamp of this resolution states."""
    if resolution_ns >= 60 * NS_PER_S:
        return 5
    digits = fraction_digits(resolution_ns)
    return 9 + digits if digits else 8


def _shown_stamp(row: Row, options: RenderOptions) -> Stamp | None:
    """Return the time of ``row`` in the zone in which the time column shows it: of several logs, the local one."""
    ns = row.ns
    if ns is None:
        return None
    if row.placement is None and options.time_mode != "local" and row.entry is not None:
        return row.entry.stamp
    if row.placement is not None and row.placement.correction.shift_ns:  # half a digit more than the line has
        ns = (ns + row.resolution_ns // 2) // row.resolution_ns * row.resolution_ns
    return _local(ns)


def _format_signed_duration(ns: int, width: int, digits: int) -> str:
    """Return a duration with its sign, to ``digits`` after the second if they fit: ``+3:12.123456789``."""
    total_seconds, fraction = divmod(abs(ns), NS_PER_S)
    minutes, seconds = divmod(total_seconds, 60)
    hours = minutes // 60
    clock = f"{hours}:{minutes % 60:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    return f"{'-' if ns < 0 else '+'}{clock}.{f'{fraction:09d}'[:digits]}"[:width].rstrip(".")


def short_duration(ns: int, *, emoji: bool) -> str:
    """Return a duration of 0 or more in at most six characters, cut to three digits: ``50µs``, ``1.23ms``, ``39m``."""
    unit_ns, unit = next((unit_ns, unit) for least_ns, unit_ns, unit in _UNITS if ns >= least_ns)
    whole, rest = divmod(ns, unit_ns)
    decimals = max(0, 3 - len(str(whole)))
    fraction = f"{rest * 10**decimals // unit_ns:0{decimals}d}".rstrip("0") if decimals and unit_ns > 1 else ""
    return f"{whole}{f'.{fraction}' if fraction else ''}{unit if emoji else unit.replace('µ', 'u')}"
