"""`3am run -n N -j 2`: runs side by side, however they end."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from support.commands import Run, refused
from support.experiment_runs import all_entries, lines_of, numbers, outcomes, verdicts
from support.journals import entries
from support.processes import eventually, three_am

MEETS_ANOTHER = 'mkdir -p at; touch "at/$$"; until [ "$(ls at | wc -l)" -ge 2 ]; do sleep 0.01; done'
TWO_ARMS = ("--arm", "bare", "--arm", "told=env ARM=told")


def test_two_runs_are_made_at_the_same_time(log: Path, run: Run) -> None:
    """Each waits for the other: one after the other they would time out."""
    done = run("run", "-q", "-n", "2", "-j", "2", "--timeout", "20s", "--", "sh", "-c", MEETS_ANOTHER)
    assert (done.returncode, done.stderr) == (0, b"")
    plan, *_ = entries(log)
    assert "2 runs of bare, 2 side by side, seed " in plan.body


def test_what_is_counted_is_what_happened(log: Path, run: Run, tmp_path: Path) -> None:
    script = 'echo "${ARM:-bare}" >> happened; echo "$ARM output"; [ -z "$ARM" ]'
    assert run("run", "-q", "-n", "30", "-j", "3", *TWO_ARMS, "--", "sh", "-c", script).returncode == 1
    made = all_entries(log)
    assert sorted(numbers(made)) == list(range(1, 61))
    assert outcomes(made) == {("bare", "passed"): 30, ("told", "failed"): 30}
    assert Counter(lines_of(tmp_path / "happened")) == {"bare": 30, "told": 30}
    assert len(verdicts(made)) == 1
    files = [entry.tag("FILE") for entry in made if entry.kind == "Run" and entry.tag("FILE")]
    assert len(files) == len(set(files)) >= 31


STAYS = "echo $$ >> pids; [ -e go ] || exec sleep 600"


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_ends_all_runs_and_a_resume_makes_them_again(
    log: Path, run: Run, tmp_path: Path, signum: signal.Signals
) -> None:
    with three_am("run", "-n", "4", "-j", "3", "--", "sh", "-c", STAYS) as running:
        eventually(lambda: len(lines_of(tmp_path / "pids")) == 3, "three runs go on")
        running.send_signal(signum)
        assert running.wait(20) == 128 + signum
    _all_have_ended(tmp_path)
    cut = [entry for entry in all_entries(log) if entry.kind == "Run"]
    assert [(entry.tag("RUN") or "").split()[1] for entry in cut] == ["cut"], "one line says that the plan was ended"
    (tmp_path / "go").touch()
    assert run("run", "-q", "--resume", "R1").returncode == 0
    assert sorted(numbers(all_entries(log))) == [1, 2, 3, 4]


def test_after_sigkill_no_run_goes_on(log: Path, run: Run, tmp_path: Path) -> None:
    with three_am("run", "-n", "4", "-j", "3", "--", "sh", "-c", STAYS) as running:
        eventually(lambda: len(lines_of(tmp_path / "pids")) == 3, "three runs go on")
        running.kill()
        running.wait(20)
    eventually(lambda: not _living(tmp_path), "all have ended")
    eventually(lambda: any("lost" in (entry.tag("RUN") or "") for entry in all_entries(log)), "the log says so")
    (tmp_path / "go").touch()
    assert run("run", "-q", "--resume", "R1").returncode == 0
    assert sorted(numbers(all_entries(log))) == [1, 2, 3, 4]


def test_a_decided_arm_is_not_run_any_more(log: Path, run: Run) -> None:
    argv = ("run", "-q", "-n", "90", "-j", "2", "--stop", *TWO_ARMS, "--", "sh", "-c", '[ -z "$ARM" ]')
    assert run(*argv).returncode == 1
    verdict = entries(log)[-1]
    assert "told provokes a failure that bare has never shown (p = 0.0" in verdict.body
    assert " after 5 blocks)" in verdict.body
    assert (verdict.tag("STOPPED") or "").endswith("/90")


@pytest.mark.parametrize("arm", ["pin", "stress", "nice", "quota:50", "noise+stress"])
def test_an_arm_about_the_cpus_needs_the_machine_alone(run: Run, arm: str) -> None:
    done = run("run", "-n", "2", "-j", "2", "--arm", arm, "--", "true")
    assert (done.returncode, f"the arm {arm} needs the machine".encode() in done.stderr) == (2, True), done.stderr


def test_a_name_after_j_is_a_journal(run: Run, tmp_path: Path) -> None:
    state = {"XDG_STATE_HOME": str(tmp_path / "state"), "SANITY_LOG": "", "SANITY_LOCK": ""}
    assert run("run", "-q", "-n", "2", "-j", "2", "-j", "night", "--", "true", **state).returncode == 0
    (plan, *_) = entries(tmp_path / "state" / "3am" / "night.log")
    assert "2 side by side" in plan.body
    assert run("-j", "2", "run", "-q", "--", "true", **state).returncode == 0
    assert (tmp_path / "state" / "3am" / "2.log").exists(), "before the command, it is the journal"


def test_a_number_of_jobs_is_checked(run: Run) -> None:
    for words in (("-n", "2", "-j", "0"), ("-n", "2", "-j", "-1"), ("-n", "2", "-j", "65"), ("-j", "2")):
        assert run("run", *words, "--", "true").returncode == 2


@pytest.mark.parametrize("name", ["provoke", "bisect"])
def test_a_command_without_jobs_takes_no_number_for_a_journal(run: Run, name: str) -> None:
    message = refused(run(name, "-j", "2", "--", "true"), 2)
    assert f"-j 2: 3am {name} makes one run at a time; the journal 2 is --journal 2" in message


def test_runs_side_by_side_are_another_experiment(run: Run, tmp_path: Path) -> None:
    """They disturb each other, so clean ones among them say nothing of one run at a time."""
    command = ("-H", "H1", "--", "sh", "-c", "test -e fixed")
    run("hyp", "new", "it races")
    run("run", "-q", "-n", "5", *command)
    run("changed", "-H", "H1", "fix")
    (tmp_path / "fixed").touch()
    run("run", "-q", "-n", "9", "-j", "2", *command)
    report = json.loads(run("fixed", "H1", "--json").stdout)
    assert (report["fixed"], report["since"]["clean"]) == (False, 0)
    assert [other["differs"] for other in report["not_counted"]] == ["2 at a time, not 1"]


def _living(tmp_path: Path) -> list[int]:
    return [pid for pid in map(int, lines_of(tmp_path / "pids")) if os.path.exists(f"/proc/{pid}")]


def _all_have_ended(tmp_path: Path) -> None:
    assert _living(tmp_path) == []
