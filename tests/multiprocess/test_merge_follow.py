"""`3am merge -f` with real writers, rotation, truncation, and files that go and come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from support.commands import command
from support.processes import eventually, process
from threeam.timeline.live import MAX_HOLD_NS

LINES_PER_S, SECONDS = 5000, 2

# Appends to argv[1], LINES_PER_S lines a second for SECONDS, each stamped before it is written. argv[2]: its name.
# argv[3]: when to move the file away and begin another one, as logrotate does it (seconds; 0: never).
WRITER = f"""
import os, sys, time
path, name, rotate_s = sys.argv[1], sys.argv[2], float(sys.argv[3])
fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
begin, rotations = time.monotonic(), 0
for batch in range({LINES_PER_S * SECONDS // 50}):
    wait = begin + batch / {LINES_PER_S // 50} - time.monotonic()
    if wait > 0:
        time.sleep(wait)
    if rotate_s and (batch + 1) * 50 / {LINES_PER_S} > rotate_s * (rotations + 1):
        rotations += 1
        os.rename(path, f"{{path}}.{{rotations}}")
        os.close(fd)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    lines = []
    for number in range(batch * 50, batch * 50 + 50):
        ns = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
        lines.append(f"{{stamp}}.{{ns % 10**9:09}}Z {{name}} {{number}}\\n")
    os.write(fd, "".join(lines).encode())
"""


def now_line(text: str, back_ns: int = 0) -> bytes:
    """Return a line of this moment, or of an earlier one."""
    ns = time.time_ns() - back_ns
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9))
    return f"{second}.{ns % 10**9:09}Z {text}\n".encode()


class Followed:
    """A running `merge -f`, and what it has printed so far."""

    def __init__(self, merge: subprocess.Popen[bytes]) -> None:
        self.process = merge
        self.lines: list[bytes] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, b""))

    def wait_for(self, text: str) -> None:
        """Wait until a line with ``text`` is printed."""
        eventually(lambda: any(text.encode() in line for line in list(self.lines)), text)

    def errors(self) -> str:
        """End the process and return what it wrote to stderr."""
        self.process.terminate()
        assert self.process.stderr is not None
        text = self.process.stderr.read().decode()
        assert "Traceback" not in text, text
        return text


@contextmanager
def following(*args: str) -> Iterator[Followed]:
    """Run `merge -f`; it follows each file when the block begins."""
    files = [arg for arg in args if arg.endswith(".log")]
    with process(command(), "merge", "-f", *args) as merge:
        followed = Followed(merge)
        eventually(lambda: _watches(merge.pid) >= len(files) or merge.poll() is not None, "all files are followed")
        yield followed


def _watches(pid: int) -> int:
    try:
        return sum("inotify" in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # a file that it has closed in the meantime
        return 0


@pytest.mark.slow
def test_four_fast_writers_of_which_two_are_rotated_and_one_is_paused_lose_no_line() -> None:
    names = ("a", "b", "c", "d")
    for name in names:
        Path(f"{name}.log").write_bytes(now_line(f"{name} begin"))
    with following("-n", "0", "-o", "raw", *(f"{name}.log" for name in names)) as merge, ExitStack() as writers:
        started = [
            writers.enter_context(
                process(sys.executable, "-c", WRITER, f"{name}.log", name, "0.6" if name in "ab" else "0")
            )
            for name in names
        ]
        time.sleep(0.5)
        os.kill(started[3].pid, signal.SIGSTOP)
        time.sleep(0.5)
        os.kill(started[3].pid, signal.SIGCONT)
        for writer in started:
            assert writer.wait(60) == 0
        total = len(names) * LINES_PER_S * SECONDS
        eventually(lambda: len(merge.lines) >= total, "every line")
        errors = merge.errors()
    printed = [line.decode().split() for line in merge.lines]
    expected = Counter((name, str(number)) for name in names for number in range(LINES_PER_S * SECONDS))
    assert Counter((name, number) for _, name, number in printed) == expected
    for name in names:  # each log is in its own order
        numbers = [int(number) for _, each, number in printed if each == name]
        assert numbers == sorted(numbers)
    assert "gone" not in errors or "back" in errors


def test_a_line_that_is_late_by_less_than_the_hold_has_its_place() -> None:
    for name in ("a", "b"):
        Path(f"{name}.log").write_bytes(now_line(f"{name} begin"))
    with following("-n", "0", "-o", "raw", "a.log", "b.log") as merge:
        earlier = now_line("earlier")
        with Path("a.log").open("ab") as file:
            file.write(now_line("later"))
        with Path("b.log").open("ab") as file:
            file.write(earlier)
        merge.wait_for("later")
    assert [line.split()[1] for line in merge.lines] == [b"earlier", b"later"]


def test_a_line_that_is_later_than_the_hold_is_printed_and_marked() -> None:
    for name in ("a", "b"):
        Path(f"{name}.log").write_bytes(now_line(f"{name} begin"))
    with following("-n", "0", "a.log", "b.log") as merge:
        with Path("a.log").open("ab") as file:
            file.write(now_line("first"))
        merge.wait_for("first")
        with Path("b.log").open("ab") as file:
            file.write(now_line("too late", back_ns=2 * MAX_HOLD_NS))
        merge.wait_for("too late")
    assert "↥" in merge.lines[-1].decode()


def test_one_stamp_of_the_far_future_does_not_make_all_later_lines_late() -> None:
    Path("a.log").write_bytes(now_line("begin"))
    Path("b.log").write_bytes(now_line("begin"))
    with following("-n", "0", "a.log", "b.log") as merge:
        with Path("a.log").open("ab") as file:
            file.write(b"2037-01-01T00:00:00.000000000Z the clock was not set\n")
        merge.wait_for("the clock was not set")
        with Path("b.log").open("ab") as file:
            file.write(now_line("one"))
        merge.wait_for("one")
        with Path("b.log").open("ab") as file:
            file.write(now_line("two"))
        merge.wait_for("two")
    assert "↥" not in merge.lines[-1].decode(), merge.lines


def test_a_file_that_goes_and_comes_back_is_told_and_read_on() -> None:
    for name in ("a", "b"):
        Path(f"{name}.log").write_bytes(now_line(f"{name} begin"))
    with following("-n", "0", "-o", "raw", "a.log", "b.log") as merge:
        Path("a.log").unlink()
        with Path("b.log").open("ab") as file:
            file.write(now_line("b goes on"))
        merge.wait_for("b goes on")
        Path("a.log").write_bytes(now_line("a is new"))
        merge.wait_for("a is new")
        errors = merge.errors()
    assert [line.split(maxsplit=1)[1] for line in merge.lines] == [b"b goes on\n", b"a is new\n"]
    assert errors.count("Traceback") == 0


@pytest.mark.parametrize("size", [0, 10])
def test_a_file_that_is_truncated_is_read_from_its_begin(size: int) -> None:
    Path("a.log").write_bytes(b"".join(now_line(f"old {number}") for number in range(10)))
    with following("-n", "0", "-o", "raw", "a.log") as merge:
        os.truncate("a.log", 0)
        time.sleep(0.3)  # the size is seen: a file that has grown past it again cannot be told from one that went on
        with Path("a.log").open("ab") as file:
            file.write(now_line("new"))
        merge.wait_for("new")
    assert [line.split()[1] for line in merge.lines] == [b"new"]


def test_a_line_without_its_newline_is_printed_when_it_has_one() -> None:
    Path("a.log").write_bytes(now_line("begin"))
    with following("-n", "0", "-o", "raw", "a.log") as merge, Path("a.log").open("ab", buffering=0) as file:
        line = now_line("whole at last")
        file.write(line[:20])
        with Path("a.log").open("rb") as check:
            assert check.read().endswith(line[:20])
        file.write(line[20:])
        merge.wait_for("whole at last")
        file.write(b"  and its continuation\n")
        merge.wait_for("continuation")
    assert merge.lines == [line, b"  and its continuation\n"]


def test_a_grep_applies_to_what_comes() -> None:
    Path("a.log").write_bytes(now_line("ERROR at the begin"))
    with following("-o", "raw", "--grep", "ERROR", "a.log") as merge:
        with Path("a.log").open("ab") as file:
            file.write(now_line("fine") + now_line("ERROR later"))
        merge.wait_for("ERROR later")
    assert [line.split()[1:] for line in merge.lines] == [[b"ERROR", b"at", b"the", b"begin"], [b"ERROR", b"later"]]


def test_merge_f_ends_with_its_reader() -> None:
    Path("a.log").write_bytes(now_line("begin"))
    with following("a.log") as merge:
        merge.wait_for("begin")
        assert merge.process.stdout is not None
    assert merge.process.returncode is not None


def test_200_files_are_followed() -> None:
    """More than the kernel gives watches to one user: those that are left are polled."""
    Path("many").mkdir()
    files = [f"many/{number:03}.log" for number in range(200)]
    for file in files:
        Path(file).write_bytes(now_line("begin"))
    with process(command(), "merge", "-f", "-n", "0", "-o", "raw", *files) as merge:
        followed = Followed(merge)
        eventually(lambda: _watches(merge.pid) > 0 or merge.poll() is not None, "it follows")
        time.sleep(0.5)
        for file in files:
            with Path(file).open("ab") as log:
                log.write(now_line(f"new {file}"))
        eventually(lambda: len(followed.lines) >= 200 or merge.poll() is not None, "all lines")
        errors = followed.errors()
    assert len(followed.lines) == 200, errors[:500]
