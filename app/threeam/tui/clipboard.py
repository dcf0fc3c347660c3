"""Copying: into tmux's buffer inside tmux, else to the terminal by OSC 52, and into a file in case it is ignored."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable

_TMUX_TIMEOUT_S = 2.0  # s: a tmux that hangs must not hang the screen


async def send_to_clipboard(
    text: str, write_to_terminal: Callable[[str], object], save: Callable[[bytes], str] | None
) -> str:
    """Copy ``text``, and return the sentence that says where it is now.

    ``save`` writes the fallback file and returns its path; None: there may be none.
    """
    if bool(os.environ.get("TMUX")) and await asyncio.to_thread(_copy_to_tmux, text):
        return "copied into tmux's buffer: prefix ] pastes it"
    write_to_terminal(text)  # nobody answers: whether the terminal takes it cannot be known
    sent = "sent to the terminal's clipboard (OSC 52)"
    if save is None:
        return f"{sent}, if it takes that"
    try:
        path = await asyncio.to_thread(save, f"{text}\n".encode())
    except OSError as error:
        return f"{sent}, if it takes that; the file with what was copied cannot be written: {error.strerror}"
    return f"{sent}, and written to {path}"


def _copy_to_tmux(text: str) -> bool:
    for options in (["-w"], []):  # -w: to the terminal's clipboard too, since tmux 3.2
        try:
            done = subprocess.run(
                ["tmux", "load-buffer", *options, "-"],
                input=text.encode(),
                capture_output=True,
                timeout=_TMUX_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode == 0:
            return True
    return False
