"""The log with all that serves to find one's way in it: the facts of a line, search, filters, times, counts."""

from __future__ import annotations

import asyncio

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from threeam.core.clock import Clock
from threeam.core.journal import BadInput, Journal, JournalError, Position
from threeam.core.pattern import Pattern
from threeam.core.reader import Line
from threeam.core.tally import Tally
from threeam.core.wanted import Text, Wanted, parse_condition
from threeam.core.when import parse_when
from threeam.tui.counting import Counting
from threeam.tui.widgets.entry_bar import EntryBar
from threeam.tui.widgets.find_bar import FindBar
from threeam.tui.widgets.log_view import LogView
from threeam.tui.widgets.prompt import Prompt
from threeam.tui.window import Row, Window


class LogPane(Vertical):
    """A `LogView` of ``journal``, and below it what it is asked and what it says."""

    class Told(Message):
        """Something to say in a notice."""

        def __init__(self, sentence: str, severity: str = "information") -> None:
            super().__init__()
            self.sentence = sentence
            self.severity = severity

    def __init__(self, journal: Journal, window: Window, clock: Clock, *, emoji: bool, read_only: bool) -> None:
        super().__init__(id="log")
        self._journal = journal
        self._clock = clock
        self.view = LogView(window, emoji=emoji, read_only=read_only)
        self.entry_bar = EntryBar(emoji=emoji)
        self.find_bar = FindBar()
        self.prompt = Prompt()
        self._counting = Counting(journal, self._show_counts)
        self._step = 1  # which way n goes

    def compose(self) -> ComposeResult:
        """From top to bottom."""
        yield self.view
        yield self.entry_bar
        yield self.find_bar
        yield self.prompt

    def on_mount(self) -> None:
        self._show_counts()
        self._count()

    def on_unmount(self) -> None:
        self._counting.stop()

    def arrive(self, lines: list[Line], end: Position | None, unfinished: Line | None, *, restarted: bool) -> None:
        """Takes lines that came back from the file, which has been read up to ``end``."""
        self.view.arrive(lines, end, unfinished, restarted=restarted)
        if restarted:
            self._counting.anew()
        self._count()

    def leave(self) -> bool:
        """Gives up what is asked or looked for; whether there was anything."""
        if self.prompt.is_open:
            self.prompt.close()
            self.view.focus()
            return True
        return bool(self.workers.cancel_group(self, "find"))

    # What the log's keys ask for.

    def on_log_view_asked(self, message: LogView.Asked) -> None:
        """A search, a filter or a time is asked for; without words, for the words."""
        message.stop()
        if message.words:
            self._answer(message.what, message.words)
        else:
            filters = self.view.window.wanted.name
            self.prompt.ask(message.what, f"{filters} " if message.what == "filter" and filters else "")

    def on_prompt_answered(self, message: Prompt.Answered) -> None:
        if message.what == "command":
            return  # the screen's
        message.stop()
        self.view.focus()
        self._answer(message.what, message.text)

    def on_log_view_find_next(self, message: LogView.FindNext) -> None:
        message.stop()
        if self.view.look.pattern is None:
            self._tell("nothing is searched yet: / asks what for")
        else:
            self._find(message.step * self._step)

    def _answer(self, what: str, words: str) -> None:
        try:
            match what:
                case "search":
                    self._search(words)
                case "filter":
                    self._filter(words)
                case "unfilter":
                    self._show_only(Wanted())
                case _:
                    self._go_to(words)
        except BadInput as bad:
            self._tell(str(bad), "warning")

    def _search(self, words: str) -> None:
        if words:
            self.view.set_look(pattern=Pattern(words))
            self._count()
        if self.view.look.pattern is None:
            self._tell("nothing is searched yet: type what for")
            return
        self._step = 1
        self._find(-1 if self.view.following else 1)  # at the end, what was is above

    def _find(self, step: int) -> None:
        async def find() -> None:
            try:
                found = await self.view.find(step)
            except (OSError, JournalError) as error:
                self._tell(f"the search has failed: {error}", "error")
                return
            if found is False:
                self._tell(f"no match {'below: N goes up' if step > 0 else 'above: n goes down'}")

        self.run_worker(find(), group="find", exclusive=True)

    def _filter(self, words: str) -> None:
        wanted = self.view.window.wanted
        if words:
            out, condition = parse_condition(words)
            if out:
                wanted = wanted._replace(exclusions=(*wanted.exclusions, condition))
            else:
                wanted = wanted._replace(conditions=(*wanted.conditions, condition))
        elif not wanted:
            self._tell("nothing is filtered: every line is shown")
            return
        elif wanted.exclusions:
            wanted = wanted._replace(exclusions=wanted.exclusions[:-1])
        else:
            wanted = wanted._replace(conditions=wanted.conditions[:-1])
        self._show_only(wanted)

    def _show_only(self, wanted: Wanted) -> None:
        self.view.set_filter(wanted)
        self._count()

    def _go_to(self, words: str) -> None:
        ns = parse_when(words, self._clock())

        async def go() -> None:
            try:
                place, others = await asyncio.to_thread(self.view.window.place_of, ns)
            except (OSError, JournalError) as error:
                self._tell(f"the log cannot be read: {error}", "error")
                return
            if place is None:
                self._tell(f"no line is of {words} or later", "warning")
                return
            self.view.show_place(place)
            if others:
                self._tell(f"the clock was stepped back: {others} more places have this time", "warning")

        self.run_worker(go(), group="find", exclusive=True)

    # What is said below the log.

    def on_log_view_selected(self, message: LogView.Selected) -> None:
        self._show_counts()

    def on_log_view_moved(self) -> None:
        self._show_counts()

    def _count(self) -> None:
        window, pattern = self.view.window, self.view.look.pattern
        found = window.shown._replace(conditions=(*window.shown.conditions, Text(pattern))) if pattern else None
        self._counting.look_for(window.shown if window.wanted else None, found)
        if window.known is not None:
            self._counting.count_to(window.known)
        self._show_counts()

    def _show_counts(self) -> None:
        counting, row, look = self._counting, self.view.selected, self.view.look
        self.entry_bar.show(row, _number(counting.lines, row), counting.lines)
        match = _number(counting.found, row)
        pattern = "" if look.pattern is None else look.pattern.text
        filters = self.view.window.wanted.name
        self.find_bar.show(pattern, match, counting.found, filters, counting.shown, looking=self.view.looking)

    def _tell(self, sentence: str, severity: str = "information") -> None:
        self.post_message(self.Told(sentence, severity))


def _number(tally: Tally | None, row: Row | None) -> int | None:
    """The number of ``row`` among the lines of ``tally``, from 1; None where it is not one, or not counted so far."""
    if tally is None or row is None or not tally.wanted.holds(row.line.raw):
        return None
    try:
        before = tally.before(row.place)
    except OSError:  # whoever reads the lines tells of it
        return None
    return None if before is None else before + 1
