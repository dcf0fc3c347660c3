"""Protocols for the screen and the program, as the palette, the controllers and the screens use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from textual.app import App

from threeam.actions import Action
from threeam.core.format.entry import Entry
from threeam.core.state.fold import Hypothesis, State
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal, Position
from threeam.core.write.draft import Draft
from threeam.tui.dispatch import ActionTable
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import BoxKind
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.session import Session

T = TypeVar("T")


@runtime_checkable
class ActionRunner(Protocol):
    """A screen that runs actions of the table."""

    @property
    def is_writable(self) -> bool:
        """Return whether it runs those that write."""

    async def run(self, action: Action, argument: str = "") -> None:
        """Run ``action``, with the text that followed its command."""


@runtime_checkable
class Program(Protocol):
    """The program around the screens, as they see it."""

    leave_pressed_s: float  # when the last key was pressed, on the monotonic clock

    @property
    def other_journals(self) -> Sequence[Journal]:
        """The journals that can be opened in place of this one."""

    def open_journal(self, journal: Journal) -> None:
        """End, and show ``journal`` next."""

    def open_as_of(self, session: Session, moment: PointInTime) -> None:
        """Lay the journal of ``session`` as it was at ``moment`` over the screen."""

    def refuse_text(self) -> None:
        """Drop the text that is being typed for a box that does not open."""


class ScreenServices(Protocol):
    """The screen of a journal, as its controllers see it."""

    session: Session
    state: State
    actions: ActionTable
    picked_name: str | None  # of a hypothesis
    open_report: ReportScreen | None  # what lies over the journal

    @property
    def app(self) -> App[Any]:
        """The program, to lay a screen over this one."""

    @property
    def is_writable(self) -> bool:
        """Return whether this screen has a writer."""

    @property
    def is_state_known(self) -> bool:
        """Return whether the log was read to its end, so that ``state`` is complete."""

    @property
    def is_log_focused(self) -> bool:
        """Return whether keys go to the log, so that a screen may open over it."""

    @property
    def log_end(self) -> Position | None:
        """The end of the journal, as far as it was read; None if there is no line."""

    def key_of(self, action_id: str) -> str:
        """Return the key of an action, for a sentence that names it."""

    def submit(self, request: WriteRequest) -> bool:
        """Send ``request``; return False if this screen is read-only."""

    def submit_if_writable(self, draft: Draft, title: str) -> None:
        """Write a line about what was shown; a read-only screen only shows it."""

    def refuse_write(self) -> None:
        """Show that this screen is read-only."""

    def selected_entry(self) -> Entry | None:
        """Return the entry that a command is about."""

    def notify_once(self, sentence: str, *, title: str = "", severity: str = "information", timeout: float = 6) -> None:
        """Show a notice, unless the same one is up."""

    async def run_in_thread(self, ask: Callable[[], T]) -> T | None:
        """Return what ``ask`` returns on a thread; None if it failed, after a notice."""

    def start_worker(self, work: Callable[[], Awaitable[object]], group: str = "", *, exclusive: bool = False) -> None:
        """Run ``work`` beside the keys; ``exclusive`` cancels what runs in ``group``."""

    def start_effect(self, name: str, work: Callable[[], T], then: Callable[[T], object], check: str) -> None:
        """Run ``work``, which changes something, to its end on a thread, and then ``then`` with its result."""

    def open_box(self, kind: BoxKind, text: str | None = None) -> None:
        """Go to the input box for ``kind``; ``text`` is added to what it holds."""

    def picked_hypothesis(self) -> Hypothesis | None:
        """Return the hypothesis that is picked; None, after a notice, if there is none."""

    def require_hypothesis(self, name: str) -> Hypothesis | None:
        """Return the hypothesis of this name; None, after a notice, if there is none."""

    def show_when_free(self, name: str, show: Callable[[], object]) -> None:
        """Call ``show``, which lays a screen over the journal, now or when the user asks for it."""

    def push_report(self, screen: ReportScreen) -> None:
        """Lay ``screen`` over the journal now, unless a report lies there."""

    def show_report(self, screen: ReportScreen) -> None:
        """Lay ``screen`` over the journal, or keep it until the user asks for it."""

    @property
    def program(self) -> Program:
        """The program around this screen."""

    def copy_text(self, text: str, what: str = "line") -> None:
        """Copy ``text`` to the clipboard; ``what`` names it in the notice."""

    def leave_when_written(self, parting_text: str) -> None:
        """Quit as soon as nothing waits to be written, and print ``parting_text``."""

    def stay(self) -> None:
        """Do not quit when all is written."""
