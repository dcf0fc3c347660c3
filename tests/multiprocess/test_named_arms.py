"""The built-in arms that use other programs: what they do to a run, and what a machine without them is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.commands import Run, refused
from support.experiment_runs import all_entries, outcomes, report_json
from threeam.experiments.runs.run_tags import run_from_entry


def test_a_named_call_is_delayed_and_the_result_is_that_of_the_command(log: Path, run: Run) -> None:
    script = "rmdir made; mkdir made; exit 3"
    arms = ("--arm", "delay:rmdir=1ms+delay:mkdir=150ms+nice", "--arm", "bare")
    assert run("run", "-q", "-n", "1", *arms, "--fail", "exit==3", "--", "sh", "-c", script).returncode == 1
    runs = [made for entry in all_entries(log) if (made := run_from_entry(1, entry))]
    duration_ns = {made.arm: made.duration_ns for made in runs}
    assert {made.exit_code for made in runs} == {3}
    assert duration_ns["delay:rmdir=1ms+delay:mkdir=150ms+nice"] > 150_000_000


def test_freed_memory_is_filled(log: Path, run: Run) -> None:
    run("run", "-q", "-n", "1", "--arm", "perturb", "--", "sh", "-c", "echo $MALLOC_PERTURB_")
    assert [path.read_text() for path in Path(f"{log}.d").glob("R1-*.out")] == ["165\n"]


def test_a_run_with_a_quota_is_in_a_control_group_of_its_own(log: Path, run: Run) -> None:
    done = run("run", "-q", "-n", "1", "--arm", "quota:50", "--", "cat", "/proc/self/cgroup")
    if done.returncode == 2:  # in many containers no control group can be created
        assert "the arm quota:50 needs a control group with the cpu controller" in refused(done, 2)
        return
    (path,) = Path(f"{log}.d").glob("R1-*.out")
    assert re.search(r"/3am-\d+-50$", path.read_text(), re.MULTILINE)


def test_the_name_of_an_arm_with_its_time_is_in_its_runs_and_its_report(log: Path, run: Run) -> None:
    run("run", "-q", "-n", "2", "--arm", "delay:read=10us", "--", "true")
    assert outcomes(all_entries(log)) == {("delay:read=10us", "passed"): 2}
    assert [arm["arm"] for arm in report_json(run)["arms"]] == ["delay:read=10us"]


@pytest.mark.parametrize(
    ("arm", "sentence"),
    [
        ("delay:mkdir=20ms", "the arm delay:mkdir=20ms needs strace, which is not installed: install strace"),
        ("pin+memcheck", "the arm pin+memcheck needs valgrind, which is not installed: install valgrind"),
        ("noise", "the arm noise needs a C compiler, and there is no cc: install gcc and libc6-dev"),
    ],
)
def test_a_tool_that_is_missing_is_named_before_the_plan(
    log: Path, run: Run, tmp_path: Path, arm: str, sentence: str
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("true", "taskset", "env", "sh"):
        (programs / name).symlink_to(f"/usr/bin/{name}")
    assert sentence in refused(run("run", "-n", "1", "--arm", arm, "--", "true", PATH=str(programs)), 2)
    assert not log.exists()


@pytest.mark.parametrize("version", ["5.2", "4.21"])
def test_an_strace_that_is_too_old_is_refused_before_the_plan(
    log: Path, run: Run, tmp_path: Path, version: str
) -> None:
    strace = tmp_path / "strace"
    strace.write_text(f"#!/bin/sh\necho 'strace -- version {version}'\n")
    strace.chmod(0o755)
    done = run("run", "-n", "1", "--arm", "delay:mkdir=20ms", "--", "true", PATH=f"{tmp_path}:/usr/bin:/bin")
    assert f"needs strace 5.3 or later, and this one is {version}" in refused(done, 2)
    assert not log.exists()


def test_a_system_call_that_strace_does_not_know_is_named(log: Path, run: Run) -> None:
    done = run("run", "-n", "1", "--arm", "delay:mkdri=20ms", "--", "true")
    assert "strace knows no system call 'mkdri'" in refused(done, 2)
    assert not log.exists()
