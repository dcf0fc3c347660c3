"""Collects what the benchmarks measured into one table. Nothing here passes or fails on a time."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable

import pytest
from measured import Measured

_ROWS: list[Measured] = []


@pytest.fixture
def report() -> Callable[[Measured], None]:
    """Puts a row into the table."""
    return _ROWS.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table, ready for the README; a missed goal stands in it as missed."""
    if not _ROWS:
        return
    write = terminalreporter.write_line
    write("")
    write(f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release().split('-')[0]}")
    write("")
    write("| work | 3am | peer | ratio | goal | |")
    write("|---|---|---|---|---|---|")
    for row in _ROWS:
        ratio = row.ours / row.peer if row.peer else float("inf")
        goal = "| |" if row.goal is None else f"≤ {row.goal:g} × | {'met' if ratio <= row.goal else '**missed**'} |"
        write(
            f"| {row.work} | {row.ours:.2f} {row.unit} | {row.peer_name} {row.peer:.2f} {row.unit} "
            f"| {ratio:.2f} × | {goal}"
        )
