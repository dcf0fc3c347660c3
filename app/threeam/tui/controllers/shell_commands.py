"""The commands of the shell that the `:` line runs as they are, with their output on a screen."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial

from threeam.actions import ACTIONS
from threeam.core.config.options import split_line
from threeam.core.errors import PreconditionFailed
from threeam.tui.child_command import ChildCommand
from threeam.tui.dispatch import Handler
from threeam.tui.services import ScreenServices

# A tracer stays attached behind a closed screen, and runs go on; nothing else has a use for going on.
_GO_ON = ("observe", "provoke", "bisect")
_QUOTED_OR_REDIRECT = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*"|\\.)|(?<!\S)>(?!>)""", re.DOTALL)


class ShellCommandController:
    """Runs ``3am export md`` for ``:export md``. With ``>FILE`` at the end, the output goes to a new file."""

    def __init__(self, screen: ScreenServices) -> None:
        self._screen = screen

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {action.id: partial(self._run, action.command) for action in ACTIONS if action.is_shell_command}

    def _run(self, command: str, argument: str = "") -> None:
        spaced = _QUOTED_OR_REDIRECT.sub(lambda match: match[1] or "> ", argument)
        words = [command, *split_line(spaced)]
        if words[-2:-1] == [">"]:
            self._screen.start_worker(partial(self._save, words[:-2], os.path.expanduser(words[-1])), "shell")
        else:
            self._screen.start_worker(partial(self._show, words, f"{command} {argument}".strip()), "shell")

    async def _show(self, words: Sequence[str], title: str) -> None:
        from threeam.tui.screens.runs import OutputScreen

        child = await ChildCommand.start(self._screen.session.journal, words)
        screen = OutputScreen(title, self._screen.copy_text, child.interrupt)
        closed = None if words[0] in _GO_ON else lambda _: child.interrupt()
        await self._screen.app.push_screen(screen, closed)
        code = await child.print_to(lambda text: screen.append(text) if screen.is_mounted else None)
        if screen.is_mounted:
            screen.show_end("done" if code == 0 else f"exit {code}")

    async def _save(self, words: Sequence[str], path: str) -> None:
        child = await ChildCommand.start(self._screen.session.journal, words)
        parts: list[str] = []
        code = await child.print_to(parts.append)
        text = "".join(parts)
        if code:
            self._screen.notify_once(text.strip(), title=words[0], severity="warning")
        elif await self._screen.run_in_thread(partial(_create, path, text)):
            self._screen.notify_once(f"{path} has it", title=words[0])


def _create(path: str, text: str) -> bool:
    """Write ``text`` to a new file; return True. Raise `PreconditionFailed`."""
    try:
        with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise PreconditionFailed(f"{path} cannot be made: {error.strerror}") from None
    return True
