"""Logs in which several actors access keys, for tests of the search for races."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.commands import Done, Run
from support.log_sources import BASE_NS, stamped

CART = r"cart=(?P<key>\d+)"


def at(ms: float, text: str, digits: int = 6) -> str:
    """Return a line with the timestamp of ``ms`` milliseconds after the begin of the log."""
    return stamped(BASE_NS + round(ms * 1_000_000), text, digits)


def write_lines(name: str, lines: Iterable[str]) -> Path:
    """Write a log of ``lines`` to the current folder."""
    path = Path(name)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def races(run: Run, *args: str, key: str = CART) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit code of ``3am races --json`` and its groups."""
    done: Done = run("races", "--json", "--key", key, *args)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
