"""What is checked of a report about logs whose true races are known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

from support.commands import Run
from support.race_reports import Report, races
from support.race_truth import PATTERNS, World, assert_true, crowd, programs_with_clocks, true_rules
from support.timeline_truth import Program
from threeam.races.finding import Rule

BOUNDS_NS = (0, 400_000, 3_200_000)
RESOLUTIONS_NS = (1, 1_000, 1_000_000)
CLOSE_NS = (1_000, 300_000, 2_000_000, 700_000_000)


def report_of(run: Run, world: World) -> Report:
    """Return what `races` says about a world."""
    return races(run, *(word for pattern in PATTERNS for word in ("--key", pattern)), *world.arguments)


def check_night(world: World, report: Report) -> None:
    """Check that each planted race was found, the close one as possible, and that nothing else was."""
    planted = {(race.key_name, race.key): race for race in world.planted}
    for group in report.groups:
        race = planted.get((group.key_name, int(group.key)))
        assert race is not None, group
        assert group.keys == 1, group
        assert group.is_certain != race.is_close, group
        if group.is_certain:
            assert_true(world, Rule(group.rule), group.witness)
        else:
            assert any("order not known" in doubt for doubt in group.doubts), group
    found = {(group.rule, group.key_name, int(group.key)) for group in report.groups}
    assert found >= {(race.rule, race.key_name, race.key) for race in world.planted}


def check_crowd(world: World, report: Report) -> None:
    """Check that each race that is claimed to be certain truly is one."""
    true_keys = {rule: sum(rule in true_rules(acts) for acts in world.lives.values()) for rule in Rule}
    for group in report.certain:
        assert_true(world, Rule(group.rule), group.witness)
        assert group.keys <= true_keys[Rule(group.rule)] or group.rule == Rule.HABIT, group


Programs = Callable[[random.Random], Sequence[Program]]


def three_programs(rng: random.Random) -> Sequence[Program]:
    """Return three programs whose clocks are as bad as they may be."""
    return programs_with_clocks(rng, 3, BOUNDS_NS, RESOLUTIONS_NS)


def check_crowds(run: Run, folder: Path, seeds: Sequence[int], programs: Programs = three_programs) -> None:
    """Check what is claimed of a crowd for each seed."""
    for seed in seeds:
        rng = random.Random(seed)
        world = crowd(rng, folder, programs(rng), 60, CLOSE_NS)
        check_crowd(world, report_of(run, world))
