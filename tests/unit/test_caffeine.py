"""Caffeine: first-order elimination, in plain numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threeam.human.caffeine import HOUR_NS, milligrams

doses = st.lists(st.tuples(st.integers(0, 100 * HOUR_NS), st.integers(1, 400)), max_size=6)
half_lives = st.floats(1.5, 9.5)


@pytest.mark.parametrize(("hours", "left"), [(0, 95.0), (5, 47.5), (10, 23.75), (15, 11.875)])
def test_half_of_a_dose_is_left_after_each_half_life(hours: int, left: float) -> None:
    assert milligrams([(0, 95)], hours * HOUR_NS, 5.0) == pytest.approx(left)


def test_nothing_drunk_is_nothing_left() -> None:
    assert milligrams([], 0, 5.0) == 0


def test_a_cup_still_to_come_does_not_count() -> None:
    assert milligrams([(HOUR_NS, 95)], HOUR_NS - 1, 5.0) == 0
    assert milligrams([(HOUR_NS, 95)], HOUR_NS, 5.0) == 95


@settings(deadline=None)
@given(doses, doses, half_lives)
def test_doses_add_up(some: list[tuple[int, int]], others: list[tuple[int, int]], half_life: float) -> None:
    now = 100 * HOUR_NS
    apart = milligrams(some, now, half_life) + milligrams(others, now, half_life)
    assert milligrams(some + others, now, half_life) == pytest.approx(apart)


@settings(deadline=None)
@given(doses, half_lives, st.integers(0, 1000 * HOUR_NS))
def test_what_is_left_only_grows_less(drunk: list[tuple[int, int]], half_life: float, later: int) -> None:
    now = 100 * HOUR_NS
    left = milligrams(drunk, now + later, half_life)
    assert 0 <= left <= milligrams(drunk, now, half_life) <= sum(mg for _, mg in drunk)


@pytest.mark.parametrize("half_life", [0.001, 1e6])
def test_any_half_life_that_the_settings_allow_can_be_computed_with(half_life: float) -> None:
    assert milligrams([(0, 95)], 10_000 * HOUR_NS, half_life) >= 0
