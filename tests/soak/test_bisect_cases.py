"""`3am bisect` in real repositories: commits that cannot be tested, wrong ends, small budgets, and interrupts."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from support.bisections import ENDS, GUILTY, has_checkouts, repository_in, result
from support.commands import Run, good, refused
from support.journals import entries
from support.processes import eventually, is_gone, three_am
from support.repos import git_in

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return repository_in(tmp_path, monkeypatch)


def test_a_commit_that_cannot_be_built_is_named_with_the_next_one(log: Path, run: Run, repository: Path) -> None:
    build = f"! grep -q '# {GUILTY}' repro || {{ echo no compiler; exit 7; }}; touch built"
    good(run("bisect", *ENDS, "--build", build, "--", "sh", "-c", "test -e built && ./repro"))
    guilty, after = (git_in(repository, "rev-parse", f"main~{back}")[:12] for back in (3, 2))
    assert result(log).startswith(
        f"one of 2 commits from {guilty} to {after}, of which only the last can be tested, has introduced it, 9"
    )
    (unbuilt,) = [entry for entry in entries(log) if (entry.tag("COMMIT") or "").endswith("cannot")]
    assert "it cannot be tested: the build exits 7, no compiler; " in unbuilt.body
    assert (Path(f"{log}.d") / (unbuilt.tag("FILE") or "")).read_text() == "no compiler\n"


def test_exit_125_says_that_a_commit_cannot_be_tested(log: Path, run: Run, repository: Path) -> None:
    skipping = f"! grep -q '# {GUILTY}' repro || exit 125; exec ./repro"
    good(run("bisect", *ENDS, "--", "sh", "-c", skipping))
    assert result(log).startswith("one of 2 commits from ")


def test_it_runs_in_the_same_folder_of_each_commit(log: Path, run: Run, repository: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "file").write_text("")
    git_in(repository, "add", "sub")
    git_in(repository, "commit", "-qm", "a folder")
    os.chdir(repository / "sub")
    refused_at = run("bisect", "main~2", "main", "--budget", "10", "--", "sh", "-c", "test -e file && ../repro")
    assert refused_at.returncode == 0
    assert result(log).startswith("one of 3 commits from "), "the commits before have no such folder"


def test_a_good_commit_that_fails_is_told(log: Path, run: Run, repository: Path) -> None:
    assert run("bisect", "main~2", "main", "--", "./repro").returncode == 1
    assert "has it already, 9" in result(log)
    assert run("bisect", "--report", "R1").returncode == 1


def test_a_bad_commit_that_never_fails_is_told(log: Path, run: Run, repository: Path) -> None:
    assert run("bisect", *ENDS, "--budget", "30", "--", "true").returncode == 1
    assert result(log).endswith("never failed in 30 runs, so its rate is at most 11.6 %")


def test_more_runs_decide_what_a_small_budget_has_not(log: Path, run: Run, repository: Path, tmp_path: Path) -> None:
    rare = f"echo >> {tmp_path}/calls; [ $(($(wc -l < {tmp_path}/calls) % 3)) != 0 ] || ./repro"
    assert run("bisect", *ENDS, "--budget", "10", "--", "sh", "-c", rare).returncode == 1
    first = result(log)
    assert first.startswith("not decided after 10 runs: most likely ")
    assert " more would raise it to 95 %: 3am bisect --resume R1 --budget " in first
    sentence = refused(run("bisect", "--resume", "R1"), 1)
    assert sentence == "3am: R1 has made its 10 runs: 3am bisect --resume R1 --budget 20 makes more"
    good(run("rotate"))  # the runs so far are carried over
    good(run("bisect", "--resume", "R1", "--budget", "300"))
    assert "has introduced it, 9" in result(log)
    assert next(e.tag("R1") for e in entries(log) if e.kind == "Run") == "11/300"
    assert not has_checkouts(repository)
    assert refused(run("bisect", "--resume", "R1"), 1).startswith("3am: R1 is done: ")


def test_no_hook_of_the_repository_is_run(run: Run, repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    hook.chmod(0o755)
    git_in(repository, "checkout", "-q", "main")
    (tmp_path / "hooked").unlink()  # so it works
    good(run("bisect", "-q", *ENDS, "--", "./repro"))
    assert not (tmp_path / "hooked").exists()


def test_a_command_that_the_bad_commit_lacks_is_told(log: Path, run: Run, repository: Path) -> None:
    done = run("bisect", *ENDS, "--", "./nothing")
    assert done.returncode == 1
    assert b"the bad commit, cannot be tested: ./nothing: No such file or directory" in done.stderr
    assert not has_checkouts(repository)


def test_it_goes_on_after_an_interrupt(log: Path, run: Run, repository: Path, tmp_path: Path) -> None:
    """The program blocks in its fifth run, until that was ended."""
    calls, running = tmp_path / "calls", tmp_path / "running"
    blocking = f"echo >> {calls}; [ $(wc -l < {calls}) != 5 ] || {{ echo $$ > {running}; exec sleep 60; }}; ./repro"
    with three_am("bisect", "-q", *ENDS, "--", "sh", "-c", blocking) as process:
        eventually(lambda: running.exists() and running.read_text().endswith("\n"), "the fifth run")
        assert has_checkouts(repository)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    eventually(lambda: is_gone(int(running.read_text())), "the program is killed")
    eventually(lambda: not has_checkouts(repository), "the work trees are removed")
    assert [entry.tag("R1") for entry in entries(log) if entry.kind == "Run"] == [f"{n}/1000" for n in range(1, 5)]
    good(run("bisect", "--resume", "R1"))
    assert result(log).endswith(f"change {GUILTY}")
    numbers = [int((entry.tag("R1") or "").split("/")[0]) for entry in entries(log) if entry.kind == "Run"]
    assert numbers == list(range(1, len(numbers) + 1))
