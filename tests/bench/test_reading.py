"""The rows of the speed table about a log of ten million lines. Run by hand: pytest tests/bench."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest
from measured import Measured
from terminal import Terminal
from test_speed import COMMAND, EMPTY_APP, latencies

from threeam.core.format.entry import Stamp, format_batch

pytestmark = pytest.mark.timeout(900)

LINES = 10_000_000
TOGETHER = 4000
LAST = "LAST-LINE-OF-ALL"

Report = Callable[[Measured], None]


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A gigabyte of ten million lines that came through a pipe, with a hypothesis now and then."""
    path = tmp_path_factory.mktemp("huge") / "sanity.log"
    tags, ns, n = (("BY", "svc@db1:991"), ("VIA", "stdin")), 1_795_490_047_000_000_000, 0
    with path.open("wb") as file:
        while n < LINES - 1:
            count = min(TOGETHER, LINES - 1 - n)
            file.write(format_batch(Stamp(ns), 0, tags, [f"row {number}" for number in range(n, n + count)]))
            n, ns = n + count, ns + 100_000_000
        file.write(format_batch(Stamp(ns), 1, (("BY", "bob@db1:7%1"),), [LAST]))
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, check=True)  # into the page cache
    yield path
    path.unlink()


@pytest.fixture
def screen(huge: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """The full screen on it."""
    monkeypatch.setenv("SANITY_LOG", str(huge))
    monkeypatch.setenv("SANITY_LOCK", f"{huge}.lock")
    terminal = Terminal([COMMAND])
    yield terminal
    terminal.close()


def test_the_first_screen_of_ten_million_lines(
    huge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setenv("SANITY_LOG", str(huge))
    app = tmp_path / "empty_app.py"
    app.write_text(EMPTY_APP)
    ours, peer = [], []
    for _ in range(7):
        for times, command, token in (
            (ours, [COMMAND], LAST.encode()),
            (peer, [sys.executable, str(app)], b"EMPTY-APP-READY"),
        ):
            terminal = Terminal(command)
            times.append((terminal.until(token) - terminal.began) * 1000)
            terminal.close()
    work = "first full screen of 1 GB, ten million lines, at its end and following"
    report(Measured(work, median(ours), median(peer), "empty Textual app", 2))


def test_line_numbers_and_memory(huge: Path, screen: Terminal, report: Report) -> None:
    screen.until(LAST.encode())
    began = time.perf_counter()
    ours = (screen.until(b"/10,000,000", 120) - began) * 1000
    with open(f"/proc/{screen.process.pid}/status") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024  # type: ignore[index]
    began = time.perf_counter()
    fd, at, lines = os.open(huge, os.O_RDONLY), 0, 0
    while data := os.pread(fd, 1024 * 1024, at):
        at, lines = at + len(data), lines + data.count(b"\n")
    os.close(fd)
    peer = (time.perf_counter() - began) * 1000
    assert lines == LINES
    report(Measured("line numbers for all of it, in the background", ours, peer, "newlines counted in chunks", 2))
    report(Measured("peak memory for that", peak, 90, "the goal itself", 1, "MiB"))


@pytest.mark.parametrize(
    ("words", "grep", "work", "goal"),
    [
        ("NOWHERE", ["-F"], "a string that is not in it, searched on the screen from end to end", 1.5),
        ("nowhere", ["-iF"], "the same, ignoring case", 3),
    ],
)
def test_finding_a_string(
    huge: Path, screen: Terminal, report: Report, words: str, grep: list[str], work: str, goal: float
) -> None:
    screen.until(b"/10,000,000", 120)
    screen.send(b"/" + words.encode())
    screen.drain(0.5)
    began = time.perf_counter()
    screen.send(b"\r")
    ours = (screen.until(b"no match at all", 120) - began) * 1000
    began = time.perf_counter()
    # Counted: into /dev/null alone it would stop at the first match.
    subprocess.run(["grep", "-c", *grep, words, str(huge)], stdout=subprocess.DEVNULL)
    report(Measured(work, ours, (time.perf_counter() - began) * 1000, f"grep {' '.join(grep)}", goal))


# What other readers of logs take for the same work, where they are installed: how they open a log at its end, and how
# they follow one.
OTHERS = {"less": (["less", "+G"], ["less", "+F"]), "lnav": (["lnav"], ["lnav"])}
others = pytest.mark.parametrize("name", [name for name in OTHERS if shutil.which(name)])


@others
def test_opening_beside_other_readers(
    huge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report, name: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SANITY_LOG", str(huge))
    took = []
    for command in ([COMMAND], [*OTHERS[name][0], str(huge)]):
        terminal = Terminal(command)
        took.append((terminal.until(LAST.encode(), 120) - terminal.began) * 1000)
        terminal.close()
    report(Measured("1 GB open at its end", *took, name, None))


def test_searching_beside_less(huge: Path, screen: Terminal, report: Report) -> None:
    screen.until(b"/10,000,000", 120)
    screen.drain(5)
    less = Terminal(["less", "+G", str(huge)])
    less.until(LAST.encode())
    took = []
    for terminal, keys, answer in ((screen, b"/NOWHERE\r", b"no match at all"), (less, b"?NOWHERE\r", b"not found")):
        began = time.perf_counter()
        terminal.send(keys)
        took.append((terminal.until(answer, 120) - began) * 1000)
    less.close()
    report(Measured("a string that is not in it, back from its end", *took, "less", None))


@others
def test_a_line_on_the_screen_beside_other_readers(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report, name: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    ready = b"READY-TO-FOLLOW"
    took = []
    for command in ([COMMAND], [*OTHERS[name][1], str(log)]):
        log.write_bytes(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%%1] %b\n" % ready)
        took.append(median(latencies(command, ready, log)))
    report(Measured("a line of another process is on the screen (p50)", *took, name, None))


@pytest.fixture
def follower(log: Path) -> Iterator[Terminal]:
    """The full screen on a log of one line."""
    log.write_bytes(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:7%1] READY-TO-FOLLOW\n")
    terminal = Terminal([COMMAND])
    yield terminal
    terminal.close()


def test_following_twenty_thousand_lines_a_second(log: Path, follower: Terminal, report: Report) -> None:
    seconds, rate = 10, 20_000
    terminal = follower
    terminal.until(b"READY-TO-FOLLOW")
    terminal.drain(1.5)
    before, began, written = terminal.cpu(), time.perf_counter(), 0
    with log.open("ab", buffering=0) as file:
        while written < seconds * rate:
            due = min(seconds * rate, int((time.perf_counter() - began) * rate) + 1)
            tags = (("BY", "svc@db1:991"), ("VIA", "stdin"))
            texts = [f"row {n}" if n + 1 < seconds * rate else LAST for n in range(written, due)]
            file.write(format_batch(Stamp(1_795_490_048_000_000_000 + written), 0, tags, texts))
            written = due
            terminal.drain(0.01)
    ended = time.perf_counter()
    late = (terminal.until(LAST.encode(), 30) - ended) * 1000
    share = (terminal.cpu() - before) / (ended - began) * 100
    terminal.drain(1)
    terminal.send(b"k")
    terminal.until(b"line 200,000/200,001")  # nothing lost
    report(Measured("20,000 lines/s for 10 s: how late the last one is", late, 100, "the goal itself", 1))
    report(Measured("the same: share of a core", share, 45, "the goal itself", 1, "%"))
