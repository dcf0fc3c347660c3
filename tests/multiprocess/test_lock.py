"""The lock, among real processes: who waits, in which order, what is refused, and what a death leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import all_texts, entries, lines, writer_of
from support.processes import (
    BASH_LINE,
    Output,
    eventually,
    held,
    is_free,
    let_go,
    process,
    state_of,
    three_am,
    wait_queued,
    waiters,
    waiters_on,
)
from threeam.core.errors import LockTimeout, WaitCancelled
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.lock import LockHolder, find_lock_holder
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD


@pytest.fixture
def written(run: Run, log: Path) -> bytes:
    """A log with a line in it, and its bytes."""
    assert run("log", "before").returncode == 0
    return log.read_bytes()


def test_a_held_lock_is_named_and_nothing_is_written(run: Run, log: Path, lock: Path, written: bytes) -> None:
    with held(lock) as other:
        done = run("log", "the words", SANITY_LOCK_TIMEOUT="0.3")
        assert done.returncode == 4
        assert done.stdout == b""
        stderr = done.stderr.decode()
        assert str(lock) in stderr
        assert f"cat (pid {other.pid})" in stderr
        assert log.read_bytes() == written


@pytest.mark.parametrize(
    ("argv", "stdin", "mine"),
    [
        (["log", "the words"], b"", ["the words"]),
        (["log", "-H", "the words"], b"", ["the words"]),
        (["log", "first\nsecond"], b"", ["first", "second"]),
        (["hyp", "new", "the words"], b"", ["the words"]),
        (["sanity", "2", "the words", "--delay", "0"], b"", ["the words"]),
        (["log", "-"], b"first\nsecond\n", ["first", "second"]),
        (["log", "-"], b"first\nwithout its newline", ["first", "without its newline"]),
    ],
    ids=["log", "log-H", "block", "hyp-new", "sanity", "stream", "stream-unfinished"],
)
def test_what_is_refused_is_still_yours(
    run: Run, log: Path, lock: Path, written: bytes, argv: list[str], stdin: bytes, mine: list[str]
) -> None:
    with held(lock):
        done = run(*argv, stdin=stdin, SANITY_LOCK_TIMEOUT="0.3")
    assert done.returncode == 4
    assert log.read_bytes() == written
    missing = [text for text in mine if text not in done.stderr.decode()]
    assert missing == []


def test_a_waiter_gets_the_lock_when_its_holder_ends(log: Path, lock: Path) -> None:
    with held(lock) as other, three_am("log", "after you") as waiting:
        wait_queued(lock)
        assert not log.exists()
        let_go(other)
        out, err = waiting.communicate(timeout=20)
    assert (waiting.returncode, err) == (0, b"")
    assert out == log.read_bytes()
    assert all_texts(log) == ["after you"]


def test_a_waiter_gets_the_lock_when_its_holder_is_killed(log: Path, lock: Path) -> None:
    with held(lock) as other, three_am("log", "after you") as waiting:
        wait_queued(lock)
        other.kill()
        waiting.communicate(timeout=20)
    assert waiting.returncode == 0
    assert all_texts(log) == ["after you"]


def test_a_lock_that_leaked_into_a_child_names_a_living_process(run: Run, lock: Path) -> None:
    """The script's own shape: flock(1) took it and ended, the shell ended, and its child still has fd 200."""
    read, write = os.pipe()
    script = f'exec 9<&{read}; ( flock -e 200; cat <&9 >/dev/null & echo $! ) 200>"$1"'
    try:
        with process("bash", "-c", script, "_", lock, pass_fds=(read,)) as parent:
            assert parent.stdout is not None
            child = int(parent.stdout.readline())
            assert parent.wait(20) == 0
            eventually(lambda: Path(f"/proc/{child}/comm").read_text() == "cat\n", "the child runs")
            refused = run("log", "words", SANITY_LOCK_TIMEOUT="0.3")
            os.close(write)  # which ends the child
    finally:
        os.close(read)
    assert refused.returncode == 4
    assert f"cat (pid {child})" in refused.stderr.decode()
    eventually(lambda: is_free(lock), "the leaked lock is free after the child")
    assert run("log", "words").returncode == 0


