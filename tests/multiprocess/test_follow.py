"""Following by name: every line once and in order, through rotation, removal and truncation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import lines
from support.processes import BASH_LINE, Output, eventually, process, three_am
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, ResumePoint


@pytest.fixture(params=["inotify", "polling"])
def how(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the follower learns that there is something to read."""
    if request.param == "polling":
        monkeypatch.setitem(sys.modules, "inotify_simple", None)  # as where it is not installed
    return str(request.param)


@pytest.fixture
def follower(journal: Journal, how: str) -> Iterator[Follower]:
    """A follower of this test's log, from its beginning."""
    with closing(Follower(journal, None, poll_interval_s=0.01)) as made:
        yield made


def drain(follower: Follower) -> list[bytes]:
    """All that there is to read now."""
    found: list[bytes] = []
    while some := follower.read():
        found += [line.raw for line in some]
    return found


def hear(follower: Follower, count: int) -> list[bytes]:
    """Waits as a reader does, until ``count`` lines have come, and a look more for what should not come."""
    found: list[bytes] = []

    def enough() -> bool:
        found.extend(drain(follower))
        return len(found) >= count or (follower.wait(0.2) and False)

    eventually(enough, f"{count} lines", seconds=10)
    return found + drain(follower)


def watches(pid: int) -> bool:
    """Whether a process has asked the kernel to tell it of changes."""
    try:
        return any("inotify" in os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir())
    except FileNotFoundError:  # a file that it has closed in the meantime
        return False


def append(path: Path, data: bytes) -> None:
    """Appends with one write, as every writer of the log does."""
    with path.open("ab", buffering=0) as file:
        file.write(data)


def test_every_appended_line_comes_once(follower: Follower, log: Path) -> None:
    append(log, b"1\n2\n")
    assert drain(follower) == [b"1", b"2"]
    append(log, b"3\n")
    assert hear(follower, 1) == [b"3"]
    assert drain(follower) == []


def test_half_a_line_is_held_back_until_it_is_whole(follower: Follower, log: Path) -> None:
    append(log, b"whole\nha")
    assert drain(follower) == [b"whole"]
    assert follower.unfinished is not None
    assert follower.unfinished.raw == b"ha"
    append(log, b"lf")
    assert drain(follower) == []
    append(log, b"\nnext\n")
    assert hear(follower, 2) == [b"half", b"next"]
    assert follower.unfinished is None


def test_a_character_that_comes_in_two_halves_is_whole(follower: Follower, log: Path) -> None:
    coffee = "☕".encode()
    append(log, coffee[:1])
    assert drain(follower) == []
    append(log, coffee[1:] + b"\n")
    assert hear(follower, 1) == [coffee]


def test_a_start_in_the_middle_gives_only_what_comes_later(journal: Journal, how: str, log: Path) -> None:
    append(log, b"old\n")
    segment = journal.open_live()
    assert segment is not None
    with closing(Follower(journal, ResumePoint.capture(segment, segment.size()), poll_interval_s=0.01)) as follower:
        assert drain(follower) == []
        append(log, b"new\n")
        assert hear(follower, 1) == [b"new"]


def test_rename_and_create(follower: Follower, log: Path) -> None:
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"2\n")
    log.rename(f"{log}.1")
    append(log, b"3\n")
    assert hear(follower, 2) == [b"2", b"3"]
    append(log, b"4\n")
    assert hear(follower, 1) == [b"4"]


def test_a_rename_without_a_new_file_yet_goes_on_in_the_old_one(follower: Follower, log: Path) -> None:
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    old = log.rename(f"{log}.1")
    append(old, b"2\n")
    assert hear(follower, 1) == [b"2"]
    append(log, b"3\n")
    assert hear(follower, 1) == [b"3"]


def test_many_rotations_while_nobody_reads(follower: Follower, log: Path) -> None:
    """What lay between is found by no name any more; the file that was held and the newest are told whole."""
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"held to the end\n")
    for number in range(1, 6):
        log.rename(f"{log}.{number}")
        append(log, f"file {number}\n".encode())
    append(log, b"newest\n")
    found = hear(follower, 3)
    assert found[0] == b"held to the end"
    assert found[-2:] == [b"file 5", b"newest"]
    assert max(Counter(found).values()) == 1


def test_what_a_rotated_file_left_unfinished_is_told_once_nobody_goes_on_with_it(follower: Follower, log: Path) -> None:
    append(log, b"1\ntorn")
    assert drain(follower) == [b"1"]
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 2) == [b"2", b"torn"]


def test_a_line_that_is_finished_in_a_file_after_it_was_renamed_is_told_whole(follower: Follower, log: Path) -> None:
    append(log, b"1\nhalf a")
    assert drain(follower) == [b"1"]
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]
    append(Path(f"{log}.1"), b" line\nlate\n")
    append(log, b"3\n")
    assert sorted(hear(follower, 3)) == [b"3", b"half a line", b"late"]


