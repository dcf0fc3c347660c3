"""A log of 200 MB: the screen opens, finds and filters in it with little memory; tail finds what grep(1) finds."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import Terminal, terminal

from support.commands import command
from threeam.core.format.entry import Stamp, format_batch

pytestmark = pytest.mark.slow

LINES = 2_000_000
NS = 1_795_490_047_000_000_000  # 2026-11-24T03:14:07Z
EVERY = 100_000_000  # ns from one thousand of lines to the next
NEEDLES = (5, 999_999, 1_999_990)


@pytest.fixture
def huge(log: Path) -> Path:
    """Two million lines, three of them needles."""
    tags = (("BY", "svc@db1:991"), ("VIA", "stdin"))
    with log.open("wb") as file:
        for n in range(0, LINES, 1000):
            texts = [
                f"needle {start}" if start in NEEDLES else f"row {start} of sessions was touched"
                for start in range(n, n + 1000)
            ]
            file.write(format_batch(Stamp(NS + n // 1000 * EVERY), 0, tags, texts))
    assert log.stat().st_size > 200_000_000
    return log


@pytest.fixture
def screen(huge: Path) -> Iterator[Terminal]:
    """The full screen on it."""
    with terminal() as on:
        on.opened()
        yield on


def peak(pid: int) -> float:
    """The most memory that a process had, in MiB."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert match is not None
    return int(match[1]) / 1024


def test_the_screen_goes_anywhere_in_it_with_little_memory(screen: Terminal) -> None:
    screen.shows("row 1999999")
    screen.eventually(lambda: "line 2,000,000/2,000,000" in screen.shown, "the lines are counted", 60)
    screen.send("g")
    screen.shows("row 0 of")
    screen.send("/needle\r")
    screen.eventually(lambda: "match 1 of 3" in screen.shown, "the first is found", 60)
    screen.send("nn")
    screen.eventually(lambda: "match 3 of 3" in screen.shown, "and the others", 60)
    screen.send("&needle\r")
    screen.eventually(lambda: screen.shown.count("needle ") >= 5, "the three and what is asked for", 60)
    screen.eventually(lambda: "3 lines" in screen.shown, "they are counted", 60)
    screen.send("&\r:goto @2026-11-24T03:15:07.000000000+0000\r")
    screen.eventually(lambda: "row 600000 of" in screen.shown, "a time is found", 60)
    for _ in range(40):
        screen.send(" " * 20)
    screen.send("G")
    screen.eventually(lambda: "LIVE" in screen.shown, "it follows again", 60)
    screen.shows("row 1999999")
    assert peak(screen.process.pid) < 90


def tailed(*argv: str) -> bytes:
    return subprocess.run([command(), "tail", *argv], capture_output=True, check=True).stdout


def test_tail_finds_what_grep_finds(huge: Path) -> None:
    for pattern in ("needle", "row 12345[0-9]", "99999 of sessions was touched$"):
        grep = subprocess.run(["grep", "-E", pattern, str(huge)], capture_output=True, check=True).stdout
        assert tailed("--grep", pattern) == grep
    assert tailed("-n", "+1999999").count(b"\n") == 2
    assert tailed("--by", "svc", "-n", "1", "--not", "row") == tailed("--grep", "needle 1999990")


def test_tail_finds_a_time(huge: Path) -> None:
    tail_lines = tailed(
        "--since", "@2026-11-24T03:15:07.000000000+0000", "--until", "@2026-11-24T03:15:07.000000004+0000"
    )
    assert [line.rpartition(b" row ")[2] for line in tail_lines.splitlines()] == [
        b"%d of sessions was touched" % n for n in range(600_000, 600_005)
    ]
