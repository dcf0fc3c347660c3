"""Following by name: every line once and in order, through rotation and removal."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from support.commands import command
from support.following import append, drain, hear
from support.journals import lines
from support.processes import BASH_LINE, eventually, process
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, ResumePoint


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
    heard = hear(follower, 3)
    assert heard[0] == b"held to the end"
    assert heard[-2:] == [b"file 5", b"newest"]
    assert max(Counter(heard).values()) == 1


def test_what_a_rotated_file_left_unfinished_is_reported_once_nobody_goes_on_with_it(
    follower: Follower, log: Path
) -> None:
    append(log, b"1\ntorn")
    assert drain(follower) == [b"1"]
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 2) == [b"2", b"torn"]


def test_a_line_that_is_finished_in_a_file_after_it_was_renamed_is_read_whole(follower: Follower, log: Path) -> None:
    append(log, b"1\nhalf a")
    assert drain(follower) == [b"1"]
    log.rename(f"{log}.1")
    append(log, b"2\n")
    assert hear(follower, 1) == [b"2"]
    append(Path(f"{log}.1"), b" line\nlate\n")
    append(log, b"3\n")
    assert sorted(hear(follower, 3)) == [b"3", b"half a line", b"late"]


def test_removal_and_creation(follower: Follower, log: Path) -> None:
    append(log, b"1\n")
    assert drain(follower) == [b"1"]
    append(log, b"2\n")
    log.unlink()
    assert hear(follower, 1) == [b"2"]
    append(log, b"3\n")
    assert hear(follower, 1) == [b"3"]


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
        woken = True
        while woken:  # what still tells of the first line is over soon
            woken = follower.wait(60)
    finally:
        waker.join()


def test_a_new_file_that_may_not_be_read_for_a_moment_is_not_an_end(journal: Journal, how: str) -> None:
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


@pytest.mark.slow
def test_a_hammered_log_that_is_rotated_twenty_times_is_read_whole_and_in_order(
    follower: Follower, log: Path, tmp_path: Path
) -> None:
    """Writers hammer it, and logrotate's rename and create happen under the same lock. The log is rotated each time
    something of the newest file has been told; so no file can pass unseen, and nothing may be missing.
    """
    lock, stop = Path(f"{log}.lock"), tmp_path / "stop"
    loop = f'{BASH_LINE} i=0; while [ ! -e "$3" ]; do line "$1" "$2" 1 "$4 $((i+=1))"; done >/dev/null'
    lines_read: list[bytes] = []
    rotated: list[Path] = []

    def tell(inode: int) -> bool:
        some = follower.read()
        lines_read.extend(line.raw for line in some)
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
        lines_read += hear(follower, len(expected) - len(lines_read))
    assert len(lines_read) == len(expected)
    assert lines_read == expected
    assert len(set(lines_read)) == len(lines_read)
