"""The full-screen program: its theme, its way in and its way out."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.binding import Binding
from textual.filter import LineFilter
from textual.widgets import Input

from threeam.actions import BY_ID, key_problems
from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal
from threeam.tui import messages, typed_keys
from threeam.tui.command_palette import ActionProvider, JournalProvider
from threeam.tui.dialog_bindings import bind
from threeam.tui.key_labels import key_for_action
from threeam.tui.log_window import LogWindow
from threeam.tui.no_color import WITHOUT_COLORS
from threeam.tui.prompts import NOTE
from threeam.tui.row_window import RowWindow
from threeam.tui.screen_signals import (
    TERMINAL_CHECK_S,
    end_by_signal,
    has_job_control,
    install_signal_handlers,
    is_terminal_gone,
)
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.session import Session
from threeam.tui.terminal_driver import EscapedKey, TerminalDriver
from threeam.tui.themes import NIGHT_THEME, complete_variables, style_sheets
from threeam.tui.timeline_window import TimelineWindow
from threeam.tui.typed_keys import TypedKeys
from threeam.tui.widgets.box import InputBox
from threeam.tui.widgets.filter_line import FilterBox
from threeam.tui.widgets.log_view import LogView

_TWICE = 2.0  # s: a second ctrl+c within them quits
INTERRUPTED = 130


class JournalApp(App[None], inherit_bindings=False):
    """One screen on a journal; with ``as_of``, the journal as it was then lies over it at first.

    ``all_journals``: those that can be changed to. ``next_journal``: the one that is to be shown when this has ended.
    ``has_few_colors``: the terminal has the 16 colours of the ANSI palette.
    """

    TITLE = "3am"
    CSS_PATH = style_sheets()
    COMMANDS = {ActionProvider, JournalProvider}  # noqa: RUF012  # Textual's own quit without asking the writer
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012
    # Textual's own ctrl+q is flow control to some terminals and a tmux prefix to some people.
    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("ctrl+c", "help_quit", show=False, system=True),
        bind("palette", "command_palette", priority=True),
    ]

    def __init__(
        self,
        session: Session,
        as_of: PointInTime | None = None,
        all_journals: Callable[[], Sequence[Journal]] = tuple,
        *,
        has_few_colors: bool = False,
    ) -> None:
        self._has_few_colors = has_few_colors  # `super` asks for the colours
        super().__init__(driver_class=TerminalDriver)
        self.session = session
        self._all_journals = all_journals
        self.next_journal: Journal | None = None
        self._as_of = as_of
        self.register_theme(NIGHT_THEME)
        self.set_class(not session.emoji, "-plain")
        self._asked = float("-inf")
        self.typed_keys = TypedKeys()
        self._window = _window_of(session)  # read before the first frame, so that it is full
        is_set = session.settings.theme != NIGHT_THEME.name  # what the settings say is stronger than the last choice
        theme = session.settings.theme if is_set else session.look.theme or session.settings.theme
        self.theme = theme if theme in self.available_themes else NIGHT_THEME.name
        if session.settings.keys:
            self.set_keymap(dict(session.settings.keys))

    def get_default_screen(self) -> JournalScreen:
        """Return the screen of the journal."""
        session = self.session
        if session.settings.theme not in self.available_themes:
            session = session._replace(
                notice=f"there is no theme {session.settings.theme}: ctrl+p shows those there are"
            )
        return JournalScreen(session, self._window)

    def get_css_variables(self) -> dict[str, str]:
        """Return the theme's variables, with our own names and enough contrast in every theme."""
        return complete_variables(self.current_theme, super().get_css_variables(), self._has_few_colors)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what changes the colours of all widgets: with NO_COLOR none is left."""
        return WITHOUT_COLORS if self.no_color else super().get_line_filters()

    def on_mount(self) -> None:
        install_signal_handlers(self._leave, self._stop, self._continue)
        if self._as_of is not None:
            self.open_as_of(self.session, self._as_of)
        if not self.is_headless:
            self.set_interval(TERMINAL_CHECK_S, self._check_terminal)
        if problems := key_problems(self.session.settings.keys):
            sentence = f"keys in the settings: {'; '.join(problems)}"
            self.notify(escape_unprintable(sentence), severity="warning", timeout=10, markup=False)

    def on_ready(self) -> None:
        gc.enable()  # the command line has disabled it; before the first frame a collection would only delay that

    def _check_terminal(self) -> None:
        if is_terminal_gone():
            end_by_signal(signal.SIGHUP, self._leave)

    def _stop(self) -> None:
        """Leave the terminal, and stop until a SIGCONT."""
        if isinstance(self._driver, TerminalDriver) and not self._driver.is_suspended:
            self._driver.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continue(self) -> None:
        """Enter the terminal again after SIGCONT: a SIGSTOP gives no time to leave it first."""
        if isinstance(self._driver, TerminalDriver):
            if self._driver.is_suspended:
                self._driver.resume_application_mode()
            else:
                self._driver.reenter_application_mode()
            self.refresh(layout=True)

    async def on_event(self, event: events.Event) -> None:
        """Let typed keys act in their order: each when what an earlier one opens, closes or runs is there.

        A widget that has the focus gets its keys in a queue of its own, so there it would be too late.
        """
        is_typed = not event.is_forwarded
        if isinstance(event, events.Key | events.Paste) and is_typed and not self.typed_keys.take(event):
            return
        if isinstance(event, EscapedKey):
            await self._take_escaped(event)
            return
        if isinstance(event, events.Key) and is_typed and self._handle_first(event):
            return
        if isinstance(event, events.Paste) and is_typed and self._paste_as_note(event):
            return
        leads_out = self.typed_keys.is_way_out(event)  # also when it comes back from a widget that had no use for it
        was_forwarded = event.is_forwarded
        await super().on_event(event)
        if leads_out and was_forwarded == event.is_forwarded:  # its binding has run, and no widget has it any more
            # Behind what the screen below does with the answer of the one that was closed.
            self.screen.call_later(self.post_message, messages.CommandDone())

    def _handle_first(self, key: events.Key) -> bool:
        """Handle what a key does in any screen, and note what the keys behind it wait for; return whether that is all.

        An Enter that has closed the box and was hit twice opens no entry.
        """
        if key.key in self._suspend_keys:
            self.suspend_to_shell()  # from everywhere, a dialog too, as from any program of the shell
            return True
        if isinstance(self.focused, LogView) and self.typed_keys.is_enter_again(key):
            return True
        base = self.screen if self._screen_stack and isinstance(self.screen, JournalScreen) else None
        self.typed_keys.begin(
            key,
            is_command=key.key == "enter" and base is not None and base.commands.is_enter_a_command,
            is_in_box=base is not None and base.writing.is_prompt,
            is_way_out=self._is_way_out(key.key),
        )
        if base is not None and base.writing.refuses_box_of(key.key):
            self.typed_keys.refuse_text()
        if key.key == "ctrl+c" and self.screen.is_modal and not self.screen.get_selected_text():
            self.action_help_quit()  # a modal screen hides the bindings of the app
            return True
        return False

    def _paste_as_note(self, paste: events.Paste) -> bool:
        """Open the box with a paste that has no other place, and return whether that was so: it is never keys."""
        screen = self.screen if self._screen_stack else None
        if not isinstance(screen, JournalScreen) or isinstance(screen.focused, InputBox | FilterBox):
            return False
        screen.writing.open_box(NOTE, paste.text)
        return True

    def hold_keys(self) -> None:
        """Let keys wait for a screen that is about to open, since they may be for it; but only for a moment."""
        self.typed_keys.hold()
        self.set_timer(typed_keys.OPENING_S + 0.01, self.release_keys)

    def release_keys(self) -> None:
        """Let keys act again: the screen is open, or none will be opened."""
        if self.typed_keys.release():
            self.screen.call_later(self.post_message, messages.CommandDone())

    @property
    def _suspend_keys(self) -> list[str]:
        return self.session.settings.keys.get("suspend", BY_ID["suspend"].keys).split(",")

    def suspend_to_shell(self) -> None:
        """Give the terminal back to the shell until its ``fg``, unless that would hold up others or never end."""
        base = next((screen for screen in self._screen_stack if isinstance(screen, JournalScreen)), None)
        if base is not None and base.quitting.is_busy:
            self.notify("something is not written yet, or still under way: suspend after that", markup=False)
        elif self._driver is None or not self._driver.can_suspend or not has_job_control():
            self.notify("no shell waits for this program, so nothing could continue it", markup=False)
        else:
            os.kill(0, signal.SIGTSTP)  # the group: a script around this program stops with it

    async def _take_escaped(self, event: EscapedKey) -> None:
        """Take ESC and a key for alt+key if that is bound in the box that has the focus, and else for two keys."""
        box = self.focused
        is_alt = (
            isinstance(box, InputBox) and box.accepts_alt_keys and event.as_alt_key.key in self.screen.active_bindings
        )
        for key in (event.as_alt_key,) if is_alt else event.as_two_keys:
            key.set_sender(self)
            key.time = event.time
            await self.on_event(key)

    def _is_way_out(self, key: str) -> bool:
        """Return whether ``key`` leaves the box, the screen that lies over the journal, or the program."""
        if not self._screen_stack:
            return False
        if isinstance(self.focused, Input):
            return isinstance(self.focused, FilterBox) and self.focused.leads_out(key)
        if key == "escape" or key in self.leave_keys:
            return True
        active = self.screen.active_bindings.get(key)
        if active is None or not active.enabled:
            return False
        action = active.binding.action
        return action == BY_ID["quit"].binding or (self.screen.is_modal and action.startswith("dismiss"))

    @property
    def leave_keys(self) -> list[str]:
        """The keys that leave the box: Esc, unless the settings say otherwise."""
        return self.session.settings.keys.get("leave", BY_ID["leave"].keys).split(",")

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """End the program: no key acts any more."""
        self.typed_keys.end()
        super().exit(result, return_code, message)

    async def on_command_done(self) -> None:
        """Handle the keys that were typed while a command ran, up to the next command."""
        self.typed_keys.end_wait()
        while (waiting := self.typed_keys.pop_waiting()) is not None:
            event, rest = waiting
            await self.on_event(event)
            self.typed_keys.put_back(rest)  # behind the key of an `EscapedKey`

    @property
    def other_journals(self) -> list[Journal]:
        """The journals that can be opened in place of this one, as of now."""
        return [journal for journal in self._all_journals() if journal.log_path != self.session.journal.log_path]

    def open_as_of(self, session: Session, point: PointInTime) -> None:
        """Lay the journal of ``session`` as it was at ``point`` over the screen."""
        self.push_screen(JournalScreen(session.at_point(point), LogWindow(session.journal, until=point.end)))

    def close_as_of(self) -> None:
        """Remove all screens that show the journal as it was."""
        while isinstance(self.screen, JournalScreen) and self.screen.session.as_of is not None:
            self.pop_screen()

    def open_journal(self, journal: Journal) -> None:
        """End, so that ``journal`` is shown next; the drafts stay with this one."""
        base = next(screen for screen in self._screen_stack if isinstance(screen, JournalScreen))
        if base.quitting.is_busy:
            self.notify("something is not written yet, or still under way", markup=False)
            return
        try:
            journal.open_live()
        except JournalError as error:
            self.notify(escape_unprintable(str(error)), severity="error", markup=False)
            return
        self.next_journal = journal
        base.quitting.leave(0)

    def action_help_quit(self) -> None:
        now = time.monotonic()
        if now - self._asked <= _TWICE:
            self._leave(INTERRUPTED)
        else:
            self._asked = now
            base = next((screen for screen in self._screen_stack if isinstance(screen, JournalScreen)), None)
            under_way = (
                f"{base.quitting.effects_under_way}. " if base is not None and base.quitting.effects_under_way else ""
            )
            self.notify(
                escape_unprintable(
                    f"{under_way}{key_for_action(self, 'quit')} quits, from the log; ctrl+c again quits from anywhere"
                ),
                title="ctrl+c",
                severity="warning" if under_way else "information",
                markup=False,
                timeout=_TWICE,
            )

    def _leave(self, code: int) -> None:
        for screen in self._screen_stack:
            if isinstance(screen, JournalScreen):
                screen.quitting.leave(code)
                return
        self.exit(return_code=code)


def _window_of(session: Session) -> RowWindow:
    """Return the window on the journal, and on the other logs that are open."""
    window = LogWindow(session.journal)
    sources = session.logs.sources if session.logs is not None else []
    return TimelineWindow(session.journal, sources, window) if sources else window
