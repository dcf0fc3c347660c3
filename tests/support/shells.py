"""Real shells with what `3am init` and `3am completion` print: how tests start them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.commands import Done, command

SHELLS = ("bash", "zsh", "fish")
BASH_THEN_SLOWLY_THE_OTHERS = ("bash", *(pytest.param(shell, marks=pytest.mark.slow) for shell in ("zsh", "fish")))
_WITHOUT_RC = {"bash": ("bash", "--norc", "--noprofile"), "zsh": ("zsh", "-f"), "fish": ("fish", "--no-config")}
_FOR_EACH = {
    "bash": 'for word in "$@"; do {body}; done',
    "zsh": 'for word in "$@"; do {body}; done',
    "fish": "for word in $argv; {body}; end",
}


def shell_function(shell: str, folder: Path) -> Path:
    """Write what `3am init` prints for ``shell`` to a file in ``folder``, and return its path."""
    path = folder / f"init.{shell}"
    path.write_bytes(subprocess.run([command(), "init", shell], capture_output=True, check=True).stdout)
    return path


def shell_argv(shell: str, script: str, *args: str | bytes) -> list[str | bytes]:
    """Return the command that runs ``script`` in ``shell``, which reads no file of its own."""
    assert shutil.which(shell), f"these tests need {shell}"
    name = () if shell == "fish" else (shell,)
    return [*_WITHOUT_RC[shell], "-c", script, *name, *args]


def run_shell(shell: str, script: str, *args: str | bytes, **env: str) -> Done:
    """Run ``script`` in ``shell``."""
    argv = shell_argv(shell, script, *args)
    return subprocess.run(argv, capture_output=True, timeout=100, env={**os.environ, **env}, stdin=subprocess.DEVNULL)


def for_each_word(shell: str, body: str) -> str:
    """Return a loop over the arguments of a script, each of which is ``$word`` in ``body``."""
    return _FOR_EACH[shell].format(body=body)
