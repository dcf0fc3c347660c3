"""`3am run --more` and `--list`, and an experiment as evidence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.commands import Run, command
from support.journals import entries

ARMS = ("--arm", "bare", "--arm", "told=env ARM=told")
COMMAND = ("--", "sh", "-c", 'echo x >> turns; [ -z "$ARM" ]')


def test_more_runs_are_an_experiment_of_their_own_with_the_sums(log: Path, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    run("hyp", "new", "it races")
    subprocess.run(
        [command(), "run", "-q", "-n", "3", *ARMS, "-H", "H1", *COMMAND], cwd=folder, timeout=60, check=False
    )
    assert run("run", "-q", "--more", "4", "R1").returncode == 1
    plan, *_, verdict = [entry for entry in entries(log) if entry.tag("R2")]
    assert (plan.tag("R2"), plan.tag("H1")) == ("0/8", "open")
    assert "2nd of 2 such experiments, so p is held against 0.0083" in verdict.body
    assert "together bare 0/7, told 7/7 (p = 0.00058), told differs" in verdict.body
    assert len((folder / "turns").read_text().split()) == 14, "in the folder of the first one"


def test_an_experiment_that_is_not_done_is_resumed_first(run: Run) -> None:
    run("run", "-q", "--", "true")
    done = run("run", "--more", "4", "R1")
    assert (done.returncode, b"R1 is a single run, and has no plan" in done.stderr) == (1, True), done.stderr
    assert b"there is no run R9" in run("run", "--more", "4", "R9").stderr
    for wrong in (["--more", "0", "R1"], ["--more", "x", "R1"], ["--more", "3", "R1", "--", "true"], ["--more", "3"]):
        assert run("run", *wrong).returncode == 2


def test_the_list_has_all_experiments_the_newest_first(run: Run) -> None:
    assert run("run", "--list").returncode == 1, "there is no journal"
    run("run", "-q", "-n", "2", *ARMS, "--", "true")
    run("run", "-q", "--", "true")
    lines = run("run", "--list").stdout.decode().splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["EXPERIMENTS", "RUN ONCE"]
    assert lines[1].startswith("  R1 true  (failed bare 0/2, told 0/2 · alice, ")
    assert lines[3].startswith("  R2 true  (passed, exit 0")
    records = [json.loads(line) for line in run("run", "--list", "--json").stdout.splitlines()]
    assert [record["run"] for record in records] == ["R2", "R1"]
    assert run("run", "--list", "--", "true").returncode == 2


def test_an_experiment_is_evidence(log: Path, run: Run) -> None:
    """And changes for other hypotheses are not among those that may explain it."""
    for claim in ("it races", "the disk is slow"):
        run("hyp", "new", claim)
    run("run", "-q", "-n", "8", *ARMS, "-H", "H1", *COMMAND)
    run("run", "-q", "-H", "H1", *COMMAND)
    verdict, single = entries(log)[-2:]
    assert run("hyp", "support", "H1", "R1").returncode == 0
    assert entries(log)[-1].text.startswith(f"Supports: @{verdict.stamp} Verdict: told provokes")
    for text in ("first", "second"):
        run("changed", "-H", "H2", text)
    run("run", "-q", "-H", "H1", *COMMAND)
    done = run("hyp", "contradict", "H1", "r3", "in the next hour")
    assert (done.returncode, done.stderr) == (0, b"")
    assert entries(log)[-1].text == f"Contradicts: @{entries(log)[-2].stamp} in the next hour"
    for text in ("third", "fourth"):
        run("changed", "-H", "H1", text)
    run("run", "-q", "-H", "H1", *COMMAND)
    assert b"two things changed at once" in run("hyp", "support", "H1", "R4").stderr
    assert b"there is no run R9" in run("hyp", "support", "H1", "R9").stderr
    assert single.tag("R2") == "1/1"


def test_an_experiment_without_a_verdict_is_no_evidence(run: Run) -> None:
    run("hyp", "new", "it races")
    run("run", "-q", "-n", "2", "-H", "H1", "--timeout", "10s", "--", "sh", "-c", "kill -INT $PPID; sleep 9")
    done = run("hyp", "support", "H1", "R1")
    assert (done.returncode, b"R1 has no result that could be evidence" in done.stderr) == (1, True), done.stderr
