"""A search that takes long, on a real terminal: it can be given up, and the program can be left and ended."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from terminals import Terminal, terminal

from threeam.core.format.entry import Entry, Stamp, format_entry

NIGHT = 1_795_490_047_123_456_789
SLOW = ".*id.*timeout|x.{200}q"  # `re` needs hours for the first half, RE2 a second or more for the second


@pytest.fixture
def long_lines(log: Path) -> None:
    """Many lines of 60 KB, above the rows that are drawn."""
    dice = random.Random(1)
    long = ["".join(dice.choices("abxy 01", k=60_000)) for _ in range(100)]
    lines = ["id=12345 " * 6666, *long, *(f"line {n}" for n in range(40)), "the last one"]
    by = (("BY", "bob@db1:77%1"),)
    log.write_bytes(b"".join(format_entry(Entry(Stamp(NIGHT + n), 0, by, text)) for n, text in enumerate(lines)))


def leave(screen: Terminal) -> None:
    screen.send("\x03")
    screen.shows("again quits")
    screen.send("\x03")
    screen.ends_with(130)


def give_up(screen: Terminal) -> None:
    screen.send("\x1b")
    screen.eventually(lambda: "searching…" not in screen.shown, "the search is given up")
    screen.send(":quit\r")
    screen.ends_with(0)


def end(screen: Terminal) -> None:
    screen.signal(signal.SIGTERM)
    screen.ends_with(143)


@pytest.mark.parametrize(
    "how",
    [pytest.param(leave, marks=pytest.mark.slow), pytest.param(end, marks=pytest.mark.slow), give_up],
    ids=["ctrl-c", "SIGTERM", "esc"],
)
@pytest.mark.usefixtures("long_lines")
def test_a_search_that_takes_long_can_be_ended(how: Callable[[Terminal], None]) -> None:
    with terminal() as screen:
        screen.opened()
        screen.send(f"/{SLOW}\r")
        screen.shows("searching…")
        how(screen)
        screen.is_as_it_was()


@pytest.mark.usefixtures("long_lines")
def test_a_filter_of_a_long_line_is_taken_away_again() -> None:
    with terminal() as screen:
        screen.opened()
        screen.send("&.*id.*deadlock\r")
        screen.shows("No line matches.")
        screen.send("&\r")
        screen.shows("the last one")
