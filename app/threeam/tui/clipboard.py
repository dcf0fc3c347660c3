"""Copying: to tmux's buffer inside tmux, else to the terminal by OSC 52, and to a file in case OSC 52 is ignored."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable

_TMUX_TIMEOUT_S = 2.0  # a tmux that hangs must not hang the screen


async def send_to_clipboard(
    text: str, write_to_terminal: Callable[[str], object], save: Callable[[bytes], str] | None
) -> str:
    """Copy ``text``, and return a sentence that says where it is now.

    ``save`` writes the fallback file and returns its path; None: no file may be written.
    """
    in_tmux = bool(os.environ.get("TMUX"))
    if in_tmux and await asyncio.to_thread(_copy_to_tmux, text):
        return "copied into tmux's buffer: prefix ] pastes it"
    write_to_terminal(text)  # it does not answer, so it is unknown whether it takes the text
    message = "sent to the terminal's clipboard (OSC 52)"
    if save is None:
        return f"{message}, if it supports that"
    try:
        path = await asyncio.to_thread(save, f"{text}\n".encode())
    except OSError as error:
        return f"{message}, if it supports that; the file with what was copied cannot be written: {error.strerror}"
    return f"{message}, and written to {path}"


def count_lines(text: str) -> str:
    """Return ``line`` or ``7 lines``: how much ``text`` is, for the notice that it was copied."""
    count = text.count("\n") + 1
    return "line" if count == 1 else f"{count:,} lines"


def _copy_to_tmux(text: str) -> bool:
    for options in (["-w"], []):  # -w: to the terminal's clipboard too, since tmux 3.2
        try:
            result = subprocess.run(
                ["tmux", "load-buffer", *options, "-"],
                input=text.encode(),
                capture_output=True,
                timeout=_TMUX_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if result.returncode == 0:
            return True
    return False
