"""The handlers of the actions of a screen, by the ids of the one table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import isawaitable

from threeam.actions import BY_ID

Handler = Callable[..., object]


class ActionTable:
    """The handler of each action that a screen can run.

    A handler is called without an argument for a key, and with the text that follows the command for a `:` line. It
    may be a coroutine function. An action that writes has none on a read-only screen.
    """

    def __init__(self, handlers: Mapping[str, Handler], *, is_writable: Callable[[], bool]) -> None:
        self._handlers = handlers
        self._is_writable = is_writable

    def __contains__(self, action_id: object) -> bool:
        return action_id in self._handlers

    def is_enabled(self, action_id: str) -> bool:
        """Return whether the screen runs this action as it is now."""
        return self._is_writable() or not BY_ID[action_id].writes

    async def run(self, action_id: str, argument: str = "") -> None:
        """Run an action and wait for it. Nothing happens if it is not enabled."""
        if not self.is_enabled(action_id):
            return
        handler = self._handlers[action_id]
        result = handler(argument) if argument else handler()
        if isawaitable(result):
            await result