@pytest.mark.parametrize("length", [10, 200, 1000])
def test_a_file_written_anew_with_the_same_words_at_other_times_is_told_whole(
    follower: Follower, log: Path, length: int
) -> None:
    def lines(second: int) -> bytes:
        stamps = (b"[2026-11-24T03:14:%02d.%09d+0000]" % (second, n) for n in range(3))
        return b"".join(b"%s [COFFEE: 0] %s\n" % (stamp, b"x" * length) for stamp in stamps)

    append(log, lines(1))
    assert len(drain(follower)) == 3
    log.write_bytes(b"")
    append(log, lines(2) + lines(3))
    assert hear(follower, 6) == (lines(2) + lines(3)).splitlines()


def test_what_was_taken_back_is_never_told(follower: Follower, log: Path) -> None:
    """A writer whose write came out short cuts it back and refuses: then rotation must not bring it up again."""
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"refused wor")
    assert drain(follower) == []
    os.truncate(log, 2)
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]


def test_what_was_taken_back_and_written_otherwise_is_told_as_it_stands(follower: Follower, log: Path) -> None:
    append(log, b"1\nrefused wor")
    assert drain(follower) == [b"1"]
    os.truncate(log, 2)
    append(log, b"other\n")
    assert hear(follower, 1) == [b"other"]


def test_removal_and_creation(follower: Follower, log: Path) -> None:
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"2\n")
    log.unlink()
    assert hear(follower, 1) == [b"2"]
    append(log, b"3\n")
    assert hear(follower, 1) == [b"3"]


def test_truncation(follower: Follower, log: Path) -> None:
    append(log, b"1\n2\n3\n")
    assert drain(follower) == [b"1", b"2", b"3"]
    subprocess.run(["sh", "-c", ': > "$1"', "_", str(log)], check=True)
    assert drain(follower) == []
    assert follower.truncations == 1
    append(log, b"4\n")
    assert hear(follower, 1) == [b"4"]


def test_truncation_while_a_line_was_unfinished(follower: Follower, log: Path) -> None:
    append(log, b"1\nhalf")
    assert drain(follower) == [b"1"]
    os.truncate(log, 0)
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]
    assert follower.unfinished is None


@pytest.mark.parametrize("times", [1, 50], ids=["smaller", "larger"])
def test_copytruncate_and_growth_before_the_next_look(follower: Follower, log: Path, times: int) -> None:
    old = [b"old %d" % i for i in range(20)]
    append(log, b"".join(line + b"\n" for line in old))
    assert drain(follower) == old
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    new = [b"new %d" % i for i in range(3 * times)]
    append(log, b"".join(line + b"\n" for line in new))
    assert hear(follower, len(new)) == new
    assert follower.truncations == 1


def test_copytruncate_and_growth_to_the_same_size(follower: Follower, log: Path) -> None:
    append(log, b"old 1\nold 2\n")
    assert hear(follower, 2) == [b"old 1", b"old 2"]
    while follower.wait(0.05):  # until it has heard of everything so far
        assert drain(follower) == []
    os.truncate(log, 0)
    append(log, b"new 1\nnew 2\n")
    assert follower.wait(1.0)
    assert drain(follower) == [b"new 1", b"new 2"]


def test_a_log_that_is_not_there_yet(follower: Follower, log: Path) -> None:
    assert drain(follower) == []
    follower.wait(0.05)
    assert drain(follower) == []
    assert not log.exists()
    append(log, b"first\n")
    assert hear(follower, 1) == [b"first"]
    append(log, b"second\n")
    assert hear(follower, 1) == [b"second"]


def test_a_folder_that_is_not_there_yet(journal: Journal, how: str, tmp_path: Path) -> None:
    log = tmp_path / "not" / "yet" / "sanity.log"
    there = journal._replace(log_path=str(log), lock_path=f"{log}.lock")
    with closing(Follower(there, None, poll_interval_s=0.01)) as follower:
        assert drain(follower) == []
        follower.wait(0.05)
        assert drain(follower) == []
        log.parent.mkdir(parents=True)
        append(log, b"first\n")
        assert hear(follower, 1) == [b"first"]
        append(log, b"second\n")
        assert hear(follower, 1) == [b"second"]


