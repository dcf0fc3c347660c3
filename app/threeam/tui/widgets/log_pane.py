"""The log with its navigation: the facts of the selected line, search, filters, jumps to a time, counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from threeam.core.errors import BadInput, JournalError
from threeam.core.format.clock import Clock, Zone
from threeam.core.format.entry import Stamp
from threeam.core.format.times import parse_time
from threeam.core.store.filters import Condition, LineFilter
from threeam.core.store.follow import batch_start
from threeam.core.store.journal import Journal, Position
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import Line
from threeam.core.store.seek import passes_filter
from threeam.core.store.stamp_ref import expand_stamp_ref
from threeam.tui.background_scan import BackgroundScan
from threeam.tui.histogram import ActivityIndex
from threeam.tui.key_labels import key_for_action
from threeam.tui.line_counter import Counter
from threeam.tui.log_rows import Row
from threeam.tui.row_window import RowWindow
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.prompt import Prompt
from threeam.tui.widgets.search_bar import SearchBar, SearchStatus
from threeam.tui.widgets.status_line import StatusLine

_COUNTS_INTERVAL_S = 0.5  # between two pictures of the night; one more follows the last count


class LogPane(Vertical):
    """A `LogView` of ``journal`` with the status line, the search bar and the prompt below it."""

    class CountsChanged(Message):
        """More of the journal was counted."""

    class NoticePosted(Message):
        """A sentence to show as a notice."""

        def __init__(self, sentence: str, severity: str = "information") -> None:
            super().__init__()
            self.sentence = sentence
            self.severity = severity

    def __init__(
        self, journal: Journal, window: RowWindow, clock: Clock, zone: Zone, *, emoji: bool, read_only: bool
    ) -> None:
        super().__init__(id="log")
        self._journal = journal
        self._clock = clock
        self._zone = zone
        self.view = LogView(window, emoji=emoji, read_only=read_only)
        self.status_line = StatusLine(emoji=emoji)
        self.search_bar = SearchBar()
        self.prompt = Prompt()
        self._filters: list[tuple[bool, Condition]] = []  # (whether it excludes lines, condition), the oldest first
        self._pattern: Pattern | None = None  # of the last search, also after it was cleared
        self._search_direction = 1  # of the last search, which n repeats: 1 down, -1 up
        self._wrapped = ""  # where the last search had to continue: "the top" or "the bottom"
        self._pending_directions: list[int] = []  # of the presses of n and N that are not answered yet
        self._is_counting = self._is_update_due = False
        self._posted_at = float("-inf")
        self._scan = BackgroundScan(journal, self._handle_progress)

    def compose(self) -> ComposeResult:
        """Yield the parts from top to bottom."""
        yield self.view
        yield self.status_line
        yield self.search_bar
        yield self.prompt.box.candidates
        yield self.prompt

    def on_mount(self) -> None:
        self._show_counts()

    def start_scan(self, steps: Iterator[object], cost: int) -> None:
        """Count from now on; ``steps`` read the log too, at the cost of counting ``cost`` bytes."""
        self._scan.add_task(steps, cost)
        self._is_counting = True
        self._update_scan()

    def on_unmount(self) -> None:
        self._is_counting = False  # messages may still arrive
        self._scan.stop()

    def add_lines(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, truncated: bool) -> None:
        """Add ``lines`` that were read from the file, up to ``end``."""
        old_end = self.view.window.log_end
        self.view.add_lines(lines, end, unfinished, truncated=truncated)
        if truncated or _is_rolled_back(old_end, lines, end) or any(line.gap_reason for line in lines):
            self._scan.restart()
        self._continue_scan()
        self._schedule_counts(self.call_after_refresh)  # the new lines are drawn first

    def restart_counts(self) -> None:
        """Count what passes the filters from zero, since other logs are shown by now."""
        self._scan.forget_filters()
        self._update_scan()

    def add_rows(self, add: Callable[[], int]) -> None:
        """Call ``add``, which adds rows of other logs to the window and returns how many."""
        self.view.add_rows(add)
        self._continue_scan()
        self._schedule_counts(self.call_after_refresh)  # the new rows are drawn first

    def cancel(self) -> bool:
        """End the selection, close the prompt or cancel the search; return whether there was one."""
        if self.view.has_focus and self.view.end_selection():
            self.show_selection()
            return True
        if self.prompt.is_open:
            self.prompt.close()
            return True
        self._pending_directions.clear()  # a worker that is cancelled before it starts cannot clear them
        return bool(self.workers.cancel_group(self, "find"))

    # The prompt and its answers.

    def ask(self, kind: str, text: str) -> bool:
        """Do a ``search``, ``filter``, ``unfilter`` or ``goto``; return whether the prompt is open after it.

        It opens if there is no text, or if the text is refused, which then stands in it.
        """
        if text or kind == "unfilter":
            self._handle_answer(kind, text)
        else:
            self._open_prompt(kind)
        return self.prompt.is_open

    def _open_prompt(self, kind: str, text: str = "") -> None:
        self.prompt.ask(kind, f"{self._filters_text} " if kind == "filter" and self._filters else "")
        self.prompt.box.set_text(text)

    def find_next_match(self, sign: int) -> None:
        """Go to the next match in the direction of the search (``sign`` 1), or against it (-1)."""
        if self._pattern is None:
            self._post_notice(f"no search yet: {key_for_action(self, 'search')} starts one")
        else:
            self._show_pattern(self._pattern)
            self._queue_find(sign * self._search_direction)

    def clear_search(self) -> bool:
        """Show no matches any more, until the search is repeated; return whether any were shown."""
        is_shown = self.view.render_options.pattern is not None
        self._wrapped = ""
        self._show_pattern(None)
        return is_shown

    def _show_pattern(self, pattern: Pattern | None) -> None:
        if pattern is not self.view.render_options.pattern:
            self.view.set_render_options(pattern=pattern)
            self._update_scan()

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        if message.what != "command":  # the screen handles commands, and the focus
            self._handle_answer(message.what, message.text)

    def on_log_view_mark_requested(self, message: LogView.MarkRequested) -> None:
        message.stop()
        if message.ns is None:
            self._post_notice(f"no mark there: {key_for_action(self, 'mark')} marks the selected line")
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
                case _ if text.startswith("@"):
                    find = partial(self._go_to_entry, text)
                    self.run_worker(find, group="find")  # type: ignore[arg-type]  # as below
                case _:
                    self._go_to_time(parse_time(text, self._clock(), self._zone), text)
        except BadInput as bad:
            self._post_notice(str(bad), "warning")
            self._open_prompt(kind, text)  # else the text is lost, and the keys of the next try act on the log

    def _search(self, text: str) -> None:
        if text:
            self._pattern = Pattern(text, skip_stamp=True)
        if self._pattern is None:
            self._post_notice("no search yet: type a pattern")
            return
        self._show_pattern(self._pattern)
        self._search_direction = -1 if self.view.following else 1  # at the end, all lines are above
        self._queue_find(self._search_direction)

    def _queue_find(self, direction: int) -> None:
        self._pending_directions.append(direction)  # two keys are two matches, however long the first one takes
        if len(self._pending_directions) == 1:
            self.run_worker(self._run_finds, group="find")  # type: ignore[arg-type]  # mypy cannot tell which kind it is

    async def _run_finds(self) -> None:
        self.may_scan.clear()
        try:
            while self._pending_directions:
                direction, self._wrapped = self._pending_directions[0], ""
                if await self.view.find_match(direction) is False:
                    await self._find_wrapped(direction)
                self._pending_directions.pop(0)
        except (OSError, JournalError) as error:
            self._post_notice(f"the search has failed: {error}", "error")
        finally:  # also when it is cancelled
            self._pending_directions.clear()
            self.may_scan.set()
            self.view.searched_bytes = 0

    async def _find_wrapped(self, direction: int) -> None:
        """Continue at the other end of the log, since there is no match from here to this end."""
        old_row = self.view.selected_row
        is_all_searched = self.view.following and direction < 0  # from the end, all lines were above
        if is_all_searched or not await self.view.find_match(direction, wrapped=True):
            self._post_notice("no match at all")
            return
        row = self.view.selected_row
        if old_row is not None and row is not None and row.position == old_row.position:
            self._post_notice("there is no other match")
        else:
            self._wrapped = "the top" if direction > 0 else "the bottom"
            self._update_scan()

    def _add_filter(self, text: str) -> None:
        if text:
            self._set_filters([*self._filters, self.view.window.parse_filter(text)])
        elif self._filters:
            self._set_filters(self._filters[:-1])
        else:
            self._post_notice("nothing is filtered: every line is shown")

    def _set_filters(self, filters: list[tuple[bool, Condition]]) -> None:
        self._filters = filters
        include = tuple(condition for excludes, condition in filters if not excludes)
        exclude = tuple(condition for excludes, condition in filters if excludes)
        self.view.set_filter(LineFilter(include, exclude))
        self.restart_counts()

    @property
    def _filters_text(self) -> str:
        """The filters as the user typed them: ``deadlock  !kind:note``."""
        return "  ".join(f"{'!' if excludes else ''}{condition.name}" for excludes, condition in self._filters)

    def go_to(self, stamp: Stamp) -> None:
        """Go to the entry of ``stamp``."""
        self._go_to_time(stamp.ns, f"@{stamp}")

    async def _go_to_entry(self, reference: str) -> None:
        """Go to the entry that ``reference`` names, a stamp or the beginning of one."""
        try:
            expanded = await asyncio.to_thread(expand_stamp_ref, self._journal, reference)
            self._go_to_time(parse_time(expanded, self._clock(), self._zone), reference)
        except (OSError, JournalError) as error:
            self._post_notice(str(error), "warning")

    def _go_to_time(self, ns: int, label: str) -> None:
        find = partial(self._find_time, ns, label)
        self.run_worker(find, group="find")  # type: ignore[arg-type]  # mypy cannot tell which kind it is

    async def _find_time(self, ns: int, label: str) -> None:
        """Go to the first line at ``ns`` or later; ``label`` is the time in the user's words."""
        self.may_scan.clear()
        try:
            position, other_count, begins_later = await asyncio.to_thread(self.view.window.find_time, ns)
        except (OSError, JournalError) as error:
            self._post_notice(f"the log cannot be read: {error}", "error")
            return
        finally:
            self.may_scan.set()
        if position is None:
            nothing = f"at or after {label}" if self.view.window.rows else "yet"
            self._post_notice(f"there is no line {nothing}", "warning")
            return
        if begins_later:
            self._post_notice(f"the journal begins later than {label}")
        self.view.go_to_position(position)
        row = self.view.selected_row
        if self.view.window.line_filter and (row is None or row.position != position):
            self._post_notice("the filter hides that line: :unfilter shows it")
        if other_count:
            places = "one more place has" if other_count == 1 else f"{other_count} more places have"
            self._post_notice(f"the clock was stepped back: {places} this time, further up", "warning")

    # The lines below the log.

    def on_log_view_row_selected(self) -> None:
        self._schedule_counts()

    def on_log_view_tail_changed(self) -> None:
        self._schedule_counts()

    def show_selection(self) -> None:
        """Show how many rows are selected, and the keys that act on them alone."""
        self.screen.refresh_bindings()
        self._schedule_counts()

    def _schedule_counts(self, call: Callable[[Callable[[], None]], object] | None = None) -> None:
        """Show the counts by ``call``: as a rule with the next message, so once for all changes of one frame."""
        if not self._is_update_due:
            self._is_update_due = True
            (call or self.call_later)(self._show_counts)

    def _update_scan(self) -> None:
        self._continue_scan()
        self._schedule_counts()

    def _continue_scan(self) -> None:
        window, pattern = self.view.window, self.view.render_options.pattern
        self._scan.make_counter = window.make_counter
        self._scan.set_filters(
            window.effective_filter if window.line_filter else None,
            window.effective_filter_with(pattern) if pattern is not None else None,
        )
        if window.log_end is not None and self._is_counting:
            self._scan.scan_to(window.log_end)

    @property
    def may_scan(self) -> asyncio.Event:
        """Set unless the user waits for a search or a time: what reads files in the background waits meanwhile."""
        return self._scan.may_continue

    @property
    def activity(self) -> ActivityIndex:
        """When lines were written, as far as the log is counted."""
        return self._scan.line_index

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
        scan, row, pattern = self._scan, self.view.selected_row, self.view.render_options.pattern
        is_last = row is not None and self.view.window.at_end and row is self.view.window.rows[-1]
        # Behind the last row only lines that are not shown can follow, and none of them is worth a look.
        line_number = scan.line_index.total if is_last else _line_number(scan.line_index, row)
        self.status_line.show(row, line_number, scan.line_index)
        self.search_bar.show(
            SearchStatus(
                pattern="" if pattern is None else pattern.text,
                match_number=_line_number(scan.match_counter, row),
                match_counter=scan.match_counter,
                filters=self._filters_text,
                shown_counter=scan.shown_counter,
                wrapped=self._wrapped,
                selected_count=len(self.view.selected_rows) if self.view.is_selecting else 0,
                searched_bytes=self.view.searched_bytes,
                is_searching_rows=self.view.is_searching_rows,
            )
        )

    def _post_notice(self, sentence: str, severity: str = "information") -> None:
        self.post_message(self.NoticePosted(sentence, severity))


def _line_number(counter: Counter | None, row: Row | None) -> int | None:
    """Return the 1-based number of ``row`` among the lines that ``counter`` counts; None if it is not known."""
    if counter is None or row is None:
        return None
    try:
        if not passes_filter(row.line, counter.line_filter):
            return None
        count_before = counter.count_before(row.position)
    except OSError:  # the follower reports that the log cannot be read
        return None
    return None if count_before is None else count_before + 1


def _is_rolled_back(old_end: Position | None, lines: list[Line], end: Position | None) -> bool:
    """Return whether lines that were read, up to ``old_end``, were cut off again before ``lines``."""
    if old_end is None or end is None or old_end.segment != end.segment:
        return False
    return batch_start(lines, end) < old_end.offset
