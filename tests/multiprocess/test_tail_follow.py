"""`3am tail -f` as a process: what it says, and when it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from select import select

import pytest

from support.commands import Run, command, good
from support.following import append, drain, hear
from support.journals import lines
from support.night_log import LONG_AGO
from support.processes import BASH_LINE, Output, eventually, process, three_am
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store.follow import Follower


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


def watches(pid: int) -> bool:
    """Whether a process has asked the kernel to tell it of changes."""
    try:
        return any("inotify" in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # a file that it has closed in the meantime
        return False


# The console script of `3am` where inotify_simple is not installed.
POLLING = "import sys; sys.modules['inotify_simple'] = None; from threeam.cli.main import run_and_exit; run_and_exit()"


@pytest.mark.parametrize("program", [[command()], [sys.executable, "-c", POLLING]], ids=["inotify", "polling"])
def test_tail_f_follows_through_everything(log: Path, program: list[str]) -> None:
    """One `3am tail -f`, and all that can happen to a log while it runs."""
    append(log, b"before\n")
    with process(*program, "tail", "-f", "-n", "1") as tail:
        output = Output(tail)

        def hears(line: str) -> None:
            output.until(lambda so_far: line.encode() in so_far, f"{line} is printed")

        hears("before")
        append(log, b"appended\nhal")
        hears("appended")
        append(log, b"f a line\n")
        hears("half a line")
        log.rename(f"{log}.1")
        append(log, b"after rename and create\n")
        hears("after rename and create")
        log.unlink()
        append(log, b"after removal and creation\n")
        hears("after removal and creation")
        subprocess.run(["sh", "-c", ': > "$1"; echo after truncation >> "$1"', "_", str(log)], check=True)
        hears("after truncation")
        shutil.copy(log, f"{log}.2")
        os.truncate(log, 0)
        append(log, b"after copytruncate, and longer than it was before\n")
        hears("after copytruncate, and longer than it was before")
        append(log, b"unfinished")
        append(Path(f"{log}.1"), b"somebody else's file\n")
        append(log, b", and then not\n")
        hears("unfinished, and then not")
        tail.send_signal(signal.SIGINT)
        assert tail.wait(20) == 130
        assert output.rest() == [
            b"before",
            b"appended",
            b"half a line",
            b"after rename and create",
            b"after removal and creation",
            b"after truncation",
            b"after copytruncate, and longer than it was before",
            b"unfinished, and then not",
        ]


def test_tail_f_waits_for_a_log_and_a_folder_that_are_not_there(tmp_path: Path) -> None:
    log = tmp_path / "not" / "yet" / "sanity.log"
    with three_am("tail", "-f", "--log", str(log)) as tail:
        eventually(lambda: watches(tail.pid), "it follows")
        assert not log.parent.exists()
        log.parent.mkdir(parents=True)
        append(log, b"first\n")
        output = Output(tail)
        output.until(lambda so_far: so_far == [b"first"], "the first line is printed")
        append(log, b"second\n")
        output.until(lambda so_far: so_far == [b"first", b"second"], "the second line is printed")


def test_tail_f_prints_what_3am_and_bash_write_once_and_in_the_order_of_the_file(run: Run, log: Path) -> None:
    assert run("log", "before").returncode == 0
    lock = Path(f"{log}.lock")
    loop = f'{BASH_LINE} for i in $(seq 30); do line "$1" "$2" 1 "bash $i"; done'
    with three_am("tail", "-f", "-n", "1") as tail, ExitStack() as stack:
        output = Output(tail)
        output.until(bool, "the line that was there is printed")
        bash = [stack.enter_context(process("bash", "-c", loop, "_", log, lock)) for _ in range(2)]
        stream = stack.enter_context(three_am("log", "-"))
        out, _ = stream.communicate(b"".join(b"stream %d\n" % i for i in range(20_000)), timeout=30)
        assert len(out.splitlines()) == 20_000
        for shell in bash:
            shell.communicate(timeout=30)
        output.until(lambda so_far: len(so_far) >= 1 + 20_000 + 60, "everything is printed")
        tail.send_signal(signal.SIGINT)
        tail.wait(20)
        assert output.rest() == lines(log)


def test_tail_f_holds_no_lock_and_makes_no_file(log: Path, tmp_path: Path) -> None:
    append(log, b"1\n")
    before = sorted(tmp_path.rglob("*"))
    with three_am("tail", "-f") as tail:
        Output(tail).until(bool, "the line is printed")
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("more", [b"", b"5\n", b"a longer line than the two that were there\n"])
def test_a_block_that_is_cut_back_by_its_writer_is_not_a_truncation(follower: Follower, log: Path, more: bytes) -> None:
    append(log, b"1\n2\n")
    assert drain(follower) == [b"1", b"2"]
    append(log, b"3 refused\n4 refused\nhalf of 5")
    assert hear(follower, 2) == [b"3 refused", b"4 refused"]
    os.truncate(log, 4)
    append(log, more)
    assert drain(follower) == more.splitlines()
    assert (follower.truncations, follower.rollbacks) == (0, 1)
    append(log, b"6\n")
    assert hear(follower, 1) == [b"6"]
