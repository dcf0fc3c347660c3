"""Three races among 20,000 keys, and what is claimed of many random nights."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.commands import Run
from support.race_checks import BOUNDS_NS, RESOLUTIONS_NS, check_crowds, check_night, report_of
from support.race_truth import RACES, night, programs_with_clocks
from threeam.core.format.entry import NS_PER_S
from threeam.races.finding import Rule

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("close", RACES)
@pytest.mark.parametrize("resolutions_ns", [RESOLUTIONS_NS, (NS_PER_S,)], ids=["fine", "seconds"])
def test_three_races_among_20_000_keys_are_found_and_no_other(
    run: Run, tmp_path: Path, close: Rule, resolutions_ns: tuple[int, ...]
) -> None:
    rng = random.Random(18)
    programs = programs_with_clocks(rng, 5, BOUNDS_NS[1:], resolutions_ns)
    world = night(rng, tmp_path, programs, 20_000, close)
    check_night(world, report_of(run, world))


@pytest.mark.parametrize("first_seed", range(1000, 1400, 40))
def test_a_race_that_is_certain_is_true(run: Run, tmp_path: Path, first_seed: int) -> None:
    check_crowds(run, tmp_path, range(first_seed, first_seed + 40))
