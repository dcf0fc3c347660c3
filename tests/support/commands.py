"""`3am` as a command: how tests call it, and what a call that ended well or was refused has printed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from support.lines import HARMFUL

Done = subprocess.CompletedProcess[bytes]
Run = Callable[..., Done]


def command() -> str:
    """Return the path of the installed `3am` of the interpreter that runs the tests."""
    return str(Path(sys.executable).parent / "3am")


def stderr_lines(done: Done) -> list[str]:
    """Return the lines of stderr, among which is no traceback and nothing that drives a terminal."""
    text = done.stderr.decode()
    assert "Traceback" not in text, text
    assert not HARMFUL.search(text), text
    return text.splitlines()


def good(done: Done) -> str:
    """Return the stdout of a command that did it."""
    assert done.returncode == 0, stderr_lines(done)
    assert "Traceback" not in done.stderr.decode()
    return done.stdout.decode()


def refused(done: Done, code: int) -> str:
    """Return the one sentence of a command that did not do it, after the words that it gives back."""
    sentences = [line for line in stderr_lines(done) if not line.startswith("3am: not written: ")]
    assert done.returncode == code, sentences
    assert done.stdout == b""
    assert len(sentences) == 1, sentences
    assert sentences[0].startswith(("3am: ", "3am ")), sentences
    return sentences[0]
