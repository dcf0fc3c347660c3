"""Standard streams of `3am` that are closed, full, a pipe, or the log itself."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from support.commands import Done, Run, command, good, stderr_lines
from support.journals import entries


def test_every_line_of_stdin_is_an_entry(run: Run, log: Path) -> None:
    done = run("log", "-", stdin=b"one\r\n\n[H9: open] \xff\x00two\nlast without a newline")
    assert good(done).encode() == log.read_bytes()
    read = entries(log)
    assert [entry.text for entry in read] == ["one", "", "[H9: open] \\xff\\x00two", "last without a newline"]
    assert all(entry.tag("VIA") for entry in read)
    assert all(entry.hypothesis is None for entry in read)


def test_an_empty_stdin_writes_nothing(run_process: Run, log: Path) -> None:
    assert good(run_process("log", "-")) == ""
    assert not log.exists()


def test_a_closed_stdin_prints_no_traceback(log: Path) -> None:
    done = subprocess.run(["/bin/sh", "-c", 'exec "$0" log - <&-', command()], capture_output=True)
    stderr_lines(done)


# --- stdout and stderr that are not what they should be


def to_full_disk(*argv: str) -> Done:
    with open("/dev/full", "wb") as full:
        return subprocess.run([command(), *argv], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("argv", [["tail"], ["hyp", "list"], ["doctor"], ["status"], ["path"]], ids=" ".join)
def test_a_full_disk_under_stdout_is_a_sentence(night_log: Path, argv: list[str]) -> None:
    done = to_full_disk(*argv)
    assert stderr_lines(done)
    assert done.returncode == 3


def test_a_note_that_cannot_be_printed_was_written_all_the_same(log: Path) -> None:
    done = to_full_disk("log", "once")
    assert [entry.text for entry in entries(log)] == ["once"]
    assert not any("not written" in line for line in stderr_lines(done))


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-", "2>&-"])
def test_a_note_is_written_once_whatever_is_closed(log: Path, closed: str) -> None:
    done = subprocess.run(["/bin/sh", "-c", f'exec "$0" log "once" {closed}', command()], capture_output=True)
    stderr_lines(done)
    assert [entry.text for entry in entries(log)] == ["once"]


def test_a_reader_that_has_seen_enough_is_not_an_error(night_log: Path) -> None:
    night_log.write_bytes(b"x" * 100 + b"\n" + night_log.read_bytes() * 2000)
    shell = 'set -o pipefail; "$0" tail -n 100000 | head -n 1'
    done = subprocess.run(["bash", "-c", shell, command()], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"xxx")


@pytest.mark.parametrize("argv", [["log", "my words"], ["hyp", "new", "my words"], ["log", "-"]], ids=" ".join)
def test_the_words_that_were_refused_are_given_back(run: Run, log: Path, argv: list[str]) -> None:
    log.mkdir()
    done = run(*argv, stdin=b"my words\n")
    assert (done.returncode, done.stdout) == (3, b"")
    assert stderr_lines(done)[0].endswith("my words")
    assert "is a folder" in stderr_lines(done)[-1]
    assert list(log.iterdir()) == []


def test_tail_is_in_colour_on_a_terminal_only(night_log: Path) -> None:
    def seen(**env: str) -> bytes:
        terminal, ours = pty.openpty()
        argv = [command(), "tail", "-n", "1"]
        subprocess.run(argv, stdout=ours, env={**os.environ, "TERM": "xterm", **env}, check=True)
        os.close(ours)
        return os.read(terminal, 65536)

    plain = night_log.read_bytes().splitlines()[-1]
    assert b"\x1b[36m" in seen()
    assert re.sub(rb"\x1b\[\d+m", b"", seen()).rstrip() == plain
    assert seen(NO_COLOR="1").rstrip() == plain


def test_what_a_stream_was_given_is_handed_back_when_the_settings_are_broken(run: Run) -> None:
    done = run("log", "-", stdin=b"precious\nwords\n", SANITY_SYNC="bogus")
    assert done.returncode == 2
    assert stderr_lines(done)[:2] == ["3am: not written: precious", "3am: not written: words"]


def test_stdout_into_the_log_itself_doubles_nothing(run: Run, log: Path) -> None:
    run("log", "first")
    for argv, stdin in ((["log", "second"], b""), (["log", "-"], b"third\n"), (["sanity", "--delay", "0s"], b"")):
        with log.open("ab") as file:
            done = subprocess.run([command(), *argv], input=stdin, stdout=file, check=False)
        assert done.returncode == 0
    assert [entry.text for entry in entries(log)][:3] == ["first", "second", "third"]
    lines = log.read_bytes().splitlines()
    assert len(lines) == len(set(lines))


def test_the_log_is_not_read_into_itself(run: Run, log: Path) -> None:
    run("log", "first")
    with log.open("rb") as file:
        done = subprocess.run([command(), "log", "-q", "-"], stdin=file, capture_output=True, timeout=20)
    assert done.returncode == 3
    assert "stdin is the log itself" in stderr_lines(done)[-1]
    assert len(entries(log)) == 1


def test_text_piped_into_the_full_screen_names_the_command_for_it(log: Path) -> None:
    primary, replica = os.openpty()
    try:
        done = subprocess.run([command()], input=b"text\n", stdout=replica, stderr=subprocess.PIPE)
    finally:
        os.close(primary)
        os.close(replica)
    assert done.returncode == 2
    (sentence,) = stderr_lines(done)
    assert "3am log -" in sentence
    assert not log.exists()
