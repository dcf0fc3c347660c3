"""`3am log -` and `3am tail -f` when one end of the pipe is not what it should be."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import all_texts, writer_of
from support.processes import eventually, held, wait_queued
from threeam.cli.main import main
from threeam.core.errors import WaitCancelled
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.store.reader import lines_forward
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer


def test_lines_that_are_written_are_never_called_not_written(log: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "log", "-"], input=b"one\ntwo\n", stdout=full, stderr=subprocess.PIPE)
    assert all_texts(log) == ["one", "two"]
    assert done.returncode == 3
    assert b"not written" not in done.stderr
    assert b"everything is written" in done.stderr


def test_a_stdin_that_does_not_block_is_waited_for(log: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    with subprocess.Popen([command(), "log", "-q", "-"], stdin=read, stderr=subprocess.PIPE) as stream:
        os.close(read)
        os.write(write, b"alpha\n")
        eventually(lambda: log.exists() and all_texts(log) == ["alpha"], "the first line is written")
        os.write(write, b"beta\n")
        os.close(write)
        _, err = stream.communicate(timeout=20)
    assert (stream.returncode, err) == (0, b"")
    assert all_texts(log) == ["alpha", "beta"]


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


def test_a_stream_goes_on_after_an_unsure_and_says_so_at_the_end(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The second of three batches is not confirmed by the disk."""
    read, write = os.pipe()
    synced: list[int] = []

    def failing_once(fd: int) -> None:
        synced.append(fd)
        os.write(write, b"line %d\n" % len(synced)) if len(synced) < 3 else os.close(write)
        if len(synced) == 2:
            raise OSError(errno.EIO, "Input/output error")

    os.write(write, b"line 0\n")
    stdin = os.dup(0)
    try:
        os.dup2(read, 0)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", failing_once)
            patch.delattr(os, "memfd_create")  # of a meter that is left open until the process ends
            code = main(["log", "-"])
    finally:
        os.dup2(stdin, 0)
        os.close(stdin)
        os.close(read)
    printed = capfdbinary.readouterr()
    assert code == 3
    assert texts_of_all(log) == ["line 0", "line 1", "line 2"]
    assert [line.rpartition(b" ")[2] for line in printed.out.splitlines()] == [b"0", b"2"]
    assert printed.err.count(b"unsure: written as @") == 1
    assert printed.err.endswith(b"(1 line)\n")
    assert b"not written" not in printed.err


def test_a_stream_that_is_told_to_end_after_the_write_hands_back_no_line_that_is_written(
    log: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    read, write = os.pipe()
    os.write(write, b"written\n")
    real_fdatasync = os.fdatasync

    def interrupted(fd: int) -> None:
        os.write(write, b"not read yet\n")
        signal.raise_signal(signal.SIGINT)  # to this thread: a worker of xdist has others
        real_fdatasync(fd)

    stdin = os.dup(0)
    try:
        os.dup2(read, 0)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", interrupted)
            patch.delattr(os, "memfd_create")
            code = main(["log", "-"])
    finally:
        os.dup2(stdin, 0)
        for fd in (stdin, read, write):
            os.close(fd)
    stderr = capfdbinary.readouterr().err.decode()
    assert code == 3
    assert "unsure: written as @" in stderr
    assert "not written: not read yet" in stderr
    assert "not written: written" not in stderr
    assert texts_of_all(log) == ["written"]


def test_what_was_taken_back_is_not_written_although_the_lock_is_free(journal: Journal, log: Path) -> None:
    abandoned = threading.Event()
    abandoned.set()
    with pytest.raises(WaitCancelled):
        writer_of("alice", journal, system_clock).write(note_draft("never"), cancelled=abandoned)
    assert not log.exists()


def test_tail_f_ends_when_nobody_reads_although_the_log_is_quiet(log: Path) -> None:
    log.write_bytes(b"a line\n")
    done = subprocess.run(["bash", "-c", '"$0" tail -f | head -n 1', command()], capture_output=True, timeout=20)
    assert done.stdout == b"a line\n"


def test_a_script_run_whose_stdout_is_full_is_written_whole(log: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "sanity", "2", "words", "--delay", "0"], stdout=full, stderr=subprocess.PIPE)
    assert all_texts(log) == ["Acquired sanity lock.", "Hypothesis: words", "Releasing sanity lock."]
    assert done.returncode == 3
    assert b"not written" not in done.stderr


def test_a_refusal_into_a_closed_stderr_is_still_a_refusal(log: Path) -> None:
    log.mkdir()
    done = subprocess.run(["bash", "-c", '"$0" log words 2> >(true); exit $?', command()], capture_output=True)
    assert done.returncode == 3


