"""`3am bisect` in a real repository: the commit that it names, and its way on after it was killed."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from support.bisections import COUNT, ENDS, GUILTY, has_checkouts, repository_in, result
from support.commands import Run, command, good, refused
from support.journals import entries
from support.processes import eventually, is_gone, three_am
from support.repos import git_in


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return repository_in(tmp_path, monkeypatch)


def test_the_commit_is_named_and_each_run_has_a_line(log: Path, run: Run, repository: Path) -> None:
    (repository / "repro").write_text("#!/bin/sh\nexit 3\n")  # not committed, so it is not run
    hypothesis = good(run("hyp", "new", "-q", "the queue lost its lock"))
    assert hypothesis == ""
    printed = good(run("bisect", *ENDS, "-H", "H1", "--", "./repro"))
    guilty = git_in(repository, "rev-parse", f"main~{COUNT - 1 - GUILTY}")[:12]
    assert f"{guilty} has introduced it, 9" in printed
    assert result(log).endswith(f"change {GUILTY}")
    plan, *runs, last = [entry for entry in entries(log) if entry.kind in ("Bisect", "Run", "Bisected")]
    assert [entry.tag("R1") for entry in (plan, *runs)] == [f"{number}/1000" for number in range(len(runs) + 1)]
    assert plan.hypothesis == last.hypothesis == (1, "open")
    assert all(" is the most likely, " in entry.body for entry in runs)
    assert not has_checkouts(repository)
    assert git_in(repository, "status", "--short") == "M repro"
    report = good(run("bisect", "--report", "R1"))
    assert f"{GUILTY}  {guilty}" in report
    assert "failed, 100 % (" in report
    assert refused(run("run", "--report", "R1"), 1) == "3am: R1 is a bisection: 3am bisect --report R1 shows it"
    assert good(run("run", "-q", "--", "true")) == ""
    assert entries(log)[-1].tag("R2") == "1/1", "experiments and bisections share their numbers"


def test_its_lines_are_once_in_the_log_that_is_its_stdout(log: Path, run: Run, repository: Path) -> None:
    with log.open("ab") as stdout:
        done = subprocess.run([command(), "bisect", *ENDS, "--", "./repro"], stdout=stdout, check=False)
    assert done.returncode == 0
    stamps = [entry.stamp for entry in entries(log)]
    assert len(stamps) == len(set(stamps)) > 3


def test_it_goes_on_after_it_was_killed(log: Path, run: Run, repository: Path, tmp_path: Path) -> None:
    """The program blocks in its fifth run, until that was ended."""
    calls, running = tmp_path / "calls", tmp_path / "running"
    blocking = f"echo >> {calls}; [ $(wc -l < {calls}) != 5 ] || {{ echo $$ > {running}; exec sleep 60; }}; ./repro"
    with three_am("bisect", "-q", *ENDS, "--", "sh", "-c", blocking) as process:
        eventually(lambda: running.exists() and running.read_text().endswith("\n"), "the fifth run")
        assert has_checkouts(repository)
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
    eventually(lambda: is_gone(int(running.read_text())), "the program is killed")
    eventually(lambda: not has_checkouts(repository), "the work trees are removed")
    assert [entry.tag("R1") for entry in entries(log) if entry.kind == "Run"] == [f"{n}/1000" for n in range(1, 5)]
    good(run("bisect", "--resume", "R1"))
    assert result(log).endswith(f"change {GUILTY}")
    numbers = [int((entry.tag("R1") or "").split("/")[0]) for entry in entries(log) if entry.kind == "Run"]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere", "main"), "nowhere is not a commit of "),
        (("main", "main~2"), "main~2 has no commit that main lacks: "),
        (("--resume", "R7"), "there is no bisection R7: none was made so far"),
        (("main~2", "main", "-H", "H9"), "there is no hypothesis H9"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_bisected_is_refused(
    log: Path, run: Run, repository: Path, words: tuple[str, ...], sentence: str
) -> None:
    command = () if words[0] == "--resume" else ("--", "./repro")
    assert sentence in refused(run("bisect", *words, *command), 1)
    assert not log.exists()


def test_a_build_that_fails_by_chance_is_tried_again(log: Path, run: Run, repository: Path, tmp_path: Path) -> None:
    tried = tmp_path / "tried"
    build = f"[ -e built ] || {{ mkdir -p {tried}; mkdir {tried}/$(git rev-parse HEAD) && exit 1; touch built; }}"
    good(run("bisect", "-q", *ENDS, "--build", build, "--", "./repro"))
    assert len(list(tried.iterdir())) > 1, "each of them failed once"
    assert result(log).endswith(f"change {GUILTY}")


@pytest.mark.slow
def test_a_commit_that_had_results_and_cannot_be_built_again_ends_it(
    log: Path, run: Run, repository: Path, tmp_path: Path
) -> None:
    """What differs now is the machine. To go on without the commit would name another one."""
    broken, calls = tmp_path / "broken", tmp_path / "calls"
    stops = f"echo >> {calls}; [ $(wc -l < {calls}) != 9 ] || kill -TERM $PPID; ./repro"
    options = ("--build", f"[ ! -e {broken} ] || {{ echo no compiler; exit 1; }}")
    with three_am("bisect", "-q", *ENDS, *options, "--", "sh", "-c", stops) as process:
        assert process.wait(60) == 128 + signal.SIGTERM
    broken.touch()
    refused_again = run("bisect", "-q", "--resume", "R1")
    assert (refused_again.returncode, b"no compiler" in refused_again.stderr) == (1, True)
    broken.unlink()
    good(run("bisect", "-q", "--resume", "R1"))
    assert result(log).endswith(f"change {GUILTY}")


@pytest.mark.slow
def test_a_bad_commit_without_a_result_does_not_use_the_budget(log: Path, run: Run, repository: Path) -> None:
    said = run("bisect", "-q", *ENDS, "--fail", "exit==3", "--", "sh", "-c", "exit 2").stderr.decode()
    assert "the bad commit, neither failed nor passed: exit 2" in said
    said = run("bisect", "-q", *ENDS, "--timeout", "10ms", "--", "sleep", "9").stderr.decode()
    assert "neither failed nor passed: timed out: --fail timeout counts it as a failure" in said
    assert sum(entry.kind == "Run" for entry in entries(log)) == 6


def test_a_good_commit_of_another_branch_is_refused_with_the_commit_to_name(run: Run, repository: Path) -> None:
    """A fix may have been made there, which the bad one lacks: then the first commit after the fork would be named."""
    fork = git_in(repository, "rev-parse", "main~3")
    git_in(repository, "checkout", "-q", "-b", "release", "main~3")
    git_in(repository, "commit", "-q", "--allow-empty", "-m", "a fix")
    said = refused(run("bisect", "release", "main", "--", "./repro"), 1)
    assert said == f"3am: release is not an ancestor of main: name {fork[:12]}, from which both come, if it is good"
