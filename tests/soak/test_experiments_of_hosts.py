"""Experiments for a hypothesis of another host, through a kill and a rotation, and whether its bug is fixed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from support.commands import Run, good, refused
from support.journals import entries
from support.processes import eventually, three_am
from support.team import WritingHost
from threeam.core.store.journal import Journal

_FAILS = "[ -e fixed ] || { echo lost; exit 1; }"


@pytest.fixture
def db1(journal: Journal, log: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WritingHost:
    """Another host with an H1. This host has one, too, which must not be taken for it."""
    monkeypatch.chdir(tmp_path)
    run("hyp", "new", "-q", "the cron job")
    return WritingHost(tmp_path / "db1", journal)


def test_an_experiment_is_for_it_also_after_a_kill_and_a_rotation(
    log: Path, run: Run, db1: WritingHost, tmp_path: Path
) -> None:
    turns = tmp_path / "turns"
    waits = f'echo x >> {turns}; [ "$(wc -l < {turns})" != 4 ] || sleep 60; {_FAILS}'
    with three_am("run", "-q", "-n", "6", "-H", "db1/H1", "--", "sh", "-c", waits) as process:
        eventually(lambda: turns.exists() and turns.read_text() == "x\n" * 4, "the fourth run")
        process.kill()
        assert process.wait(20) == -signal.SIGKILL
    good(run("rotate"))
    assert run("run", "-q", "--resume", "R1").returncode == 1
    (verdict,) = (entry for entry in entries(log) if entry.kind == "Verdict")
    assert (verdict.hypothesis_name, verdict.hypothesis) == ("db1/H1", None)
    assert "R1 db1/H1 sh -c" in good(run("run", "--list"))
    shown = good(run("hyp", "show", "db1/H1"))
    assert [shown.count(f" {kind}: ") for kind in ("Hypothesis", "Plan", "Verdict")] == [1, 1, 1]
    told = db1.run(run, "hyp", "show", "H1")
    assert [told.count(f" {kind}: ") for kind in ("Hypothesis", "Plan", "Verdict")] == [1, 1, 1]
    assert "db1/H1 R1 bare 6/6 failed" in good(run("handoff"))
    assert "H1 R1 bare 6/6 failed" in db1.run(run, "handoff")
    assert "Plan: " not in good(run("hyp", "show", "H1"))


def test_fixed_judges_the_runs_of_this_host_for_it(log: Path, run: Run, db1: WritingHost, tmp_path: Path) -> None:
    run("run", "-q", "-n", "9", "-H", "db1/H1", "--", "sh", "-c", _FAILS)
    run("changed", "-q", "something else")
    db1.run(run, "changed", "-H", "H1", "row lock")
    db1.write()
    sentence = refused(run("fixed", "db1/H1"), 1)
    assert "the change for db1/H1 is in the log of db1 (row lock), " in sentence
    assert sentence.endswith(": 3am changed -H db1/H1 TEXT notes it here")
    run("changed", "-q", "-H", "db1/H1", "row lock on db1")
    (tmp_path / "fixed").touch()
    assert run("run", "-q", "-n", "40", "--stop", "-H", "db1/H1", "--", "sh", "-c", _FAILS).returncode == 0
    answer = good(run("fixed", "db1/H1"))
    for words in ("db1/H1 the sweeper races the writer", "changed: row lock on db1", "ON DB1, AND NOT COUNTED"):
        assert words in answer
    assert json.loads(good(run("fixed", "db1/H1", "--json")))["hypothesis"] == "db1/H1"
    assert "no run is bound to H1" in refused(run("fixed", "H1"), 1)
    assert "db1/H1 yes" in good(run("handoff"))
    good(run("rotate"))
    assert good(run("fixed", "db1/H1")).splitlines()[1] == answer.splitlines()[1]


def test_a_search_is_for_it(log: Path, run: Run, db1: WritingHost) -> None:
    assert run("provoke", "-q", "-H", "db1/H1", "--budget", "5s", "--", "sh", "-c", "sleep 0; exit 0").returncode == 1
    bound = [entry for entry in entries(log) if entry.kind in ("Plan", "Verdict")]
    assert {entry.hypothesis_name for entry in bound} == {"db1/H1"}
    assert "R1 db1/H1 sh -c" in good(run("run", "--list"))
