"""The one line at the top: which journal, how the person is doing, the lock, and whether the tail is live."""

from __future__ import annotations

import time
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from threeam.core.platform.disk import format_bytes
from threeam.core.write.lock import LockHolder
from threeam.tui.keys import key_for_action


class Header(Widget):
    """Facts as reactives; what does not fit is left out, the least important first."""

    DEFAULT_CSS: ClassVar[str] = "Header { height: 1; }"

    is_state_known: reactive[bool] = reactive(False)  # whether it is known what the log says: a big one takes its time
    cups: reactive[int] = reactive(0)
    mg: reactive[float] = reactive(0.0)
    water: reactive[int] = reactive(0)
    holder: reactive[LockHolder | None] = reactive[LockHolder | None](None)
    following: reactive[bool] = reactive(True)
    unread: reactive[int] = reactive(0)
    stale: reactive[bool] = reactive(False)
    free_bytes: reactive[int | None] = reactive[int | None](None)
    ready_reports: reactive[int] = reactive(0)  # reports that wait for their reader
    waiting_writes: reactive[int] = reactive(0)  # writes that wait for the lock, or for room on the disk

    def __init__(self, name: str, *, toxic_cups: int, read_only: bool, emoji: bool) -> None:
        super().__init__()
        self._journal_name = name
        self._toxic_cups = toxic_cups
        self._read_only = read_only
        self._emoji = emoji
        self._separator = "·" if emoji else "|"
        self._held_since_ns = time.monotonic_ns()
        self.is_as_of = False  # it is not what is now

    @property
    def is_toxic(self) -> bool:
        """Whether this person has had too many."""
        return self.cups > self._toxic_cups

    def on_mount(self) -> None:
        self._tick_timer = self.set_interval(1.0, self.refresh, pause=True)  # the seconds for which the lock is held

    @property
    def is_alarming(self) -> bool:
        """Whether something here is red: too many cups, or hardly any room on the disk."""
        return self.is_toxic or self.free_bytes is not None

    def set_lock_holder(self, holder: LockHolder | None, since_ns: int) -> None:
        """Somebody took the lock at ``since_ns`` (monotonic), or it is free."""
        self._held_since_ns = since_ns
        self.holder = holder
        if holder is None:
            self._tick_timer.pause()
        else:
            self._tick_timer.resume()

    def render(self) -> Content:
        width = self.size.width
        left = self._left_content(width)
        for dropped in range(6):
            right = self._right_content(dropped)
            gap = width - cell_len(left.plain) - cell_len(right.plain)
            if gap >= 1:
                break
            if dropped == 5 or cell_len(right.plain) + 1 >= width:
                left = Content("")
                gap = max(0, width - cell_len(right.plain))
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
        """The facts; ``dropped_kinds``: how many kinds of detail to leave out."""
        parts: list[Content] = []
        cup = "☕ " if self._emoji else "c "
        mg = f" {self.mg:.0f} mg" if dropped_kinds < 3 and (self.cups or self.mg >= 1) else ""
        if not self.is_state_known:
            parts.append(Content.assemble((f"{cup}{'…' if self._emoji else '..'}", "$foreground-muted")))
        elif self.is_toxic:
            parts.append(Content.assemble((f"{cup}{self.cups} TOXIC{mg}", "bold $error")))
        else:
            parts.append(Content.assemble((f"{cup}{self.cups}{mg}", "$coffee" if self.cups else "$foreground-muted")))
        if dropped_kinds < 2 and self.is_state_known:
            parts.append(Content.assemble((f"{'💧' if self._emoji else 'w'} {self.water}", "$foreground-muted")))
        parts += self._lock_contents(dropped_kinds)
        if self.waiting_writes:
            parts.append(Content.assemble((f"{self.waiting_writes} wait", "bold $warning")))
        if self.free_bytes is not None:
            parts.append(Content.assemble((f"DISK {format_bytes(self.free_bytes)}", "bold $error")))
        if self.ready_reports:
            parts.append(
                Content.assemble((f"{self.ready_reports} ready: {key_for_action(self, 'leave')}", "bold $hypothesis"))
            )
        if self._read_only:
            parts.append(Content.assemble(("read-only", "$hypothesis")))
        parts.append(self._tail_content(dropped_kinds))
        return Content.assemble(
            *_join(parts, Content.assemble((" · " if self._emoji else " | ", "$foreground-muted"))), " "
        )

    def _lock_contents(self, dropped_kinds: int) -> list[Content]:
        if self.is_as_of:
            return []
        if self.holder is None:
            return [Content.assemble(("lock free", "$foreground-muted"))] if dropped_kinds < 1 else []
        seconds = (time.monotonic_ns() - self._held_since_ns) // 1_000_000_000
        name = f"{self.holder.name} {self.holder.pid}" if self.holder.pid else "somebody"
        long = f"lock held by {name}" + (f" for {seconds} s" if seconds else "")
        return [Content.assemble((long if dropped_kinds < 4 else "LOCK HELD", "bold $warning"))]

    def _tail_content(self, dropped_kinds: int) -> Content:
        if self.stale:  # what is shown may not be what the file has by now
            return Content.assemble((f"{'×' if self._emoji else 'x'} STALE", "bold $error"))
        if self.is_as_of:
            return Content.assemble((f"{'◂' if self._emoji else '<'} AS OF", "bold $warning"))
        if self.following:
            return Content.assemble((f"{'●' if self._emoji else '*'} LIVE", "$hypothesis"))
        unread = f" {self.unread} unread" if self.unread else ""
        return Content.assemble((f"{'‖' if self._emoji else '='} PAUSED{unread}", "bold $warning"))


def _join(parts: list[Content], separator: Content) -> list[Content]:
    joined: list[Content] = []
    for part in parts:
        joined += [separator, part] if joined else [part]
    return joined
