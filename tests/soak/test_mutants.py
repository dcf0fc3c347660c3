"""The soak must find each fault that `3am` is given on purpose: a harness that cannot fail proves nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from faults import MUTANT, MUTANTS
from phase import three_am

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


@pytest.mark.parametrize("mutant", FOUND_BY)
def test_a_mutant_writes_and_rotates_without_a_traceback(mutant: str, tmp_path: Path) -> None:
    """A mutant that no longer fits the program writes nothing, so the soak would wait for its lines until a timeout."""
    log = tmp_path / "sanity.log"
    env = {
        **os.environ,
        MUTANT: mutant,
        "HOME": str(tmp_path),
        "SANITY_LOG": str(log),
        "SANITY_LOCK": f"{log}.lock",
        "SANITY_ROTATE_BYTES": "20000",
    }
    lines = b"".join(b"line %d\n" % number for number in range(1000))
    for _ in range(2):  # the second finds a log that is due for a rotation
        done = subprocess.run(three_am("log", "-"), env=env, input=lines, capture_output=True, timeout=60)
        assert b"Traceback" not in done.stderr
    assert len(list(tmp_path.glob("sanity.*.log"))) > 0


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
