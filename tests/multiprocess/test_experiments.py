"""`3am run -n` with real processes: the plan, its runs, what ends it half way, and how it goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.commands import Run, command
from support.journals import entries
from support.people import Person
from support.processes import Output, eventually, held, is_gone, process, three_am, wait_queued
from threeam.core.format.entry import Entry
from threeam.core.store.journal import resolve_journal
from threeam.core.store.reader import lines_forward

TOLD = ("--arm", "bare", "--arm", "told=env ARM=told")  # by the second, the command itself knows whose turn it is
# Says whose turn it is and what it is going to come to, in a file of its own: what really happened.
EVERY_THIRD = """
echo x >> turns; n=$(($(wc -l < turns)))
[ $((n % 3)) -eq 0 ] && came=failed || came=passed
echo "${ARM:-bare} $came" >> happened
[ $came = passed ]
"""
# Its 7th turn lasts until somebody ends it, or lets it go on with a file `go`.
STOPS_AT_7 = """
echo $$ >> turns
[ $(wc -l < turns) -ne 7 ] || [ -e go ] || exec sleep 600
"""


def all_entries(log: Path) -> list[Entry]:
    """The lines of a log and of what was rotated away, but for those that are carried over."""
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    entries = [line.entry for segment in journal.segments_forward(live) for line in lines_forward(segment)]
    return [entry for entry in entries if entry is not None and entry.carried_from is None]


def numbers(entries: list[Entry], name: str = "R1") -> list[int]:
    """The numbers of the runs of an experiment that have a result, as their lines stand."""
    return [int((entry.tag(name) or "").split("/")[0]) for entry in with_result(entries, name)]


def came(entries: list[Entry], name: str = "R1") -> Counter[tuple[str, ...]]:
    """How often each arm came to what, by the lines of its runs."""
    return Counter(tuple((entry.tag("RUN") or "").split()[:2]) for entry in with_result(entries, name))


def with_result(entries: list[Entry], name: str) -> list[Entry]:
    """The lines of the runs of an experiment, without those of a run that was cut short or lost."""
    runs = [entry for entry in entries if entry.kind == "Run" and entry.tag(name)]
    return [entry for entry in runs if (entry.tag("RUN") or "").split()[1] not in ("cut", "lost")]


def verdicts(entries: list[Entry]) -> list[str]:
    return [entry.body for entry in entries if entry.kind == "Verdict"]


def reported(run: Run, name: str = "R1") -> dict[str, Any]:
    """What ``--report --json`` says."""
    entries: dict[str, Any] = json.loads(run("run", "--report", name, "--json").stdout)
    return entries


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture(autouse=True)
def _in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def halfway(tmp_path: Path, *flags: str) -> Iterator[subprocess.Popen[bytes]]:
    """An experiment of 10 runs whose 7th is going on."""
    argv = flags or TOLD
    n = "10" if "--arm" not in argv or argv.count("--arm") == 1 else "5"
    with three_am("run", "-q", "-n", n, *argv, "--", "sh", "-c", STOPS_AT_7) as running:
        try:
            eventually(lambda: len(lines_of(tmp_path / "turns")) == 7, "the 7th run goes on")
            yield running
        finally:
            running.kill()
            running.wait(20)
            for pid in map(int, lines_of(tmp_path / "turns")[6:7]):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


# What is written.


def test_the_plan_is_a_line_before_anything_runs(log: Path, run: Run, tmp_path: Path) -> None:
    script = f"[ -e seen ] || cp {log} seen"
    assert run("hyp", "new", "the sweeper races the writer").returncode == 0
    assert run("run", "-n", "3", *TOLD, "--seed", "5", "-H", "H1", "--", "sh", "-c", script).returncode == 0
    *_, plan = entries(tmp_path / "seen")
    assert plan.kind == "Plan"
    assert (plan.tag("R1"), plan.tag("H1")) == ("0/6", "open")
    for word in ("3 runs each of bare, told", "env ARM=told", "seed 5", "exit!=0", "3am"):
        assert word in plan.body
    (verdict,) = [entry for entry in entries(log) if entry.kind == "Verdict"]
    assert (verdict.tag("R1"), verdict.tag("H1")) == ("6/6", "open")


def test_each_arm_has_n_runs_and_what_is_counted_is_what_happened(log: Path, run: Run, tmp_path: Path) -> None:
    assert run("run", "-q", "-n", "12", *TOLD, "--", "sh", "-c", EVERY_THIRD).returncode == 1
    entries = all_entries(log)
    assert numbers(entries) == list(range(1, 25))
    assert {entry.tag("R1") for entry in entries if entry.kind == "Run"} == {f"{i}/24" for i in range(1, 25)}
    happened = Counter(tuple(line.split()) for line in lines_of(tmp_path / "happened"))
    assert came(entries) == happened
    arms = reported(run)["arms"]
    assert [(arm["arm"], arm["failed"] + arm["passed"]) for arm in arms] == [("bare", 12), ("told", 12)]
    assert {(arm["arm"], key): arm[key] for arm in arms for key in ("failed", "passed")} == happened
    (verdict,) = verdicts(entries)
    assert f"bare {happened['bare', 'failed']}/12 failed" in verdict


def test_the_order_is_random_in_blocks_and_the_same_for_the_same_seed(log: Path, run: Run) -> None:
    for seed in ("1", "1", "2"):
        run("run", "-q", "-n", "20", *TOLD, "--seed", seed, "--", "true")
    entries = all_entries(log)
    orders = [
        [(entry.tag("RUN") or "").split()[0] for entry in entries if entry.kind == "Run" and entry.tag(name)]
        for name in ("R1", "R2", "R3")
    ]
    assert orders[0] == orders[1] != orders[2]
    for order in orders:
        assert all(set(order[i : i + 2]) == {"bare", "told"} for i in range(0, 40, 2))


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 1", 1), ("exec sleep 60", 1)])
def test_the_exit_says_whether_any_run_failed_or_none_ended(run: Run, script: str, code: int) -> None:
    assert run("run", "-q", "-n", "2", "--timeout", "50ms", "--", "sh", "-c", script).returncode == code


@pytest.mark.parametrize(
    "leaves",
    ["{} &", "sh -c '{} & wait' &", "timeout 600 {} &", "setsid {} &"],
    ids=["a child", "a grandchild", "a group of its own, as timeout(1) makes one", "a session of its own"],
)
@pytest.mark.parametrize("ends", ["exit 0", "wait"], ids=["ended", "timed out"])
def test_a_run_leaves_no_process_behind(run: Run, tmp_path: Path, leaves: str, ends: str) -> None:
    mark = f"MARK={tmp_path}"
    (tmp_path / "left").write_text("#!/bin/sh\n: > there\nexec sleep 600\n")
    (tmp_path / "left").chmod(0o755)
    script = f"export {mark}; {leaves.format('./left')} until [ -e there ]; do sleep 0.01; done; {ends}"
    try:
        run("run", "-q", "-n", "1", "--timeout", "500ms", "--", "sh", "-c", script)
        assert (tmp_path / "there").exists()
        eventually(lambda: not marked(mark), "what was killed has ended", 2)
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The processes that have ``mark`` in their environment."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes().split(b"\0"):
                pids.append(int(path.parent.name))
    return pids


def test_a_time_out_is_neither_failed_nor_passed(log: Path, run: Run) -> None:
    script = "echo x >> turns; [ $(wc -l < turns) -ne 2 ] || exec sleep 60"
    assert run("run", "-q", "-n", "4", "--timeout", "300ms", "--", "sh", "-c", script).returncode == 0
    entries = all_entries(log)
    assert came(entries) == {("bare", "passed"): 3, ("bare", "timed-out"): 1}
    (arm,) = reported(run)["arms"]
    assert (arm["failed"], arm["passed"], arm["timed_out"], arm["rate"]) == (0, 3, 1, 0.0)
    (verdict,) = verdicts(entries)
    assert "bare 0/3 failed" in verdict
    assert "1 of bare timed out" in verdict


def test_two_at_once_have_two_numbers_and_mix_up_nothing(log: Path, run: Run) -> None:
    argv = [command(), "run", "-q", "-n", "60", *TOLD, "--"]
    with process(*argv, "true") as item, process(*argv, "false") as other:
        assert (item.wait(60), other.wait(60)) == (0, 1)
    entries = all_entries(log)
    plans = {entry.body.partition(";")[0]: entry for entry in entries if entry.kind == "Plan"}
    for label, outcome in (("true", "passed"), ("false", "failed")):
        name = next(key for key, value in plans[label].tags if value == "0/120")
        assert numbers(entries, name) == list(range(1, 121))
        assert came(entries, name) == {("bare", outcome): 60, ("told", outcome): 60}
    assert len(plans) == len(verdicts(entries)) == 2


# A rotation.


def test_a_rotation_in_the_middle_loses_no_run(log: Path, run: Run, tmp_path: Path) -> None:
    small = {"SANITY_ROTATE_BYTES": "8192"}
    done = run("run", "-q", "-n", "150", *TOLD, "--", "sh", "-c", EVERY_THIRD, **small)
    assert (done.returncode, done.stderr) == (1, b"")
    entries = all_entries(log)
    assert len(list(tmp_path.glob("sanity.log.2*")) or list(tmp_path.glob("sanity.*.log"))) >= 1, "it was rotated"
    assert sorted(numbers(entries)) == list(range(1, 301))
    happened = Counter(tuple(line.split()) for line in lines_of(tmp_path / "happened"))
    arms = reported(run)["arms"]
    assert {(arm["arm"], key): arm[key] for arm in arms for key in ("failed", "passed")} == happened
    assert len(verdicts(entries)) == 1


@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_a_report_is_the_same_before_and_after_a_rotation(log: Path, run: Run, flags: list[str]) -> None:
    run("run", "-q", "-n", "6", *TOLD, "--timeout", "300ms", "--", "sh", "-c", EVERY_THIRD)
    before = run("run", "--report", "R1", *flags)
    inode = log.stat().st_ino
    for _ in range(3):
        assert run("log", "-q", "x" * 4000, SANITY_ROTATE_BYTES="1024").returncode == 0
    assert log.stat().st_ino != inode, "it was rotated"
    after = run("run", "--report", "R1", *flags)
    assert (after.returncode, after.stdout, after.stderr) == (before.returncode, before.stdout, before.stderr)


# Ended half way.


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL],
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
    partial = reported(run)
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
    assert came(entries) == {("bare", "passed"): 5, ("told", "passed"): 5}
    assert len(verdicts(entries)) == 1
    assert b"INTERRUPTED" not in run("handoff").stdout
    again = run("run", "--resume", "R1")
    assert (again.returncode, b"R1 is done" in again.stderr) == (1, True)
    assert all_entries(log) == entries


def test_what_is_being_run_is_not_gone_on_with_by_another(log: Path, run: Run, tmp_path: Path) -> None:
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


def test_a_disk_that_is_full_in_the_middle_is_said_and_it_goes_on_when_there_is_room(
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


def test_a_command_that_prints_much_is_not_slowed_down_by_its_observer(log: Path, run: Run) -> None:
    """4 MB cost it some 10 ms in a shell; what is done with them must not be done inside the timed window."""
    assert run("run", "-q", "-n", "3", "--", "sh", "-c", "yes | head -c 4000000").returncode == 0
    run_tags = [entry.tag("RUN") or "" for entry in all_entries(log) if entry.kind == "Run"]
    durations = [int(item.partition(" ns=")[2].split()[0]) for item in run_tags]
    assert min(durations) < 250_000_000, durations


def test_an_arm_that_fails_by_itself_is_found_before_the_plan(log: Path, run: Run, tmp_path: Path) -> None:
    broken = "broken=sh -c 'echo it is broken >&2; exit 3'"
    done = run("run", "-n", "5", "--arm", "bare", "--arm", broken, "--", "touch", str(tmp_path / "mark"))
    assert done.returncode == 2
    assert b"arm broken fails by itself" in done.stderr
    assert b"it is broken" in done.stderr
    assert not log.exists()
    assert not (tmp_path / "mark").exists()


# Chaos.


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_neighbours_end_with_us_however_we_end(tmp_path: Path, number: signal.Signals) -> None:
    with halfway(tmp_path, "--arm", "stress") as running:
        run_now = int(lines_of(tmp_path / "turns")[6])
        own = os.getsid(running.pid)  # the guard has a session of its own, and so has the run
        neighbours = [pid for pid in children(running.pid) if os.getsid(pid) == own]
        assert run_now not in neighbours
        assert len(neighbours) == len(os.sched_getaffinity(0))
        running.send_signal(number)
        running.wait(20)
        eventually(lambda: all(map(is_gone, neighbours)), "the neighbours have ended", 5)


def test_jitter_leaves_nothing_stopped(log: Path, run: Run, tmp_path: Path) -> None:
    script = "echo $$ >> pids; for i in 1 2 3; do sleep 0.01 & echo $! >> pids; wait; done; sleep 9"
    done = run("run", "-q", "-n", "8", "--arm", "jitter", "--timeout", "150ms", "--", "sh", "-c", script)
    assert done.returncode == 1
    assert came(all_entries(log)) == {("jitter", "timed-out"): 8}
    pids = [int(pid) for pid in lines_of(tmp_path / "pids")]
    assert len(pids) > 8
    eventually(lambda: all(map(is_gone, pids)), "what was killed has ended", 2)


def test_a_ctrl_c_in_the_middle_of_jitter_leaves_nothing_stopped(tmp_path: Path) -> None:
    with three_am("run", "-q", "-n", "3", "--arm", "jitter", "--", "sh", "-c", "echo $$ >> pids; sleep 600") as running:
        eventually(lambda: lines_of(tmp_path / "pids"), "a run goes on")
        (pid,) = map(int, lines_of(tmp_path / "pids"))
        eventually(lambda: "T" in stat_of(pid), "it is stopped")
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        assert is_gone(pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT], ids=lambda number: number.name)
def test_what_jitter_has_stopped_ends_with_us_however_we_end(tmp_path: Path, number: signal.Signals) -> None:
    script = "sleep 600 & echo $! >> pids; setsid sleep 600 & echo $! >> pids; echo $$ >> pids; : > there; wait"
    with three_am("run", "-q", "-n", "3", "--arm", "jitter", "--", "sh", "-c", script) as running:
        eventually((tmp_path / "there").exists, "a run goes on")
        pids = [int(pid) for pid in lines_of(tmp_path / "pids")]
        eventually(lambda: any("T" in stat_of(pid) for pid in pids), "one of its processes is stopped")
        running.send_signal(number)
        running.wait(20)
        eventually(lambda: all(map(is_gone, pids)), "all of them have ended")


def stat_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_verdict_that_was_not_written_is_computed_and_written_later(log: Path, run: Run) -> None:
    """The runs are there, and the last line is not: the lock was held, say, when the plan was done."""
    assert run("run", "-q", "-n", "5", *TOLD, "--", "false").returncode == 1
    report = run("run", "--report", "R1")
    lines = log.read_bytes().splitlines(keepends=True)
    (index,) = [i for i, line in enumerate(lines) if b"] Verdict: " in line]
    log.write_bytes(b"".join(lines[:index]))
    done = run("run", "--report", "R1")
    verdict = report.stdout.partition(b"verdict: ")[2]
    assert (done.returncode, verdict in done.stdout) == (1, True), done.stdout
    assert b"it is not in the journal yet: 3am run --resume R1 writes it" in done.stdout
    assert reported(run)["verdict"].encode() + b"\n" == verdict
    assert run("run", "-q", "--resume", "R1").returncode == 1
    assert run("run", "--report", "R1").stdout == report.stdout
    assert len(numbers(all_entries(log))) == 10, "and no run was made again"


def test_the_output_of_an_experiment_is_its_plan_and_its_verdict(run: Run) -> None:
    with three_am("run", "-n", "3", "--", "sh", "-c", "echo noise; echo noise >&2") as running:
        plan, verdict = Output(running).rest()
        assert running.wait(20) == 0
        assert b" Plan: " in plan
        assert b" Verdict: " in verdict
        assert running.stderr is not None
        assert running.stderr.read() == b"", "nothing is drawn where no terminal is"


# Two that want the same, and what is in the way.

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
    assert came(entries) == {("bare", "passed"): 5, ("told", "passed"): 5}
    assert len(verdicts(entries)) == 1


@pytest.mark.parametrize("why", ["no such hypothesis", "the lock is held", "ended meanwhile"])
def test_a_plan_that_is_not_written_leaves_nothing_and_runs_nothing(
    log: Path, run: Run, tmp_path: Path, why: str
) -> None:
    lock, mark = Path(f"{log}.lock"), tmp_path / "mark"
    argv = ("run", "-n", "2", "--", "touch", str(mark))
    lock.touch()
    match why:
        case "no such hypothesis":
            done = run("run", "-H", "H7", *argv[1:])
            assert (done.returncode, b"H7" in done.stderr) == (1, True)
        case "the lock is held":
            with held(lock):
                assert run(*argv, SANITY_LOCK_TIMEOUT="0.1").returncode == 4
        case _:
            with held(lock), three_am(*argv) as running:
                wait_queued(lock)
                running.send_signal(signal.SIGTERM)
                assert running.wait(20) == 143
    assert not mark.exists()
    assert not log.exists()
    assert list(Path(f"{log}.d").glob("*")) == [], "a plan whose number nobody knows is of no use"


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


@pytest.mark.parametrize("where", ["/dev/full", "a closed pipe"])
def test_a_stdout_that_takes_nothing_costs_no_run(log: Path, run: Run, where: str) -> None:
    """The plan is in the journal by then: it is gone through, or how it is gone on with is said."""
    to = "| true" if where == "a closed pipe" else f"> {where}"
    done = subprocess.run(["bash", "-c", f'"$0" run -n 3 -- true {to}', command()], capture_output=True, timeout=20)
    assert numbers(all_entries(log)) == [1, 2, 3] or b"--resume R1" in done.stderr, done.stderr


def test_a_secret_is_in_no_line_and_in_no_output_of_an_experiment(log: Path, run: Run, tmp_path: Path) -> None:
    script = f"umask 000; {command()} run -n 2 --fail exit==0 -- echo password=hunter2"
    done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=20)
    assert (done.returncode, b"hunter2" in done.stdout + done.stderr) == (1, False)
    assert "hunter2" not in log.read_text()
    entries = list(Path(f"{log}.d").iterdir())
    assert {path.stat().st_mode & 0o7777 for path in entries} == {0o600}
    outputs = [path.read_text() for path in entries if path.suffix == ".out"]
    assert len(outputs) == 2
    assert not any("hunter2" in output for output in outputs)


def test_another_of_the_team_reads_the_report_and_does_not_run_the_plan(place: Path) -> None:
    """What somebody else has put into a plan is not run as oneself."""
    log, turns = place / "sanity.log", place / "turns"
    place.chmod(0o777)
    log.touch()
    log.chmod(0o666)
    alice, bob = Person("alice", 64011, (64001,), "000"), Person("bob", 64012, (64001,), "000")
    env = {**os.environ, "SANITY_LOG": str(log), "SANITY_LOCK": f"{log}.lock"}

    def of(person: Person, *args: str) -> subprocess.CompletedProcess[bytes]:
        theirs = {**env, "HOME": str(place / person.name), "LOGNAME": person.name}
        return subprocess.run(person.argv(*args), capture_output=True, timeout=30, env=theirs, cwd=place)

    script = f"echo x >> {turns}; [ $(wc -l < {turns}) -ne 3 ] || kill -TERM $PPID; sleep 0.1"
    assert of(alice, "run", "-q", "-n", "5", "--", "sh", "-c", script).returncode == 143
    before = log.read_bytes()
    shown = of(bob, "run", "--report", "R1")
    assert (shown.returncode, b"no verdict before the plan is done" in shown.stdout) == (0, True), shown.stderr
    declined = of(bob, "run", "--resume", "R1")
    assert (declined.returncode, b"Traceback" in declined.stderr) == (3, False), declined.stderr
    assert len(lines_of(turns)) == 3
    assert log.read_bytes() == before
    assert of(alice, "run", "-q", "--resume", "R1").returncode == 0
    assert numbers(all_entries(log)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("ceremony", ["always", "never"])
def test_a_plan_is_gone_through_with_any_ceremony(log: Path, run: Run, ceremony: str) -> None:
    assert run("run", "-q", "-n", "2", "--", "true", SANITY_CEREMONY=ceremony).returncode == 0
    assert numbers(all_entries(log)) == [1, 2]


def test_a_neighbour_that_was_killed_is_said(log: Path, run: Run, tmp_path: Path) -> None:
    """For want of memory, say: it is no pipe that somebody has closed, and nothing went well."""
    script = f"echo $PPID > {tmp_path}/us; until test -e {tmp_path}/go; do sleep 0.01; done"
    with three_am("run", "-q", "-n", "3", "--arm", "stress", "--", "sh", "-c", script) as running:
        eventually((tmp_path / "us").exists, "the first run goes on")
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        for pid in map(int, children):
            if Path(f"/proc/{pid}/comm").read_text() == Path(f"/proc/{running.pid}/comm").read_text():
                os.kill(pid, signal.SIGKILL)
        (tmp_path / "go").touch()
        _, err = running.communicate(timeout=20)
    assert (running.returncode, b"a neighbour of the arm stress has ended" in err) == (3, True), err
    assert b"--resume R1" in err


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("-n", "3", "--fail", "timeout", "--", "true"), b"never comes true without --timeout"),
        (("-n", "3", "true", "--arm", "pin"), b"--arm is after the command"),
    ],
)
def test_a_plan_that_is_not_what_was_meant_is_none(log: Path, run: Run, argv: tuple[str, ...], why: bytes) -> None:
    done = run("run", *argv)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert not log.exists()