def test_a_process_that_passed_the_lock_on_is_not_named_as_its_holder(lock: Path) -> None:
    """It took the lock, its child inherited it, it closed its own descriptor: to end it would help nobody."""
    fd = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)  # this process stands in /proc/locks
    with process("cat", pass_fds=(fd,)) as heir:
        os.close(fd)
        eventually(lambda: Path(f"/proc/{heir.pid}/comm").read_text() == "cat\n", "the child runs")
        assert not is_free(lock)
        assert find_lock_holder(str(lock)) == LockHolder(heir.pid, "cat")


def test_the_script_is_named_while_it_holds_the_lock(run: Run, lock: Path) -> None:
    script = '( flock -e 200; echo held; read _ ) 200>"$1"'
    with process("bash", "-c", script, "_", lock) as pane:
        assert pane.stdout is not None
        assert pane.stdout.readline() == b"held\n"
        refused = run("log", "words", SANITY_LOCK_TIMEOUT="0.3")
        status = run("status")
        assert refused.returncode == 4
        assert "held by bash (pid " in refused.stderr.decode()
        assert "lock held by bash " in status.stdout.decode()


def test_a_stopped_holder_is_named_and_the_lock_is_had_once_it_goes_on(run: Run, log: Path, lock: Path) -> None:
    with held(lock) as other:
        other.send_signal(signal.SIGSTOP)
        refused = run("log", "words", SANITY_LOCK_TIMEOUT="0.3")
        assert refused.returncode == 4
        assert f"(pid {other.pid})" in refused.stderr.decode()
        with three_am("log", "words") as waiting:
            wait_queued(lock)
            other.send_signal(signal.SIGCONT)
            let_go(other)
            waiting.communicate(timeout=20)
        assert waiting.returncode == 0
    assert all_texts(log) == ["words"]


def wait_asked(lock: Path, asking: threading.Thread) -> None:
    """Until this process stands in the kernel's queue for the lock, or has had it already."""

    def asked() -> bool:
        rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
        return not asking.is_alive() or any("->" in row and str(os.getpid()) in row for row in rows)

    eventually(asked, f"asked for {lock}")


def test_a_waiter_has_its_turn_in_order(journal: Journal, log: Path, lock: Path, tmp_path: Path) -> None:
    """Four Bash loops hold the lock for 20 ms each, back to back. Between asking and getting stand those who
    asked before, and no more than another round of them: never the hundreds that a poller lets past.
    """
    loops = 4
    stop = tmp_path / "stop"
    turn = '( flock -e 200; echo turn >> "$1"; sleep 0.02 ) 200>"$2"'
    writer_of("alice", journal, system_clock).write(note_draft("a journal, and not only turns"))
    writer = writer_of("alice", journal, system_clock)
    with ExitStack() as stack:
        for _ in range(loops):
            loop = f'while [ ! -e "$3" ]; do {turn}; done'
            stack.enter_context(process("bash", "-c", loop, "_", log, lock, stop))
        eventually(lambda: log.exists() and len(lines(log)) > 2 * loops, "the loops turn")
        for i in range(8):
            wait_queued(lock, loops - 2)
            asking = threading.Thread(target=writer.write, args=(note_draft(f"granted {i}"),))
            asking.start()
            wait_asked(lock, asking)  # before that it is the scheduler that lets others pass, and not the queue
            with log.open("ab", buffering=0) as marks:
                marks.write(b"asked %d\n" % i)
            asking.join()
        stop.touch()
    lines_read = log.read_bytes().splitlines()
    for i in range(8):
        asked = lines_read.index(b"asked %d" % i)
        granted = next(n for n, line in enumerate(lines_read) if line.endswith(b"] granted %d" % i))
        passed = lines_read[asked:granted].count(b"turn")
        assert passed <= 2 * loops, f"{passed} others were served first"


