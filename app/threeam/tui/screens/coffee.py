"""The coffee panel: this night as a curve, its cups, who else has had some, and the last one taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import ago, duration
from threeam.human.caffeine import A_DAY_MG, AT_ONCE_MG, HOUR_NS, SLEEP_MG, curve
from threeam.human.night_summary import Evening, drunk, forecast
from threeam.tui.cells import drawn
from threeam.tui.keys import key_of
from threeam.tui.screens.modal_page import Page

_MUTED = "$foreground-muted"
_MINUTE_NS = 60 * 1_000_000_000
_BARS = " ▁▂▃▄▅▆▇█"
_PLAIN_BARS = "    #####"
_LABEL = 5  # cells of the scale at the left
_TALL, _SHORT = 8, 3  # rows of the curve


class CupsScreen(Page[bool]):
    """Dismissed with True to take the last cup back. ``look``: the evening of this person and those of the others, and
    since when this one is awake at least (None: not known), as of now.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("escape,q", "dismiss(False)", "close"),
        Binding("C", "dismiss(False)", "close", id="coffee-panel"),
        Binding("backspace,minus", "dismiss(True)", "take the last cup back"),
    ]

    def __init__(
        self,
        look: Callable[[], tuple[Evening, list[Evening], Stamp | None]],
        half_life_h: float,
        *,
        writes: bool,
        emoji: bool,
    ) -> None:
        super().__init__()
        self._look = look
        self._half_life_h = half_life_h
        self._writes = writes
        self._emoji = emoji
        self._page = Static()

    def compose(self) -> ComposeResult:
        """The page in a frame."""
        with VerticalScroll(id="cups") as frame:
            frame.border_title = "coffee, this night"
            frame.border_subtitle = "backspace takes the last one back · esc" if self._writes else "esc"
            yield self._page

    def on_mount(self) -> None:
        self.look_again()

    def on_resize(self) -> None:
        self.call_after_refresh(self.look_again)

    def look_again(self) -> None:
        """Shows what is known by now."""
        one, others, awake = self._look()
        width = self._page.content_size.width or 60
        rows = _TALL if self.size.height >= 20 else _SHORT
        lines = [*self._now(one, awake), Content("")]
        if one.mg >= 1:
            lines += [*self._curve(one, width, rows), Content("")]
        lines += self._cups(one)
        if others:
            lines += [Content(""), Content.assemble(("THE OTHERS", f"bold {_MUTED}"))]
            lines += [
                Content.assemble(f"  {drawn(other.user)}  ", (f"{drunk(other)}, {other.mg:.0f} mg now", _MUTED))
                for other in others
            ]
        lines += [Content(""), Content.assemble((_note(self._half_life_h), _MUTED))]
        self._page.update(Content("\n").join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss" and parameters == (True,):
            return self._writes and bool(self._look()[0].cups)
        return True

    def _now(self, one: Evening, awake: Stamp | None) -> list[Content]:
        over = [
            words
            for words, is_over in (
                (f"over {AT_ONCE_MG} mg in you", one.mg > AT_ONCE_MG),
                (f"over {A_DAY_MG} mg in 24 h", one.day_mg > A_DAY_MG),
            )
            if is_over
        ]
        mark = ("▲ " if self._emoji else "! ") if over else ""
        first = Content.assemble(
            (f"{one.mg:.0f} mg in you now", "bold $coffee"),
            (f", {one.day_mg} mg drunk in 24 h", "$coffee"),
            (f"   {mark}{' and '.join(over)}" if over else "", "bold $error"),
        )
        up = "" if awake is None else f" · awake for {_minutes(one.now.ns - awake.ns)} at least"
        lines = [first]
        if told := forecast(one):
            lines.append(Content(told))
        lines.append(Content.assemble((f"{drunk(one)}{up}", _MUTED)))
        return lines

    def _cups(self, one: Evening) -> list[Content]:
        if not one.cups:
            return [
                Content(
                    f"No cup yet this night. {key_of(self, 'coffee')} counts one."
                    if self._writes
                    else "No cup yet this night."
                )
            ]
        return [
            Content.assemble(
                (f"{n:>2}  {Stamp(at, one.zone(at)).time_of_day[:8]}  {mg:>4} mg", "$coffee"),
                (f"   {ago(one.now.ns - at)}{'' if ago(one.now.ns - at) == 'now' else ' ago'}", _MUTED),
            )
            for n, (at, mg) in enumerate(one.cups, 1)
        ]

    def _curve(self, one: Evening, width: int, rows: int) -> list[Content]:
        """What is in this person from before the first cup until the morning, or until hardly anything is left."""
        columns = max(12, width - _LABEL)
        begin = (one.cups[0][0] if one.cups else one.now.ns - 4 * HOUR_NS) - HOUR_NS // 2
        end = max(one.now.ns + 2 * HOUR_NS, min(one.little.ns, one.morning.ns)) + HOUR_NS // 2
        values = curve(one.doses, begin, end, columns, self._half_life_h)
        top = max(*values, AT_ONCE_MG * 1.1)
        now_at = (one.now.ns - begin) * (columns - 1) // (end - begin)
        lines = [self._row(row, rows, top, values, now_at) for row in range(rows)]
        cups = {(at - begin) * (columns - 1) // (end - begin) for at, _ in one.cups}
        cup, here = ("∪", "▲") if self._emoji else ("u", "^")
        marks = "".join(cup if at in cups else here if at == now_at else " " for at in range(columns))
        lines.append(Content.assemble((" " * _LABEL + marks, "$coffee")))
        lines.append(Content.assemble((" " * _LABEL + _hours(begin, end, columns, one.zone), _MUTED)))
        return lines

    def _row(self, row: int, rows: int, top: float, values: list[float], now_at: int) -> Content:
        """One row of the curve, the top one first, with the thresholds that lie in it."""
        low, high = top * (rows - 1 - row) / rows, top * (rows - row) / rows
        levels = [level for level in (AT_ONCE_MG, SLEEP_MG) if low <= level < high]
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
    """The hours below the curve, as many as have room."""
    room = max(1, columns // 7)  # of them
    step = next((step for step in (1, 2, 3, 4, 6) if (end - begin) // HOUR_NS <= room * step), 12)
    text = [" "] * columns
    for hour in range(begin // HOUR_NS + 1, end // HOUR_NS + 1):
        clock = Stamp(hour * HOUR_NS, zone(hour * HOUR_NS)).time_of_day[:5]
        at = (hour * HOUR_NS - begin) * (columns - 1) // (end - begin)
        if int(clock[:2]) % step == 0 and at + len(clock) <= columns:
            text[at : at + len(clock)] = clock
    return "".join(text)


def _minutes(ns: int) -> str:
    """A length of time in minutes, or hours: seconds would only flicker."""
    return duration(max(_MINUTE_NS, ns // _MINUTE_NS * _MINUTE_NS))


def _note(half_life_h: float) -> str:
    return (
        f"Half of it is gone after {half_life_h:g} h, in the average adult: it may be 2 h or 10 h in you. "
        f"{AT_ONCE_MG} mg at once and {A_DAY_MG} mg a day are EFSA's figures (2015). Not medical advice."
    )
