"""An experiment that ended half way: what is on record, and how `--resume` makes the missing runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import Run, command, good
from support.experiment_runs import TOLD, all_entries, halfway, lines_of, numbers, outcomes, report_json, verdicts
from support.processes import eventually, held, is_gone, three_am, wait_queued


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        signal.SIGKILL,
        *(pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)),
    ],
    ids=lambda number: number.name,
)
def test_what_ends_it_leaves_a_valid_partial_record_and_resume_makes_the_missing_runs(
    log: Path, run: Run, tmp_path: Path, number: signal.Signals
) -> None:
    with halfway(tmp_path) as running:
        running.send_signal(number)
        assert running.wait(20) == (-9 if number == signal.SIGKILL else 128 + number)
        assert running.stderr is not None
        err = running.stderr.read()
        if number != signal.SIGKILL:
            assert b"--resume R1" in err
        eventually(lambda: is_gone(int(lines_of(tmp_path / "turns")[6])), "the run has ended")
        label = b"cut" if number != signal.SIGKILL else b"lost"
        eventually(lambda: b" " + label + b" exit=" in log.read_bytes(), "a line says that it has no result")
    written = numbers(all_entries(log))
    assert written == list(range(1, len(written) + 1))
    if number != signal.SIGKILL:
        assert len(written) == 6, "all that had ended, and not the one that was cut"
    doctor = run("doctor")
    assert (doctor.returncode, b"sound" in doctor.stderr + doctor.stdout) == (0, True)
    assert verdicts(all_entries(log)) == []
    partial = report_json(run)
    assert (partial["done"], partial["verdict"], partial["comparisons"]) == (len(written), None, None)
    assert b"no verdict before the plan is done" in run("run", "--report", "R1").stdout
    handed_over = run("handoff").stdout.decode()
    assert f"interrupted at {len(written)}/10 · " in handed_over.partition("INTERRUPTED\n")[2], handed_over
    assert "RUNNING" not in handed_over

    (tmp_path / "go").touch()
    before = len(lines_of(tmp_path / "turns"))
    assert run("run", "-q", "--resume", "R1").returncode == 0
    assert len(lines_of(tmp_path / "turns")) - before == 10 - len(written), "exactly the missing ones were made"
    entries = all_entries(log)
    assert numbers(entries) == list(range(1, 11))
    assert outcomes(entries) == {("bare", "passed"): 5, ("told", "passed"): 5}
    assert len(verdicts(entries)) == 1
    assert b"INTERRUPTED" not in run("handoff").stdout
    again = run("run", "--resume", "R1")
    assert (again.returncode, b"R1 is done" in again.stderr) == (1, True)
    assert all_entries(log) == entries


def test_a_running_experiment_is_not_resumed_by_another_process(log: Path, run: Run, tmp_path: Path) -> None:
    with halfway(tmp_path) as running:
        declined = run("run", "--resume", "R1")
        assert (declined.returncode, b"being run" in declined.stderr) == (1, True)
        assert len(lines_of(tmp_path / "turns")) == 7
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    assert numbers(all_entries(log)) == list(range(1, 7))


@pytest.mark.parametrize("fate", ["gone", "somebody else's", "a link", "another plan", "no plan"])
def test_a_plan_that_is_not_ours_any_more_is_not_run(log: Path, run: Run, tmp_path: Path, fate: str) -> None:
    with halfway(tmp_path) as running:
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 143
    (plan,) = Path(f"{log}.d").glob("plan-*.json")
    match fate:
        case "gone":
            plan.unlink()
        case "somebody else's":
            os.chown(plan, 64011, 64011)
        case "a link":
            plan.symlink_to(plan.rename(tmp_path / "elsewhere"))
        case "another plan":
            plan.write_text(plan.read_text().replace('"n": 5', '"n": 50'))
        case "no plan":
            plan.write_text("[]")
    before = log.read_bytes()
    done = run("run", "--resume", "R1")
    assert (done.returncode, b"Traceback" in done.stderr) == (3, False), done.stderr
    assert str(plan) in done.stderr.decode()
    assert len(lines_of(tmp_path / "turns")) == 7
    assert log.read_bytes() == before


def test_it_goes_on_in_the_folder_in_which_it_was_begun(run: Run, tmp_path: Path) -> None:
    with halfway(tmp_path) as running:
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
    (tmp_path / "go").touch()
    done = subprocess.run([command(), "run", "-q", "--resume", "R1"], cwd="/", capture_output=True, timeout=20)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len(lines_of(tmp_path / "turns")) == 11


def test_a_lock_that_is_held_for_too_long_ends_it_and_it_goes_on_later(
    log: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANITY_LOCK_TIMEOUT", "0.1")
    with halfway(tmp_path) as running, held(Path(f"{log}.lock")):
        os.kill(int(lines_of(tmp_path / "turns")[6]), signal.SIGTERM)
        assert running.wait(20) == 4
        assert running.stderr is not None
        err = running.stderr.read()
    assert b"Traceback" not in err
    assert run("doctor").returncode == 0
    run("run", "-q", "--resume", "R1")
    entries = all_entries(log)
    assert numbers(entries) == list(range(1, 11))
    assert len(verdicts(entries)) == 1
    assert b"--resume R1" in err, "how to go on is said, as after ctrl+c"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full_in_the_middle_is_reported_and_it_goes_on_when_there_is_room(
    run: Run, small_disk: Path
) -> None:
    log, fill = small_disk / "s.log", small_disk / "fill"
    where = {"SANITY_LOG": str(log), "SANITY_LOCK": f"{log}.lock"}
    script = f"echo x >> turns; [ $(wc -l < turns) -ne 7 ] || head -c 1000000 /dev/zero > {fill} 2> /dev/null; true"
    done = run("run", "-q", "-n", "200", *TOLD, "--", "sh", "-c", script, **where)
    assert (done.returncode, b"Traceback" in done.stderr) == (3, False), done.stderr
    assert b"is full" in done.stderr
    fill.unlink()
    assert run("doctor", **where).returncode == 0
    assert run("run", "-q", "--resume", "R1", **where).returncode == 0
    assert sorted(numbers(all_entries(log))) == list(range(1, 401))
    assert b"--resume R1" in done.stderr, "how to go on is said, as after ctrl+c"


# A `3am` whose second fdatasync(2) fails: the first one is of the plan.
FAILS_ONE_SYNC = """
import errno, os, sys
from threeam.cli.main import main