def test_a_waiter_among_many_3am_is_served_too(log: Path, lock: Path) -> None:
    """Six queue up while the lock is held; all of them get it, and each once."""
    with ExitStack() as stack:
        other = stack.enter_context(held(lock))
        waiting = [stack.enter_context(three_am("log", f"words {i}")) for i in range(6)]
        wait_queued(lock, 6)
        let_go(other)
        for child in waiting:
            child.communicate(timeout=20)
            assert child.returncode == 0
    assert Counter(all_texts(log)) == Counter(f"words {i}" for i in range(6))


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_lock_file_that_goes_away_under_a_waiter_never_lets_two_in(log: Path, lock: Path, how: str) -> None:
    with held(lock) as first:
        old = lock.stat()
        with three_am("log", "words") as waiting:
            wait_queued(lock)
            if how == "deleted":
                lock.unlink()
            else:
                new = lock.with_suffix(".new")
                new.touch()
                new.rename(lock)
            with held(lock) as second:  # of the file that has the name now
                let_go(first)  # the waiter is granted a lock that guards nothing any more
                wait_queued(lock)  # and so it queues for the right one
                assert waiters_on(old.st_dev, old.st_ino) == 0
                assert not log.exists()
                let_go(second)
            waiting.communicate(timeout=20)
            assert waiting.returncode == 0
    assert all_texts(log) == ["words"]


def patient(journal: Journal, timeout: float | None) -> Writer:
    """A writer in this process that waits so long."""
    return Writer(journal, FOLD, system_clock, WriteOptions("alice", "alice@db1:1", lock_timeout=timeout, sync=False))


def test_giving_up_leaves_the_queue(journal: Journal, log: Path, lock: Path) -> None:
    """Esc on the screen: the wait ends at once, and the lock is nobody's when its holder ends."""
    abandoned = threading.Event()
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            patient(journal, None).write(note_draft("never"), cancelled=abandoned)
        except WaitCancelled as error:
            ended.append(error)

    with held(lock) as other:
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_queued(lock)
        abandoned.set()
        waiting.join(5)
        assert len(ended) == 1
        assert not is_free(lock)  # the holder is not disturbed
        let_go(other)
    eventually(lambda: is_free(lock), "the lock is free")
    assert not log.exists()


def test_a_long_lived_process_does_not_keep_a_lock_it_no_longer_wants(journal: Journal, log: Path, lock: Path) -> None:
    """The queue's thread is granted the lock after the timeout, with nobody left to use it."""
    with held(lock) as other:
        for _ in range(3):
            with pytest.raises(LockTimeout) as caught:
                patient(journal, 0.05).write(note_draft("never"))
            assert str(LockHolder(other.pid, "cat")) in str(caught.value)
        wait_queued(lock, 3)  # the threads still stand there
        let_go(other)
    eventually(lambda: waiters(lock) == 0, "the queue is empty")
    eventually(lambda: is_free(lock), "the lock is free")
    assert not log.exists()
    patient(journal, 5).write(note_draft("at last"))
    assert all_texts(log) == ["at last"]


def test_a_wait_tells_who_holds_the_lock(journal: Journal, lock: Path) -> None:
    waits: list[tuple[LockHolder | None, float]] = []
    with held(lock) as other, pytest.raises(LockTimeout):
        patient(journal, 0.35).write(note_draft("never"), on_wait=lambda who, waited: waits.append((who, waited)))
    assert {who for who, _ in waits} == {LockHolder(other.pid, "cat")}
    assert [waited for _, waited in waits] == sorted(waited for _, waited in waits)
    assert waits[0][1] < 0.1, "it is told at first, before a tenth of a second has passed"


def test_no_waiting_at_all_is_possible(journal: Journal, log: Path, lock: Path) -> None:
    with held(lock), pytest.raises(LockTimeout):
        patient(journal, 0).write(note_draft("never"))
    eventually(lambda: is_free(lock), "the lock is free")
    patient(journal, 0).write(note_draft("now"))
    assert all_texts(log) == ["now"]


