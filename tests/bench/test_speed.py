"""The rows of the speed table that one writer and one screen can show. Run by hand: pytest tests/bench."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest
from measured import Measured
from terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "3am")
FULL = 63 * 1024 * 1024  # bytes: a journal just before it would be rotated

Report = Callable[[Measured], None]

EMPTY_SCRIPT = f"""#!{sys.executable}
import re
import sys
def main():
    return 0
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

pytestmark = pytest.mark.timeout(900)
class Empty(App):
    def compose(self):
        yield Static("EMPTY-APP-READY")
Empty().run()
"""

TAILING_APP = """
import os, sys, threading
from inotify_simple import INotify, flags
from textual.app import App
from textual.widgets import Log
class Tail(App):
    def compose(self):
        yield Log()
    def on_mount(self):
        self.query_one(Log).write_line("TAILING-APP-READY")
        threading.Thread(target=self.follow, daemon=True).start()
    def follow(self):
        inotify = INotify(); inotify.add_watch(sys.argv[1], flags.MODIFY)
        fd = os.open(sys.argv[1], os.O_RDONLY); os.lseek(fd, 0, os.SEEK_END)
        while True:
            inotify.read()
            if data := os.read(fd, 65536):
                self.call_from_thread(self.query_one(Log).write, data.decode())
Tail().run()
"""


@pytest.fixture
def full_log(log: Path) -> Path:
    """Nearly 64 MiB of lines that came through a pipe, with somebody's few notes and hypotheses among them."""
    stamp = "2026-11-24T01:00:{:02d}.{:09d}+0000"
    with log.open("wb") as file:
        n = 0
        while file.tell() < FULL:
            lines = []
            for _ in range(5000):
                at, n = stamp.format(n // 20_000 % 60, n * 50_000 % 1_000_000_000), n + 1
                if n % 9_999 == 0:
                    lines.append(f"[{at}] [COFFEE: 1] [BY: bob@db1:7%1] [H{n // 9_999}: open] Hypothesis: number {n}\n")
                else:
                    lines.append(
                        f"[{at}] [COFFEE: 0] [BY: svc@db1:991] [VIA: stdin] worker: touched row {n} of sessions\n"
                    )
            file.write("".join(lines).encode())
    return log


def test_log_text_as_a_whole_process(full_log: Path, tmp_path: Path, report: Report) -> None:
    empty = tmp_path / "empty-script"
    empty.write_text(EMPTY_SCRIPT)
    empty.chmod(0o755)
    ours, peer = _alternately([COMMAND, "log", "it happened again"], [str(empty)], 40)
    report(Measured("`3am log TEXT`, whole process, on a full 64 MiB journal", ours, peer, "empty console script", 6))
    assert full_log.stat().st_size > FULL


def test_status_of_a_full_journal(full_log: Path, report: Report) -> None:
    subprocess.run([COMMAND, "status"], check=True, capture_output=True)  # warm
    began = time.perf_counter()
    subprocess.run([COMMAND, "status"], check=True, capture_output=True)
    ours = (time.perf_counter() - began) * 1000
    report(
        Measured(
            "cups and the board from a full 64 MiB journal (`3am status`, whole process)",
            ours,
            300,
            "the goal itself",
            1,
        )
    )
    assert full_log.exists()


def test_first_screen(full_log: Path, tmp_path: Path, report: Report) -> None:
    marker = b"LAST-LINE-OF-ALL"
    with full_log.open("ab") as file:
        file.write(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] " + marker + b"\n")
    app = tmp_path / "empty_app.py"
    app.write_text(EMPTY_APP)
    ours, peer = [], []
    for _ in range(7):
        for times, command, token in (
            (ours, [COMMAND], marker),
            (peer, [sys.executable, str(app)], b"EMPTY-APP-READY"),
        ):
            terminal = Terminal(command)
            times.append((terminal.until(token) - terminal.began) * 1000)
            terminal.close()
    report(
        Measured(
            "first full screen, at the end of a 64 MiB journal", median(ours), median(peer), "empty Textual app", 2
        )
    )


def test_a_line_of_another_process_on_the_screen(log: Path, tmp_path: Path, report: Report) -> None:
    log.write_bytes(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] READY-TO-FOLLOW\n")
    app = tmp_path / "tailing_app.py"
    app.write_text(TAILING_APP)
    ours = latencies([COMMAND], b"READY-TO-FOLLOW", log)
    peer = latencies([sys.executable, str(app), str(log)], b"TAILING-APP-READY", log)
    report(
        Measured(
            "a line of another process is on the screen (p50)", median(ours), median(peer), "empty app that tails", 2
        )
    )


def test_a_line_through_tail_f(log: Path, report: Report) -> None:
    log.write_bytes(b"")
    ours = _tail_latencies([COMMAND, "tail", "-f"], log)
    peer = _tail_latencies(["tail", "-n", "0", "-F", str(log)], log)
    report(Measured("the same through `3am tail -f` (p50)", median(ours), median(peer), "tail -F", 2))


def test_idle(log: Path, report: Report) -> None:
    log.write_bytes(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] READY-TO-IDLE\n")
    with _screen([COMMAND], b"READY-TO-IDLE") as terminal:
        terminal.drain(3)
        before, began = terminal.cpu(), time.perf_counter()
        terminal.drain(30)
        share = (terminal.cpu() - before) / (time.perf_counter() - began) * 100
    report(Measured("idle: full screen on a quiet log, share of a core", share, 0.3, "the goal itself", 1, "%"))


def _alternately(ours: list[str], peer: list[str], times: int) -> tuple[float, float]:
    """The medians in ms, each run next to one of the other: what the machine does meanwhile hits both."""
    measured: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for command, into in zip((ours, peer), measured, strict=True):
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            into.append((time.perf_counter() - began) * 1000)
    return median(measured[0]), median(measured[1])


@contextmanager
def _screen(command: list[str], ready: bytes) -> Iterator[Terminal]:
    terminal = Terminal(command)
    try:
        terminal.until(ready)
        terminal.drain(1.5)
        yield terminal
    finally:
        terminal.close()


def latencies(command: list[str], ready: bytes, log: Path, times: int = 60) -> list[float]:
    taken = []
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    with _screen(command, ready) as terminal:
        for n in range(times):
            terminal.drain(random.uniform(0.05, 0.15))
            token = b"token-%04d" % n
            began = time.perf_counter()
            os.write(fd, b"[2026-11-24T03:14:08.%09d+0000] [COFFEE: 0] [BY: bob@db1:7%%1] %b\n" % (n, token))
            taken.append((terminal.until(token) - began) * 1000)
    os.close(fd)
    return taken


def _tail_latencies(command: list[str], log: Path, times: int = 200) -> list[float]:
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    taken = []
    try:
        for n in range(times + 1):
            line = b"[2026-11-24T03:14:08.%09d+0000] [COFFEE: 0] token-%04d\n" % (n, n)
            if n == 0:  # until it is there and reads: the first line is not counted
                time.sleep(0.5)
            time.sleep(random.uniform(0.002, 0.01))
            began = time.perf_counter()
            os.write(fd, line)
            assert process.stdout.readline() == line
            if n:
                taken.append((time.perf_counter() - began) * 1000)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(fd)
    return taken
