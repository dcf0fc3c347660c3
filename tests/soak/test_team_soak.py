"""A team whose processes are killed all the time; for longer runs start team_soak.py by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from team_mutants import MUTANTS
from team_soak import TeamSoak

from support.nats_server import DEBIAN, NEWER

pytestmark = pytest.mark.slow

SOAK_SECONDS = float(os.environ.get("SOAK_SECONDS", "20"))
KILLS_A_SECOND = 0.5  # of each kind of process
MUTANT_SETTLE_S = 8.0  # s; a mutant is found by what is missing, or by what is there twice
MUTANT_ROUNDS = 12  # at most: on a loaded machine few kills are between a store and its answer
FOUND_BY = {
    "continues where it was, without asking the engine": {"stream"},
    "a mirror appends what comes": {"mirror"},
    "goes from a file to the live one": {"mirror", "stream"},
}


@pytest.mark.parametrize("program", [DEBIAN, NEWER], ids=["debian", "newer"])
@pytest.mark.timeout(SOAK_SECONDS + 600)
def test_a_team_that_is_killed_all_the_time_has_each_line_once(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed, kills = int(time.time()), max(1, int(SOAK_SECONDS * KILLS_A_SECOND))
    report = TeamSoak(tmp_path, program, seed).run(SOAK_SECONDS, kills)
    with capsys.disabled():
        print(f"\nseed {seed}\n{report.table()}")
    assert report.problems == []
    assert min(report.kills[name] for name in ("engine", "origin", "follower")) >= kills
    assert report.kills["writer"] > 0
    assert report.counts["files of the origins"] > 20  # there were rotations
    assert report.counts["lines"] > 1_000 * SOAK_SECONDS


def test_each_mutant_has_a_rule_that_finds_it() -> None:
    assert FOUND_BY.keys() == MUTANTS.keys()


@pytest.mark.parametrize("mutant", FOUND_BY)
@pytest.mark.timeout(MUTANT_ROUNDS * 60)
def test_the_soak_finds_the_mutant(mutant: str, tmp_path: Path) -> None:
    rules: set[str] = set()
    for seed in range(MUTANT_ROUNDS):
        folder = tmp_path / str(seed)
        folder.mkdir()
        report = TeamSoak(folder, NEWER, seed, mutant=mutant, settle_s=MUTANT_SETTLE_S).run(6, 5)
        rules |= {rule for rule, _ in report.problems}
        if rules & FOUND_BY[mutant]:
            return
    pytest.fail(f"{mutant}: found {rules or 'nothing'}")