def test_a_folder_that_goes_away_and_comes_back(journal: Journal, how: str, tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    log = folder / "sanity.log"
    there = journal._replace(log_path=str(log), lock_path=f"{log}.lock")
    with closing(Follower(there, None, poll_interval_s=0.01)) as follower:
        append(log, b"1\n")
        assert hear(follower, 1) == [b"1"]
        shutil.rmtree(folder)
        folder.mkdir()
        append(log, b"2\n")
        assert hear(follower, 1) == [b"2"]
        log.rename(f"{log}.1")
        append(log, b"3\n")
        assert hear(follower, 1) == [b"3"]


def test_what_came_between_the_last_look_and_the_first_wait_ends_that_wait(follower: Follower, log: Path) -> None:
    """It does not lie there until something else happens, nor until the two seconds of the look-anyway are over."""
    assert drain(follower) == []
    append(log, b"between\n")
    began = time.monotonic()
    assert follower.wait(10)
    assert time.monotonic() - began < 1
    assert drain(follower) == [b"between"]


def test_a_wake_ends_a_wait_from_another_thread(follower: Follower, log: Path) -> None:
    append(log, b"1\n")
    assert hear(follower, 1) == [b"1"]
    waker = threading.Timer(0.05, follower.wake)
    waker.start()
    try:
        told = True
        while told:  # what still tells of the first line is over soon
            told = follower.wait(60)
    finally:
        waker.join()


def test_a_new_file_that_may_not_be_read_for_a_moment_is_no_end(journal: Journal, how: str) -> None:
    """logrotate makes the new log 0600 and root's, and gives it its mode and owner a moment later."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, check=True, text=True).stdout.strip())
    log = folder / "sanity.log"
    there = journal._replace(log_path=str(log), lock_path=f"{log}.lock")
    try:
        folder.chmod(0o755)
        append(log, b"1\n")
        log.chmod(0o644)
        with closing(Follower(there, None, poll_interval_s=0.01)) as follower:
            assert drain(follower) == [b"1"]
            log.rename(f"{log}.1")
            log.touch(0o600)
            os.seteuid(65534)
            try:
                assert drain(follower) == []
            finally:
                os.seteuid(0)
            log.chmod(0o644)
            append(log, b"2\n")
            assert hear(follower, 1) == [b"2"]
    finally:
        shutil.rmtree(folder)


def test_a_hammered_log_that_is_rotated_twenty_times_is_told_whole_and_in_order(
    follower: Follower, log: Path, tmp_path: Path
) -> None:
    """Writers hammer it, and logrotate's rename and create happen under the same lock. The log is rotated each time
    something of the newest file has been told; so no file can pass unseen, and nothing may be missing.
    """
    lock, stop = Path(f"{log}.lock"), tmp_path / "stop"
    loop = f'{BASH_LINE} i=0; while [ ! -e "$3" ]; do line "$1" "$2" 1 "$4 $((i+=1))"; done >/dev/null'
    found: list[bytes] = []
    rotated: list[Path] = []

    def tell(inode: int) -> bool:
        some = follower.read()
        found.extend(line.raw for line in some)
        return any(line.segment.identity[1] == inode for line in some) or (follower.wait(0.02) and False)

    with ExitStack() as stack:
        hammers = [stack.enter_context(process("bash", "-c", loop, "_", log, lock, stop, name)) for name in "ab"]
        feed = stack.enter_context(process("bash", "-c", 'while [ ! -e "$1" ]; do echo $((i+=1)); done', "_", stop))
        stream = stack.enter_context(process(command(), "log", "-q", "-", stdin=feed.stdout))
        for number in range(1, 21):
            newest = eventually(lambda: log.exists() and log.stat().st_ino, "there is a log")
            eventually(lambda inode=newest: tell(inode), f"something of file {number} is told")
            rotated.append(Path(f"{log}.{number}"))
            rotation = 'mv "$1" "$2"; : > "$1"'
            subprocess.run(["flock", "-e", lock, "sh", "-c", rotation, "_", log, rotated[-1]], check=True, timeout=20)
        stop.touch()
        for hammer in (*hammers, stream):
            assert hammer.wait(20) == 0
        expected = [line for path in (*rotated, log) for line in lines(path)]
        found += hear(follower, len(expected) - len(found))
    assert len(found) == len(expected)
    assert found == expected
    assert len(set(found)) == len(found)


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
        for one in bash:
            one.communicate(timeout=30)
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
def test_a_block_that_is_cut_back_by_its_writer_is_no_truncation(follower: Follower, log: Path, more: bytes) -> None:
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


def test_a_block_that_is_cut_back_between_the_check_and_the_read_tears_no_later_line(
    follower: Follower, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, b"1\n2\n3 refused\n4 refused\n")
    assert len(drain(follower)) == 4
    longer = b"a line that begins where the refused ones began, and is longer"
    real_holds = ResumePoint.is_valid

    def holds_and_then_is_cut_back(anchor: ResumePoint) -> bool:
        answer = real_holds(anchor)
        monkeypatch.setattr(ResumePoint, "is_valid", real_holds)
        os.truncate(log, 4)
        append(log, longer + b"\n5\n")
        return answer

    monkeypatch.setattr(ResumePoint, "is_valid", holds_and_then_is_cut_back)
    assert hear(follower, 2) == [longer, b"5"]
    assert (follower.truncations, follower.rollbacks) == (0, 1)
