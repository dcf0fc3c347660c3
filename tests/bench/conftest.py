"""The speed table: it collects what the benchmarks measure. No benchmark passes or fails on a time."""

from __future__ import annotations

import os
import platform

import pytest

from bench.measurement import Measurement, Report

_MEASUREMENTS: list[Measurement] = []


@pytest.fixture
def report() -> Report:
    """Return the function that adds a row to the table."""
    return _MEASUREMENTS.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table as the manual has it."""
    if not _MEASUREMENTS:
        return
    version, _, _ = platform.release().partition("-")
    lines = [
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {version}",
        "",
        "| work | 3am | peer | ratio | goal | |",
        "|---|---|---|---|---|---|",
        *(measurement.table_row() for measurement in _MEASUREMENTS),
    ]
    for line in ("", *lines):
        terminalreporter.write_line(line)
