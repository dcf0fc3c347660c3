"""The rows of the speed table about the start of a command on a full journal."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.measurement import Measurement, Report, limit_measurement
from bench.programs import COMMAND, EMPTY_SCRIPT, alternating_medians_ms, first_screen_medians_ms

pytestmark = pytest.mark.timeout(900)

FULL_BYTES = 63 * 1024 * 1024  # a journal just before it would be rotated
LINES_PER_WRITE = 5000
LINES_PER_HYPOTHESIS = 9_999
LAST_LINE = b"LAST-LINE-OF-ALL"


@pytest.fixture
def full_log(log: Path) -> Path:
    """Write nearly 64 MiB of lines that came through a pipe, with a few notes and hypotheses among them."""
    with log.open("wb") as file:
        number = 0
        while file.tell() < FULL_BYTES:
            lines = []
            for _ in range(LINES_PER_WRITE):
                ns = number * 50_000
                stamp = f"2026-11-24T01:00:{ns // 1_000_000_000 % 60:02d}.{ns % 1_000_000_000:09d}+0000"
                number += 1
                hypothesis, rest = divmod(number, LINES_PER_HYPOTHESIS)
                if rest == 0:
                    text = f"[COFFEE: 1] [BY: bob@db1:7%1] [H{hypothesis}: open] Hypothesis: number {number}"
                else:
                    text = f"[COFFEE: 0] [BY: svc@db1:991] [VIA: stdin] worker: touched row {number} of sessions"
                lines.append(f"[{stamp}] {text}\n")
            file.write("".join(lines).encode())
    return log


def test_log_text_as_a_whole_process(full_log: Path, tmp_path: Path, report: Report) -> None:
    script = tmp_path / "empty-script"
    script.write_text(EMPTY_SCRIPT)
    script.chmod(0o755)
    medians = alternating_medians_ms([COMMAND, "log", "it happened again"], [str(script)], 40)
    report(
        Measurement("`3am log TEXT`, whole process, on a full 64 MiB journal", *medians, "empty console script", goal=6)
    )
    assert full_log.stat().st_size > FULL_BYTES


@pytest.mark.usefixtures("full_log")
def test_status_of_a_full_journal(tmp_path: Path, report: Report) -> None:
    script = tmp_path / "empty-script"
    script.write_text(EMPTY_SCRIPT)
    script.chmod(0o755)
    status_ms, _ = alternating_medians_ms([COMMAND, "status"], [str(script)], 7)
    work = "cups and the board from a full 64 MiB journal (`3am status`, whole process)"
    report(limit_measurement(work, status_ms, 300))


def test_first_screen_of_a_full_journal(full_log: Path, report: Report) -> None:
    with full_log.open("ab") as file:
        file.write(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] " + LAST_LINE + b"\n")
    medians = first_screen_medians_ms(LAST_LINE)
    report(Measurement("first full screen, at the end of a 64 MiB journal", *medians, "empty Textual app", goal=2))
