"""The log with all that serves to find one's way in it: the facts of a line, search, filters, times, counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from threeam.core.errors import BadInput, JournalError
from threeam.core.format.clock import Clock, Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.filters import Condition, LineFilter, parse_term
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.core.store.seek import find_time, journal_begins_after, passes_filter
from threeam.tui.background_scan import BackgroundScan
from threeam.tui.histogram import ActivityIndex
from threeam.tui.keys import key_for_action
from threeam.tui.line_counter import LineCounter
from threeam.tui.log_rows import Row
from threeam.tui.log_window import LogWindow
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.prompt import Prompt
from threeam.tui.widgets.search_bar import SearchBar
from threeam.tui.widgets.status_line import StatusLine

_COUNTS_INTERVAL_S = 0.5  # s between two pictures of the night, and after the last count one more


class LogPane(Vertical):
    """A `LogView` of ``journal``, and below it what it is asked and what it says."""

    class CountsChanged(Message):
        """More of the journal was counted."""

    class NoticePosted(Message):
        """Something to say in a notice."""

        def __init__(self, sentence: str, severity: str = "information") -> None:
            super().__init__()
            self.sentence = sentence
            self.severity = severity

    def __init__(
        self, journal: Journal, window: LogWindow, clock: Clock, zone: Zone, *, emoji: bool, read_only: bool
    ) -> None:
        super().__init__(id="log")
        self._journal = journal
        self._clock = clock
        self._zone = zone
        self.view = LogView(window, emoji=emoji, read_only=read_only)
        self.status_line = StatusLine(emoji=emoji)
        self.search_bar = SearchBar()
        self.prompt = Prompt()
        self._filters: list[tuple[bool, Condition]] = []  # in the order in which they came
        self._extra_steps: list[int] = []  # of n and N, that are still to be made
        self._is_counting = self._is_update_due = False
        self._posted_at = float("-inf")
        self._reading = BackgroundScan(journal, self._handle_progress)

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.view
        yield self.status_line
        yield self.search_bar
        yield self.prompt

    def on_mount(self) -> None:
        self._show_counts()

    def start_scan(self, steps: Iterator[object], cost: int) -> None:
        """Counts from now on; ``steps`` read the whole log too, at the price of counting ``cost`` bytes."""
        self._reading.add_task(steps, cost)
        self._is_counting = True
        self._scan()

    def on_unmount(self) -> None:
        self._is_counting = False  # whatever arrives still
        self._reading.stop()

    def add_lines(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, restarted: bool) -> None:
        """Takes lines that came back from the file, which has been read up to ``end``."""
        before = self.view.window.log_end
        self.view.add_lines(lines, end, unfinished, restarted=restarted)
        if restarted or _is_rolled_back(before, lines, end) or any(line.gap_reason for line in lines):
            self._reading.restart()
        self._scan()

    def cancel(self) -> bool:
        """Gives up what is asked or looked for; whether there was anything."""
        if self.prompt.is_open:
            self.prompt.close()
            return True
        self._extra_steps.clear()  # a search that was cancelled before it began cannot do it itself
        return bool(self.workers.cancel_group(self, "find"))

    # What is asked for.

    def ask(self, kind: str, text: str) -> bool:
        """Do a ``search``, ``filter``, ``unfilter`` or ``goto``; return whether its prompt is open then.

        It opens if there are no words, or if they are refused: they stand in it.
        """
        if text or kind == "unfilter":
            self._handle_answer(kind, text)
        else:
            self._open_prompt(kind)
        return self.prompt.is_open

    def _open_prompt(self, kind: str, text: str = "") -> None:
        filters = self._filters_text
        self.prompt.ask(kind, f"{filters} " if kind == "filter" and filters else "")
        self.prompt.box.set_text(text)

    def find_next_match(self, step: int) -> None:
        """Goes to the next match (``step`` 1), or the one before (-1)."""
        if self.view.render_options.pattern is None:
            self._on_progress(f"nothing is searched yet: {key_for_action(self, 'search')} asks what for")
        else:
            self._queue_find(step)

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        if message.what != "command":  # that is the screen's, and so is the focus
            self._handle_answer(message.what, message.text)

    def on_log_view_mark_requested(self, message: LogView.MarkRequested) -> None:
        message.stop()
        if message.ns is None:
            self._on_progress(f"no mark there: {key_for_action(self, 'mark')} marks the selected line")
        else:
            self._go_to_time(message.ns, "the mark")

    def _handle_answer(self, kind: str, text: str) -> None:
        try:
            match kind:
                case "search":
                    self._search(text)
                case "filter":
                    self._add_filter(text)
                case "unfilter":
                    self._set_filters([])
                case _:
                    self._go_to_time(parse_time(text, self._clock(), self._zone), text)
        except BadInput as bad:
            self._on_progress(str(bad), "warning")
            self._open_prompt(kind, text)  # else the words are gone, and the keys of the next try act on the log

    def _search(self, text: str) -> None:
        if text:
            self.view.set_render_options(pattern=Pattern(text, skip_stamp=True))
            self._scan()
        if self.view.render_options.pattern is None:
            self._on_progress("nothing is searched yet: type what for")
            return
        self._queue_find(-1 if self.view.following else 1)  # at the end, what was is above

    def _queue_find(self, direction: int) -> None:
        self._extra_steps.append(direction)  # two keys are two matches, however long the first one takes
        if len(self._extra_steps) == 1:
            self.run_worker(self._run_finds, group="find")  # type: ignore[arg-type]  # mypy cannot tell which kind it is

    async def _run_finds(self) -> None:
        self._reading.may_continue.clear()
        try:
            while self._extra_steps:
                if await self.view.find_match(step := self._extra_steps[0]) is False:
                    await self._find_wrapped(step)
                self._extra_steps.pop(0)
        except (OSError, JournalError) as error:
            self._on_progress(f"the search has failed: {error}", "error")
        finally:  # or it was given up
            self._extra_steps.clear()
            self._reading.may_continue.set()
            self.view.searched_bytes = 0

    async def _find_wrapped(self, direction: int) -> None:
        """Goes on at the other end of the log, since there is no match from here to this one."""
        before = self.view.selected_row
        is_searched = self.view.following and direction < 0  # from the end, all of it was above
        if is_searched or not await self.view.find_match(direction, around=True):
            self._on_progress("no match at all")
        elif (
            before is not None
            and self.view.selected_row is not None
            and self.view.selected_row.position == before.position
        ):
            self._on_progress("there is no other match")
        else:
            self._on_progress(f"continued from the {'top' if direction > 0 else 'bottom'}")

    def _add_filter(self, text: str) -> None:
        if text:
            self._set_filters([*self._filters, parse_term(text, skip_stamp=True)])
        elif self._filters:
            self._set_filters(self._filters[:-1])
        else:
            self._on_progress("nothing is filtered: every line is shown")

    def _set_filters(self, filters: list[tuple[bool, Condition]]) -> None:
        self._filters = filters
        wanted = tuple(condition for out, condition in filters if not out)
        self.view.set_filter(LineFilter(wanted, tuple(condition for out, condition in filters if out)))
        self._scan()

    @property
    def _filters_text(self) -> str:
        """The filters as their person typed them: ``deadlock  !kind:note``."""
        return "  ".join(f"{'!' if out else ''}{condition.name}" for out, condition in self._filters)

    def go_to(self, stamp: Stamp) -> None:
        """Goes to the entry of ``stamp``."""
        self._go_to_time(stamp.ns, f"@{stamp}")

    def _go_to_time(self, ns: int, label: str) -> None:
        end = self.view.window.log_end
        if end is None:
            self._on_progress("there is no line yet", "warning")
            return

        async def go() -> None:
            try:
                place, others = await asyncio.to_thread(find_time, self._journal, end, ns)
                too_early = place is not None and await asyncio.to_thread(
                    journal_begins_after, self._journal, place, ns
                )
            except (OSError, JournalError) as error:
                self._on_progress(f"the log cannot be read: {error}", "error")
                return
            if place is None:
                self._on_progress(f"there is no line as late as {label}", "warning")
                return
            if too_early:
                self._on_progress(f"the journal begins later than {label}")
            self.view.go_to_position(place)
            shown = self.view.selected_row
            if self.view.window.line_filter and (shown is None or shown.position != place):
                self._on_progress("the filter leaves that line out: :unfilter shows it")
            if others:
                more = "one more place has" if others == 1 else f"{others} more places have"
                self._on_progress(f"the clock was stepped back: {more} this time, further up", "warning")

        self.run_worker(go(), group="find")

    # What is said below the log.

    def on_log_view_row_selected(self) -> None:
        self._schedule_counts()

    def on_log_view_tail_changed(self) -> None:
        self._schedule_counts()

    def _schedule_counts(self) -> None:
        if not self._is_update_due:  # once for all that comes with one frame
            self._is_update_due = True
            self.call_later(self._show_counts)

    def _scan(self) -> None:
        window, pattern = self.view.window, self.view.render_options.pattern
        found = window.effective_filter_with(pattern) if pattern is not None else None
        self._reading.set_filters(window.effective_filter if window.line_filter else None, found)
        if window.log_end is not None and self._is_counting:
            self._reading.scan_to(window.log_end)
        self._schedule_counts()

    @property
    def activity(self) -> ActivityIndex:
        """When how much was written, as far as it was read."""
        return self._reading.line_index

    def _handle_progress(self) -> None:
        self._schedule_counts()
        now = time.monotonic()
        if now - self._posted_at > _COUNTS_INTERVAL_S:
            self._posted_at = now
            self.set_timer(_COUNTS_INTERVAL_S, self._post_counts_changed)

    def _post_counts_changed(self) -> None:
        self.post_message(self.CountsChanged())

    def _show_counts(self) -> None:
        self._is_update_due = False
        reading, row, look = self._reading, self.view.selected_row, self.view.render_options
        self.status_line.show(row, _line_number(reading.line_index, row), reading.line_index)
        match = _line_number(reading.match_counter, row)
        pattern = "" if look.pattern is None else look.pattern.text
        filters = self._filters_text
        self.search_bar.show(
            pattern,
            match,
            reading.match_counter,
            filters,
            reading.shown_counter,
            searched=self.view.searched_bytes,
            looking=self.view.is_searching_rows,
        )

    def _on_progress(self, sentence: str, severity: str = "information") -> None:
        self.post_message(self.NoticePosted(sentence, severity))


def _line_number(counter: LineCounter | None, row: Row | None) -> int | None:
    """The number of ``row`` among the lines of ``counter``, from 1; None where it is not one, or not counted so far."""
    if counter is None or row is None:
        return None
    try:
        if not passes_filter(row.line, counter.line_filter):
            return None
        before = counter.count_before(row.position)
    except OSError:  # whoever reads the lines tells of it
        return None
    return None if before is None else before + 1


def _is_rolled_back(before: Position | None, lines: list[Line], end: Position | None) -> bool:
    """Whether lines that were told, up to ``before``, are not there any more now that ``lines`` have come."""
    if before is None or end is None or before.segment != end.segment:
        return False
    return batch_start(lines, end) < before.offset