def test_a_hold_is_not_passed_on_to_children(journal: Journal, lock: Path) -> None:
    """A program started while the lock is held must not keep it."""
    with ExitStack() as stack:
        with patient(journal, 1).lock_log(full_state=False):
            child = stack.enter_context(process("cat"))
            eventually(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "cat\n", "the child runs")
            assert not is_free(lock)
        assert is_free(lock)


@pytest.mark.parametrize("argv", [["log", "words"], ["hyp", "new", "words"], ["coffee"], ["sanity", "2", "words"]])
def test_ctrl_c_while_waiting_writes_nothing(log: Path, lock: Path, written: bytes, argv: list[str]) -> None:
    with held(lock) as other, three_am(*argv) as waiting:
        wait_queued(lock)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=20)
        assert (waiting.returncode, out) == (130, b"")
        assert b"Traceback" not in err
        assert waiters(lock) == 0
        let_go(other)
    assert log.read_bytes() == written
    assert is_free(lock)


def test_ctrl_c_after_the_write_does_not_claim_that_nothing_was_written(log: Path, lock: Path) -> None:
    """130 means that nothing was written. A `3am log` whose pipe is full has written, and is only still telling."""
    read, write = os.pipe()
    os.write(write, b"x" * fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096))
    try:
        with process(command(), "log", "words", stdout=write) as telling:
            os.close(write)
            eventually(lambda: log.exists() and log.stat().st_size and is_free(lock), "it is written, and released")
            eventually(lambda: state_of(telling.pid) == "S", "it waits for its reader")
            telling.send_signal(signal.SIGINT)
            _, err = telling.communicate(timeout=20)
    finally:
        os.close(read)
    (entry,) = entries(log)
    assert telling.returncode == 0 or (telling.returncode == 3 and str(entry.stamp) in err.decode())


@pytest.mark.slow
def test_killed_writers_leave_whole_lines_and_a_log_to_go_on_with(run: Run, log: Path, lock: Path) -> None:
    """Four streams and a crowd of one-shots are killed with SIGKILL in the middle of it."""
    acknowledged: list[bytes] = []
    with ExitStack() as stack:
        loop = f'{BASH_LINE} while :; do line "$1" "$2" 1 "bash goes on" >/dev/null; done'
        stack.enter_context(process("bash", "-c", loop, "_", log, lock))
        for kill_after in (1, 50, 1000, 5000):
            feed = stack.enter_context(process("seq", "-f", f"killed after {kill_after}: %.0f", "1", "1000000000"))
            assert feed.stdout is not None
            stream = stack.enter_context(process(command(), "log", "-", stdin=feed.stdout))
            output = Output(stream)
            output.until(lambda so_far, n=kill_after: len(so_far) >= n, f"{kill_after} lines are acknowledged")
            stream.kill()
            acknowledged += output.rest()
        crowd = [stack.enter_context(three_am("log", f"crowd {i}\nsecond {i}")) for i in range(12)]
        outputs = [Output(child) for child in crowd]
        outputs[0].until(bool, "the first of the crowd is acknowledged")
        for child in crowd:
            child.kill()
        acknowledged += [line for output in outputs for line in output.rest()]
    counts = Counter(lines(log))  # which says that the last line is whole
    entries(log)  # and this that each of them is
    assert len(acknowledged) > 5000
    lost_or_doubled = [line for line in acknowledged if counts[line] != 1]
    assert lost_or_doubled == []
    written = all_texts(log)
    heads = [i for i, text in enumerate(written) if text.startswith("crowd ")]
    assert all(written[i + 1] == "| second " + written[i].removeprefix("crowd ") for i in heads)
    eventually(lambda: is_free(lock), "the lock died with its holders")
    assert run("log", "life goes on").returncode == 0
    assert run("doctor").returncode == 0
