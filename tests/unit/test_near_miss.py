"""Near misses: the gaps of a pair of operations on one key."""

from __future__ import annotations

import gc
import re
import tracemalloc
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.histories import WEB1, WEB2, T, access, history, pairs
from threeam.core.errors import BadInput
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import Stamp
from threeam.races.access import OperationKind, distance
from threeam.races.finding import KeyHistory
from threeam.races.near_miss import Bar, NearMisses, OperationPair, Share, delay_above, is_named, parse_pair
from threeam.races.near_report import NearReport, NotedChange, empty_sentence
from threeam.races.operations import Operations
from threeam.timeline.order import ClockRange

MS, S = 10**6, 10**9
OPERATIONS = Operations()
PAIR = parse_pair("delete → update", OPERATIONS)


class Noted(NamedTuple):
    """A change of the journal."""

    ns: int
    text: str
    undone_at: Stamp | None = None

    @property
    def stamp(self) -> Stamp:
        return Stamp(self.ns)


def measured(*histories: KeyHistory, pair: OperationPair = PAIR, window_ns: int = 600 * S) -> NearMisses:
    near = NearMisses(pair, window_ns)
    for each in histories:
        near.add(each)
        near.matches += len(each.accesses)
    return near


def gaps_of(near: NearMisses) -> list[int]:
    return [occurrence.gap_ns for occurrence in near.closest]


def told(near: NearMisses, *changes: NotedChange, emoji: bool = True) -> str:
    sections = NearReport(near, {}, changes, fixed_zone(0), 76, emoji).sections()
    return "\n".join(f"{line.text} {line.detail}" for section in sections for line in section.lines)


@pytest.mark.parametrize("text", ["delete → update", "delete->update", " Delete →update", "deleted  ->  UPDATES"])
def test_a_pair_is_written_with_either_arrow(text: str) -> None:
    assert parse_pair(text, OPERATIONS) == ("delete", "update")


def test_a_capital_letter_is_a_kind() -> None:
    assert parse_pair("D → W", OPERATIONS) == ("D", "W")
    assert is_named("delete", OperationKind.DELETE, "D")
    assert not is_named("delete", OperationKind.DELETE, "d")


@pytest.mark.parametrize("text", ["", "delete", "delete update", "→", "delete →", "a -> b -> c"])
def test_another_text_is_no_pair(text: str) -> None:
    with pytest.raises(BadInput, match="is not a pair of operations"):
        parse_pair(text, OPERATIONS)


def test_each_first_operation_has_the_nearest_second_one_of_another_actor() -> None:
    near = measured(
        history(
            access(-5 * MS, "update", "b", WEB2),
            access(0, "delete", "a"),
            access(1 * MS, "update", "a"),  # by the actor that has deleted it
            access(3 * MS, "update", "c", WEB2),
            access(4 * MS, "read", "d", WEB2),
        )
    )
    assert gaps_of(near) == [3 * MS]


def test_of_two_that_are_as_near_the_later_one_counts() -> None:
    around = (access(-MS, "update", "b"), access(0, "delete", "a"), access(MS, "update", "c"))
    assert gaps_of(measured(history(*around))) == [MS]


def test_a_gap_is_at_most_as_long_as_the_window() -> None:
    near = measured(*pairs([S, S + 1, -S, -S - 1]), window_ns=S)
    assert sorted(gaps_of(near)) == [-S, S]


def test_in_a_pair_of_equal_operations_each_gap_counts_once() -> None:
    updates = history(access(0, "update", "a"), access(MS, "update", "b"), access(3 * MS, "update", "b"))
    assert gaps_of(measured(updates, pair=OperationPair("update", "update"))) == [MS]


actions = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["delete", "update", "read"]), st.sampled_from("abc")), max_size=12
)


