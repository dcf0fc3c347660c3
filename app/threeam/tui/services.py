"""Protocols for the screen and the program, as the palette, the controllers and the screens use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from textual.app import App
from textual.timer import Timer
from textual.widget import Widget

from threeam.actions import Action
from threeam.core.format.entry import Entry
from threeam.core.state.fold import State
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal, Position
from threeam.core.store.reader import Line
from threeam.core.write.draft import Draft
from threeam.timeline.source import Source
from threeam.tui.dispatch import ActionTable
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import BoxKind
from threeam.tui.session import Session
from threeam.tui.typed_keys import TypedKeys

T = TypeVar("T")

DraftMaker = Callable[[str], Draft]  # from the text of an input box
# The same for a draft with attachments. It saves them first, returns their paths as well, and is called on a thread.
AttachingDraftMaker = Callable[[str], tuple[Draft, tuple[str, ...]]]


class CommandRunner(Protocol):
    """The part of a screen that runs actions of the table for the palette."""

    @property
    def is_writable(self) -> bool:
        """Return whether it runs those that write."""

    async def run(self, action: Action, argument: str = "") -> None:
        """Run ``action``, with the text that followed its command."""


@runtime_checkable
class CommandScreen(Protocol):
    """A screen whose actions the palette can run."""

    commands: CommandRunner


@runtime_checkable
class Program(Protocol):
    """The program around the screens, as they see it."""

    typed_keys: TypedKeys

    @property
    def other_journals(self) -> Sequence[Journal]:
        """The journals that can be opened in place of this one."""

    def open_journal(self, journal: Journal) -> None:
        """End, and show ``journal`` next."""

    def open_as_of(self, session: Session, point: PointInTime) -> None:
        """Lay the journal of ``session`` as it was at ``point`` over the screen."""

    def hold_keys(self) -> None:
        """Let keys wait for a screen that is about to open."""

    def release_keys(self) -> None:
        """Let keys act again."""

    def close_as_of(self) -> None:
        """Remove all screens that show the journal as it was."""

    def suspend_to_shell(self) -> None:
        """Stop, so that the shell has the terminal until its ``fg``."""


class Writing(Protocol):
    """The way from a screen to the log. A read-only screen has one that refuses each write with a notice."""

    @property
    def is_writable(self) -> bool:
        """Return whether there is a writer."""

    def require_writable(self) -> None:
        """Raise `PreconditionFailed` if there is no writer."""

    def refuses_box_of(self, key: str) -> bool:
        """Return whether ``key`` asks for a box that the screen does not have."""

    def refuse_key(self, key: str) -> None:
        """Show that the screen is read-only if ``key`` is one of an action that writes."""

    @property
    def is_prompt(self) -> bool:
        """Return whether keys go to an input box whose Enter leads out of it."""

    def submit(self, request: WriteRequest) -> bool:
        """Send ``request``; return False, after a notice, if the screen is read-only."""

    def open_box(self, kind: BoxKind, text: str = "") -> None:
        """Go to the input box for ``kind``; ``text`` is added to what it holds."""

    def edit(self, kind: BoxKind, text: str) -> None:
        """Go to the input box for ``kind``, with ``text`` in it."""

    def write_or_ask(self, kind: BoxKind, text: str, draft_of: DraftMaker | None = None) -> None:
        """Write ``text`` as if it had been sent from a box for ``kind``; without a text, open that box.

        ``draft_of`` makes the draft from the text, in place of `BoxKind.draft`.
        """

    def write_attaching(self, kind: BoxKind, text: str, attach: AttachingDraftMaker, *, asks: bool) -> None:
        """Write ``text`` with what ``attach`` saves; if it ``asks``, open a box for a missing text."""

    def leave_box(self) -> bool:
        """Take back what waits, and return True; if nothing waits, end the prompt, and return False."""


class ScreenServices(Protocol):
    """The screen of a journal, as its controllers see it."""

    session: Session
    state: State
    actions: ActionTable

    @property
    def writing(self) -> Writing:
        """The way to the log."""

    @property
    def app(self) -> App[Any]:
        """The program, to lay a screen over this one."""

    @property
    def program(self) -> Program:
        """The program around this screen."""

    @property
    def is_state_known(self) -> bool:
        """Return whether the log was read to its end, so that ``state`` is complete."""

    @property
    def focused(self) -> Widget | None:
        """The widget that the next key goes to."""

    @property
    def is_log_focused(self) -> bool:
        """Return whether keys go to the log."""

    @property
    def is_covered(self) -> bool:
        """Return whether another screen lies over this one."""

    @property
    def is_typing(self) -> bool:
        """Return whether keys go to an input box."""

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as it was read; None if there is no line."""

    def key_of(self, action_id: str) -> str:
        """Return the key of an action, for a sentence that names it."""

    def selected_entry(self) -> Entry | None:
        """Return the entry that an action is about."""

    def selected_log_line(self) -> tuple[Source, Line] | None:
        """Return the line of another log that an action is about, and its file; None: it is of the journal."""

    def take_state(self, state: State) -> None:
        """Take ``state``, which the log adds up to; `show_state` shows it."""

    def show_state(self) -> None:
        """Show ``state`` as it is now, with the ages and amounts of this moment."""

    def focus_log(self) -> None:
        """Let the next key go to the log."""

    def set_focus(self, widget: Widget | None) -> None:
        """Let the next key go to ``widget``."""

    def keys_of(self, action: Action) -> list[str]:
        """Return the keys of ``action`` in force."""

    def notify_once(self, sentence: str, *, title: str = "", severity: str = "information", timeout: float = 6) -> None:
        """Show a notice, unless the same one is up."""

    async def run_in_thread(self, ask: Callable[[], T]) -> T | None:
        """Return what ``ask`` returns on a thread; None if it failed, after a notice."""

    def start_worker(self, work: Callable[[], Awaitable[object]], group: str = "", *, exclusive: bool = False) -> None:
        """Run ``work`` beside the keys; ``exclusive`` cancels what runs in ``group``."""

    def call_next(self, callback: Callable[..., object], *args: object) -> object:
        """Call ``callback`` before the messages that the screen has got so far."""

    def call_later(self, callback: Callable[..., object], *args: object) -> object:
        """Call ``callback`` behind the messages that the screen has got so far."""

    def set_timer(self, delay: float, callback: Callable[[], object]) -> Timer:
        """Call ``callback`` after ``delay`` seconds."""

    def set_interval(self, interval: float, callback: Callable[[], object]) -> object:
        """Call ``callback`` every ``interval`` seconds."""

    def call_after_refresh(self, callback: Callable[..., object]) -> object:
        """Call ``callback`` after the next frame."""

    def copy_text(self, text: str, what: str = "line") -> None:
        """Copy ``text`` to the clipboard; ``what`` names it in the notice."""
