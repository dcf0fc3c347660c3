"""The soak must find each fault that `3am` is given on purpose: a harness that cannot fail proves nothing."""

from __future__ import annotations

import pytest
from faults import MUTANTS

from soak import UNDISTURBED, run

SECONDS = 10.0
FOUND_BY = {
    "no lock": {"count", "cups", "doctor", "numbers", "state"},
    "each batch of a stream reversed": {"order"},
    "nothing repeated after a rotation": {"state"},
    "no cut-back of a short write": {"count", "foreign"},
    "2 % of the batches written and refused": {"count"},
    "no fdatasync": {"sync"},
    "a follower drops a line at a rotation": {"heard"},
}


def test_every_mutant_has_a_rule_that_finds_it() -> None:
    assert FOUND_BY.keys() == MUTANTS.keys()


@pytest.mark.slow
@pytest.mark.parametrize("mutant", FOUND_BY)
def test_the_soak_finds_the_mutant(mutant: str) -> None:
    report = run(SECONDS, seed=1, mutant=mutant, plans=(UNDISTURBED,))
    found = {problem.rule for problem in report.problems}
    assert found & FOUND_BY[mutant], report.table(SECONDS)
