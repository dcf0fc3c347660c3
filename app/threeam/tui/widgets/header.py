"""The top line: the journal, the user's caffeine, the lock, and whether the log is being followed."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_duration
from threeam.core.platform.disk import format_bytes
from threeam.core.write.draft import is_toxic
from threeam.core.write.lock import LockHolder
from threeam.tui.key_labels import key_for_action

_MAX_DROPPED_KINDS = 5


class Header(Widget):
    """The top line. Each fact is a reactive; if they do not fit, the least important details are dropped first."""

    DEFAULT_CSS: ClassVar[str] = "Header { height: 1; }"

    is_state_known: reactive[bool] = reactive(False)  # False while a large log is read
    cups: reactive[int] = reactive(0)
    cups_elsewhere: reactive[str] = reactive("")  # how many of them on which other hosts: 3 on db1
    team_trouble: reactive[str] = reactive("")  # team away, 12 unsent
    mg: reactive[float] = reactive(0.0)
    water: reactive[int] = reactive(0)
    holder: reactive[LockHolder | None] = reactive[LockHolder | None](None)
    following: reactive[bool] = reactive(True)
    unread: reactive[int] = reactive(0)
    stale: reactive[bool] = reactive(False)
    free_bytes: reactive[int | None] = reactive[int | None](None)
    ready_reports: reactive[int] = reactive(0)  # reports that are not opened yet
    waiting_writes: reactive[int] = reactive(0)  # writes that wait for the lock, or for space on the disk

    def __init__(self, name: str, *, toxic_cups: int, read_only: bool, emoji: bool) -> None:
        super().__init__()
        self._journal_name = name
        self._toxic_cups = toxic_cups
        self._read_only = read_only
        self._emoji = emoji
        self._separator = "·" if emoji else "|"
        self._held_since_ns = time.monotonic_ns()
        self.is_as_of = False  # whether a past state is shown

    @property
    def is_toxic(self) -> bool:
        """Return whether this user has had too many cups."""
        return is_toxic(self.cups, self._toxic_cups)

    def on_mount(self) -> None:
        self._tick_timer = self.set_interval(1.0, self.refresh, pause=True)  # the seconds that the lock is held

    @property
    def is_alarming(self) -> bool:
        """Return whether anything here is red: too many cups, or little space on the disk."""
        return self.is_toxic or self.free_bytes is not None

    def set_lock_holder(self, holder: LockHolder | None, since_ns: int) -> None:
        """Show that ``holder`` took the lock at ``since_ns`` (monotonic), or that it is free (None)."""
        self._held_since_ns = since_ns
        self.holder = holder
        if holder is None:
            self._tick_timer.pause()
        else:
            self._tick_timer.resume()

    def render(self) -> Content:
        width = self.size.width
        left = self._left_content(width)
        for dropped_kinds in range(_MAX_DROPPED_KINDS + 1):
            right = self._right_content(dropped_kinds)
            gap = width - cell_len(left.plain) - cell_len(right.plain)
            if gap >= 1:
                break
            if dropped_kinds == _MAX_DROPPED_KINDS or cell_len(right.plain) + 1 >= width:
                left = Content("")
                gap = width - cell_len(right.plain)
        return Content.assemble(left, " " * max(0, gap), right)

    def _left_content(self, width: int) -> Content:
        if width < 60:
            return Content.assemble((" 3am ", "$foreground-muted"))
        return Content.assemble(
            (" 3am ", "bold $foreground"),
            (f"{self._separator} ", "$foreground-muted"),
            (self._journal_name, "$foreground-muted"),
        )

    def _right_content(self, dropped_kinds: int) -> Content:
        """Return the facts, without ``dropped_kinds`` kinds of detail."""
        parts = [self._cups_content(dropped_kinds)]
        if dropped_kinds < 2 and self.is_state_known:
            parts.append(_text(f"{self._sign('💧', 'w')} {self.water}", "$foreground-muted"))
        parts += self._lock_contents(dropped_kinds)
        if self.team_trouble:
            words = self.team_trouble if dropped_kinds < 1 else self.team_trouble.partition(",")[0]
            parts.append(_text(f"{self._sign('○', 'o')} {words}", "bold $warning"))
        if self.waiting_writes:
            parts.append(_text(f"{self.waiting_writes} wait", "bold $warning"))
        if self.free_bytes is not None:
            parts.append(_text(f"DISK {format_bytes(self.free_bytes)}", "bold $error"))
        if self.ready_reports:
            parts.append(_text(f"{self.ready_reports} ready: {key_for_action(self, 'leave')}", "bold $hypothesis"))
        if self._read_only:
            parts.append(_text("read-only", "$hypothesis"))
        parts.append(self._tail_content())
        separator = _text(f" {self._separator} ", "$foreground-muted")
        return Content.assemble(*_join(parts, separator), " ")

    def _cups_content(self, dropped_kinds: int) -> Content:
        cup = self._sign("☕ ", "c ")
        mg = f" {self.mg:.0f} mg" if dropped_kinds < 3 and (self.cups or self.mg >= 1) else ""
        if not self.is_state_known:
            return _text(f"{cup}{self._sign('…', '..')}", "$foreground-muted")
        elsewhere = f" ({self.cups_elsewhere})" if self.cups_elsewhere and dropped_kinds < 1 else ""
        if self.is_toxic:
            return _text(f"{cup}{self.cups}{elsewhere} TOXIC{mg}", "bold $error")
        return _text(f"{cup}{self.cups}{elsewhere}{mg}", "$coffee" if self.cups else "$foreground-muted")

    def _lock_contents(self, dropped_kinds: int) -> list[Content]:
        if self.is_as_of:
            return []
        if self.holder is None:
            return []
        if dropped_kinds >= 4:
            return [_text("LOCK HELD", "bold $warning")]
        seconds = (time.monotonic_ns() - self._held_since_ns) // NS_PER_S
        name = f"{self.holder.name} {self.holder.pid}" if self.holder.pid else "another process"
        duration = f" for {format_duration(seconds * NS_PER_S)}" if seconds else ""
        return [_text(f"lock held by {name}{duration}", "bold $warning")]

    def _tail_content(self) -> Content:
        if self.stale:  # the log may have changed since it was last read
            return _text(f"{self._sign('×', 'x')} STALE", "bold $error")
        if self.is_as_of:
            return _text(f"{self._sign('◂', '<')} AS OF", "bold $warning")
        if self.following:
            return _text(f"{self._sign('●', '*')} LIVE", "$hypothesis")
        unread = f" {self.unread} unread" if self.unread else ""
        return _text(f"{self._sign('‖', '=')} PAUSED{unread}", "bold $warning")

    def _sign(self, symbol: str, ascii_symbol: str) -> str:
        return symbol if self._emoji else ascii_symbol


def _text(text: str, style: str) -> Content:
    return Content.assemble((text, style))


def _join(parts: list[Content], separator: Content) -> list[Content]:
    joined: list[Content] = []
    for part in parts:
        joined += [separator, part] if joined else [part]
    return joined