@given(actions)
def test_the_occurrences_are_those_of_a_search_through_all(made: list[tuple[int, str, str]]) -> None:
    accesses = sorted((access(*facts) for facts in made), key=lambda each: each.ns)
    near = NearMisses(PAIR, 15)
    near.add(KeyHistory("cart", b"42", tuple(accesses)))
    expected = []
    for first in accesses:
        others = [
            abs(second.ns - first.ns)
            for second in accesses
            if second.operation == "update" and second.actor != first.actor and abs(second.ns - first.ns) <= 15
        ]
        if first.operation == "delete" and others:
            expected.append(min(others))
    assert sorted(abs(gap) for gap in near._gaps) == sorted(expected)


# Orders that are not known.


def test_a_gap_below_the_bounds_of_both_clocks_could_have_been_in_either_order() -> None:
    near = measured(*pairs([400, 402, -400, -402], bound_ns=200))
    assert [occurrence.is_known for occurrence in near.closest] == [False, False, True, True]
    assert near.sides()[1] == (2, 1, 400, 400, 400)
    assert near.error_ns == 401


def test_the_digits_of_a_stamp_count_as_well() -> None:
    within = distance(access(0, "delete", "a", unit_ns=S), access(S // 2, "update", "b", unit_ns=1000))
    assert within == (-S // 2, S // 2 + 1000)


def test_without_a_bound_no_order_is_known() -> None:
    near = measured(*pairs([5 * S], bound_ns=None))
    assert near.unknown == 1
    assert "the error of each gap is not known: a clock was not measured" in told(near)
    assert "true distance not known" in told(near)


def test_a_gap_across_a_step_of_the_clock_is_left_out() -> None:
    after_the_step = access(0, "update", "b", clock_range=ClockRange(part=1, has_steps=True))
    near = measured(history(access(MS, "delete", "a", clock_range=ClockRange(has_steps=True)), after_the_step))
    assert (len(near), near.stepped) == (0, 1)
    assert "step of a clock" in empty_sentence(near)


def test_the_doubts_of_the_lines_are_counted() -> None:
    doubt = "the stamp is that of an end"
    lines = access(0, "delete", "a", doubts=(doubt,)), access(MS, "update", "b", WEB2, doubts=(doubt,))
    assert f"in doubt: 1 of 1: {doubt}" in told(measured(history(*lines)))


def test_a_key_that_was_created_again_in_between_is_in_doubt() -> None:
    doubt = "in doubt: 1 of 1: the key was created again in between"
    again = [access(0, "delete", "a"), access(MS, "create", "c"), access(2 * MS, "update", "b", WEB2)]
    assert doubt in told(measured(history(*again)))
    before = [access(-MS, "create", "c"), *again[::2]]
    assert "in doubt" not in told(measured(history(*before)))


# What follows from the gaps.


def test_the_quantiles_are_gaps_that_were_seen() -> None:
    side = measured(*pairs(range(1, 201))).sides()[1]
    assert (side.total, side.least_ns, side.percentile_ns, side.median_ns) == (200, 1, 2, 100)


def test_the_histogram_has_a_bar_for_each_decade_between_the_outermost() -> None:
    near = measured(*pairs([-15, 0, 3, 999, 1000]))
    assert near.histogram() == [
        Bar(-1, 10, 1, 0),
        Bar(-1, 1, 0, 0),
        Bar(0, 0, 0, 1),
        Bar(1, 1, 1, 0),
        Bar(1, 10, 0, 0),
        Bar(1, 100, 1, 0),
        Bar(1, 1000, 1, 0),
    ]


def test_shorter_gaps_than_any_have_no_bar() -> None:
    assert [bar.begin_ns for bar in measured(*pairs([-2 * MS, 3 * MS])).histogram()] == [MS, MS]


def test_gaps_of_either_order_are_hatched() -> None:
    near = measured(*pairs([50, 5000, 6000], bound_ns=200))
    assert "10ns to 100ns ░" in told(near)
    assert "hatched ░: could have been either order" in told(near)
    assert re.search("10ns to 100ns /+ 1", told(near, emoji=False))
    assert re.search("1us to 10us   #+ 2", told(near, emoji=False))


def test_the_smallest_gap_of_each_hour() -> None:
    near = measured(*pairs([5 * MS, -MS, 2 * MS] + [7 * MS] * 3600))
    hours = near.hours()
    assert [(hour.total, hour.gap_ns) for hour in hours] == [(2753, -MS), (850, 7 * MS)]
    assert all(hour.begin_ns % (3600 * S) == 0 for hour in hours)


# Before and after a change.


def test_a_change_is_compared_with_exact_intervals() -> None:
    near = measured(*pairs([MS // 2] * 14 + [5 * S] * 4197 + [6 * S] * 1950))
    (comparison,) = near.comparisons([T + 4211 * S], [])
    assert comparison == (T + 4211 * S, MS, Share(14, 4211), Share(0, 1950))
    changed = Noted(T + 4211 * S, "sweep every 5 s")
    sentence = "below 1ms: 14 of 4,211 (0.182 to 0.557 %) before, 0 of 1,950 (at most 0.189 %) after"
    assert f"{sentence} Changed: sweep every 5 s · 2026-11-24 04:24:18" in told(near, changed)


def test_a_period_ends_with_the_next_change_and_when_a_change_is_undone() -> None:
    near = measured(*pairs([S] * 100))
    first, second, undone = (T + seconds * S for seconds in (10, 30, 60))
    assert [(each.before.of, each.after.of) for each in near.comparisons([first, second], [undone])] == [
        (10, 20),
        (20, 30),
    ]


def test_the_limit_of_a_comparison_is_not_below_the_errors_of_the_clocks() -> None:
    near = measured(*pairs([5] * 100, bound_ns=3 * MS))
    (comparison,) = near.comparisons([T + 50 * S], [])
    assert comparison.limit_ns == 10 * MS


def test_a_change_outside_of_the_lines_is_not_compared() -> None:
    report = told(measured(*pairs([S] * 3)), Noted(T - S, "before"), Noted(T + S, "between"))
    assert "Changed: between" in report
    assert "Changed: before" not in report
    assert "1 other changes" not in report
    assert "1 other change is before or after these lines" in report


# A pair that does not occur.


def test_a_pair_that_does_not_occur_has_a_sentence_with_what_was_seen() -> None:
    reads = history(access(0, "read", "a"), access(1, "read", "b"), access(2, "delete", "a"))
    assert empty_sentence(measured(reads)) == "delete → update: no line is update; seen: read (R) 2, delete (D) 1"
    assert told(measured(reads)).strip() == empty_sentence(measured(reads))


def test_a_pair_by_one_actor_does_not_occur() -> None:
    lines = history(access(0, "delete", "a"), access(1, "update", "a"))
    assert "never of one key, by two actors" in empty_sentence(measured(lines))


def test_without_a_key_the_sentence_names_the_pattern() -> None:
    assert "no line has a key" in empty_sentence(measured())


@given(st.integers(0, 10**12))
def test_a_delay_is_a_little_longer_than_the_gap(gap_ns: int) -> None:
    assert gap_ns < delay_above(gap_ns) <= max(1000, gap_ns * 5 // 2 + 1)


def test_the_lines_of_the_five_smallest_gaps_are_kept() -> None:
    assert gaps_of(measured(*pairs(range(49, 0, -1)))) == list(range(1, 6))


def test_what_is_kept_of_each_gap_is_two_integers_and_a_byte() -> None:
    count, (pair,) = 5_000, pairs([1])
    near = measured(*[pair] * 10)  # the closest ones
    tracemalloc.start()
    try:
        for _ in range(count):
            near.add(pair)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(near) == count + 10
    assert 8 + 8 + 1 <= kept / count < 20, "an array grows by a sixteenth more than it needs"


def test_one_source_needs_no_bound() -> None:
    known = history(access(0, "delete", "a", WEB1, bound_ns=None), access(10, "update", "b", WEB1, bound_ns=None))
    assert measured(known).unknown == 0
