"""The clocks of a team in words: no bound is printed that is narrower than what is known."""

from __future__ import annotations

import pytest

from support.team import DB1
from threeam.team.clocks.clock_report import clock_sentences, own_clock_sentence
from threeam.team.team_status import ClockStatus, HostStatus, OwnStatus

MS, S, MINUTE = 10**6, 10**9, 60 * 10**9


@pytest.mark.parametrize(
    ("clock", "utc_bound_ns", "sentences"),
    [
        (None, None, ["clock not measured from here; not synchronised"]),
        (
            ClockStatus(3_200_000, 150_001, 0),
            1_402_337,
            ["clock 3.2ms ahead ±0.151ms, measured now; within 1.41ms of UTC"],
        ),
        (
            ClockStatus(-3 * S, MS, -10 * MINUTE, 1, -5 * MINUTE, -2_999_999_000),
            None,
            [
                "clock 3s behind ±61ms, measured 10m ago; not synchronised",
                "its clock was stepped by about 3s, or drifts faster than 100 ppm: 5m ago",
            ],
        ),
        (
            ClockStatus(0, 0, 0, 7, 0, 51 * MS, is_step_ours=True),
            0,
            [
                "clock 0s ahead ±0s, measured now; within 0s of UTC",
                "this host's clock was stepped by about 51ms, or drifts faster than 100 ppm: now, 7 times so far",
            ],
        ),
    ],
)
def test_what_is_known_of_another_clock(
    clock: ClockStatus | None, utc_bound_ns: int | None, sentences: list[str]
) -> None:
    assert clock_sentences(HostStatus(DB1, "db1", utc_bound_ns=utc_bound_ns, clock=clock), 0) == sentences


@pytest.mark.parametrize(
    ("utc_bound_ns", "sentence"),
    [(None, "clock not synchronised: 3am preflight says why"), (1_400_000, "clock within 1.4ms of UTC")],
)
def test_what_this_host_says_of_its_clock(utc_bound_ns: int | None, sentence: str) -> None:
    assert own_clock_sentence(OwnStatus(DB1, "db1", publishes=True, utc_bound_ns=utc_bound_ns)) == sentence
