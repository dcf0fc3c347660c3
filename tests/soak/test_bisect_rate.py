"""How often a bisection is right, and how many runs it takes: in simulation, and in a real repository.

The mean number of runs of 500 to 2,000 searches among 64 commits, and the share that named the right one:

    rate of the failure                                    5 %         10 %         30 %
    3am bisect, which does not know the rate            371  .95     185  .96     59  .97
    halving with repeats, the rate measured first       401  .88     198  .88     62  .88
    halving with repeats, told the true rate            339  .97     169  .98     52  .98
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support.bisections import Found, bisect, make_history, plain_bisect, replayed, result
from support.commands import Run, good

pytestmark = pytest.mark.slow

COMMITS, RATE, BUDGET = 64, 0.05, 1000
SEEDS = 200


def searches(search: Callable[[int, random.Random], Found], seeds: int = SEEDS) -> list[Found]:
    found = []
    for seed in range(seeds):
        rng = random.Random(seed)
        found.append(search(1 + rng.randrange(COMMITS), rng))
    return found


def mean_runs(found: list[Found]) -> float:
    return sum(search.runs for search in found) / len(found)


def share_right(found: list[Found]) -> float:
    return sum(search.right for search in found) / len(found)


def test_a_bug_of_five_percent_is_found_for_19_of_20_seeds_within_the_budget() -> None:
    found = searches(lambda guilty, rng: bisect(COMMITS, guilty, RATE, rng, BUDGET))
    assert sum(search.right for search in found[:20]) >= 19
    assert share_right(found) >= 0.9  # 0.95, as it says; this is three standard errors below
    assert max(search.runs for search in found[:20]) < BUDGET


def test_it_beats_halving_with_the_rate_of_as_many_failures() -> None:
    bayesian = searches(lambda guilty, rng: bisect(COMMITS, guilty, RATE, rng, BUDGET))
    plain = searches(lambda guilty, rng: plain_bisect(COMMITS, guilty, RATE, rng, None))
    assert mean_runs(bayesian) < mean_runs(plain)
    assert share_right(bayesian) > share_right(plain)


def test_the_forecast_of_the_runs_that_are_needed_is_about_right() -> None:
    """From the same runs on, half of the searches take fewer."""
    steps = [(64, True)] * 3 + [(64, False)] * 57 + [(32, False)] * 40 + [(48, True)]
    belief, _ = replayed(COMMITS, steps)
    forecast = belief.runs_to_decide(1)
    assert forecast is not None
    needed = []
    for seed in range(60):
        rng = random.Random(seed)
        (guilty,) = rng.choices(belief.suspects, [suspect.probability for suspect in belief.suspects])
        current, runs = belief, 0
        while not current.is_decided:
            position = current.next_position()
            current = current.after(position, failed=position >= guilty.last and rng.random() < RATE)
            runs += 1
        needed.append(runs)
    assert sorted(needed)[15] < forecast < sorted(needed)[45]


@pytest.mark.parametrize("seed", [1, 2])
def test_it_is_found_in_a_real_repository(
    log: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """The program fails if the die of this run says so: a line for each run, of which one in twenty is bad."""
    rng = random.Random(seed)
    guilty, dice, calls = 1 + rng.randrange(COMMITS), tmp_path / "dice", tmp_path / "calls"
    dice.write_text("".join(f"{int(rng.random() < RATE)}\n" for _ in range(BUDGET + 1)))
    calls.write_text("")
    roll = f"echo >> {calls}\nn=$(wc -l < {calls})\nexit $(sed -n ${{n}}p {dice})\n"
    folder = make_history(
        tmp_path / "repository", COMMITS + 1, lambda n: f"#!/bin/sh\n# {n}\n{roll if n >= guilty else 'exit 0'}\n"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(folder)
    good(run("bisect", "-q", f"main~{COMMITS}", "main", "--", "./repro", timeout=300))
    assert result(log).endswith(f"change {guilty}")
    assert " has introduced it, 9" in result(log)
