"""`3am run -- CMD` with real processes: what the command gets, what is kept of it, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import all_texts, entries
from support.people import Person
from support.processes import Output, eventually, held, is_free, is_gone, process, three_am
from threeam.core.format.entry import Entry
from threeam.process.guard import kill_program

ALICE = Person("alice", 64011, (64002,))
# Says which descriptors it has, each with what it is; the one that lists them is closed by then.
DESCRIPTORS = """
import os
for fd in sorted(map(int, os.listdir("/proc/self/fd"))):
    try:
        print(fd, os.readlink(f"/proc/self/fd/{fd}"))
    except OSError:
        pass
"""
OURS = ("sanity.log", "plan-", "run-", ".lock", "anon_inode")


@pytest.fixture
def lock(log: Path) -> Path:
    """The lock of this test's journal."""
    return Path(f"{log}.lock")


def the_run(log: Path) -> Entry:
    """The only line of the log."""
    (entry,) = entries(log)
    assert entry.kind == "Run"
    return entry


def outcome(log: Path) -> str:
    """What its line says came of the one run, with its exit: ``failed exit=7``."""
    arm, came, code, *_ = (the_run(log).tag("RUN") or "").split()
    assert arm == "bare"
    return f"{came} {code}"


def kept(log: Path) -> Path:
    """The file that the line of the one run names; there is no other."""
    (attachment,) = Path(f"{log}.d").iterdir()
    assert the_run(log).tag("FILE") == attachment.name
    return attachment


def said(output: Output) -> bytes:
    """The next line that a process prints."""
    seen = len(output.lines)
    return output.until(lambda lines: len(lines) > seen, "it prints a line")[seen]


def test_the_output_is_live_and_the_lock_is_free_while_the_command_runs(log: Path, lock: Path, run: Run) -> None:
    with three_am("run", "-q", "--", "sh", "-c", "echo begun; read answer; echo got $answer") as running:
        output = Output(running)
        assert said(output) == b"begun"
        assert not lock.exists() or is_free(lock)
        assert run("log", "meanwhile").returncode == 0
        assert running.stdin is not None
        running.stdin.write(b"words\n")
        running.stdin.flush()
        assert said(output) == b"got words"
        assert running.wait(20) == 0
    first, second = all_texts(log)
    assert first == "meanwhile"
    assert second.startswith("Run: passed, exit 0, ")


@pytest.mark.parametrize("flags", [(), ("--timeout", "20s"), ("-n", "2", "--arm", "stress")], ids=" ".join)
def test_the_command_has_no_descriptor_of_ours(log: Path, run: Run, flags: tuple[str, ...]) -> None:
    done = run("run", "-q", *flags, "--", sys.executable, "-c", DESCRIPTORS)
    assert done.returncode == 0
    listed = next(path for path in sorted(Path(f"{log}.d").iterdir()) if path.suffix == ".out").read_text()
    assert [int(row.split()[0]) for row in listed.splitlines()] == [0, 1, 2]
    assert not any(word in listed for word in OURS), listed


def test_the_command_has_what_the_caller_opened_for_it(log: Path, tmp_path: Path) -> None:
    script = f"{command()} run -q -- cat <(echo by the shell) /dev/fd/9 9< {tmp_path / 'given'}"
    (tmp_path / "given").write_text("by the caller\n")
    done = subprocess.run(["bash", "-c", script], capture_output=True, timeout=20)
    assert (done.stdout, done.stderr, done.returncode) == (b"by the shell\nby the caller\n", b"", 0)
    assert kept(log).read_bytes() == done.stdout


def test_stdout_and_stderr_go_where_they_should_and_are_kept_in_one_file(log: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"umask 000; {command()} run -q -- sh -c 'echo to out; echo to err >&2'"],
        capture_output=True,
        timeout=20,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"to out\n", b"to err\n")
    assert sorted(kept(log).read_bytes().splitlines()) == [b"to err", b"to out"]
    assert kept(log).stat().st_mode & 0o7777 == 0o600
    assert kept(log).parent.stat().st_mode & 0o7777 == 0o700