@pytest.mark.slow
def test_a_line_of_100_mb_costs_bounded_memory_and_is_all_there(log: Path) -> None:
    size = 100_000_000
    stream = subprocess.Popen(
        [command(), "log", "-q", "-"], stdin=subprocess.PIPE, env={**os.environ, "SANITY_SYNC": "never"}
    )
    assert stream.stdin is not None
    piece = b"0123456789abcdef" * 4096
    for _ in range(size // len(piece)):
        stream.stdin.write(piece)
    stream.stdin.flush()
    peak = next(line for line in Path(f"/proc/{stream.pid}/status").read_text().splitlines() if "VmHWM" in line)
    assert int(peak.split()[1]) < 60_000, peak
    stream.stdin.write(b" the end\nand another\n")
    stream.stdin.close()
    assert stream.wait(60) == 0
    *long, last = texts_of_all(log)
    first, *rest = long
    assert all(text.startswith("|+ ") for text in rest)
    complete = first + "".join(text[3:] for text in rest)
    assert len(complete) == size // len(piece) * len(piece) + len(" the end")
    assert complete.endswith("cdef the end")
    assert last == "and another"


def texts_of_all(log: Path) -> list[str]:
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    entries = [line.entry for segment in journal.segments_forward(live) for line in lines_forward(segment)]
    return [entry.text for entry in entries if entry is not None and entry.carried_from is None]


@pytest.mark.parametrize("length", [65_535, 65_536, 65_537, 131_072, 131_073, 200_000])
def test_a_long_line_is_kept_whole_up_to_64_kib_and_goes_on_after_that(log: Path, length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    done = subprocess.run([command(), "log", "-q", "-"], input=f"before\n{text}\nafter\n".encode(), check=True)
    assert done.returncode == 0
    before, first, *rest, after = all_texts(log)
    assert (before, after) == ("before", "after")
    assert len(rest) == -(-length // 65_536) - 1
    assert first + "".join(line.removeprefix("|+ ") for line in rest) == text


def test_a_line_that_grows_when_it_is_made_visible_stays_within_the_limit(log: Path) -> None:
    subprocess.run([command(), "log", "-q", "-"], input=b"\xff" * 60_000 + b"\n", check=True)
    assert max(len(text) for text in all_texts(log)) <= 65_536 + 3
    assert "".join(text.removeprefix("|+ ") for text in all_texts(log)) == "\\xff" * 60_000


def test_a_pipe_of_50_000_lines_keeps_no_one_shot_waiting(log: Path) -> None:
    lines = b"".join(b"line %d\n" % n for n in range(50_000))
    with subprocess.Popen([command(), "log", "-q", "-"], stdin=subprocess.PIPE) as stream:
        assert stream.stdin is not None
        feeder = threading.Thread(target=lambda: stream.communicate(lines))
        feeder.start()
        eventually(lambda: log.exists() and log.stat().st_size > 0, "the stream writes")
        shot = subprocess.run([command(), "log", "-q", "a shot"], timeout=5)
        feeder.join()
    assert (shot.returncode, stream.returncode) == (0, 0)
    written = all_texts(log)
    assert len(written) == 50_001
    assert written.count("a shot") == 1


def read_from(chunks: list[bytes]) -> Callable[[int, int], bytes]:
    """`os.read` of a stdin on which ``chunks`` arrive."""
    real_read = os.read

    def read(fd: int, size: int) -> bytes:
        return real_read(fd, size) if fd != 0 else chunks.pop(0) if chunks else b""

    return read


def test_an_interrupt_right_after_a_read_loses_no_line(
    log: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_read, chunks = os.read, [b"one\ntwo\nthe beginning of thr"]

    def interrupted_read(fd: int, size: int) -> bytes:
        if fd != 0:
            return real_read(fd, size)
        if not chunks:
            return b""
        signal.raise_signal(signal.SIGINT)  # to this thread: a worker of xdist has others
        return chunks.pop()

    monkeypatch.setattr(os, "read", interrupted_read)
    monkeypatch.delattr(os, "memfd_create")  # of a meter that is left open until the process ends
    done = run_here("log", "-q", "-")
    assert done.returncode == 130
    assert [line for line in done.stderr.decode().splitlines() if "not written" in line] == [
        "3am: not written: one",
        "3am: not written: two",
        "3am: not written: the beginning of thr",
    ]
    assert not log.exists()


def test_an_interrupt_before_the_second_batch_hands_that_batch_back(
    log: Path, run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write, chunks = Writer.write_stream, [b"one\n", b"two\n"]

    def interrupted_write(writer: Writer, texts: list[str]) -> bytes:
        if texts == ["two"]:
            raise KeyboardInterrupt
        return real_write(writer, texts)

    monkeypatch.setattr(os, "read", read_from(chunks))
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(Writer, "write_stream", interrupted_write)
    done = run_here("log", "-q", "-")
    assert done.returncode == 130
    assert done.stderr.decode().startswith("3am: not written: two\n")
    assert all_texts(log) == ["one"]
