"""The night of a person as it is told: what is left in the morning, who else is up, the dose, the status line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import FakeClock, entries, writer_of
from support.lines import HOUR_NS, parse_stamp
from threeam.core.format.clock import fixed_zone
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, note_draft
from threeam.human.drafts import coffee_draft, sleep_line, undo_coffee_draft, water_draft
from threeam.human.intake import intake_of
from threeam.human.night_summary import (
    NightSummary,
    format_forecast,
    format_intake,
    next_morning,
    summarize_night,
    summarize_others,
)
from threeam.projections import FOLD

GAP = 8 * HOUR_NS
SLEEP = Draft(lambda state, context, stamp: [sleep_line(state, context, stamp, 5.0)])


def state_of(journal: Journal) -> State:
    live = journal.open_live()
    return FOLD.empty_state if live is None else FOLD.state_at(live, live.size())


def soon(clock: FakeClock) -> Stamp:
    """After the last line of the block that was written now: its lines are a nanosecond apart."""
    return Stamp(clock().ns + 100, clock().utc_offset_s)


def told(journal: Journal, clock: FakeClock) -> NightSummary:
    return summarize_night(state_of(journal), "alice", soon(clock), GAP, 5.0, fixed_zone(0))


# --- the next morning


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        ("2026-11-24T03:14:07.123456789+0000", "2026-11-24T07:00:00.000000000+0000"),
        ("2026-11-24T06:59:59.999999999+0000", "2026-11-24T07:00:00.000000000+0000"),
        ("2026-11-24T07:00:00.000000000+0000", "2026-11-25T07:00:00.000000000+0000"),
        ("2026-11-24T07:00:00.000000001+0000", "2026-11-25T07:00:00.000000000+0000"),
        ("2026-11-24T23:30:00.000000000-0800", "2026-11-25T07:00:00.000000000-0800"),
        ("2026-11-24T23:30:00.000000000+0545", "2026-11-25T07:00:00.000000000+0545"),
        ("2026-12-31T23:59:59.000000000+1400", "2027-01-01T07:00:00.000000000+1400"),
        ("2028-02-28T12:00:00.000000000-0330", "2028-02-29T07:00:00.000000000-0330"),
    ],
)
def test_the_morning_is_the_next_seven_o_clock_where_one_is(now: str, morning: str) -> None:
    assert str(next_morning(parse_stamp(now), fixed_zone(parse_stamp(now).utc_offset_s))) == morning


@given(st.integers(0, 4_000_000_000 * NS_PER_S), st.integers(-14 * 60, 14 * 60))
def test_the_morning_is_ahead_by_a_day_at_most(ns: int, minutes: int) -> None:
    now = Stamp(ns, minutes * 60)
    morning = next_morning(now, fixed_zone(now.utc_offset_s))
    assert 0 < morning.ns - now.ns <= 24 * HOUR_NS
    assert (morning.time_of_day, morning.utc_offset_s) == ("07:00:00.000000000", now.utc_offset_s)


# --- what is told of it


def test_the_forecast_names_the_morning_and_the_hour_at_which_little_is_left(journal: Journal) -> None:
    clock = FakeClock(parse_stamp("2026-11-24T02:00:00.000000000+0000"))
    writer_of("alice", journal, clock).write(coffee_draft(2, 100, 4))
    assert format_forecast(told(journal, clock)) == "100 mg left at 07:00, under 50 mg at 12:00"


def test_the_forecast_of_another_day_says_which(journal: Journal) -> None:
    clock = FakeClock(parse_stamp("2026-11-24T23:00:00.000000000+0000"))
    writer_of("alice", journal, clock).write(coffee_draft(8, 100, 4))
    assert format_forecast(told(journal, clock)) == "264 mg left at 07:00, under 50 mg at 19:00 (2026-11-25)"


def test_the_forecast_of_half_a_cup_says_already(journal: Journal) -> None:
    clock = FakeClock(parse_stamp("2026-11-24T02:00:00.000000000+0000"))
    writer_of("alice", journal, clock).write(coffee_draft(1, 40, 4))
    assert format_forecast(told(journal, clock)) == "20 mg left at 07:00, under 50 mg already"


def test_nothing_is_forecast_of_nothing(journal: Journal, clock: FakeClock) -> None:
    assert format_forecast(told(journal, clock)) == ""


def test_the_cups_of_the_night_are_its_own_and_the_milligrams_are_all(journal: Journal, clock: FakeClock) -> None:
    alice = writer_of("alice", journal, clock)
    alice.write(coffee_draft(3, 95, 4))
    clock.forward(10 * HOUR_NS)
    alice.write(coffee_draft(1, 130, 4))
    alice.write(water_draft())
    summary = told(journal, clock)
    assert [mg for _, mg in summary.tonight_doses] == [130]
    assert len(summary.doses) == 4
    assert format_intake(summary) == "1 cup, 1 glass of water"
    assert summary.mg_now == pytest.approx(130 + 3 * 95 / 4, abs=0.01)
    assert summary.mg_last_24h == 3 * 95 + 130


def test_others_are_shown_for_who_they_are_the_most_in_them_first(journal: Journal, clock: FakeClock) -> None:
    for user, drafts in {
        "bob": [coffee_draft(1, 95, 4)],
        "carol": [coffee_draft(2, 95, 4)],
        "dan": [note_draft("no coffee, thanks")],
        "erin": [coffee_draft(4, 95, 4), SLEEP],
        "alice": [coffee_draft(1, 95, 4)],
    }.items():
        for draft in drafts:
            writer_of(user, journal, clock).write(draft)
    others = summarize_others(state_of(journal), "alice", soon(clock), GAP, 5.0, fixed_zone(0))
    assert [(other.user, len(other.tonight_doses)) for other in others] == [("carol", 2), ("bob", 1)]
    clock.forward(GAP + HOUR_NS)
    assert summarize_others(state_of(journal), "alice", soon(clock), GAP, 5.0, fixed_zone(0)) == []


# --- taking a cup back


def test_undo_takes_ones_own_last_dose_back_and_no_other(journal: Journal, clock: FakeClock) -> None:
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for writer, draft in (
        (alice, coffee_draft(2, 95, 4)),
        (alice, coffee_draft(1, 130, 4)),
        (bob, coffee_draft(1, 40, 4)),
    ):
        writer.write(draft)
    taken = [alice.write(undo_coffee_draft()).entries[0] for _ in range(2)]
    assert [(entry.tag("MG"), entry.cups) for entry in taken] == [("-130", 2), ("-95", 1)]
    assert [mg for _, mg in intake_of(state_of(journal), "alice").doses] == [95]
    assert [mg for _, mg in intake_of(state_of(journal), "bob").doses] == [40]


def test_undo_leaves_the_dose_of_another_night_alone(journal: Journal, clock: FakeClock) -> None:
    alice = writer_of("alice", journal, clock)
    alice.write(coffee_draft(1, 95, 4))
    clock.forward(GAP + 1)
    alice.write(coffee_draft(1, 130, 4))
    assert alice.write(undo_coffee_draft()).entries[0].tag("MG") == "-130"
    assert [mg for _, mg in intake_of(state_of(journal), "alice").doses] == [95]


# --- from the shell


def test_the_dose_stands_in_the_line(run_here: Run, log: Path) -> None:
    assert b"[MG: 130]" in run_here("coffee", "--mg", "130").stdout
    run_here("coffee", "2", "--mg", "1000")
    assert [entry.tag("MG") for entry in entries(log)] == ["130", "1000", "1000"]


@pytest.mark.parametrize("mg", ["0", "-5", "1001", "much"])
def test_an_invalid_dose_is_refused(run_here: Run, log: Path, mg: str) -> None:
    did = run_here("coffee", f"--mg={mg}")
    assert (did.returncode, did.stdout) == (2, b"")
    assert b"--mg" in did.stderr
    assert not log.exists()


def test_a_dose_to_take_back_is_not_chosen(run_here: Run, log: Path) -> None:
    run_here("coffee", "--mg", "130")
    before = log.read_bytes()
    assert run_here("coffee", "--undo", "--mg", "50").returncode == 2
    assert log.read_bytes() == before


def test_status_says_the_night_in_a_line(run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    winter_clock = FakeClock(parse_stamp("2026-11-24T02:00:00.000000000+0100"))
    monkeypatch.setattr("threeam.cli.context.system_clock", winter_clock)
    monkeypatch.setattr("threeam.cli.context.utc_offset", fixed_zone(3600))
    for argv in (["coffee", "2", "--mg", "100"], ["water"], ["hyp", "new", "the sweeper"]):
        assert run_here(*argv).returncode == 0
    winter_clock.now = soon(winter_clock)
    line = "☕ 2 200 mg (100 at 07:00) · 💧 1 · 1 open · lock free\n"
    assert run_here("status").stdout.decode() == line
    assert run_here("status", "--tmux").stdout.decode() == "☕ 2 · 1 open · 200 mg · 💧 1\n"
    assert json.loads(run_here("status", "--json").stdout) == {
        "cups": 2, "cups_elsewhere": {}, "toxic": False, "mg": 200.0, "mg_24h": 200, "over_dose": False, "water": 1,
        "open": 1, "lock": "free", "holder": None,
        "mg_morning": {"at": "2026-11-24T06:00:00.000000000Z", "mg": 100.0}, "log": str(log),
    }  # fmt: skip
