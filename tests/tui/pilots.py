"""A screen on a test's journal, driven by a pilot: what it shows, as text, and facts to wait for."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeGuard, TypeVar

import pytest
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen
from textual_internals import draw, has_messages, key_of, notices_of, send, text_of

from support.lines import NIGHT
from threeam.core.config.settings import Settings
from threeam.core.format.clock import Clock, system_clock
from threeam.core.format.entry import ACQUIRED, RELEASING, Author, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD
from threeam.timeline.open_logs import OpenLogs
from threeam.tui.app import JournalApp
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.session import Session
from threeam.tui.widgets.composer import Composer
from threeam.tui.widgets.log_view import LogView

T = TypeVar("T")

BY = Author("alice", "db1", 4121, "%3")
WIDE, SMALL, TINY = (120, 36), (80, 24), (40, 10)

_NAMES = {
    " ": "space", "\n": "enter", ":": "colon", "~": "tilde", "?": "question_mark", "[": "left_square_bracket",
    "]": "right_square_bracket", "/": "slash", ",": "comma", ".": "full_stop", "-": "minus", "'": "apostrophe",
    "%": "percent_sign", "{": "left_curly_bracket", "}": "right_curly_bracket", "|": "vertical_line", "@": "at",
    "(": "left_parenthesis", ")": "right_parenthesis", "!": "exclamation_mark", "$": "dollar_sign",
    "\\": "backslash", "#": "number_sign", "=": "equals_sign", "_": "underscore", "+": "plus", "*": "asterisk",
}  # fmt: skip


def is_as_of(screen: Screen[Any]) -> TypeGuard[JournalScreen]:
    """Whether ``screen`` shows the journal as it was."""
    return isinstance(screen, JournalScreen) and screen.session.as_of is not None


class Night:
    """One screen, as the person in front of it has it."""

    def __init__(self, app: JournalApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    @property
    def journal_screen(self) -> JournalScreen:
        """The journal, also while something lies over it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, JournalScreen))

    @property
    def view(self) -> LogView:
        """The log."""
        return self.journal_screen.log_view

    @property
    def composer(self) -> Composer:
        """The input box with its kind."""
        desk = self.journal_screen.editor
        assert desk is not None, "this screen has no input box"
        return desk.composer

    @property
    def box_kind(self) -> str:
        """The kind of the input box, as it is kept."""
        return str(self.composer.kind)

    @property
    def drafts(self) -> list[tuple[str, str]]:
        """The texts that the box must not lose, with their kinds."""
        return [(str(kind), text) for kind, text in self.composer.drafts]

    @property
    def selected_text(self) -> str:
        """What the line under the cursor says."""
        row = self.view.selected_row
        return row.entry.text if row is not None and row.entry is not None else ""

    @property
    def unanswered(self) -> int:
        """How much has been asked for and not been answered."""
        desk = self.journal_screen.editor
        return 0 if desk is None else len(desk.outbox)

    @property
    def at_work(self) -> bool:
        """Whether something that was asked for is still being looked at, and may yet lay a screen over this one."""
        return any(not worker.is_finished for worker in self.app.workers) or bool(
            len(self.journal_screen.quitting.effects)
        )

    @property
    def in_the_box(self) -> bool:
        """Whether keys go into the input box."""
        return self.app.focused is self.composer.box

    @property
    def in_the_log(self) -> bool:
        """Whether the log has the focus."""
        return self.app.focused is self.view

    async def press(self, *keys: str) -> None:
        """Presses keys one after the other, each done before the next."""
        for key in keys:
            self.at_once(key)
            await self.settled()

    async def settled(self) -> None:
        """Waits until every message that is under way has been handled, and what it changed is drawn.

        The pilot's own `pause` sleeps 20 ms at the least and twice for a key, which is most of a test's time.
        """
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.001)
            nodes = [self.app, *self.app.screen_stack, *self.app.screen.walk_children()] if self.app.is_running else []
            quiet = 0 if has_messages(nodes) else quiet + 1
        if self.app.is_running:
            draw(self.app.screen)

    async def type(self, text: str) -> None:
        """Types a text as it comes from a fast paste or `send-keys`: all of it in one read."""
        self.at_once(*text)
        await self.settled()

    def at_once(self, *keys: str) -> None:
        """Sends keys without giving the program a moment in between."""
        for key in keys:
            name = _NAMES.get(key) or (key_of(key) if len(key) == 1 else key)
            char = key if len(key) == 1 else None
            if name[:4] == "alt+" and len(name) == 5:  # a terminal sends the letter with it
                char = name[-1]
            send(self.app, events.Key(name, "\r" if name == "enter" else char))

    async def paste(self, text: str) -> None:
        """Pastes a text, as the terminal hands it over."""
        send(self.app, events.Paste(text))
        await self.settled()

    async def command(self, text: str) -> None:
        """Types a `:` line, with its Enter."""
        await self.press("colon")
        await self.type(text + "\n")

    async def eventually(self, fact: Callable[..., T], what: str, seconds: float = 10.0) -> T:
        """Waits for what a thread does; fails loudly, with the screen, when it does not come."""
        deadline = time.monotonic() + seconds
        while not (value := fact()):
            assert time.monotonic() < deadline, (
                f"after {seconds:g} s still not: {what}\nnotices: {self.notices}\n{self.shown}"
            )
            await asyncio.sleep(0.005)
        await self.settled()
        return value

    async def shows(self, text: str) -> None:
        """Waits until a text stands on the screen."""
        await self.eventually(lambda: text in self.shown, f"{text!r} is on the screen")

    async def says(self, words: str) -> None:
        """Waits for a notice with these words."""
        await self.eventually(lambda: any(words in notice for notice in self.notices), f"a notice says {words!r}")

    @property
    def shown(self) -> str:
        """All that is on the screen, as text."""
        return "\n".join(line.rstrip() for line in text_of(self.app.screen))

    @property
    def header(self) -> str:
        """The line at the top."""
        return text_of(self.journal_screen)[0]

    @property
    def rows(self) -> list[str]:
        """What the log shows, from top to bottom, without the scrollbar at the right."""
        view = self.view
        return [view.render_line(y).text[:-1].rstrip() for y in range(view.size.height)]

    @property
    def notices(self) -> list[str]:
        """Every notice that is up, with its title."""
        return notices_of(self.app)


