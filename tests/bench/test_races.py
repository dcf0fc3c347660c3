"""The rows of the speed table about races on a key."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bench.keyed_logs import KEY, SAME_KEYS, write_keyed_logs
from bench.measurement import Measurement, Report
from bench.programs import COMMAND, alternating_medians_ms
from support.peak_memory import run_with_peak

pytestmark = pytest.mark.timeout(900)

LINES = 1_000_000
WINDOW = "5s"


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write four logs of a million lines together."""
    return write_keyed_logs(tmp_path_factory.mktemp("keyed"), LINES)


def races_command(logs: list[Path], *options: str) -> list[str]:
    """Return the command that searches the logs."""
    return [COMMAND, "races", "--key", KEY, *options, *map(str, logs)]


def test_a_million_lines(logs: list[Path], report: Report) -> None:
    counted = f"grep -ohP {shlex.quote(SAME_KEYS)} {shlex.join(map(str, logs))} | sort | uniq -c"
    own = ["sh", "-c", shlex.join(races_command(logs)) + "; [ $? -le 1 ]"]  # 1: it found a race
    times_ms = alternating_medians_ms(own, ["env", "LC_ALL=C", "sh", "-c", counted], 5)
    work = "races on 313,000 keys, in 376,000 of a million lines of four logs"
    report(Measurement(work, *times_ms, "grep -oP, sort, uniq -c", goal=6))


def peak_mib(logs: list[Path], window: str) -> float:
    """Return the peak memory of a search."""
    return run_with_peak(races_command(logs, "--window", window))[1]


def test_memory_is_bounded_by_the_window(logs: list[Path], tmp_path: Path, report: Report) -> None:
    many = write_keyed_logs(tmp_path, 4 * LINES)
    work = f"peak memory for races in four million lines, --window {WINDOW}"
    report(Measurement(work, peak_mib(many, WINDOW), peak_mib(logs, WINDOW), "one million lines", 1.2, "MiB"))
    for path in many:
        path.unlink()
