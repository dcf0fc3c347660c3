"""Caffeine: first-order elimination, in plain numbers and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.human.caffeine import DAY_NS, HOUR_NS, caffeine_curve, mg_last_24h, remaining_mg, time_below_ns

Doses = list[tuple[int, int]]

NOW = 100 * HOUR_NS
FINE = 1e-9  # relative: what floats may differ by

doses = st.lists(st.tuples(st.integers(0, NOW), st.integers(1, 1000)), max_size=8)
to_come = st.lists(st.tuples(st.integers(NOW + 1, 2 * NOW), st.integers(1, 1000)), max_size=4)
half_lives = st.floats(1.5, 9.5)


@pytest.mark.parametrize(("hours", "left"), [(0, 95.0), (5, 47.5), (10, 23.75), (15, 11.875)])
def test_half_of_a_dose_is_left_after_each_half_life(hours: int, left: float) -> None:
    assert remaining_mg([(0, 95)], hours * HOUR_NS, 5.0) == pytest.approx(left)


def test_nothing_drunk_is_nothing_left() -> None:
    assert remaining_mg([], 0, 5.0) == 0


def test_a_cup_counts_from_the_nanosecond_at_which_it_is_drunk() -> None:
    assert remaining_mg([(HOUR_NS, 95)], HOUR_NS - 1, 5.0) == 0
    assert remaining_mg([(HOUR_NS, 95)], HOUR_NS, 5.0) == 95


@given(doses)
def test_whatever_was_drunk_halves_in_five_hours(drunk: Doses) -> None:
    assert remaining_mg(drunk, NOW + 5 * HOUR_NS, 5.0) == pytest.approx(remaining_mg(drunk, NOW, 5.0) / 2, rel=FINE)


@given(doses, half_lives)
def test_whatever_was_drunk_halves_in_each_half_life(drunk: Doses, half_life: float) -> None:
    later = NOW + round(half_life * HOUR_NS)
    assert remaining_mg(drunk, later, half_life) == pytest.approx(remaining_mg(drunk, NOW, half_life) / 2, rel=FINE)


@given(doses, doses, half_lives)
def test_doses_add_up(some: Doses, others: Doses, half_life: float) -> None:
    apart = remaining_mg(some, NOW, half_life) + remaining_mg(others, NOW, half_life)
    assert remaining_mg(some + others, NOW, half_life) == pytest.approx(apart, rel=FINE)


@given(st.data(), doses, half_lives)
def test_the_order_of_the_doses_does_not_matter(data: st.DataObject, drunk: Doses, half_life: float) -> None:
    shuffled = data.draw(st.permutations(drunk))
    assert remaining_mg(shuffled, NOW, half_life) == pytest.approx(remaining_mg(drunk, NOW, half_life), rel=FINE)
    assert mg_last_24h(shuffled, NOW) == mg_last_24h(drunk, NOW)
    little = time_below_ns(drunk, NOW, half_life, 50)
    assert abs(time_below_ns(shuffled, NOW, half_life, 50) - little) <= 8  # ns


@given(doses, half_lives, st.integers(0, 1000 * HOUR_NS))
def test_what_is_left_only_grows_less_and_is_never_negative(drunk: Doses, half_life: float, later: int) -> None:
    remaining = remaining_mg(drunk, NOW + later, half_life)
    assert 0 <= remaining <= remaining_mg(drunk, NOW, half_life) <= sum(mg for _, mg in drunk)


@given(doses, to_come, half_lives)
def test_what_is_drunk_later_does_not_count(drunk: Doses, later: Doses, half_life: float) -> None:
    assert remaining_mg(drunk + later, NOW, half_life) == remaining_mg(drunk, NOW, half_life)
    assert mg_last_24h(drunk + later, NOW) == mg_last_24h(drunk, NOW)
    assert time_below_ns(drunk + later, NOW, half_life, 50) == time_below_ns(drunk, NOW, half_life, 50)


@pytest.mark.parametrize("half_life", [0.001, 1e6])
def test_any_half_life_that_the_settings_allow_can_be_computed_with(half_life: float) -> None:
    assert remaining_mg([(0, 95)], 10_000 * HOUR_NS, half_life) >= 0
    assert time_below_ns([(0, 95)], 0, half_life, 50) > 0
    assert min(caffeine_curve([(0, 95)], 0, 10_000 * HOUR_NS, 10, half_life)) >= 0


@pytest.mark.parametrize(
    ("ago_ns", "mg"),
    [(0, 95), (DAY_NS - 1, 95), (DAY_NS, 0), (-1, 0)],
    ids=["now", "just inside the day", "a day ago", "still to come"],
)
def test_a_day_is_the_24_hours_before_now(ago_ns: int, mg: int) -> None:
    assert mg_last_24h([(NOW - ago_ns, 95)], NOW) == mg


# --- when little is left


def test_one_cup_of_200_is_under_50_after_two_half_lives() -> None:
    assert time_below_ns([(0, 200)], 0, 5.0, 50) == 10 * HOUR_NS
    assert time_below_ns([(0, 200)], 3 * HOUR_NS, 5.0, 50) == pytest.approx(10 * HOUR_NS, abs=8)


@pytest.mark.parametrize("drunk", [[], [(NOW, 50)], [(0, 95)]], ids=["nothing", "just so much", "long ago"])
def test_where_little_is_left_already_that_is_now(drunk: Doses) -> None:
    assert time_below_ns(drunk, NOW, 5.0, 50) == NOW


@given(doses, half_lives, st.integers(1, 400))
def test_it_is_the_first_nanosecond_at_which_no_more_than_the_level_is_left(
    drunk: Doses, half_life: float, level: int
) -> None:
    when = time_below_ns(drunk, NOW, half_life, level)
    assert when >= NOW
    assert remaining_mg(drunk, when, half_life) <= level * (1 + 1e-12)
    if when > NOW:
        slack = 64  # ns: a double says no more of an exponent after some days
        assert remaining_mg(drunk, max(NOW, when - slack), half_life) > level * (1 - 1e-12)


@given(
    st.lists(st.tuples(st.integers(NOW - 10**10, NOW), st.integers(1, 1000)), max_size=8),
    st.floats(0.001, 0.02),
    st.integers(1, 400),
)
def test_it_is_so_to_the_nanosecond_where_a_double_can_tell(drunk: Doses, half_life: float, level: int) -> None:
    when = time_below_ns(drunk, NOW, half_life, level)
    assert remaining_mg(drunk, when, half_life) <= level * (1 + 1e-13)
    if when > NOW:
        assert remaining_mg(drunk, when - 1, half_life) > level * (1 - 1e-13)


# --- the curve


@given(doses, half_lives, st.integers(0, NOW), st.integers(1, NOW), st.integers(2, 60))
def test_the_curve_is_what_is_left_at_each_of_its_points(
    drunk: Doses, half_life: float, begin: int, span: int, points: int
) -> None:
    drawn = caffeine_curve(drunk, begin, begin + span, points, half_life)
    assert len(drawn) == points
    assert (drawn[0], drawn[-1]) == (
        remaining_mg(drunk, begin, half_life),
        remaining_mg(drunk, begin + span, half_life),
    )
    step = span / (points - 1)
    assert drawn == [remaining_mg(drunk, begin + round(n * step), half_life) for n in range(points)]


@pytest.mark.parametrize("points", [0, 1])
def test_a_curve_of_no_width_is_still_one(points: int) -> None:
    assert caffeine_curve([(0, 95)], 0, HOUR_NS, points, 5.0) == [95.0][:points]
