"""The keys and pastes on their way to a screen: which act at once, which wait for an earlier one, which are dropped."""

from __future__ import annotations

import time

from textual import events

from threeam.tui.terminal_driver import EscapedKey

OPENING_S = 0.5  # how long keys wait for a report that is being made
REFUSED_TEXT_PAUSE_S = 0.7  # a text for a box that did not open ends with a pause of this length
SAME_ENTER_S = 0.4  # an Enter that follows the one of the box as fast as this is the same one, hit twice
_TEXT_KEYS = frozenset(("enter", "tab", "backspace"))  # keys within a text that print nothing


class TypedKeys:
    """The order in which typed keys act.

    Keys behind the Enter of a command, and behind one that closes what is open, wait until that has been done: they may
    be for what it opens, or leads to. So do those that were typed before there was a screen. Keys behind one that quits
    are dropped, and so is the text that was typed for a box that did not open.

    ``last_s``: when the last key was pressed, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.last_s = 0.0
        self._is_ended = False
        self._must_wait = True  # until there is a screen that can take them
        self._way_out: events.Key | None = None  # the last key, if those behind it wait until it has been acted on
        self._opens_until_s = 0.0  # a screen is about to open: keys wait for it until then
        self._waiting: list[events.Event] = []
        self._box_enter_s = float("-inf")  # when Enter was pressed in the input box
        self._refused_s = float("-inf")  # when a box did not open, or the last key of the text that was typed for it

    @property
    def wait_for_enter(self) -> bool:
        """Return whether keys wait until what an Enter has sent out of a box is taken."""
        return self._must_wait and self._way_out is None

    def end(self) -> None:
        """Let no key act any more."""
        self._is_ended = True

    def take(self, event: events.Key | events.Paste) -> bool:
        """Return whether ``event`` may act now. Otherwise it is dropped, or kept until `pop_waiting` returns it."""
        if self._is_ended or self._is_refused(event):
            return False
        is_ctrl_c = isinstance(event, events.Key) and event.key == "ctrl+c"
        if (self._must_wait or self._is_opening) and not is_ctrl_c:
            self._waiting.append(event)
            return False
        return True

    def begin(self, key: events.Key, *, is_command: bool, is_in_box: bool, is_way_out: bool) -> None:
        """Note that ``key`` begins to act; those behind one that runs a command or leads out wait for it."""
        self.last_s = key.time
        self._box_enter_s = key.time if is_command and is_in_box else float("-inf")
        self._way_out = key if is_way_out else None
        self._must_wait = is_command or is_way_out

    def is_way_out(self, event: events.Event) -> bool:
        """Return whether ``event`` is the last key that leads out, also if it comes back from a widget."""
        return event is self._way_out

    def is_enter_again(self, key: events.Key) -> bool:
        """Return whether ``key`` is the Enter that has closed the box, hit twice."""
        return key.key == "enter" and key.time - self._box_enter_s < SAME_ENTER_S

    # A screen that is about to open.

    @property
    def _is_opening(self) -> bool:
        return time.monotonic() < self._opens_until_s

    def hold(self) -> None:
        """Let keys wait for a screen that is about to open, but only for `OPENING_S`."""
        self._opens_until_s = time.monotonic() + OPENING_S

    def release(self) -> bool:
        """Let keys act again, and return whether they were held: the screen is open, or none will be opened."""
        was_held, self._opens_until_s = bool(self._opens_until_s), 0.0
        return was_held

    # What waits, one key after the other.

    def end_wait(self) -> None:
        """Let keys act: what they waited for has been done."""
        self._must_wait = False

    def pop_waiting(self) -> tuple[events.Event, list[events.Event]] | None:
        """Return the first event that waits, and those behind it; None if none waits or must still wait."""
        if not self._waiting or self._must_wait or self._is_opening:
            return None
        first, *rest = self._waiting
        self._waiting = []
        return first, rest

    def put_back(self, rest: list[events.Event]) -> None:
        """Let the events behind the one that was popped wait again, behind what it has put here itself."""
        self._waiting += rest

    # A text for a box that does not open.

    def refuse_text(self) -> None:
        """Drop the text that is being typed for a box that does not open, since its keys would be commands.

        It ends with a pause after the refusal was shown, or with a key that is not part of a text (Esc).
        """
        self._refused_s = time.monotonic()

    def _is_refused(self, event: events.Key | events.Paste) -> bool:
        if isinstance(event, EscapedKey) or event.time - self._refused_s > REFUSED_TEXT_PAUSE_S:
            return False
        if isinstance(event, events.Key) and not (event.is_printable or event.key in _TEXT_KEYS):
            self._refused_s = float("-inf")
            return False
        self._refused_s = max(self._refused_s, event.time)
        return True
