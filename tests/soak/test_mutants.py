"""The soak must find each fault that `3am` is given on purpose: a harness that cannot fail proves nothing."""

from __future__ import annotations

import pytest
from faults import MUTANTS

from soak import UNDISTURBED, run

SECONDS, LINES = 6.0, 3_000  # of a round
ROUNDS = 5  # at most: one fault in fifty batches may not happen in the first one
FOUND_BY = {
    "no lock": {"count", "cups", "doctor", "numbers", "state"},
    "each batch of a stream reversed": {"order"},
    "nothing repeated after a rotation": {"state"},
    "no cut-back of a short write": {"count", "foreign"},
    "2 % of the batches written and refused": {"count"},
    "no fdatasync": {"sync"},
    "a failed fdatasync ignored": {"sync"},
    "a follower drops a line at a rotation": {"heard"},
}


def test_every_mutant_has_a_rule_that_finds_it() -> None:
    assert FOUND_BY.keys() == MUTANTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", FOUND_BY)
def test_the_soak_finds_the_mutant(mutant: str) -> None:
    rules: set[str] = set()
    for seed in range(ROUNDS):
        report = run(SECONDS, seed, mutant=mutant, plans=(UNDISTURBED,), lines=LINES)
        rules |= {problem.rule for problem in report.problems}
        if rules & FOUND_BY[mutant]:
            return
    pytest.fail(f"{mutant}: found {rules or 'nothing'}\n{report.table(SECONDS)}")
