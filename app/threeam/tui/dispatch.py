"""The handlers of the actions of a screen, by the ids of the one table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable

from threeam.actions import BY_ID, Action
from threeam.core.errors import JournalError

Handler = Callable[..., object]


class ActionTable:
    """The handler of each action that a screen can run.

    A handler is called without an argument for a key, and with the text that follows the command for a `:` line. It
    may be a coroutine function. It raises `JournalError` if the action cannot be done: ``on_error`` gets the action,
    the argument and the sentence. A read-only table has no handler for an action that writes.
    """

    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        is_writable: bool,
        on_error: Callable[[Action, str, str], object],
    ) -> None:
        self._handlers = {id_: handler for id_, handler in handlers.items() if is_writable or not BY_ID[id_].writes}
        self._on_error = on_error

    def __contains__(self, action_id: object) -> bool:
        return action_id in self._handlers

    async def run(self, action_id: str, argument: str = "") -> None:
        """Run an action and wait for it. Nothing happens if the table has no handler for it."""
        handler = self._handlers.get(action_id)
        if handler is None:
            return
        try:
            result = handler(argument) if argument else handler()
            if isawaitable(result):
                await result
        except JournalError as error:
            self._on_error(BY_ID[action_id], argument, str(error))
