"""Real git repositories for tests."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_in(folder: Path, *words: str) -> str:
    """What git says in ``folder``."""
    argv = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *words]
    return subprocess.run(argv, check=True, capture_output=True, timeout=60, text=True).stdout.strip()


def make_tree(folder: Path, **files: str) -> Path:
    """A work tree at ``folder`` with a commit of ``files``, by name (``cart`` is cart.py)."""
    folder.mkdir()
    git_in(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    git_in(folder, "add", ".")
    git_in(folder, "commit", "-qm", "Cart: renew under the row lock")
    return folder
