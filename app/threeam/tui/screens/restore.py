"""The screens of the restores: changes to undo, the end of the night, and blocked queries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.core.errors import JournalError
from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection
from threeam.restore.blockers import (
    BlockerNode,
    blockers_report,
    format_backend,
    waiting_pids,
    why_not_terminable,
)
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind, bind_moves
from threeam.tui.report_answers import LightsOut, RestoreData
from threeam.tui.screens.dialog import Dialog
from threeam.tui.screens.report_screen import TO_LINE, ReportScreen

_LOOK_S = 1.0  # between two queries of the server


class RestoreScreen(ReportScreen):
    """The changes to undo. Enter calls ``undo`` for the one under the cursor; without ``undo`` it is read-only."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "tick_off", "tick off", key_display="enter"),
        Binding("enter", "dismiss_to_line", "its line", key_display="enter", tooltip=TO_LINE),  # of any other line
        Binding("l", "dismiss_to_line", "its line", tooltip=TO_LINE),
        Binding("b", "dismiss_to('blockers')", "queries", tooltip="the queries that block others"),
        Binding("d", "dismiss_for_data", "data", tooltip="plan the restore of a database"),
        Binding("s", "dismiss_to('sleep')", "sleep", tooltip="restore the sysadmin: hand over, and lights out"),
    ]

    def __init__(
        self,
        tell: Callable[[], Sequence[ReportSection]],
        copy: Callable[[str, str], object],
        undo: Callable[[Stamp], object] | None,
        *,
        emoji: bool,
    ) -> None:
        super().__init__("restore", tell, copy, emoji=emoji)
        self._undo = undo

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        writes = action == "dismiss_for_data" or (action, parameters) == ("dismiss_to", ("sleep",))
        if action == "tick_off":
            return self._undo is not None and self._change() is not None
        return (self._undo is not None or not writes) and super().check_action(action, parameters)

    def action_dismiss_for_data(self) -> None:
        self.dismiss(RestoreData())

    def _change(self) -> ReportLine | None:
        line = self.selected_line
        return line if line is not None and line.stamp is not None and line.icon == "Changed" else None

    def action_tick_off(self) -> None:
        """Ask whether the change under the cursor was undone, and note it."""
        line, undo = self._change(), self._undo
        if line is None or line.stamp is None or undo is None:
            return
        at = line.stamp

        def answered(yes: bool | None) -> None:
            if yes:
                undo(at)

        question = f"Tick off as undone: {line.text}?\n\n{line.detail}\n\n3am only writes this down. It runs nothing."
        self.app.push_screen(ConfirmScreen(question), answered)


class SleepScreen(ReportScreen):
    """The open items, and the state of the user. It is dismissed with `LightsOut`."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("z", "dismiss_for_the_night", "lights out"),
        bind("leave", "leave", "not yet", show=True),
    ]

    def action_dismiss_for_the_night(self) -> None:
        self.dismiss(LightsOut())


class BlockersScreen(ReportScreen):
    """The blocked queries, as ``ask`` returns them every `_LOOK_S` seconds until the screen closes.

    ``ask`` is called on a thread; it may raise `JournalError`, whose sentence is shown. After a confirmation, x calls
    ``end`` with the backend under the cursor and the number of backends that wait for it. Without ``end`` the screen is
    read-only.
    """

    BINDINGS: ClassVar[list[Binding]] = [Binding("x", "terminate", "terminate")]

    def __init__(
        self,
        host: str,
        ask: Callable[[], list[BlockerNode]],
        end: Callable[[BlockerNode, int], object] | None,
        copy: Callable[[str, str], object],
        *,
        emoji: bool,
    ) -> None:
        super().__init__(f"blocked queries, {host}", self._parts, copy, emoji=emoji)
        self._ask = ask
        self._end = end
        self._backends: list[BlockerNode] | None = None
        self._failed = ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return (action != "terminate" or self._end is not None) and super().check_action(action, parameters)

    def on_mount(self) -> None:
        self.run_worker(self._look, group="blockers")  # type: ignore[arg-type]  # mypy cannot tell which kind it is

    async def _look(self) -> None:
        while True:
            try:
                self._backends, self._failed = await asyncio.to_thread(self._ask), ""
            except JournalError as error:
                self._failed = str(error)
            self.update_report()
            await asyncio.sleep(_LOOK_S)

    def _parts(self) -> Sequence[ReportSection]:
        still = "the list below may be out of date" if self._backends else ""
        lines = [ReportLine(self._failed, still, icon="red")] if self._failed else []
        if self._backends is None:
            return [ReportSection("who blocks whom", lines or [ReportLine("the server is being asked")])]
        if self._backends or not self._failed:
            lines += blockers_report(self._backends)
        return [ReportSection("who blocks whom, now", lines)]

    def action_terminate(self) -> None:
        node, end = self.selected_subject, self._end
        if not isinstance(node, BlockerNode) or end is None:
            return
        if node.backend.pid <= 0:
            self.notify(why_not_terminable(node.backend), markup=False)
            return
        waits = len(list(waiting_pids(self._backends or [], node.backend.pid)))
        question = f"Terminate {format_backend(node.backend)}?\n\n{waits} wait for it. Its transaction is rolled back."

        def answered(yes: bool | None) -> None:
            if yes:
                end(node, waits)

        self.app.push_screen(ConfirmScreen(question), answered)


class ConfirmScreen(Dialog[bool], inherit_bindings=False):
    """A question with the answers ``yes`` and ``no``: only the key y means yes."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("y", "dismiss(True)", "yes"),
        Binding("n", "dismiss(False)", "no"),
        bind("leave", "dismiss(False)", "no"),
        bind("quit", "dismiss(False)", "no"),
        *bind_moves("move"),
    ]
    FRAME_ID = "confirm"

    def __init__(self, question: str) -> None:
        text = Static(Content(drawable_lines(question)))
        super().__init__("", VerticalScroll(text, can_focus=False))  # a long path fills a small window


def drawable_lines(text: str) -> str:
    """Return ``text`` with its control characters escaped, except newlines."""
    return "\n".join(drawable(line) for line in text.split("\n"))
