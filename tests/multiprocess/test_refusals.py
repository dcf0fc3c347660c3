"""Files, folders, limits and signals that stop a `3am`: one sentence, and the words are handed back."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.commands import Done, Run, command, good, refused, stderr_lines
from support.journals import entries
from support.lines import HARMFUL
from support.night_log import line
from threeam.core.format.entry import ACQUIRED
from threeam.core.store.journal import Journal


@pytest.mark.parametrize("argv", [["log", "x"], ["tail"], ["tail", "-f"], ["doctor"]], ids=" ".join)
def test_a_log_that_is_a_fifo_is_refused_and_never_hangs(run_process: Run, log: Path, argv: list[str]) -> None:
    os.mkfifo(log)
    done = run_process(*argv, timeout=20)
    assert done.returncode == 3
    assert "FIFO" in stderr_lines(done)[-1]


def test_a_working_folder_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    shell = 'mkdir gone; cd gone; rmdir ../gone; exec "$0" --log x.log log x'
    done = subprocess.run(["/bin/sh", "-c", shell, command()], capture_output=True, cwd=tmp_path)
    assert stderr_lines(done)
    assert done.returncode == 3


def test_the_name_of_a_lock_holder_cannot_drive_the_terminal(run: Run, tmp_path: Path) -> None:
    code = (
        "import fcntl, sys\n"
        "open('/proc/self/comm', 'w').write('\\x1b[2J\\nx\\x9b')\n"
        "lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "sanity.log.lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        printed = [good(run("status")), good(run("status", "--tmux"))]
        holder.communicate()
    for sentence in printed:
        assert "held by" in sentence
        assert not HARMFUL.search(sentence)
        assert sentence.count("\n") == 1


def test_a_file_size_limit_refuses_whole_and_gives_the_words_back(run: Run, log: Path) -> None:
    good(run("log", "before"))
    before = log.read_bytes()
    done = limited(len(before) + 20, "log", "my words")
    assert (done.returncode, done.stdout) == (3, b"")
    assert stderr_lines(done)[0].endswith("my words")
    assert "nothing was written" in stderr_lines(done)[-1]
    assert log.read_bytes() == before


def test_a_script_run_that_stops_half_way_never_says_that_nothing_was_written(log: Path) -> None:
    length = len(line(0, ACQUIRED))
    done = limited(length + 20, "sanity", "5", "my words", "--delay", "0")
    assert done.returncode == 3
    assert [entry.text for entry in entries(log)] == [ACQUIRED]
    assert "nothing was written" not in stderr_lines(done)[-1]


def limited(size: int, *argv: str) -> Done:
    """`3am` in a process that may write files of ``size`` bytes at most."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return subprocess.run([command(), *argv], capture_output=True, preexec_fn=limit)


# --- other people's files, seen by somebody who is not root

NOBODY = 65534
AS_NOBODY = f"""
import os, sys
import argparse, difflib, getpass, json, pwd, shlex, tomllib  # while they can still be read
import filelock, inotify_simple
from threeam.cli import doctor, hyp, log, main, path, status, tail
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.fixture
def commons() -> Iterator[Path]:
    """A folder that everybody can reach and only its owner can write to."""
    folder = Path(tempfile.mkdtemp(prefix="3am-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody(commons: Path) -> Callable[..., Done]:
    """Runs `3am` as an ordinary user: as nobody where the tests run as root."""

    def run_as_nobody(*argv: str) -> Done:
        env = {**os.environ, "SANITY_LOG": str(commons / "sanity.log"), "HOME": str(commons)}
        del env["SANITY_LOCK"]
        return subprocess.run(
            [sys.executable, "-c", AS_NOBODY, *argv], env=env, capture_output=True, stdin=subprocess.DEVNULL, timeout=20
        )

    return run_as_nobody


def test_a_log_that_cannot_be_read_says_whom_to_ask(as_nobody: Callable[..., Done], commons: Path) -> None:
    (commons / "sanity.log").write_bytes(line(0, "secret"))
    (commons / "sanity.log").chmod(0)
    for argv in (["tail"], ["status"], ["doctor"], ["hyp", "list"]):
        sentence = refused(as_nobody(*argv), 3)
        assert "permission denied" in sentence
        assert "--log" in sentence


def test_a_log_that_can_be_read_and_not_written_is_read_and_never_written(
    as_nobody: Callable[..., Done], commons: Path
) -> None:
    log = commons / "sanity.log"
    log.write_bytes(line(0, "for all to read"))
    log.chmod(0o444)
    commons.chmod(0o555)
    before = log.read_bytes()
    assert good(as_nobody("tail")).encode() == before
    good(as_nobody("status"))
    good(as_nobody("doctor"))
    done = as_nobody("log", "my words")
    assert done.returncode == 3
    assert stderr_lines(done)[0].endswith("my words")
    assert "permission denied" in stderr_lines(done)[-1]
    assert log.read_bytes() == before
    assert os.listdir(commons) == ["sanity.log"]


def test_a_home_that_cannot_be_written_to_is_a_sentence(as_nobody: Callable[..., Done], commons: Path) -> None:
    commons.chmod(0o555)
    done = as_nobody("-j", "checkout", "log", "my words")
    assert done.returncode == 3
    assert stderr_lines(done)[0].endswith("my words")
    assert os.listdir(commons) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda it: str(it))
def test_the_words_of_a_note_that_is_ended_while_it_waits_are_handed_back(
    journal: Journal, log: Path, number: int
) -> None:
    with open(journal.lock_path, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen([command(), "log", "precious"], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        while not re.search(rf"-> FLOCK .* {process.pid} ", Path("/proc/locks").read_text()):  # in the kernel's queue
            assert process.poll() is None
        process.send_signal(number)
        out, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert (out, stderr) == (b"", b"3am: not written: precious\n")
    assert not log.exists()


def test_a_script_run_whose_log_is_removed_is_unsure(journal: Journal, log: Path) -> None:
    process = subprocess.Popen([command(), "sanity", "0", "x", "--delay", "0.5"], stderr=subprocess.PIPE)
    while not log.exists() or not log.read_bytes():
        assert process.poll() is None
    log.unlink()
    assert b"removed" in process.communicate(timeout=20)[1]
    assert process.returncode == 3
