"""Copying: into tmux's buffer inside tmux, else to the terminal by OSC 52, and into a file in case it is ignored."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable

_PATIENCE = 2.0  # s: a tmux that hangs must not hang the screen


async def copy(text: str, to_terminal: Callable[[str], object], file: str | None) -> str:
    """Copies ``text``, and gives the sentence that says where it is now. ``file``: the fallback, if one may be made."""
    if bool(os.environ.get("TMUX")) and await asyncio.to_thread(_into_tmux, text):
        return "copied into tmux's buffer: prefix ] pastes it"
    to_terminal(text)  # nobody answers: whether the terminal takes it cannot be known
    sent = "sent to the terminal's clipboard (OSC 52)"
    if file is None:
        return f"{sent}, if it takes that"
    try:
        await asyncio.to_thread(_into_file, text, file)
    except OSError as error:
        return f"{sent}, if it takes that; {file} cannot be written: {error.strerror}"
    return f"{sent}, and written to {file}"


def _into_tmux(text: str) -> bool:
    for options in (["-w"], []):  # -w: to the terminal's clipboard too, since tmux 3.2
        try:
            done = subprocess.run(
                ["tmux", "load-buffer", *options, "-"], input=text.encode(), capture_output=True, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        if done.returncode == 0:
            return True
    return False


def _into_file(text: str, file: str) -> None:
    os.makedirs(os.path.dirname(file), mode=0o700, exist_ok=True)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(fd, "w", encoding="utf-8") as opened:
        opened.write(text + "\n")
