"""The base of a screen that runs work beside its keys, and shows notices about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from textual.screen import Screen

from threeam.actions import Action
from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable
from threeam.tui.key_labels import key_for_action, keys_for_action

T = TypeVar("T")


class NoticeScreen(Screen[None]):
    """A screen whose notices do not pile up, and whose work does not hold up the keys."""

    def key_of(self, action_id: str) -> str:
        """Return the key of an action, for a sentence that names it."""
        return key_for_action(self, action_id)

    def keys_of(self, action: Action) -> list[str]:
        """Return the keys of an action, as Textual names them."""
        return keys_for_action(self, action)

    def notify_once(self, sentence: str, *, title: str = "", severity: str = "information", timeout: float = 6) -> None:
        """Show a notice, unless the same one is up: a key hit again does not pile it up."""
        text = escape_unprintable(f"{title}: {sentence}" if title else sentence)  # one line: it covers no more
        if all(text != notice.message for notice in self.app._notifications):
            self.notify(text, severity=severity, timeout=timeout, markup=False)  # type: ignore[arg-type]

    async def run_in_thread(self, ask: Callable[[], T]) -> T | None:
        """Return what ``ask`` returns on a thread; None if it failed, after a notice."""
        try:
            return await asyncio.to_thread(ask)
        except (JournalError, OSError) as error:
            self.notify_once(str(error), severity="warning", timeout=10)
            return None

    def start_worker(self, work: Callable[[], Awaitable[object]], group: str = "", *, exclusive: bool = False) -> None:
        """Run ``work`` beside the keys; ``exclusive`` cancels what runs in ``group``.

        It is called by its worker. A coroutine would be left behind, with a warning, if the program ends before that.
        """
        self.run_worker(work, group=group or "default", exclusive=exclusive)
