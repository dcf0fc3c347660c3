"""Experiments, changes, observations and bisections for a hypothesis of another host, by real processes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bisections import ENDS, repository_in
from support.commands import Run, good
from support.journals import entries
from support.processes import eventually, three_am
from support.team import WritingHost
from threeam.core.format.entry import Entry
from threeam.core.store.journal import Journal

_FAILS = "[ -e fixed ] || { echo lost; exit 1; }"


@pytest.fixture
def db1(journal: Journal, log: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WritingHost:
    """Another host with an H1. This host has one, too, which must not be taken for it."""
    monkeypatch.chdir(tmp_path)
    run("hyp", "new", "-q", "the cron job")
    return WritingHost(tmp_path / "db1", journal)


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def lines_of(log: Path, *kinds: str) -> list[Entry]:
    return [entry for entry in entries(log) if entry.kind in kinds]


def test_a_result_is_evidence_for_it(log: Path, run: Run, db1: WritingHost) -> None:
    run("run", "-q", "-n", "4", "-H", "db1/H1", "--", "sh", "-c", _FAILS)
    good(run("hyp", "support", "-q", "db1/H1", "R1"))
    (evidence,) = lines_of(log, "Supports")
    assert evidence.body.endswith(" Verdict: bare 4/4 failed, 100 % (39.8 to 100)")
    assert "bare 4/4 failed" in db1.run(run, "hyp", "show", "H1")
    listed = map(json.loads, db1.run(run, "hyp", "list", "--json").splitlines())
    assert {row["name"]: row["supports"] for row in listed} == {"H1": 1, "web1/H1": 0}


def test_kinds_of_failure_keep_their_letters_in_its_experiments(log: Path, run: Run, db1: WritingHost) -> None:
    for text in ("lost update", "deadlock detected", "lost update"):
        run("run", "-q", "-n", "2", "-H", "db1/H1", "--", "sh", "-c", f"echo {text}; exit 1")
    assert [entry.body[:1] for entry in lines_of(log, "Kind")] == ["a", "b", "a"]


@pytest.mark.parametrize("ends_by", [signal.SIGINT, signal.SIGKILL])
def test_an_observation_is_for_it(
    log: Path, run: Run, db1: WritingHost, worker: subprocess.Popen[bytes], ends_by: signal.Signals
) -> None:
    with three_am("observe", str(worker.pid), "--with", "strace", "-H", "db1/H1") as observing:
        eventually(lambda: len(lines_of(log, "Observer")) == 1, "it is attached")
        observing.send_signal(ends_by)
        observing.wait(20)
    eventually(lambda: len(lines_of(log, "Observer")) == 2, "it is detached")
    assert [entry.hypothesis_name for entry in lines_of(log, "Observer")] == ["db1/H1"] * 2
    assert db1.run(run, "hyp", "show", "H1").count(" Observer: ") == 2


def test_a_bisection_is_for_it(
    log: Path, run: Run, db1: WritingHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "code").mkdir()
    repository_in(tmp_path / "code", monkeypatch)
    good(run("bisect", "-q", *ENDS, "-H", "db1/H1", "--", "./repro"))
    assert [entry.hypothesis_name for entry in lines_of(log, "Bisect", "Bisected")] == ["db1/H1"] * 2
    good(run("rotate"))
    assert good(run("bisect", "--report", "R1")).startswith("R1 DB1/H1\n")
