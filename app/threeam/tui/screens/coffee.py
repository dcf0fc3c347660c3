"""The coffee panel: the caffeine of this night as a curve, its cups, and the intake of other people."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import format_age, format_duration
from threeam.human.caffeine import DAILY_LIMIT_MG, HOUR_NS, SINGLE_DOSE_LIMIT_MG, SLEEP_THRESHOLD_MG, caffeine_curve
from threeam.human.night_summary import NightSummary, format_forecast, format_intake
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind
from threeam.tui.key_labels import key_for_action
from threeam.tui.screens.dialog import Dialog

_MUTED = "$foreground-muted"
_MINUTE_NS = 60 * 1_000_000_000
_BARS = " ▁▂▃▄▅▆▇█"
_PLAIN_BARS = "    #####"
_LABEL = 5  # cells of the scale on the left
_TALL, _SHORT = 8, 3  # rows of the curve


class CoffeeScreen(Dialog[bool]):
    """Show the intake of this night. It is dismissed with True to take the last cup back.

    ``look`` returns the night of this user, the nights of the others, and since when this user is awake at least
    (None: not known), all as of now.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("backspace,minus", "dismiss(True)", "take the last cup back"),
        bind("coffee-panel", "dismiss_dialog", "close"),
    ]
    FRAME_ID = "cups"

    def __init__(
        self,
        look: Callable[[], tuple[NightSummary, list[NightSummary], Stamp | None]],
        half_life_h: float,
        *,
        writes: bool,
        emoji: bool,
    ) -> None:
        self._page = Static()
        super().__init__("coffee, this night", VerticalScroll(self._page, can_focus=False))
        self._look = look
        self._half_life_h = half_life_h
        self._writes = writes
        self._emoji = emoji

    def on_mount(self) -> None:
        self.update_content()

    def on_resize(self) -> None:
        self.call_after_refresh(self.update_content)

    def update_content(self) -> None:
        """Update the page from the current state."""
        one, others, awake = self._look()
        width = self._page.content_size.width or 60
        rows = _TALL if self.size.height >= 20 else _SHORT
        lines = [*self._now(one, awake), Content("")]
        if one.mg_now >= 1:
            lines += [*self._curve(one, width, rows), Content("")]
        lines += self._cups(one)
        if others:
            lines += [Content(""), Content.assemble(("THE OTHERS", f"bold {_MUTED}"))]
            lines += [
                Content.assemble(
                    f"  {drawable(other.user)}  ", (f"{format_intake(other)}, {other.mg_now:.0f} mg now", _MUTED)
                )
                for other in others
            ]
        lines += [Content(""), Content.assemble((_note(self._half_life_h), _MUTED))]
        self._page.update(Content("\n").join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss" and parameters == (True,):
            return self._writes and bool(self._look()[0].tonight_doses)
        return True

    def _now(self, one: NightSummary, awake: Stamp | None) -> list[Content]:
        over = [
            words
            for words, is_over in (
                (f"over {SINGLE_DOSE_LIMIT_MG} mg in you", one.is_over_single_dose),
                (f"over {DAILY_LIMIT_MG} mg in 24h", one.is_over_daily_dose),
            )
            if is_over
        ]
        mark = ("▲ " if self._emoji else "! ") if over else ""
        first = Content.assemble(
            (f"{one.mg_now:.0f} mg in you now", "bold $coffee"),
            (f", {one.mg_last_24h} mg drunk in 24h", "$coffee"),
            (f"   {mark}{' and '.join(over)}" if over else "", "bold $error"),
        )
        up = "" if awake is None else f" · awake for {_minutes(one.now.ns - awake.ns)} at least"
        lines = [first]
        if told := format_forecast(one):
            lines.append(Content(told))
        lines.append(Content.assemble((f"{format_intake(one)}{up}", _MUTED)))
        return lines

    def _cups(self, one: NightSummary) -> list[Content]:
        if not one.tonight_doses:
            return [
                Content(
                    f"No cup yet this night. {key_for_action(self, 'coffee')} counts one."
                    if self._writes
                    else "No cup yet this night."
                )
            ]
        return [
            Content.assemble(
                (f"{n:>2}  {Stamp(at, one.zone(at)).time_of_day[:8]}  {mg:>4} mg", "$coffee"),
                (f"   {format_age(one.now.ns - at)}{'' if format_age(one.now.ns - at) == 'now' else ' ago'}", _MUTED),
            )
            for n, (at, mg) in enumerate(one.tonight_doses, 1)
        ]

    def _curve(self, one: NightSummary, width: int, rows: int) -> list[Content]:
        """Return the rows of the curve, from before the first cup to the morning or the sleep threshold, if earlier."""
        columns = max(12, width - _LABEL)
        begin = (one.tonight_doses[0][0] if one.tonight_doses else one.now.ns - 4 * HOUR_NS) - HOUR_NS // 2
        end = max(one.now.ns + 2 * HOUR_NS, min(one.below_threshold_at.ns, one.morning.ns)) + HOUR_NS // 2
        values = caffeine_curve(one.doses, begin, end, columns, self._half_life_h)
        top = max(*values, SINGLE_DOSE_LIMIT_MG * 1.1)
        now_at = (one.now.ns - begin) * (columns - 1) // (end - begin)
        lines = [self._row(row, rows, top, values, now_at) for row in range(rows)]
        cups = {(at - begin) * (columns - 1) // (end - begin) for at, _ in one.tonight_doses}
        cup, here = ("∪", "┴") if self._emoji else ("u", "^")
        marks = "".join(cup if at in cups else here if at == now_at else " " for at in range(columns))
        lines.append(Content.assemble((" " * _LABEL + marks, "$coffee")))
        lines.append(Content.assemble((" " * _LABEL + _hours(begin, end, columns, one.zone), _MUTED)))
        return lines

    def _row(self, row: int, rows: int, top: float, values: list[float], now_at: int) -> Content:
        """Return row ``row`` of the curve, counted from the top, with the thresholds in its range."""
        low, high = top * (rows - 1 - row) / rows, top * (rows - row) / rows
        levels = [level for level in (SINGLE_DOSE_LIMIT_MG, SLEEP_THRESHOLD_MG) if low <= level < high]
        label = f"{levels[0]:>{_LABEL - 1}} " if levels else " " * _LABEL
        bars = _BARS if self._emoji else _PLAIN_BARS
        dots = ("┄" if self._emoji else "-") if levels else " "
        cells = [(label, _MUTED)]
        for at, value in enumerate(values):
            part = max(0.0, min(1.0, (value - low) / (high - low)))
            bar = bars[round(part * 8)] if part else dots
            style = "$coffee" if at <= now_at else "$coffee 55%"
            cells.append((bar, style if part else _MUTED))
        return Content.assemble(*cells)


def _hours(begin: int, end: int, columns: int, zone: Zone) -> str:
    """Return the hours below the curve, as many as fit in ``columns``."""
    room = max(1, columns // 7)  # labels that fit
    step = next((step for step in (1, 2, 3, 4, 6) if (end - begin) // HOUR_NS <= room * step), 12)
    text = [" "] * columns
    for hour in range(begin // HOUR_NS + 1, end // HOUR_NS + 1):
        clock = Stamp(hour * HOUR_NS, zone(hour * HOUR_NS)).time_of_day[:5]
        at = (hour * HOUR_NS - begin) * (columns - 1) // (end - begin)
        if int(clock[:2]) % step == 0 and at + len(clock) <= columns:
            text[at : at + len(clock)] = clock
    return "".join(text)


def _minutes(ns: int) -> str:
    """Return a duration in minutes, or hours: seconds would only flicker."""
    return format_duration(max(_MINUTE_NS, ns // _MINUTE_NS * _MINUTE_NS))


def _note(half_life_h: float) -> str:
    return (
        f"Half of it is gone after {half_life_h:g}h, in the average adult: it may be 2h or 10h in you. "
        f"{SINGLE_DOSE_LIMIT_MG} mg at once and {DAILY_LIMIT_MG} mg a day are EFSA's figures (2015). "
        "Not medical advice."
    )
