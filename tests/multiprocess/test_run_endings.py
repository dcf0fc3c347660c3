"""How `3am run -- CMD` ends: by a signal, with its reader, with its observer, and with what it left behind."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import entries
from support.processes import Output, eventually, is_gone, process, three_am
from support.single_runs import next_line, outcome, output_file
from threeam.process.guard import kill_program


@contextmanager
def pid_said(*argv: str) -> Iterator[tuple[subprocess.Popen[bytes], Output]]:
    """A `3am run` whose command has said its own pid, in its first line."""
    with three_am("run", *argv) as running:
        output = Output(running)
        assert next_line(output).isdigit()
        yield running, output


@pytest.mark.parametrize("flags", [(), ("--timeout", "50s"), ("--exit-code",)], ids=" ".join)
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT], ids=lambda number: number.name
)
def test_a_signal_ends_the_command_too_and_its_line_is_written(
    log: Path, number: signal.Signals, flags: tuple[str, ...]
) -> None:
    with pid_said(*flags, "--", "sh", "-c", "echo $$; exec sleep 60") as (running, output):
        running.send_signal(number)
        assert running.wait(20) == 128 + number
        assert is_gone(int(output.lines[0]))
    assert outcome(log) == f"cut exit={128 + number}"
    assert output_file(log).read_bytes() == output.lines[0] + b"\n"


# Its child is in the background, which ignores SIGINT and SIGQUIT then, and its other child in a session of its own.
FAMILY = """
sleep 600 & echo $! >> pids
setsid sleep 600 & echo $! >> pids
echo $$ >> pids; : > there; wait
"""


@pytest.mark.parametrize("flags", [(), ("--timeout", "50s")], ids=["no limit", "a limit"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=lambda number: number.name)
def test_a_command_does_not_outlive_its_observer_and_a_line_says_that_it_has_no_result(
    log: Path,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    flags: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    with three_am("run", "-q", *flags, "--", "sh", "-c", FAMILY) as running:
        eventually((tmp_path / "there").exists, "it runs, and its children")
        running.send_signal(number)
        assert running.wait(20) == (-9 if number == signal.SIGKILL else 131)
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 3
    eventually(lambda: all(map(is_gone, pids)), "all of them have ended")
    eventually(lambda: log.exists() and entries(log) != [], "its line is written")
    (entry,) = entries(log)
    if number == signal.SIGKILL:
        assert entry.text.startswith("Run: no result, the 3am that ran it ended, 0 bytes: sh -c")
        assert outcome(log) == "lost exit=137"
        assert list(Path(f"{log}.d").iterdir()) == [], "a file with nothing in it is none"
    else:
        assert outcome(log) == "cut exit=131"
    report = run("run", "--report", "R1")
    assert (report.returncode, report.stdout.startswith(b"R1\n  ")) == (1, True)


def test_what_was_started_a_moment_before_its_observer_was_killed_is_found_by_its_pipe() -> None:
    """Its pid was not told yet: between the start of a program and that there is a moment, and a loaded machine."""
    with process("sleep", "600") as started, process("sleep", "600") as another:
        assert started.stdout is not None
        kill_program(0, os.fstat(started.stdout.fileno()).st_ino)
        assert started.wait(20) == -signal.SIGKILL
        assert another.poll() is None


def test_a_command_that_ends_itself_after_a_sigint_has_the_time_for_it(log: Path) -> None:
    script = "trap 'echo undone; exit 3' INT; echo $$; while :; do sleep 0.01; done"
    with pid_said("--", "sh", "-c", script) as (running, _):
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    assert output_file(log).read_text().endswith("undone\n")


def test_a_command_that_will_not_end_is_killed_by_the_second_signal(log: Path) -> None:
    script = "trap 'echo not yet' TERM; echo $$; while :; do sleep 0.01; done"
    with pid_said("-q", "--", "sh", "-c", script) as (running, output):
        running.send_signal(signal.SIGTERM)
        assert next_line(output) == b"not yet"
        running.send_signal(signal.SIGTERM)
        assert running.wait(4) == 143, "before the time is over that it has to end by itself"
        assert is_gone(int(output.lines[0]))


def test_what_nohup_has_ignored_stays_ignored(log: Path) -> None:
    script = "trap '' HUP; exec \"$0\" run -- sh -c 'kill -HUP $$; echo still here'"
    done = subprocess.run(["sh", "-c", script, command()], capture_output=True, timeout=20)
    assert (done.returncode, done.stdout) == (0, b"still here\n")


def test_a_reader_that_goes_away_ends_the_command_as_in_a_shell(log: Path) -> None:
    """`yes | head` ends, and so does `3am run -- yes | head`; else it runs for ever, where nobody sees it."""
    with process("bash", "-c", '"$0" run -q -- yes | head -n 1', command()) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"y\n"
        try:
            eventually(lambda: running.poll() is not None, "the command has ended with its reader", 3)
        finally:
            end_children(running.pid)


def end_children(pid: int) -> None:
    """Kills what a process has started, and what that has."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    for child in map(int, path.read_text().split() if path.exists() else ()):
        end_children(child)
        os.kill(child, signal.SIGKILL)


def test_a_daemon_that_keeps_the_pipe_does_not_keep_us(log: Path) -> None:
    with three_am("run", "-q", "--", "sh", "-c", "sleep 60 & echo $!") as running:
        daemon = int(next_line(Output(running)))
        try:
            assert running.wait(20) == 0
            assert not is_gone(daemon), "a shell leaves it alone, and so do we"
        finally:
            os.kill(daemon, signal.SIGKILL)


def test_nohup_of_the_shell_reaches_the_command_with_its_terminal_gone(log: Path, tmp_path: Path) -> None:
    """A long hunt overnight, begun with nohup(1): a hang-up ends neither us nor what we run."""
    with process("nohup", command(), "run", "-q", "--", "sh", "-c", "echo $$; read -r word; echo $word") as running:
        output = Output(running)
        pid = int(next_line(output))
        for process_pid in (running.pid, pid):
            os.kill(process_pid, signal.SIGHUP)
        assert running.stdin is not None
        running.stdin.write(b"still here\n")
        running.stdin.close()
        running.stdin = None
        assert next_line(output) == b"still here"
        assert running.wait(20) == 0


def test_a_process_that_is_left_behind_and_prints_on_does_not_hold_us_up(log: Path, tmp_path: Path) -> None:
    script = f"yes & echo $! > {tmp_path}/pid; sleep 0.1"
    with open(os.devnull, "wb") as nowhere:
        done = subprocess.run([command(), "run", "-q", "--", "sh", "-c", script], stdout=nowhere, timeout=20)
    assert done.returncode == 0
    assert outcome(log) == "passed exit=0"


@pytest.mark.parametrize("limit", ["600h", "999999999h"])
def test_a_time_limit_of_weeks_is_one(log: Path, run: Run, limit: str) -> None:
    """poll(2) waits for 24 days at most."""
    assert run("run", "-q", "--timeout", limit, "--", "true").stderr == b""
    assert outcome(log) == "passed exit=0"
