"""The rows of the speed table about a log of ten million lines."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from bench.large_logs import write_stream_lines
from bench.measurement import Measurement, Report, limit_measurement
from bench.other_readers import OPEN_COMMANDS, installed_readers
from bench.programs import COMMAND, alternating_medians_ms, first_screen_medians_ms, first_screen_ms
from bench.terminal import SETTLE_S, Terminal
from threeam.core.format.entry import Stamp, format_batch

pytestmark = pytest.mark.timeout(900)

LINES = 10_000_000
LINES_PER_BATCH = 4000
BATCH_INTERVAL_NS = 100_000_000
FIRST_NS = 1_795_490_047_000_000_000
LAST_LINE = b"LAST-LINE-OF-ALL"
COUNTED = b"/10,000,000"  # in the status line, as soon as all lines are counted


@pytest.fixture(scope="module")
def large_log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Write a gigabyte of ten million lines that came through a pipe, and read it into the page cache."""
    path = tmp_path_factory.mktemp("large") / "sanity.log"
    ns = FIRST_NS
    with path.open("wb") as file:
        for first in range(0, LINES - 1, LINES_PER_BATCH):
            rows = range(first, min(first + LINES_PER_BATCH, LINES - 1))
            write_stream_lines(file, Stamp(ns), [f"row {number}" for number in rows])
            ns += BATCH_INTERVAL_NS
        file.write(format_batch(Stamp(ns), 1, (("BY", "bob@db1:7%1"),), [LAST_LINE.decode()]))
    subprocess.run(["cat", str(path)], stdout=subprocess.DEVNULL, check=True)
    yield path
    path.unlink()


@pytest.fixture(autouse=True)
def _environment(large_log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANITY_LOG", str(large_log))
    monkeypatch.setenv("SANITY_LOCK", f"{large_log}.lock")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def screen() -> Iterator[Terminal]:
    """Run the full screen on the log."""
    terminal = Terminal([COMMAND])
    yield terminal
    terminal.close()


def test_first_screen_of_ten_million_lines(report: Report) -> None:
    work = "first full screen of 1 GB, ten million lines, at its end and following"
    report(Measurement(work, *first_screen_medians_ms(LAST_LINE), "empty Textual app", goal=2))


def test_line_numbers_and_memory(large_log: Path, screen: Terminal, report: Report) -> None:
    screen.wait_for(LAST_LINE)
    count_ms = duration_ms(lambda: screen.wait_for(COUNTED, 120))
    status = Path(f"/proc/{screen.process.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    peer_ms = duration_ms(lambda: count_newlines(large_log))
    work = "line numbers for all of it, in the background"
    report(Measurement(work, count_ms, peer_ms, "newlines counted in chunks", goal=2))
    report(limit_measurement("peak memory for that", int(peak[1]) / 1024, 90, "MiB"))


@pytest.mark.parametrize(
    ("text", "options", "work", "goal"),
    [
        ("NOWHERE", ["-F"], "a string that is not in it, searched on the screen from end to end", 1.5),
        ("nowhere", ["-iF"], "the same, ignoring case", 3),
    ],
)
def test_finding_a_string(
    large_log: Path, screen: Terminal, report: Report, text: str, options: list[str], work: str, goal: float
) -> None:
    screen.wait_for(COUNTED, 120)
    screen.send(b"/" + text.encode())
    screen.drain(0.5)
    search_ms = answer_ms(screen, b"\r", b"no match at all")
    # With -c: into /dev/null alone it would stop at the first match.
    grep = ["grep", "-c", *options, text, str(large_log)]
    peer_ms = duration_ms(lambda: subprocess.run(grep, stdout=subprocess.DEVNULL, check=False))
    report(Measurement(work, search_ms, peer_ms, f"grep {' '.join(options)}", goal))


def test_since_in_the_middle(report: Report) -> None:
    middle_ns = FIRST_NS + LINES // LINES_PER_BATCH // 2 * BATCH_INTERVAL_NS
    since = [COMMAND, "tail", "--since", f"@{Stamp(middle_ns)}", "--until", f"@{Stamp(middle_ns + 4)}"]
    first_ms = duration_ms(lambda: subprocess.run(since, stdout=subprocess.DEVNULL, check=True))
    printed = subprocess.run(since, capture_output=True, check=True).stdout
    assert printed.count(b"\n") == 5
    since_ms, tail_ms = alternating_medians_ms(since, [COMMAND, "tail", "-n", "5"], 7)
    work = "five lines in the middle of it, by `--since`"
    report(Measurement(f"{work}: the first time, all of it is searched", first_ms, tail_ms, "3am tail -n 5", goal=2.5))
    report(Measurement(f"{work}: from then on", since_ms, tail_ms, "3am tail -n 5", goal=2.5))


def test_going_to_a_time(screen: Terminal, report: Report) -> None:
    screen.wait_for(COUNTED, 120)
    screen.drain(SETTLE_S)
    batches = LINES // LINES_PER_BATCH
    jumps_ms = []  # the first one searches all of it, as the first `--since` does
    for batch in range(batches // 4, batches // 2, batches // 28):
        screen.send(f":goto @{Stamp(FIRST_NS + batch * BATCH_INTERVAL_NS)}".encode())
        screen.drain(0.5)
        jumps_ms.append(answer_ms(screen, b"\r", b"row %d" % (batch * LINES_PER_BATCH)))
        screen.drain(0.5)
    tail_ms, _ = alternating_medians_ms([COMMAND, "tail", "-n", "5"], ["true"], 7)
    report(
        Measurement(
            "a jump into the middle of it, by `:goto`: from the second on",
            median(jumps_ms[1:]),
            tail_ms,
            "3am tail -n 5",
            goal=2.5,
        )
    )


@installed_readers
def test_opening_beside_other_readers(large_log: Path, report: Report, name: str) -> None:
    own_ms = first_screen_ms([COMMAND], LAST_LINE, 120)
    peer_ms = first_screen_ms([*OPEN_COMMANDS[name], str(large_log)], LAST_LINE, 120)
    report(Measurement("1 GB open at its end", own_ms, peer_ms, name, goal=None))


def test_searching_beside_less(large_log: Path, screen: Terminal, report: Report) -> None:
    screen.wait_for(COUNTED, 120)
    screen.drain(5)
    less = Terminal(["less", "+G", str(large_log)])
    less.wait_for(LAST_LINE)
    own_ms = answer_ms(screen, b"/NOWHERE\r", b"no match at all")
    peer_ms = answer_ms(less, b"?NOWHERE\r", b"not found")
    less.close()
    report(Measurement("a string that is not in it, back from its end", own_ms, peer_ms, "less", goal=None))


def answer_ms(terminal: Terminal, keys: bytes, answer: bytes) -> float:
    """Return how long it takes from ``keys`` until ``answer`` is drawn."""
    began_s = time.perf_counter()
    terminal.send(keys)
    return (terminal.wait_for(answer, 120) - began_s) * 1000


def duration_ms(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000


def count_newlines(path: Path) -> int:
    """Return the number of newlines in a file, read in chunks."""
    fd, offset, count = os.open(path, os.O_RDONLY), 0, 0
    while data := os.pread(fd, 1024 * 1024, offset):
        offset, count = offset + len(data), count + data.count(b"\n")
    os.close(fd)
    return count