really_sync, synced = os.fdatasync, []

def sync(fd):
    synced.append(fd)
    if len(synced) == 2:
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    really_sync(fd)

os.fdatasync = sync
sys.exit(main(sys.argv[1:]))
"""


def test_runs_that_the_disk_did_not_confirm_are_logged_once(log: Path, run: Run) -> None:
    argv = [sys.executable, "-c", FAILS_ONE_SYNC, "run", "-q", "-n", "8", "--", "sleep", "0.3"]
    done = subprocess.run(argv, capture_output=True, timeout=30)
    assert (done.returncode, b"unsure: written as @" in done.stderr) == (3, True), done.stderr
    logged = numbers(all_entries(log))
    assert logged == list(range(1, len(logged) + 1))
    assert run("run", "-q", "--resume", "R1").returncode == 0
    assert numbers(all_entries(log)) == list(range(1, 9))


# Its first 200 runs fail and print nothing. Later ones wait until there is a file `go`, and print a line.
PRINTS_LATE = """
echo x >> turns
[ $(wc -l < turns) -gt 200 ] || exit 1
[ -e go ] || exec sleep 600
echo words
exit 1
"""


@pytest.mark.slow
def test_outputs_are_saved_after_many_runs_that_printed_nothing(log: Path, run: Run, tmp_path: Path) -> None:
    with three_am("run", "-q", "-n", "203", "--", "sh", "-c", PRINTS_LATE) as running:
        eventually(lambda: len(lines_of(tmp_path / "turns")) == 201, "the 201st run goes on")
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 143
    (tmp_path / "go").touch()
    assert run("run", "-q", "--resume", "R1").returncode == 1
    saved = [entry.tag("R1") for entry in all_entries(log) if entry.kind == "Run" and entry.tag("FILE")]
    assert saved == ["201/203", "202/203", "203/203"]


# Around `true` it waits, where HOLD names a file, until that is gone: for then its experiment is not claimed yet.
WAITS = """#!/bin/sh
if [ -n "$HOLD" ] && [ "$1" = true ]; then
    : > waiting
    while [ -e "$HOLD" ]; do sleep 0.01; done
fi
ARM=told exec "$@"
"""


def cut_halfway(tmp_path: Path, *flags: str) -> None:
    """R1 is ended in its 7th run of 10, which does not stop a second time."""
    with halfway(tmp_path, *flags) as running:
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 143
    (tmp_path / "go").touch()


def test_two_that_resume_it_at_once_make_each_run_once(log: Path, run: Run, tmp_path: Path) -> None:
    """What is missing may have been made by another, between a look at the log and the claim to go on."""
    wrapper, hold = tmp_path / "wrapper", tmp_path / "hold"
    wrapper.write_text(WAITS)
    wrapper.chmod(0o755)
    cut_halfway(tmp_path, "--arm", "bare", "--arm", f"told={wrapper}")
    hold.touch()
    with three_am("run", "-q", "--resume", "R1", HOLD=str(hold)) as late:
        eventually((tmp_path / "waiting").exists, "the late one has looked at the log")
        assert run("run", "-q", "--resume", "R1").returncode == 0
        hold.unlink()
        code = late.wait(20)
    entries = all_entries(log)
    assert numbers(entries) == list(range(1, 11)), "each number once"
    assert len(verdicts(entries)) == 1
    assert code == 1, "R1 is done by then"


@pytest.mark.slow
def test_what_is_missing_is_known_after_a_rotation_too(log: Path, run: Run, tmp_path: Path) -> None:
    cut_halfway(tmp_path)
    before = run("run", "--report", "R1")
    inode = log.stat().st_ino
    for _ in range(2):
        assert run("log", "-q", "x" * 2000, SANITY_ROTATE_BYTES="1024").returncode == 0
    assert log.stat().st_ino != inode, "it was rotated"
    assert run("run", "--report", "R1").stdout == before.stdout
    assert run("run", "-q", "--resume", "R1").returncode == 0
    entries = all_entries(log)
    assert numbers(entries) == list(range(1, 11))
    assert outcomes(entries) == {("bare", "passed"): 5, ("told", "passed"): 5}
    assert len(verdicts(entries)) == 1


def test_a_signal_while_somebody_holds_the_lock_waits_no_longer_than_the_lock_may_take(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANITY_LOCK_TIMEOUT", "1")
    lock = Path(f"{log}.lock")
    with halfway(tmp_path) as running, held(lock):
        running.send_signal(signal.SIGTERM)
        wait_queued(lock)
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 143
    assert numbers(all_entries(log)) in ([], list(range(1, 7))), "all of them, or none: --resume makes them again"


def test_a_run_that_was_made_once_has_nothing_to_resume(run_here: Run) -> None:
    good(run_here("run", "-q", "--", "true"))
    done = run_here("run", "--resume", "R1")
    assert (done.returncode, done.stderr.startswith(b"3am: R1 is a single run, and has no plan")) == (1, True)
