"""The way around in the log: matches, marks, the entry under the cursor, copies, and the journal as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from threeam.core.format.entry import Entry
from threeam.core.state.catalog import journal_name
from threeam.core.store.as_of import point_before_entry, resolve_point
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.hypotheses.amendments import amendments
from threeam.hypotheses.marks import mark_draft, marks
from threeam.tui.controllers.commands import CommandController
from threeam.tui.controllers.reports import ReportController
from threeam.tui.dispatch import Handler
from threeam.tui.log_blocks import copied_text, submission_of
from threeam.tui.log_rows import Row
from threeam.tui.outbox import WriteRequest
from threeam.tui.screens.entry import EntryScreen
from threeam.tui.screens.log_line import LogLineScreen
from threeam.tui.services import ScreenServices
from threeam.tui.timeline_window import TimelineWindow
from threeam.tui.widgets.log_pane import LogPane

_NOT_AN_ENTRY = "select a line of the log first: only those have a stamp"


class NavigationController:
    """The actions that move in the log of ``pane``, and that are about its selected line.

    ``show_attachment`` shows what an entry has stored beside the log.
    """

    def __init__(
        self,
        screen: ScreenServices,
        pane: LogPane,
        reports: ReportController,
        commands: CommandController,
        show_attachment: Callable[[Entry], object],
    ) -> None:
        self._screen = screen
        self._reports = reports
        self._commands = commands
        self._pane = pane
        self._view = pane.view
        self._show_attachment = show_attachment
        # Marks that only this screen has: of entries on a read-only screen (None), and of lines of other logs.
        self._own_marks: list[tuple[int, Position | None]] = []

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        view = self._view
        return {
            **{kind: partial(self.ask, kind) for kind in ("search", "filter", "unfilter", "goto")},
            "next-match": partial(self._pane.find_next_match, 1),
            "previous-match": partial(self._pane.find_next_match, -1),
            "mark": self.toggle_mark,
            "last-mark": view.action_last_mark,
            "mark-before": view.action_mark_before,
            "next-mark": view.action_next_mark,
            "as-of": self.open_as_of,
            "now": self.close_as_of,
            "t0": view.action_t0,
            "time-column": view.action_time_column,
            "down": view.action_down,
            "up": view.action_up,
            "half-down": view.action_half_down,
            "half-up": view.action_half_up,
            "page-down": view.action_page_down,
            "page-up": view.action_page_up,
            "top": view.action_top,
            "bottom": view.action_bottom,
            "follow": view.action_follow,
            "open-entry": self.open_entry,
            "select": self.toggle_selection,
            "copy-entry": self.copy_selected,
            "copy-stamp": self.copy_stamp,
            "wrap": view.action_wrap,
            "raw": view.action_raw,
            "journal": self.open_journal,
        }

    def ask(self, kind: str, text: str = "") -> None:
        """Do a search, set a filter, or go to a time; without ``text``, open the prompt for one."""
        if self._pane.ask(kind, text):
            self._screen.set_focus(self._pane.prompt.box)  # at once: the next key may have come with this one

    def toggle_mark(self) -> None:
        """Mark the selected line, or take its mark away."""
        row = self._view.selected_row
        entry = row.entry if row is not None else None
        if row is not None and not row.is_of_journal and row.ns is not None:
            self._toggle_own_mark(row.ns, row.position)
        elif entry is None:
            self._screen.notify_once(_NOT_AN_ENTRY)
        elif self._screen.writing.is_writable:
            stamp = entry.effective_stamp
            self._screen.writing.submit(
                WriteRequest(mark_draft(stamp, on=stamp.ns not in self._view.marked_ns), "mark")
            )
        else:
            self._toggle_own_mark(entry.stamp.ns, None)

    def _toggle_own_mark(self, ns: int, line: Position | None) -> None:
        """Mark an entry of the journal, or a ``line`` of another log, on this screen alone; or take the mark away."""
        mark = (ns, line)
        if mark in self._own_marks:
            self._own_marks.remove(mark)
        else:
            self._own_marks.append(mark)
        self.show_marks()

    def show_marks(self) -> None:
        """Show the marks of the log, and those of this screen."""
        lines = [line for _, line in self._own_marks if line is not None]
        self._view.set_marks([*marks(self._screen.state), *(ns for ns, _ in self._own_marks)], lines)

    def open_entry(self) -> None:
        """Show the whole selected entry, its block, and the lines before and after it."""
        row = self._view.selected_row
        if row is None:
            return
        try:
            around = self._view.window.read_lines_around(row.line)
        except OSError as error:
            sentence = f"{row.line.segment.path} cannot be read: {error.strerror}"
            self._screen.notify_once(sentence, severity="error")
            return

        window = self._view.window
        if not row.is_of_journal and isinstance(window, TimelineWindow):
            self._open_log_line(window, row, around)
            return

        def on_closed(answer: str | None) -> None:
            if answer == "kept" and row.entry is not None:
                self._show_attachment(row.entry)
            elif answer == "entry":  # and not the one that is selected by now
                self._copy_lines(submission_of(around, around.index(row.line)))
            elif answer == "stamp":
                self._copy_stamp(row.line)

        self._screen.app.push_screen(EntryScreen(row.line, around, amendments(self._screen.state)), on_closed)

    def _open_log_line(self, window: TimelineWindow, row: Row, around: Sequence[Line]) -> None:
        """Show a line of another log, with the lines around it in its file."""
        source = window.file_of(row)
        if source is None:
            return

        def count(ask: Callable[[], int], show: Callable[[int], object]) -> None:
            async def answer() -> None:
                if (number := await self._screen.run_in_thread(ask)) is not None:
                    show(number)

            self._screen.start_worker(answer)

        def on_closed(answer: str | None) -> None:
            if answer == "entry":
                self._copy_lines([row.line])

        self._screen.app.push_screen(LogLineScreen(row, source, around, count), on_closed)

    async def open_as_of(self, argument: str = "") -> None:
        """Show the journal as it was 1 ms before the selected line, or at the time in ``argument``."""
        screen, session = self._screen, self._screen.session
        end, row = self._view.window.log_end, self._commands.selected_row
        if end is None or (not argument and (row is None or row.entry is None)):
            screen.notify_once(_NOT_AN_ENTRY)
            return
        if argument or row is None:
            find = partial(resolve_point, session.journal, end, argument, session.clock(), session.zone)
        else:
            find = partial(point_before_entry, session.journal, row.line)
        if (point := await screen.run_in_thread(find)) is not None:
            self._reports.show_when_free("as of then", lambda: screen.program.open_as_of(session, point))

    def close_as_of(self) -> None:
        """Go back to the journal as it is now, however many screens of earlier times lie over it."""
        if self._screen.session.as_of is None:
            self._screen.notify_once("this is now")
        else:
            self._screen.program.close_as_of()

    def open_journal(self, name: str = "") -> None:
        """Show the journal ``name`` in place of this one, or name those there are."""
        program = self._screen.program
        others = {journal_name(journal): journal for journal in program.other_journals}
        if name in others:
            program.open_journal(others[name])
        else:
            known = f"there are {', '.join(others)}" if others else "3am -j NAME begins one"
            sentence = f"there is no other journal {name}: {known}" if name else f"other journals: {known}"
            self._screen.notify_once(sentence)

    def toggle_selection(self) -> None:
        """Let the moves select rows from here on, or end that."""
        row = self._view.selected_row
        if self._view.is_selecting:
            self.end_selection()
        elif row is not None:
            self._view.go_to_position(row.position)  # new lines do not move the cursor any more
            self._view.begin_selection()
            self._pane.show_selection()

    def end_selection(self) -> bool:
        """Select no more than the row under the cursor; return whether there was a selection."""
        was_selecting = self._view.end_selection()
        self._pane.show_selection()
        return was_selecting

    def copy_selected(self) -> None:
        """Copy the selected rows; without a selection, all lines that were sent with the one under the cursor."""
        row = self._view.selected_row
        if row is None:
            return
        if self._view.is_selecting:
            self._copy_lines([selected.line for selected in self._view.selected_rows])
            self.end_selection()
            return
        try:
            around = self._view.window.read_lines_around(row.line)
        except OSError:  # the line itself was read
            around = [row.line]
        self._copy_lines(submission_of(around, around.index(row.line)))

    def _copy_lines(self, lines: Sequence[Line]) -> None:
        self._screen.copy_text(copied_text(lines), "entry" if len(lines) == 1 else f"{len(lines):,} lines")

    def copy_stamp(self) -> None:
        """Copy the stamp of the line under the cursor."""
        if self._view.selected_row is not None:
            self._copy_stamp(self._view.selected_row.line)

    def _copy_stamp(self, line: Line) -> None:
        if line.entry is not None:
            self._screen.copy_text(f"@{line.entry.stamp}", "stamp")
        else:
            self._screen.notify_once("there is no stamp to copy here")
