"""The logs of other programs and hosts beside the journal: opened and closed, followed, and scanned for late lines."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import TYPE_CHECKING

from textual.message import Message
from textual.timer import Timer

from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.reader import Line
from threeam.timeline.clock_lines import clock_corrections
from threeam.timeline.follow import SourceFollower
from threeam.timeline.live import MIN_HOLD_NS, HoldBuffer, LiveSources
from threeam.timeline.open_logs import OpenLog, OpenLogs
from threeam.timeline.shifts import short_shift
from threeam.timeline.source import FIRST_NS, PlacedLine, Source
from threeam.timeline.source_facts import source_facts
from threeam.timeline.time_index import TimeIndex
from threeam.tui import messages
from threeam.tui.controllers.clocks import ClockController
from threeam.tui.controllers.team import TeamController
from threeam.tui.dispatch import Handler
from threeam.tui.index_scan import IndexScan
from threeam.tui.log_rows import Row
from threeam.tui.log_window import LogWindow
from threeam.tui.placement import JOURNAL_SOURCE
from threeam.tui.screens.legend import LegendEntry, LegendScreen
from threeam.tui.services import ScreenServices
from threeam.tui.timeline_window import TimelineWindow
from threeam.tui.widgets.loading_rows import MAX_BURST_ROWS
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.row_look import source_color
from threeam.tui.widgets.row_time import short_duration
from threeam.tui.widgets.source_line import SourceLabel, SourceLine

if TYPE_CHECKING:
    from threeam.timeline.files import OpenedFile

_FRAME_NS = NS_PER_S // 30
_HANDLED_TIMEOUT_S = 1.0  # a screen that is busy for longer gets the next lines all the same


class TimelineController:
    """The logs of ``logs`` in ``pane``, named in ``line``. ``post`` posts a message to the screen from any thread."""

    def __init__(
        self,
        screen: ScreenServices,
        pane: LogPane,
        line: SourceLine,
        logs: OpenLogs,
        post: Callable[[Message], object],
    ) -> None:
        self._screen = screen
        self._pane = pane
        self._view = pane.view
        self._line = line
        self._logs = logs
        self._post = post
        self._hold = HoldBuffer()
        self._journal_lines: list[PlacedLine] = []  # new lines of other hosts' journals
        self._released_ns = FIRST_NS  # when lines were released last, by the monotonic clock
        self._release_timer: Timer | None = None
        self._live: dict[int, LiveSources] = {}  # by the number of the log
        self.index_scan = IndexScan(screen, logs, pane.may_scan, self.reload)
        self._host_clock = ""  # how wrong it may be, in words
        self.clocks = ClockController(screen, pane.view, logs, self.reload)
        self._team = TeamController(screen)
        self._known_facts: dict[int, tuple[object, list[tuple[str, str]]]] = {}  # by number: of which state, and what
        self._file_order = ""  # the name of the source that is shown in the order of its file

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {
            "open": self.open,
            "close": self.close,
            "sources": self.show_legend,
            "file-order": self.toggle_file_order,
            **self.clocks.handlers(),
            **self._team.handlers(),
        }

    @property
    def window(self) -> TimelineWindow | None:
        """The window on the logs; None while the journal alone is shown."""
        return self._view.window if isinstance(self._view.window, TimelineWindow) else None

    def start(self) -> None:
        """Follow the logs that are open, and look for their late lines."""
        self._begin(self._logs.logs)

    def stop(self) -> None:
        """Follow no more."""
        for live in self._live.values():
            live.stop()

    def _begin(self, logs: Sequence[OpenLog]) -> None:
        for log in logs:
            if log.problem:
                self._screen.notify_once(log.problem, severity="warning", timeout=10)
            if log.source is not None and log.source.detection is None:
                sentence = f"{log.name}: no timestamp found; its lines stand before all others, in their own order"
                self._screen.notify_once(sentence, severity="warning", timeout=10)
            if log.is_live and log.source is not None:
                try:
                    self._live[log.number] = LiveSources([log.source], self._post_lines)
                except OSError as error:
                    log.problem = f"{log.path} cannot be followed: {error.strerror}"
                    continue
                self._live[log.number].start()
        self.index_scan.start()
        self.show_line()

    def log_line_of(self, row: Row | None) -> tuple[Source, Line] | None:
        """Return the file and the line of ``row``, if it is of another log that is still open."""
        window = self.window
        if row is None or row.is_of_journal or window is None:
            return None
        source = window.file_of(row)
        return None if source is None else (source, row.line)

    # Opening and closing.

    async def open(self, argument: str = "") -> None:
        """Show the lines of the files that ``argument`` names beside the journal."""
        if not argument.strip():
            raise BadInput(":open needs a file or a host: :open /var/log/app.log, :open web1=app.log, :open db1")
        words = _split_words(argument)
        noted = clock_corrections(self._screen.state)
        journal = self._screen.session.journal

        def open_mirror(name: str) -> OpenedFile | None:
            from threeam.team.mirrors.mirror_source import open_mirror_file

            return open_mirror_file(journal, name)

        opened = await self._screen.run_in_thread(lambda: self._logs.open(words, noted, open_mirror))
        if not opened:
            return
        self._view.change_rows(lambda: self._add_to_window(opened))
        self._pane.restart_counts()
        self._begin(opened)

    def _add_to_window(self, opened: Sequence[OpenLog]) -> None:
        sources = [log.source for log in opened if log.source is not None]
        window, shown = self.window, self._view.window
        if window is not None:
            for source in sources:
                window.add_source(source)
        elif sources and isinstance(shown, LogWindow):
            self._view.window = TimelineWindow(self._screen.session.journal, sources, shown)
            self._view.window.line_filter = shown.line_filter

    def close(self, argument: str = "") -> None:
        """Show the lines of a source no more."""
        if not argument.strip():
            raise BadInput(":close needs the name or the number of a source, as in :close web1")
        log = self._logs.close(argument.strip())
        if (live := self._live.pop(log.number, None)) is not None:
            live.stop()
        self._view.change_rows(lambda: self._remove_from_window(log))
        self._pane.restart_counts()
        self.show_line()

    def _remove_from_window(self, log: OpenLog) -> None:
        window = self.window
        if window is None:
            return
        window.remove_source(log.name)
        self._file_order = ""

    # The legend.

    def show_legend(self) -> None:
        """Show what is known of each source."""
        if not self._host_clock:
            self._host_clock = "being asked"
            self._screen.start_worker(self._ask_host_clock)
        self._screen.app.push_screen(LegendScreen(self._legend))

    async def _ask_host_clock(self) -> None:
        from threeam.timeline.clock_bounds import own_clock_bound

        bound = await self._screen.run_in_thread(own_clock_bound)
        self._host_clock = bound.sentence.removeprefix("this host's ") if bound is not None else "cannot be asked"

    def _legend(self) -> list[LegendEntry]:
        session = self._screen.session
        facts = [("clock", "those of the hosts that write it, to the nanosecond"), ("this host", self._host_clock)]
        if not self._logs.logs:
            facts.append(("other logs", ":open FILE shows one beside it"))
        entries = [LegendEntry("J", JOURNAL_SOURCE.name, session.journal.log_name, "$foreground", facts)]
        for log in self._logs.logs:
            index = None if log.source is None else self.index_scan.index_of(log.source)
            known = self._facts_of(log, index)
            entries.append(
                LegendEntry(str(log.number), log.name, log.path, source_color(log.number), known, log.problem)
            )
        return [*entries, *self._team.entries()]

    def _facts_of(self, log: OpenLog, index: TimeIndex | None) -> list[tuple[str, str]]:
        """Return the facts about a log. Its first and last line are read only if it has changed."""
        source = log.source
        if source is None:
            return []
        state = (source.generation, source.end, source.correction, -1 if index is None else index.end)
        known = self._known_facts.get(log.number)
        if known is None or known[0] != state:
            facts = list(source_facts(source, index, self._screen.session.zone))
            known = self._known_facts[log.number] = (state, facts)
        return known[1]

    def show_line(self) -> None:
        """Name the sources above the rows, and what is to be known of the order of the rows."""
        logs = self._logs.logs
        labels = [SourceLabel("J", JOURNAL_SOURCE.name, "", "$foreground")] if logs else []
        for log in logs:
            shift = short_shift(log.source.correction) if log.source is not None else ""
            labels.append(SourceLabel(str(log.number), log.name, shift, source_color(log.number), bool(log.problem)))
        self._line.show(labels, self._order_facts() if logs else "")

    def _order_facts(self) -> str:
        if self._file_order:
            return f"{self._file_order} as written: {self._screen.key_of('file-order')} by time"
        emoji, facts = self._screen.session.emoji, []
        if self._hold.late_count:
            facts.append(f"{'↥' if emoji else 'late'} {self._hold.late_count:,}{' late' if emoji else ''}")
        if self._hold.hold_ns > MIN_HOLD_NS:
            facts.append(f"held {short_duration(self._hold.hold_ns, emoji=emoji)}")
        return "  ".join(facts)

    # The order.

    def toggle_file_order(self) -> None:
        """Show the file of the selected line as it was written, without shifts; or all sources by time again."""
        window, row = self.window, self._view.selected_row
        if window is None:
            raise PreconditionFailed("only the journal is shown: :open FILE shows another log beside it")
        name = ""

        def change() -> None:
            nonlocal name
            name = window.toggle_file_order(row)

        self._view.change_rows(change)
        self._pane.restart_counts()
        self._file_order = name
        self._screen.notify_once(
            f"{name} alone, as it was written, without shifts" if name else "all sources, by time", timeout=2
        )
        self.show_line()

    def reload(self) -> None:
        """Load the rows again: their places have changed."""
        window = self.window
        self._view.change_rows(lambda: window.forget_all() if window is not None else None)
        self.show_line()

    # Lines that are appended.

    def _post_lines(self, follower: SourceFollower, lines: list[PlacedLine]) -> None:
        """Post new lines to the screen, and wait until it has them. It is called on the thread of the follower."""
        handled = Event()
        self._post(messages.SourceLinesArrived(follower.source.number, lines, follower.problem, handled))
        handled.wait(_HANDLED_TIMEOUT_S)

    def take_lines(self, message: messages.SourceLinesArrived) -> None:
        """Hold new lines for a moment, so that a line that is a little late has its place.

        Those of another host's journal are not held, as those of this journal are not.
        """
        message.handled.set()
        log = next((log for log in self._logs.logs if log.number == message.number + 1), None)
        if log is None or self.window is None:
            return
        if message.problem != log.problem:
            log.problem = message.problem
            if message.problem:
                self._screen.notify_once(message.problem, severity="warning")
        if log.source is not None and log.source.file.followed_journal is not None:
            self._journal_lines += message.lines
        else:
            self._hold.add(message.lines, time.monotonic_ns())
        self._schedule_release()

    def _schedule_release(self) -> None:
        """Release lines as soon as one may be shown, but not more often than a frame is drawn."""
        now_ns = time.monotonic_ns()
        next_ns = now_ns if self._journal_lines else self._hold.next_release_ns()
        if self._release_timer is not None:
            self._release_timer.stop()
            self._release_timer = None
        if next_ns is None:
            return
        wait_ns = max(next_ns, self._released_ns + _FRAME_NS) - now_ns
        if wait_ns <= 0:
            self._release(now_ns)
        else:
            self._release_timer = self._screen.set_timer(wait_ns / NS_PER_S, self._schedule_release)

    def _release(self, now_ns: int) -> None:
        self._released_ns = now_ns
        window = self.window
        lines = self._hold.release(now_ns)
        if self._journal_lines:
            lines = sorted([*self._journal_lines, *lines], key=lambda placed: placed.key)
            self._journal_lines = []
        if lines and window is not None:
            if any(placed.source.generation for placed in lines):
                self._note_new_files(lines)
            if self._view.following and len(lines) > MAX_BURST_ROWS:
                window.skip_to(lines[-MAX_BURST_ROWS])  # the others scroll by unseen
                lines = lines[-MAX_BURST_ROWS:]
            self._pane.add_rows(lambda: window.add_lines(lines))
        self._schedule_release()
        self.show_line()

    def _note_new_files(self, lines: Sequence[PlacedLine]) -> None:
        """Let the logs have the files that their programs write now."""
        for placed in lines:
            for log in self._logs.logs:
                source = log.source
                if source is None or log.number != placed.source.number + 1:
                    continue
                if placed.source.generation > source.generation:
                    if placed.source.segment == source.segment:
                        sentence = f"{log.name} was truncated: its lines above may exist only on this screen"
                        self._screen.notify_once(sentence, severity="warning")
                    log.source = placed.source


def _split_words(argument: str) -> list[str]:
    """Return the files in ``argument``: itself if there is such a file, else its words, which may be quoted."""
    path = argument.strip().partition("=")[2] or argument.strip()
    if os.path.exists(os.path.expanduser(path)):
        words = [argument.strip()]
    else:
        try:
            words = shlex.split(argument)
        except ValueError as error:
            raise BadInput(f"{argument}: {error}") from None
    return [_expand_home(word) for word in words]


def _expand_home(word: str) -> str:
    name, equals, path = word.partition("=")
    return f"{name}={os.path.expanduser(path)}" if equals else os.path.expanduser(word)
