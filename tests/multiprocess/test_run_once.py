"""`3am run -- CMD` with real processes: what the command gets, what is kept of it, and when it is not run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import all_texts
from support.people import Person
from support.processes import Output, held, is_free, is_gone, three_am
from support.single_runs import next_line, outcome, output_file

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


def test_the_output_is_live_and_the_lock_is_free_while_the_command_runs(log: Path, lock: Path, run: Run) -> None:
    with three_am("run", "-q", "--", "sh", "-c", "echo begun; read answer; echo got $answer") as running:
        output = Output(running)
        assert next_line(output) == b"begun"
        assert not lock.exists() or is_free(lock)
        assert run("log", "meanwhile").returncode == 0
        assert running.stdin is not None
        running.stdin.write(b"words\n")
        running.stdin.flush()
        assert next_line(output) == b"got words"
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
    assert output_file(log).read_bytes() == done.stdout


def test_stdout_and_stderr_go_where_they_should_and_are_kept_in_one_file(log: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"umask 000; {command()} run -q -- sh -c 'echo to out; echo to err >&2'"],
        capture_output=True,
        timeout=20,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"to out\n", b"to err\n")
    assert sorted(output_file(log).read_bytes().splitlines()) == [b"to err", b"to out"]
    assert output_file(log).stat().st_mode & 0o7777 == 0o600
    assert output_file(log).parent.stat().st_mode & 0o7777 == 0o700


def test_what_goes_to_one_place_stays_in_its_order(log: Path) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done"
    done = subprocess.run(
        [command(), "run", "-q", "--", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20
    )
    assert done.stdout.split() == [str(i).encode() for i in range(1, 10) for _ in "oe"]
    assert output_file(log).read_bytes() == done.stdout


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
    assert secret not in output_file(log).read_text()
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
def test_what_cannot_be_run_is_refused_before_anything_is_run(
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
    text = output_file(log).read_bytes()
    assert text.startswith(b"first\n")
    assert text.endswith(b"last\n")
    assert b"bytes are left out here" in text
    assert len(text) < 17 * 1024 * 1024


@pytest.mark.parametrize(("options", "code"), [((), 3), (("--exit-code",), 7)])
def test_a_line_that_could_not_be_shown_is_not_reported_as_shown(
    log: Path, options: tuple[str, ...], code: int
) -> None:
    """The line is in the log, and the disk of stderr is full; --exit-code still gives the code of the command."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([command(), "run", *options, "--", "sh", "-c", "exit 7"], stderr=full, check=False)
    assert outcome(log) == "failed exit=7"
    assert done.returncode == code
