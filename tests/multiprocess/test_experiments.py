"""`3am run -n` with real processes: the plan, its runs in their order, the verdict, and the report."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from support.commands import Run, command, stderr_lines
from support.experiment_runs import EVERY_THIRD, TOLD, all_entries, lines_of, numbers, outcomes, report_json, verdicts
from support.journals import entries
from support.people import Person
from support.processes import Output, held, process, three_am, wait_queued


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
    assert outcomes(entries) == happened
    arms = report_json(run)["arms"]
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


def test_a_time_out_is_neither_failed_nor_passed(log: Path, run: Run) -> None:
    script = "echo x >> turns; [ $(wc -l < turns) -ne 2 ] || exec sleep 60"
    assert run("run", "-q", "-n", "4", "--timeout", "300ms", "--", "sh", "-c", script).returncode == 1
    entries = all_entries(log)
    assert outcomes(entries) == {("bare", "passed"): 3, ("bare", "timed-out"): 1}
    (arm,) = report_json(run)["arms"]
    assert (arm["failed"], arm["passed"], arm["timed_out"], arm["rate"]) == (0, 3, 1, 0.0)
    (verdict,) = verdicts(entries)
    assert "bare 0/3 failed" in verdict
    assert "1 run of bare timed out, and is not in its rate" in verdict


def test_an_experiment_stops_when_every_arm_is_decided(log: Path, run: Run) -> None:
    arms = ("--arm", "bare", "--arm", "told=env ARM=told")
    assert run("run", "-q", "-n", "90", "--stop", *arms, "--", "sh", "-c", '[ -z "$ARM" ]').returncode == 1
    plan, *others, verdict = entries(log)
    assert (plan.tag("R1"), sum(entry.kind == "Run" for entry in others)) == ("0/180", 10)
    assert "an arm stops when it is decided, by failures of any kind" in plan.body
    assert (verdict.tag("R1"), verdict.tag("STOPPED")) == ("10/180", "5/90")
    assert "told provokes a failure that bare has never shown" in verdict.body
    done = run("run", "--resume", "R1")
    assert (done.returncode, b"R1 is done" in done.stderr) == (1, True)


def test_the_runs_after_a_fix_stop_when_there_is_an_answer(log: Path, run: Run, tmp_path: Path) -> None:
    command = ("--", "sh", "-c", "test -e fixed")
    stopping = ("run", "-q", "-n", "90", "--stop", "-H", "H1", *command)
    run("hyp", "new", "it races")
    run("run", "-q", "-n", "10", "-H", "H1", *command)
    assert b"3am changed -H H1" in run(*stopping).stderr
    run("changed", "-H", "H1", "fix")
    (tmp_path / "fixed").touch()
    assert run(*stopping).returncode == 0
    verdict = entries(log)[-1]
    assert (verdict.tag("STOPPED"), verdict.body.split(";")[0]) == ("3/90", "stopped after 3 of 90 runs")
    assert run("fixed", "H1").returncode == 0
    assert b"3am fixed H1 says yes already" in run(*stopping).stderr
    (tmp_path / "fixed").unlink()
    assert run("run", "-q", "-n", "1", "-H", "H1", *command).returncode == 1
    assert b"H1 has failed since the change" in run(*stopping).stderr


def test_stopping_needs_something_to_decide(run: Run) -> None:
    for words in (("-n", "9", "--stop"), ("--stop",)):
        done = run("run", *words, "--", "true")
        assert done.returncode == 2, done.stderr


@pytest.mark.slow
def test_two_at_once_have_two_numbers_and_mix_up_nothing(log: Path, run: Run) -> None:
    argv = [command(), "run", "-q", "-n", "60", *TOLD, "--"]
    with process(*argv, "true") as item, process(*argv, "false") as other:
        assert (item.wait(60), other.wait(60)) == (0, 1)
    entries = all_entries(log)
    plans = {entry.body.partition(";")[0]: entry for entry in entries if entry.kind == "Plan"}
    for label, outcome in (("true", "passed"), ("false", "failed")):
        name = next(key for key, value in plans[label].tags if value == "0/120")
        assert numbers(entries, name) == list(range(1, 121))
        assert outcomes(entries, name) == {("bare", outcome): 60, ("told", outcome): 60}
    assert len(plans) == len(verdicts(entries)) == 2


@pytest.mark.slow
def test_a_rotation_in_the_middle_loses_no_run(log: Path, run: Run, tmp_path: Path) -> None:
    small = {"SANITY_ROTATE_BYTES": "8192"}
    done = run("run", "-q", "-n", "150", *TOLD, "--", "sh", "-c", EVERY_THIRD, **small)
    assert (done.returncode, done.stderr) == (1, b"")
    entries = all_entries(log)
    assert len(list(tmp_path.glob("sanity.log.2*")) or list(tmp_path.glob("sanity.*.log"))) >= 1, "it was rotated"
    assert sorted(numbers(entries)) == list(range(1, 301))
    happened = Counter(tuple(line.split()) for line in lines_of(tmp_path / "happened"))
    arms = report_json(run)["arms"]
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


@pytest.mark.slow
def test_a_verdict_that_was_not_written_is_computed_and_written_later(log: Path, run: Run) -> None:
    """The runs are there, and the last line is not: the lock was held, say, when the plan was done."""
    assert run("run", "-q", "-n", "5", *TOLD, "--", "false").returncode == 1
    report = run("run", "--report", "R1")
    lines = log.read_bytes().splitlines(keepends=True)
    (index,) = [i for i, line in enumerate(lines) if b"] Verdict: " in line]
    log.write_bytes(b"".join(lines[:index]))
    done = run("run", "--report", "R1")
    verdict = report.stdout.splitlines()[1].strip().partition(b"  @")[0]
    assert (done.returncode, done.stdout.splitlines()[1].strip()) == (1, verdict), done.stdout
    assert b"it is not in the journal yet: 3am run --resume R1 writes it" in done.stdout
    assert report_json(run)["verdict"].encode() == verdict
    assert run("run", "-q", "--resume", "R1").returncode == 1
    again = run("run", "--report", "R1")
    assert re.sub(rb"@\S+", b"", again.stdout) == re.sub(rb"@\S+", b"", report.stdout)
    assert len(numbers(all_entries(log))) == 10, "and no run was made again"


def test_the_output_of_an_experiment_is_its_plan_and_its_verdict(run: Run) -> None:
    with three_am("run", "-n", "3", "--", "sh", "-c", "echo noise; echo noise >&2") as running:
        plan, verdict = Output(running).rest()
        assert running.wait(20) == 0
        assert b" Plan: " in plan
        assert b" Verdict: " in verdict
        assert running.stderr is not None
        assert running.stderr.read() == b"", "nothing is drawn where no terminal is"


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


@pytest.mark.parametrize("where", ["/dev/full", "a closed pipe"])
def test_a_stdout_that_takes_nothing_costs_no_run(log: Path, run: Run, where: str) -> None:
    """The plan is in the journal by then: it is gone through, or how it is gone on with is said."""
    to = "| true" if where == "a closed pipe" else f"> {where}"
    done = subprocess.run(["bash", "-c", f'"$0" run -n 3 -- true {to}', command()], capture_output=True, timeout=20)
    assert numbers(all_entries(log)) == [1, 2, 3] or b"--resume R1" in done.stderr, done.stderr


def test_outputs_that_cannot_be_saved_are_told(log: Path, run: Run) -> None:
    """The limit plays the full disk: the lines of the runs still fit."""
    prints = "head -c 90000 /dev/zero | tr '\\0' x; exit 1"
    limited = f'trap "" XFSZ; ulimit -f 64; exec {command()} run -q -n 3 -- sh -c "$0"'
    done = subprocess.run(["bash", "-c", limited, prints], capture_output=True, timeout=20)
    (sentence,) = stderr_lines(done)
    assert sentence.startswith("3am: the outputs of 3 runs are not saved: "), sentence
    assert (done.returncode, numbers(all_entries(log))) == (1, [1, 2, 3])


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


@pytest.mark.parametrize("mode", ["--resume", "--report"])
@pytest.mark.parametrize(
    "option",
    ["--timeout 5s", "--seed 0", "--fail exit!=0", "--fail-regex lost", "-H H1", "--exit-code", "-n 3", "--arm pin"],
)
def test_an_option_of_a_new_run_is_refused_where_it_has_no_effect(run: Run, mode: str, option: str) -> None:
    done = run("run", mode, "R1", *option.split())
    assert (done.returncode, b"no option of a new run" in done.stderr) == (2, True), done.stderr


def test_json_is_refused_where_nothing_is_printed(run: Run) -> None:
    done = run("run", "--resume", "R1", "--json")
    assert (done.returncode, b"--json is for --report" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("-n", "3", "--fail", "timeout", "--", "true"), b"never comes true without --timeout"),
        (("-n", "3", "true", "--arm", "pin"), b"--arm is after the command"),
    ],
)
def test_a_plan_with_contradicting_options_is_refused(log: Path, run: Run, argv: tuple[str, ...], why: bytes) -> None:
    done = run("run", *argv)
    assert (done.returncode, why in done.stderr) == (2, True), done.stderr
    assert not log.exists()
