"""What `3am races` claims about logs whose true races are known. A race that is claimed and was none is the worst
fault there is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.commands import Run
from support.race_checks import (
    BOUNDS_NS,
    CLOSE_NS,
    RESOLUTIONS_NS,
    Programs,
    check_crowds,
    check_night,
    report_of,
    three_programs,
)
from support.race_truth import RACES, crowd, night, odd_programs, programs_with_clocks, true_rules
from threeam.races import access, rules
from threeam.races.access import Access
from threeam.races.finding import Finding, Rule
from threeam.timeline.instant import Interval, Order


@pytest.mark.parametrize("close", RACES)
@pytest.mark.parametrize("seed", range(2))
def test_three_races_are_found_and_no_other(run: Run, tmp_path: Path, close: Rule, seed: int) -> None:
    """One of them is possible, since the clocks hide its order."""
    rng = random.Random(seed)
    programs = programs_with_clocks(rng, 4, BOUNDS_NS[1:], RESOLUTIONS_NS)
    world = night(rng, tmp_path, programs, 200, close)
    check_night(world, report_of(run, world))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("programs", [three_programs, odd_programs])
def test_a_race_that_is_certain_is_true(run: Run, tmp_path: Path, seed: int, programs: Programs) -> None:
    check_crowds(run, tmp_path, [seed], programs)


@pytest.mark.parametrize("seed", range(20))
def test_with_exact_clocks_each_race_is_found(run: Run, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    programs = [replace(program, buffers=1) for program in programs_with_clocks(rng, 3, (0,), (1,))]
    world = crowd(rng, tmp_path, programs, 1, CLOSE_NS)
    (acts,) = world.lives.values()
    assert {group.rule for group in report_of(run, world).certain} == true_rules(acts)


@pytest.mark.parametrize("seed", range(20))
def test_late_lines_of_several_actors_hide_no_race(run: Run, tmp_path: Path, seed: int) -> None:
    """They look like those after a step of the clock, so it may be reported as possible."""
    rng = random.Random(seed)
    world = crowd(rng, tmp_path, programs_with_clocks(rng, 3, (0,), (1,)), 1, CLOSE_NS)
    (acts,) = world.lives.values()
    report = report_of(run, world)
    assert {group.rule for group in report.certain} <= true_rules(acts) <= {group.rule for group in report.groups}


# A truth test that cannot fail proves nothing: each rule of the order is broken on purpose, and the test finds it.


def ignore_bounds(patch: pytest.MonkeyPatch) -> None:
    """Take each clock for exact."""
    patch.setattr(Access, "widened", property(lambda access: access.interval))


def ignore_resolutions(patch: pytest.MonkeyPatch) -> None:
    """Take each timestamp for the nanosecond of its act."""
    patch.setattr(Interval, "order_to", lambda own, other: compared(own.begin_ns, other.begin_ns))


def trust_file_order(patch: pytest.MonkeyPatch) -> None:
    """Take the order of the lines of one file for that of the acts, whoever wrote them."""
    patch.setattr(access, "_order_within_source", lambda own, other: compared(own.offset, other.offset))


def claim_unknown_orders(patch: pytest.MonkeyPatch) -> None:
    """Take an order that is not known for the one that makes the pattern."""
    patch.setattr(rules, "_finding", without_doubts(rules._finding))


def compared(own: int, other: int) -> Order:
    """Return the order of two numbers."""
    return Order.BEFORE if own < other else Order.AFTER


def without_doubts(make: Callable[..., Finding]) -> Callable[..., Finding]:
    """Return what makes findings without doubts."""
    return lambda *args: make(*args)._replace(doubts=())


@pytest.mark.parametrize("break_it", [ignore_bounds, ignore_resolutions, trust_file_order, claim_unknown_orders])
def test_a_broken_rule_of_the_order_is_found(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, break_it: Callable[[pytest.MonkeyPatch], None]
) -> None:
    break_it(monkeypatch)
    with pytest.raises(AssertionError, match=r"Act\(|Group\("):
        check_crowds(run, tmp_path, range(8))