@asynccontextmanager
async def night(
    journal: Journal,
    *,
    clock: Clock = system_clock,
    by: Author = BY,
    read_only: bool = False,
    size: tuple[int, int] = (110, 24),
    settings: Settings | None = None,
    emoji: bool = True,
    notice: str = "",
    sync: bool = False,
    logs: OpenLogs | None = None,
) -> AsyncIterator[Night]:
    """Opens the screen on ``journal``, with ``logs`` beside it."""
    settings = settings or Settings()
    options = WriteOptions(by.user, str(by), settings.ceremony, settings.night_gap_ns, None, sync)
    writer = None if read_only else Writer(journal, FOLD, clock, options)
    app = JournalApp(Session(journal, settings, FOLD, by, clock, writer, emoji, notice, logs=logs))
    async with app.run_test(size=size, notifications=True) as pilot:
        it = Night(app, pilot)
        deadline = time.monotonic() + 2  # a log that cannot be read has no fold
        live = it.journal_screen.live
        assert live is not None
        while live.bridge._state is None and time.monotonic() < deadline:
            await asyncio.sleep(0.001)
        await it.settled()
        yield it


def join_writing_threads() -> None:
    """Waits until screens that were closed have written what waited: a process that was killed writes no more."""
    for thread in threading.enumerate():
        if thread.name == "write":
            thread.join(10)
            assert not thread.is_alive(), "what a closed screen waits for has not come"


def line(text: str, ns: int = 0, *, user: str = "bob", cups: int = 0, tags: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A line of somebody's, ``ns`` after 03:14:07.123456789."""
    by = (("BY", f"{user}@db1:77%1"),) if user else ()
    return format_entry(Entry(Stamp(NIGHT.ns + ns), cups, (*by, *tags), text))


def notes(count: int, start: int = 0) -> bytes:
    """Lines ``note 0``, ``note 1``, …, a millisecond apart."""
    return b"".join(line(f"note {n}", n * 1_000_000) for n in range(start, start + count))


def section(number: int, text: str, ns: int, held_ns: int, *, user: str = "bob") -> bytes:
    """A hypothesis with the ceremony around it, held for ``held_ns``."""
    return (
        line(ACQUIRED, ns, user=user)
        + line(f"Hypothesis: {text}", ns + 1, user=user, tags=((f"H{number}", "open"),))
        + line(RELEASING, ns + held_ns, user=user)
    )


def append(log: Path, raw: bytes) -> None:
    """Appends bytes, as any other program does."""
    with log.open("ab") as file:
        file.write(raw)


@contextmanager
def held(lock: str) -> Iterator[None]:
    """Holds the lock as another program would: by another open file."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(fd)


@contextmanager
def full_disk(monkeypatch: pytest.MonkeyPatch, log: Path) -> Iterator[None]:
    """Every write to the log fails as on a full disk."""
    log.touch()
    really_write = os.write

    def write(fd: int, data: bytes) -> int:
        if os.path.samestat(os.fstat(fd), os.stat(log)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really_write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        yield


@contextmanager
def failing_sync(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The disk takes the bytes, and does not confirm them."""

    def fdatasync(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fdatasync)
        yield
