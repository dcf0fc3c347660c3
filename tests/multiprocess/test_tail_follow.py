"""`3am tail -f` as a process: what it says, and when it ends."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from select import select

import pytest

from support.commands import Run, command, good
from support.night_log import LONG_AGO
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry


def test_tail_f_says_it_and_goes_on(night_log: Path) -> None:
    with subprocess.Popen(
        [command(), "tail", "-f", "--hyp", "H9"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        try:
            assert select([tail.stderr], [], [], 10)[0], "it says nothing"
            assert tail.stderr.readline() == b"3am: the log has no H9\n"
            line = f"[{LONG_AGO}] [COFFEE: 0] [H9: open] Hypothesis: the cache"
            with night_log.open("a") as file:
                file.write(line + "\n")
            assert tail.stdout.readline().decode() == line + "\n"
        finally:
            tail.kill()


def test_tail_f_ends_with_its_reader_while_others_write_what_it_does_not_print(night_log: Path) -> None:
    tail = subprocess.Popen([command(), "tail", "-f", "-n", "1", "--grep", "Conclusion"], stdout=subprocess.PIPE)
    assert tail.stdout is not None
    assert b"Conclusion" in tail.stdout.readline()
    tail.stdout.close()
    with night_log.open("ab", buffering=0) as file:
        deadline = time.monotonic() + 10
        while tail.poll() is None and time.monotonic() < deadline:
            file.write(b"foreign\n")
            time.sleep(0.02)
    assert tail.wait(0) == 0


def test_tail_f_ends_when_a_line_later_than_until_has_come(night_log: Path) -> None:
    now = time.time_ns()
    until = str(Stamp(now + 3600 * NS_PER_S))
    tail = subprocess.Popen([command(), "tail", "-f", "--grep", "time|Conclusion", "--until", until], stdout=-1)
    assert tail.stdout is not None
    assert b"Conclusion" in tail.stdout.readline()
    in_time, too_late = (format_entry(Entry(Stamp(now + hours * 3600 * NS_PER_S), 0, (), "time")) for hours in (1, 2))
    with night_log.open("ab", buffering=0) as file:
        file.write(in_time)
        assert tail.stdout.readline() == in_time
        file.write(too_late)
    assert tail.communicate(timeout=10)[0] == b""
    assert tail.returncode == 0


@pytest.mark.parametrize("end", ["-1d", "@" + str(Stamp(LONG_AGO.ns + 3600 * NS_PER_S))])
def test_tail_f_ends_at_once_if_until_is_over(run_here: Run, night_log: Path, end: str) -> None:
    assert len(good(run_here("tail", "-f", "--until", end)).splitlines()) == 6
