"""The rows of the speed table about following: how late a line is, and what it costs."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest

from bench import last_line_app
from bench.large_logs import write_stream_lines
from bench.measurement import Measurement, Report, limit_measurement
from bench.other_readers import FOLLOW_COMMANDS, installed_readers
from bench.programs import COMMAND, last_line_command
from bench.terminal import SETTLE_S, settled_terminal
from threeam.core.format.entry import NS_PER_S, Stamp

pytestmark = pytest.mark.timeout(900)

READY = b"READY-TO-FOLLOW"
FIRST_LINE = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] " + READY + b"\n"
LAST_LINE = "LAST-LINE-OF-ALL"
ON_THE_SCREEN = "a line of another process is on the screen (p50)"


def test_a_line_of_another_process_on_the_screen(log: Path, report: Report) -> None:
    log.write_bytes(FIRST_LINE)
    own = latencies_ms([COMMAND], READY, log)
    peer = latencies_ms(last_line_command(log), last_line_app.READY, log)
    report(Measurement(ON_THE_SCREEN, median(own), median(peer), "app with one Line API widget", goal=2))


@installed_readers
def test_a_line_on_the_screen_beside_other_readers(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report, name: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    log.write_bytes(FIRST_LINE)
    own = latencies_ms([COMMAND], READY, log)
    log.write_bytes(FIRST_LINE)
    peer = latencies_ms([*FOLLOW_COMMANDS[name], str(log)], READY, log)
    report(Measurement(ON_THE_SCREEN, median(own), median(peer), name, goal=None))


def test_a_line_through_tail_f(log: Path, report: Report) -> None:
    log.write_bytes(b"")
    own = tail_latencies_ms([COMMAND, "tail", "-f"], log)
    peer = tail_latencies_ms(["tail", "-n", "0", "-F", str(log)], log)
    report(Measurement("the same through `3am tail -f` (p50)", median(own), median(peer), "tail -F", goal=2))


def test_following_twenty_thousand_lines_a_second(log: Path, report: Report) -> None:
    lines_per_s, seconds = 20_000, 10
    log.write_bytes(FIRST_LINE)
    with settled_terminal([COMMAND], READY) as terminal, log.open("ab", buffering=0) as file:
        cpu_before_s, began_s, written = terminal.cpu_s(), time.perf_counter(), 0
        while written < seconds * lines_per_s:
            due = min(seconds * lines_per_s, int((time.perf_counter() - began_s) * lines_per_s) + 1)
            texts = [f"row {number}" for number in range(written, due)]
            if due == seconds * lines_per_s:
                texts[-1] = LAST_LINE
            write_stream_lines(file, Stamp(1_795_490_048 * NS_PER_S + written), texts)
            written = due
            terminal.drain(0.01)
        ended_s = time.perf_counter()
        late_ms = (terminal.wait_for(LAST_LINE.encode(), 30) - ended_s) * 1000
        core_percent = (terminal.cpu_s() - cpu_before_s) / (ended_s - began_s) * 100
        terminal.drain(1)
        terminal.send(b"k")
        terminal.wait_for(b"line 200,000/200,001")  # nothing was lost
    report(limit_measurement("20,000 lines/s for 10 s: how late the last one is", late_ms, 100))
    report(limit_measurement("the same: share of a core", core_percent, 45, "%"))


def test_idle(log: Path, report: Report) -> None:
    log.write_bytes(FIRST_LINE)
    with settled_terminal([COMMAND], READY) as terminal:
        terminal.drain(SETTLE_S)
        cpu_before_s, began_s = terminal.cpu_s(), time.perf_counter()
        terminal.drain(30)
        core_percent = (terminal.cpu_s() - cpu_before_s) / (time.perf_counter() - began_s) * 100
    report(limit_measurement("idle: full screen on a quiet log, share of a core", core_percent, 0.3, "%"))


def latencies_ms(command: Sequence[str], ready: bytes, log: Path, count: int = 60) -> list[float]:
    """Return how long it takes, from the append of each of ``count`` lines, until ``command`` has drawn it."""
    times_ms = []
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    with settled_terminal(command, ready) as terminal:
        for number in range(count):
            terminal.drain(random.uniform(0.05, 0.15))
            token = b"token-%04d" % number
            line = b"[2026-11-24T03:14:08.%09d+0000] [COFFEE: 0] [BY: bob@db1:7%%1] %b\n" % (number, token)
            began_s = time.perf_counter()
            os.write(fd, line)
            times_ms.append((terminal.wait_for(token) - began_s) * 1000)
    os.close(fd)
    return times_ms


def tail_latencies_ms(command: Sequence[str], log: Path, count: int = 200) -> list[float]:
    """Return how long it takes, from the append of each of ``count`` lines, until ``command`` has printed it."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    times_ms = []
    try:
        time.sleep(0.5)  # until it reads
        for number in range(count + 1):
            line = b"[2026-11-24T03:14:08.%09d+0000] [COFFEE: 0] token-%04d\n" % (number, number)
            time.sleep(random.uniform(0.002, 0.01))
            began_s = time.perf_counter()
            os.write(fd, line)
            assert process.stdout.readline() == line
            times_ms.append((time.perf_counter() - began_s) * 1000)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(fd)
    return times_ms[1:]  # the first one may have waited for the start