def test_what_goes_to_one_place_stays_in_its_order(log: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done"
    done = subprocess.run(
        [command(), "run", "-q", "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20
    )
    assert done.stdout.split() == [str(i).encode() for i in range(1, 10) for _ in "oe"]
    assert kept(log).read_bytes() == done.stdout


def test_the_line_does_not_get_into_the_commands_stdout(run: Run) -> None:
    done = run("run", "--", "echo", "data")
    assert done.stdout == b"data\n"
    assert b"Run: passed" in done.stderr


@pytest.mark.parametrize(
    ("words", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("postgres://app:hunter2@db1/shop", "hunter2"),
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_a_secret_is_shown_to_who_ran_it_and_kept_nowhere(log: Path, run: Run, words: str, secret: str) -> None:
    """Printed in two writes, which no line of the kept file shows."""
    half = len(words) - 3
    done = run("run", "-q", "--", "sh", "-c", f"printf '%s' '{words[:half]}'; sleep 0.01; echo '{words[half:]}'")
    assert done.stdout.decode().strip() == words
    assert secret not in kept(log).read_text()
    assert run("run", "-q", "--", "echo", words).returncode == 0
    for path in (log, *Path(f"{log}.d").iterdir()):
        assert secret not in path.read_text(), path


@pytest.mark.parametrize(
    ("flags", "script", "code", "came"),
    [
        ([], "exit 0", 0, "passed exit=0"),
        ([], "exit 7", 1, "failed exit=7"),
        (["--exit-code"], "exit 7", 7, "failed exit=7"),
        (["--exit-code"], "kill -SEGV $$", 139, "failed exit=139"),
        (["--timeout", "50ms"], "exec sleep 60", 1, "timed-out exit=137"),
        (["--timeout", "50ms", "--exit-code"], "exec sleep 60", 124, "timed-out exit=137"),
        (["--timeout", "50ms", "--fail", "timeout"], "exec sleep 60", 1, "failed exit=137"),
        (["--fail", "exit==3"], "exit 3", 1, "failed exit=3"),
        (["--fail", "exit==3"], "exit 0", 0, "passed exit=0"),
        (["--fail", "exit==3"], "exit 4", 1, "inconclusive exit=4"),
        (["--fail-regex", "^lost"], "echo lost update", 1, "failed exit=0"),
        (["--fail-regex", "^lost"], "echo not lost", 0, "passed exit=0"),
        (["--fail-regex", "^lost"], "echo not lost; exit 7", 1, "inconclusive exit=7"),
        (["--fail-regex", "^lost"], "kill -TERM $$", 1, "inconclusive exit=143"),
        (["--fail-regex", "^lost", "--exit-code"], "echo lost update; exit 7", 7, "failed exit=7"),
    ],
)
def test_the_exit_says_whether_it_failed_by_its_rule(
    log: Path, run: Run, flags: list[str], script: str, code: int, came: str
) -> None:
    assert run("run", "-q", *flags, "--", "sh", "-c", script).returncode == code
    assert outcome(log) == came


@contextmanager
def pid_said(*argv: str) -> Iterator[tuple[subprocess.Popen[bytes], Output]]:
    """A `3am run` whose command has said its own pid, in its first line."""
    with three_am("run", *argv) as running:
        output = Output(running)
        assert said(output).isdigit()
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
    assert kept(log).read_bytes() == output.lines[0] + b"\n"


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
    assert (report.returncode, b"no run has ended" in report.stdout) == (1, True)


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
    assert kept(log).read_text().endswith("undone\n")


def test_a_command_that_will_not_end_is_killed_by_the_second_signal(log: Path) -> None:
    script = "trap 'echo not yet' TERM; echo $$; while :; do sleep 0.01; done"
    with pid_said("-q", "--", "sh", "-c", script) as (running, output):
        running.send_signal(signal.SIGTERM)
        assert said(output) == b"not yet"
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
        daemon = int(said(Output(running)))
        try:
            assert running.wait(20) == 0
            assert not is_gone(daemon), "a shell leaves it alone, and so do we"
        finally:
            os.kill(daemon, signal.SIGKILL)


# Nothing was run.


@pytest.mark.parametrize(
    ("argv", "code", "why"),
    [
        (["--", "no-such-command", "{mark}"], 2, "no such command"),
        (["--", "touch {mark}"], 2, "sh -c"),
        (["--", "{plain}"], 2, "cannot be run"),
        (["-H", "H7", "--", "touch", "{mark}"], 1, "H7"),
        (["--fail", "exit=3", "--", "touch", "{mark}"], 2, "exit==3"),
        (["--fail-regex", "(", "--", "touch", "{mark}"], 2, "--fail-regex"),
        (["--timeout", "0s", "--", "touch", "{mark}"], 2, "0s"),
        (["--seed", "1", "--", "touch", "{mark}"], 2, "-n"),
        (["-n", "0", "--", "touch", "{mark}"], 2, "-n 0"),
        (["-n", "2", "--exit-code", "--", "touch", "{mark}"], 2, "--exit-code"),
        ([], 2, "which command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_run_is_said_before_anything_is(
    log: Path, run: Run, tmp_path: Path, argv: list[str], code: int, why: str
) -> None:
    mark, plain = tmp_path / "mark", tmp_path / "plain"
    plain.touch(0o644)
    done = run("run", *(word.format(mark=mark, plain=plain) for word in argv))
    assert done.returncode == code, done.stderr
    assert why in done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert not mark.exists()
    assert not log.exists()
    assert not Path(f"{log}.d").exists()


def test_a_program_that_does_not_start_leaves_nothing_behind(log: Path, run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    done = run("run", "--", str(broken))
    assert (done.returncode, done.stdout) == (3, b"")
    assert str(broken) in done.stderr.decode()
    assert not log.exists()
    assert list(Path(f"{log}.d").iterdir()) == []


@pytest.mark.parametrize("flags", [(), ("-n", "2")], ids=" ".join)
def test_nothing_is_run_where_its_line_could_not_be_written(place: Path, flags: tuple[str, ...]) -> None:
    log, mark = place / "sanity.log", place / "open" / "mark"
    log.write_text("[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] before\n")
    log.chmod(0o644)
    mark.parent.mkdir(mode=0o777)
    mark.parent.chmod(0o777)
    env = {**os.environ, "HOME": str(mark.parent), "SANITY_LOG": str(log), "SANITY_LOCK": str(log) + ".lock"}
    done = subprocess.run(
        ALICE.argv("run", *flags, "--", "touch", str(mark)), capture_output=True, timeout=20, env=env, cwd=place
    )
    assert done.returncode == 3
    assert b"nothing was run" in done.stderr
    assert not mark.exists()


# It was run, and something is in the way.


def test_a_lock_that_is_held_for_too_long_says_where_the_output_is(log: Path, lock: Path, run: Run) -> None:
    lock.touch()
    with held(lock):
        done = run("run", "--", "echo", "precious", SANITY_LOCK_TIMEOUT="0.1")
    assert (done.returncode, done.stdout) == (4, b"precious\n")
    (path,) = Path(f"{log}.d").iterdir()
    assert path.read_text() == "precious\n"
    assert str(path) in done.stderr.decode()
    assert "passed" in done.stderr.decode(), "its line is handed back too"
    assert not log.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_leaves_no_command_behind_that_nobody_watches(small_disk: Path) -> None:
    """The command goes on, or it is ended: it is not left running when its prompt is back."""
    script = "echo $$; head -c 400000 /dev/zero; exec sleep 2"
    where = {"SANITY_LOG": str(small_disk / "s.log"), "SANITY_LOCK": str(small_disk / "s.lock")}
    with three_am("run", "-q", "--", "sh", "-c", script, **where) as running:
        assert running.stdout is not None
        pid = int(running.stdout.readline())
        _, err = running.communicate(timeout=20)
        try:
            assert is_gone(pid), err
        finally:
            if not is_gone(pid):
                os.kill(pid, signal.SIGKILL)
    assert (running.returncode, b"No space left" in err) == (3, True), err


def test_an_output_over_the_cap_is_kept_with_its_begin_and_its_end(log: Path, run: Run) -> None:
    done = run("run", "-q", "--", "sh", "-c", f"echo first; yes {'x' * 999} | head -c 20000000; echo last")
    assert len(done.stdout) == 20_000_000 + len("first\nlast\n")
    text = kept(log).read_bytes()
    assert text.startswith(b"first\n")
    assert text.endswith(b"last\n")
    assert b"bytes are left out here" in text
    assert len(text) < 17 * 1024 * 1024


def test_nohup_of_the_shell_reaches_the_command_with_its_terminal_gone(log: Path, tmp_path: Path) -> None:
    """A long hunt overnight, begun with nohup(1): a hang-up ends neither us nor what we run."""
    with process("nohup", command(), "run", "-q", "--", "sh", "-c", "echo $$; read -r word; echo $word") as running:
        output = Output(running)
        pid = int(said(output))
        for process_pid in (running.pid, pid):
            os.kill(process_pid, signal.SIGHUP)
        assert running.stdin is not None
        running.stdin.write(b"still here\n")
        running.stdin.close()
        running.stdin = None
        assert said(output) == b"still here"
        assert running.wait(20) == 0


def test_a_process_that_is_left_behind_and_prints_on_does_not_hold_us_up(log: Path, tmp_path: Path) -> None:
    script = f"yes & echo $! > {tmp_path}/pid; sleep 0.1"
    with open(os.devnull, "wb") as nowhere:
        done = subprocess.run([command(), "run", "-q", "--", "sh", "-c", script], stdout=nowhere, timeout=20)
    assert done.returncode == 0
    assert outcome(log) == "passed exit=0"


@pytest.mark.parametrize(("options", "code"), [((), 3), (("--exit-code",), 7)])
def test_a_line_that_could_not_be_shown_is_not_reported_as_shown(
    log: Path, options: tuple[str, ...], code: int
) -> None:
    """The line is in the log, and the disk of stderr is full; --exit-code still gives the code of the command."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "run", *options, "--", "sh", "-c", "exit 7"], stderr=full, check=False)
    assert outcome(log) == "failed exit=7"
    assert done.returncode == code
