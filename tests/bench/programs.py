"""The programs that are measured, and how long they take."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench import empty_app, last_line_app
from bench.terminal import Terminal

COMMAND = str(Path(sys.executable).parent / "3am")
EMPTY_APP = (sys.executable, empty_app.__file__)

EMPTY_SCRIPT = f"""#!{sys.executable}
import re
import sys
def main():
    return 0
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(main())
"""
"""A console script as pip writes it, which calls an empty function."""


def last_line_command(log: Path) -> tuple[str, ...]:
    """Return the command of the app that shows the last line of ``log``."""
    return (sys.executable, last_line_app.__file__, str(log))


def alternating_medians_ms(command: Sequence[str], peer: Sequence[str], runs: int) -> tuple[float, float]:
    """Return the medians of both commands, each run next to one of the other: so both have the same load beside."""
    times_ms: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        for argv, times in zip((command, peer), times_ms, strict=True):
            began_s = time.perf_counter()
            subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
            times.append((time.perf_counter() - began_s) * 1000)
    return median(times_ms[0]), median(times_ms[1])


def first_screen_ms(command: Sequence[str], token: bytes, timeout_s: float = 20) -> float:
    """Return how long ``command`` takes, from its start, to draw ``token``."""
    terminal = Terminal(command)
    drawn_s = terminal.wait_for(token, timeout_s)
    terminal.close()
    return (drawn_s - terminal.started_s) * 1000


def first_screen_medians_ms(token: bytes, runs: int = 7) -> tuple[float, float]:
    """Return the medians of 3am, which draws ``token``, and of an empty app, run in turn."""
    pairs = [(first_screen_ms([COMMAND], token), first_screen_ms(EMPTY_APP, empty_app.READY)) for _ in range(runs)]
    own, peer = zip(*pairs, strict=True)
    return median(own), median(peer)
