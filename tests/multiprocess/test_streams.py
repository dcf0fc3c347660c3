"""`3am log -` and `3am tail -f` when one end of the pipe is not what it should be."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from processes import eventually, held, texts, wait_queued

from conftest import command, writer_of
from threeam.core.clock import system_clock
from threeam.core.draft import note
from threeam.core.journal import Journal
from threeam.core.lock import Abandoned


@pytest.fixture
def lock(journal: Journal) -> Path:
    """The lock of this test's journal."""
    return Path(journal.lock)


def test_lines_that_are_written_are_never_called_not_written(log: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "log", "-"], input=b"one\ntwo\n", stdout=full, stderr=subprocess.PIPE)
    assert texts(log) == ["one", "two"]
    assert done.returncode == 3
    assert b"not written" not in done.stderr
    assert b"everything is written" in done.stderr


def test_a_stdin_that_does_not_block_is_waited_for(log: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with subprocess.Popen([command(), "log", "-q", "-"], stdin=read, stderr=subprocess.PIPE) as stream:
        os.close(read)
        os.write(write, b"alpha\n")
        eventually(lambda: log.exists() and texts(log) == ["alpha"], "the first line is written")
        os.write(write, b"beta\n")
        os.close(write)
        _, err = stream.communicate(timeout=20)
    assert (stream.returncode, err) == (0, b"")
    assert texts(log) == ["alpha", "beta"]


def test_ctrl_c_while_a_stream_waits_hands_back_what_it_has_read(log: Path, lock: Path) -> None:
    with held(lock):
        stream = subprocess.Popen([command(), "log", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        assert stream.stdin is not None
        stream.stdin.write(b"precious\nhalf")
        stream.stdin.flush()
        wait_queued(lock)
        stream.send_signal(signal.SIGINT)
        _, err = stream.communicate(timeout=20)
    assert stream.returncode == 130
    assert b"not written: precious" in err
    assert b"not written: half" in err
    assert not log.exists()


def test_what_was_taken_back_is_not_written_although_the_lock_is_free(journal: Journal, log: Path) -> None:
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(Abandoned):
        writer_of("alice", journal, system_clock).write(note("never"), abandoned=abandoned)
    assert not log.exists()


def test_tail_f_ends_when_nobody_reads_although_the_log_is_quiet(log: Path) -> None:
    log.write_bytes(b"a line\n")
    done = subprocess.run(["bash", "-c", '"$0" tail -f | head -n 1', command()], capture_output=True, timeout=20)
    assert done.stdout == b"a line\n"


def test_a_script_run_whose_stdout_is_full_is_written_whole(log: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "sanity", "2", "words", "--delay", "0"], stdout=full, stderr=subprocess.PIPE)
    assert texts(log) == ["Acquired sanity lock.", "Hypothesis: words", "Releasing sanity lock."]
    assert done.returncode == 3
    assert b"not written" not in done.stderr


def test_a_refusal_into_a_closed_stderr_is_still_a_refusal(log: Path) -> None:
    log.mkdir()
    done = subprocess.run(["bash", "-c", '"$0" log words 2> >(true); exit $?', command()], capture_output=True)
    assert done.returncode == 3
