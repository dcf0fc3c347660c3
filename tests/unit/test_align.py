"""The shift between two clocks from requests that both logs have: the truth is always inside."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.lines import NIGHT
from support.two_hosts import SECOND, HostClock, TrueLine, TwoLogs, pairs_of, simulate
from threeam.core.errors import PreconditionFailed
from threeam.core.store.regex import CapturingRegex
from threeam.timeline import align as align_module
from threeam.timeline.align import (
    Alignment,
    ClocksContradict,
    KeyedLog,
    align,
    collect_sightings,
    correction_between,
    same_event_correction,
)
from threeam.timeline.instant import ClockCorrection, Order, Timestamp
from threeam.timeline.timestamp_format import Meaning

KEY = CapturingRegex(r"req=(\w+)", "key").capture
US, MS = 1000, 10**6


Lines = list[tuple[bytes, Timestamp]]


def keyed_log(lines: Lines, known: KeyedLog | None = None, meaning: Meaning = Meaning.EVENT) -> KeyedLog:
    keyed = [(key, stamp) for raw, stamp in lines if (key := KEY(raw)) is not None]
    found = collect_sightings(keyed, None if known is None else known.sightings)
    stamps = [stamp for _, stamp in lines]
    begin_ns = min((stamp.ns for stamp in stamps), default=0)
    return KeyedLog(found, begin_ns, max((stamp.ns + stamp.resolution_ns for stamp in stamps), default=0), meaning)


def aligned(a: Lines, b: Lines) -> Alignment:
    caller = keyed_log(a)
    return align(caller, keyed_log(b, caller))


def aligned_logs(logs: TwoLogs) -> Alignment:
    return aligned(pairs_of(logs.a), pairs_of(logs.b))


def log(*lines: tuple[str, int], unit: int = US) -> list[tuple[bytes, Timestamp]]:
    return [(f"req={key}".encode(), Timestamp(ns, unit)) for key, ns in lines]


@pytest.mark.parametrize("block", [*range(5), *(pytest.param(n, marks=pytest.mark.slow) for n in range(5, 20))])
def test_the_true_shift_is_inside_for_a_thousand_seeds(block: int) -> None:
    """Skew, drift of 20 ppm, random delays, lost answers, cut files, resolutions from 1 ns to 1 s."""
    two_sided = 0
    for seed in range(block * 50, block * 50 + 50):
        logs = simulate(seed)
        try:
            found = aligned_logs(logs)
        except ClocksContradict:
            raise AssertionError(f"seed {seed}: no step, and a contradiction") from None
        except PreconditionFailed:
            continue  # the only request was cut off
        for line in logs.b:
            shift_ns = logs.true_shift_ns(line.true_ns)
            assert found.lower_ns is None or found.lower_ns <= shift_ns, (seed, found)
            assert found.upper_ns is None or shift_ns <= found.upper_ns, (seed, found)
        if (correction := found.correction) is not None:
            two_sided += 1
            check_claims(seed, logs, correction)
    assert two_sided >= 30


def check_claims(seed: int, logs: TwoLogs, correction: ClockCorrection) -> None:
    """No order of two lines is claimed that is not the true one."""
    dice = random.Random(seed)
    for _ in range(20):
        first, second = dice.choice(logs.a), dice.choice(logs.b)
        one, other = ClockCorrection().interval_of(first.stamp), correction.interval_of(second.stamp)
        assert one is not None
        assert other is not None
        order = one.order_to(other)
        assert order is not Order.BEFORE or first.true_ns < second.true_ns, (seed, first, second)
        assert order is not Order.AFTER or second.true_ns < first.true_ns, (seed, first, second)


@pytest.mark.parametrize("seed", range(50))
def test_a_log_without_answers_bounds_the_shift_from_below(seed: int) -> None:
    logs = simulate(seed, requests=60, answers=False)
    found = aligned_logs(logs)
    assert found.upper_ns is None
    assert found.highest is None
    assert found.correction is None
    assert found.lower_ns is not None
    assert all(found.lower_ns <= logs.true_shift_ns(line.true_ns) for line in logs.b)


@pytest.mark.parametrize("seed", range(50))
def test_a_clock_step_between_two_requests_is_a_contradiction(seed: int) -> None:
    logs = simulate(seed, requests=500)
    widest = max(line.stamp.resolution_ns for line in (*logs.a, *logs.b))
    step = 20 * SECOND + 2 * widest + max(line.true_ns for line in logs.a) // 10**6 % SECOND
    middle = len(logs.b) // 2
    ends = 60 * SECOND * 500 // 5_000  # the drift that 100 ppm allow over the whole log
    stepped = [
        (line.raw, line.stamp._replace(ns=line.stamp.ns + (step + ends if index >= middle else 0)))
        for index, line in enumerate(logs.b)
    ]
    with pytest.raises(ClocksContradict) as caught:
        aligned(pairs_of(logs.a), stepped)
    lowest, highest = caught.value.lowest, caught.value.highest
    assert lowest.lower_ns is not None
    assert highest.upper_ns is not None
    assert lowest.lower_ns > highest.upper_ns
    keys = [KEY(line.raw) for line in logs.b]
    first, last = sorted([keys.index(lowest.key), keys.index(highest.key)])
    assert first < middle <= last, "one request of before the step, one of after it"


def test_the_arithmetic_by_hand() -> None:
    """A: out 1,000 µs, back 5,000 µs. B: 2,500 µs. Added to B: more than -1,501 µs, less than 2,501 µs."""
    found = aligned(log(("1", 1000 * US), ("1", 5000 * US)), log(("1", 2500 * US)))
    assert (found.lower_ns, found.upper_ns) == (-1501 * US - 1, 2501 * US + 1)  # 1 ns: drift within 1 µs
    assert found.correction == ClockCorrection(500 * US, 2010 * US)
    assert (found.used, found.left_out, found.usual_lines) == (1, 0, 2)


def test_the_narrowest_limits_of_two_requests_meet() -> None:
    a = log(("1", 0), ("1", 4000 * US), ("2", 10_000 * US), ("2", 10_900 * US))
    found = aligned(a, log(("1", 100 * US), ("2", 10_800 * US)))
    assert found.lowest is not None
    assert found.highest is not None
    assert (found.lowest.key, found.highest.key) == (b"1", b"2")
    # 10.7 ms between the two requests allow 1.07 µs of drift.
    assert (found.lower_ns, found.upper_ns) == (-101 * US - 1070 - 1, 101 * US + 1070 + 1)
    assert found.drift_ns == 2 * 1071


@pytest.mark.parametrize(("before_s", "after_s"), [(1000, 500), (500, 1000), (0, 1000), (1000, 0)])
def test_the_interval_holds_at_the_ends_of_the_log_too(before_s: int, after_s: int) -> None:
    """1,000 s away from the only request the clocks may be 0.1 s further apart."""
    ends = [(b"", Timestamp(-before_s * SECOND, 1)), (b"", Timestamp(after_s * SECOND, 1))]
    found = aligned(log(("1", 0), ("1", 1000), unit=1), [ends[0], *log(("1", 500), unit=1), ends[1]])
    assert found.lower_ns is not None
    assert found.upper_ns is not None
    assert found.upper_ns - 501 == pytest.approx(SECOND // 10, abs=2)
    assert found.lower_ns + 501 == pytest.approx(-SECOND // 10, abs=2)


def test_the_interval_holds_half_way_between_two_requests_too() -> None:
    """500 s away from the nearest request the clocks may be 0.05 s further apart."""
    later = 1000 * SECOND
    a = log(("1", 0), ("1", 1000), ("2", later), ("2", later + 1000), unit=1)
    found = aligned(a, log(("1", 500), ("2", later + 500), unit=1))
    assert found.lower_ns is not None
    assert found.upper_ns is not None
    assert found.upper_ns - 501 == pytest.approx(SECOND // 20, abs=2)
    assert found.lower_ns + 501 == pytest.approx(-SECOND // 20, abs=2)


def test_drift_that_is_faster_than_quartz_is_a_contradiction() -> None:
    fast = HostClock(0, 1_000_000)  # 1,000 ppm
    times = [NIGHT.ns + n * SECOND for n in range(100)]
    a = [(f"req={n}".encode(), Timestamp(ns + late, 1)) for n, ns in enumerate(times) for late in (0, 10_000)]
    b = [(f"req={n}".encode(), Timestamp(fast.at(ns + 5000), 1)) for n, ns in enumerate(times)]
    with pytest.raises(ClocksContradict):
        aligned(a, b)


def test_a_request_with_fewer_lines_than_most_is_left_out() -> None:
    """Its first line may be before the file: then its only line is the answer, and not the call."""
    whole = [(str(n), n * MS + late) for n in range(1, 5) for late in (0, 800 * US)]
    found = aligned(log(("0", 900 * US), *whole), log(*((str(n), n * MS + 400 * US) for n in range(5))))
    assert (found.used, found.left_out) == (4, 1)
    assert found.lower_ns is not None
    assert found.lower_ns <= 0


def test_a_second_line_is_no_answer_if_most_requests_have_one() -> None:
    a = log(("1", 0), ("2", 5 * MS), ("3", 10 * MS), ("3", 10 * MS + 1))
    found = aligned(a, log(("1", 2 * MS), ("2", 7 * MS), ("3", 12 * MS)))
    assert (found.used, found.left_out) == (1, 2)
    assert found.lower_ns is not None
    assert found.upper_ns is None


def test_a_line_of_the_called_host_after_the_answer_does_not_count() -> None:
    a = log(("1", 0), ("1", 1000 * US))
    assert (
        aligned(a, log(("1", 500 * US), ("1", 90_000 * US))).upper_ns
        == aligned(a, [*log(("1", 500 * US)), (b"", Timestamp(90_000 * US, US))]).upper_ns
    )


@pytest.mark.parametrize(
    ("meaning_a", "meaning_b", "has_lower", "has_upper"),
    [
        (Meaning.EVENT, Meaning.EVENT, True, True),
        (Meaning.RECEIPT, Meaning.RECEIPT, True, True),
        (Meaning.EVENT, Meaning.START, True, True),
        (Meaning.EVENT, Meaning.END, True, False),  # the called host may finish after the answer
        (Meaning.START, Meaning.EVENT, True, False),  # no stamp is that of an answer
        (Meaning.END, Meaning.EVENT, False, True),  # no stamp is that of a call
        (Meaning.END, Meaning.END, False, False),
    ],
)
def test_a_stamp_limits_the_shift_on_the_side_that_its_meaning_allows(
    meaning_a: Meaning, meaning_b: Meaning, has_lower: bool, has_upper: bool
) -> None:
    caller = keyed_log(log(("1", 0), ("1", 1000 * US)), meaning=meaning_a)
    called = keyed_log(log(("1", 500 * US)), caller, meaning_b)
    found = align(caller, called)
    assert (found.lower_ns is not None, found.upper_ns is not None) == (has_lower, has_upper)


@pytest.mark.parametrize(
    ("meaning", "limits"), [(Meaning.START, (-101 * US, None)), (Meaning.END, (None, US - 100 * US))]
)
def test_the_only_line_of_a_request_is_its_begin_or_its_end(
    meaning: Meaning, limits: tuple[int | None, int | None]
) -> None:
    caller = keyed_log(log(("1", 0), ("2", 1000 * US), ("2", 2000 * US)), meaning=meaning)
    found = align(caller, keyed_log(log(("1", 100 * US)), caller))
    request = found.lowest or found.highest
    assert request is not None
    assert (request.lower_ns, request.upper_ns) == limits


def test_logs_without_a_common_key_are_refused() -> None:
    with pytest.raises(PreconditionFailed, match="no key is in both logs"):
        aligned(log(("1", 0), ("1", 5)), log(("2", 3)))


def test_of_many_requests_the_same_part_of_both_logs_is_taken() -> None:
    logs = simulate(4, requests=500)
    whole = aligned_logs(logs)
    with patch.object(align_module, "_MAX_KEYS", 50):
        part = aligned_logs(logs)
    assert 10 <= part.used <= 50 < whole.used
    assert part.lower_ns is not None
    assert whole.lower_ns is not None
    assert part.lower_ns <= whole.lower_ns
    for line in logs.b:
        assert part.lower_ns <= logs.true_shift_ns(line.true_ns) <= (part.upper_ns or 0)


def test_the_part_that_is_taken_has_all_lines_of_its_keys() -> None:
    lines = log(*((str(key), key * 10 + again) for again in range(3) for key in range(400)))
    with patch.object(align_module, "_MAX_KEYS", 50):
        found = keyed_log(lines).sightings
    assert 10 <= len(found) <= 50
    assert {seen.line_count for seen in found.values()} == {3}


@given(st.integers(-(10**19), 10**19), st.integers(0, 10**12))
def test_a_correction_has_the_whole_interval_and_a_short_bound(lower_ns: int, width_ns: int) -> None:
    shift_ns, bound_ns = correction_between(lower_ns, lower_ns + width_ns)
    assert bound_ns is not None
    assert shift_ns - bound_ns <= lower_ns
    assert lower_ns + width_ns <= shift_ns + bound_ns
    assert bound_ns <= width_ns // 2 + 1 + width_ns // 50
    assert len(str(bound_ns).rstrip("0")) <= 4


@given(
    st.integers(-(10**18), 10**18),
    st.integers(-(10**12), 10**12),
    st.sampled_from([1, US, MS, SECOND]),
    st.sampled_from([1, US, MS, SECOND]),
    st.integers(0, 10**9),
    st.integers(-(10**9), 10**9),
)
def test_two_lines_of_one_event_give_the_shift(
    true_ns: int, shift_ns: int, unit_a: int, unit_b: int, stated_ns: int, apart_ns: int
) -> None:
    apart_ns = max(-stated_ns, min(stated_ns, apart_ns))
    at_a = Timestamp((true_ns + shift_ns) // unit_a * unit_a, unit_a)
    at_b = Timestamp((true_ns + apart_ns) // unit_b * unit_b, unit_b)
    found, bound_ns = same_event_correction(at_a, at_b, stated_ns)
    assert bound_ns is not None
    assert found - bound_ns <= shift_ns <= found + bound_ns
    assert (found, bound_ns) == (at_a.ns - at_b.ns, max(unit_a, unit_b) + stated_ns)


def test_the_simulator_keeps_the_causes_in_order() -> None:
    logs = simulate(7, requests=60)
    first: dict[bytes | None, TrueLine] = {}
    for line in logs.a:
        first.setdefault(KEY(line.raw), line)
    assert len(first) > 50
    assert {line.stamp.ns % line.stamp.resolution_ns for line in (*logs.a, *logs.b)} == {0}
