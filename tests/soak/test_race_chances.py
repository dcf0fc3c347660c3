"""The p of `3am races --shuffle` on random logs: chance alone seldom looks rare.

p is a multiple of 1 / (1 + N), and shifts that find exactly as many count as hits. So p is not below a level more often
than the level says (it is super-uniform), and above it only by as much as these ties add.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import pytest
from scipy import stats

from support.commands import Run
from support.log_sources import BASE_NS, stamped, write_log
from support.race_reports import races
from threeam.core.format.entry import NS_PER_S
from threeam.races.finding import Rule

pytestmark = pytest.mark.slow

SHIFTS, LOGS = 19, 500
KEYS, SECONDS = 300, 100
KEY = r"request_id=(?P<actor>\w+) (?P<op>\w+) cart=(?P<key>\d+)"
TIES = 0.15  # the share of the shifts that find exactly as many, at most


def log_of(rng: random.Random, path: Path, word: str) -> str:
    """Write a log in which one operation is done to random keys at random times."""
    instants = sorted(rng.randrange(SECONDS * NS_PER_S) for _ in range(KEYS))
    texts = (f"request_id={word}{number} {word} cart={rng.randrange(KEYS)}" for number in range(KEYS))
    return str(write_log(path, (stamped(BASE_NS + ns, text) for ns, text in zip(instants, texts, strict=True))))


def chance_of(run: Run, *logs: str) -> float:
    """Return the p of use after delete; 1 if there is not one."""
    report = races(run, "--key", KEY, "--window", "10s", "--shuffle", str(SHIFTS), *logs)
    chances = {group.chance for group in report.groups if group.rule == Rule.AFTER_DELETE}
    assert len(chances) <= 1
    (chance,) = chances or {1.0}
    assert chance is not None
    return chance


def test_p_is_super_uniform_on_random_logs(run_here: Run, tmp_path: Path) -> None:
    rng = random.Random(18)
    ranks = Counter[int]()
    for number in range(LOGS):
        logs = (
            log_of(rng, tmp_path / f"{name}{number}.log", word) for name, word in (("a", "delete"), ("b", "update"))
        )
        chance = chance_of(run_here, *logs)
        ranks[round(chance * (1 + SHIFTS))] += 1
        assert round(chance * (1 + SHIFTS), 6) in range(1, SHIFTS + 2)
    below = 0
    excess, lack = 0.0, 0.0
    for rank in range(1, SHIFTS + 2):
        below += ranks[rank]
        excess = max(excess, below / LOGS - rank / (1 + SHIFTS))
        lack = max(lack, rank / (1 + SHIFTS) - below / LOGS)
    assert stats.ksone.sf(excess, LOGS) > 0.01, ranks  # the test is conservative for values in steps
    assert stats.ksone.sf(max(0.0, lack - TIES), LOGS) > 0.01, ranks


def test_a_race_that_is_no_chance_has_the_smallest_p(run_here: Run, tmp_path: Path) -> None:
    """A third of the deletes are followed by an update within a millisecond."""
    rng = random.Random(18)
    deletes, updates = list[tuple[int, str]](), list[tuple[int, str]]()
    for number in range(KEYS):
        ns = rng.randrange(SECONDS * NS_PER_S)
        deletes.append((ns, f"request_id=d{number} delete cart={number}"))
        later_ns = ns + rng.randrange(1_000_000) if number % 3 == 0 else rng.randrange(SECONDS * NS_PER_S)
        updates.append((later_ns, f"request_id=u{number} update cart={number}"))
    logs = [
        str(write_log(tmp_path / f"{name}.log", (stamped(BASE_NS + ns, text) for ns, text in sorted(lines))))
        for name, lines in (("a", deletes), ("b", updates))
    ]
    assert math.isclose(chance_of(run_here, *logs), 1 / (1 + SHIFTS))
