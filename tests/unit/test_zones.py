"""Local times where the clocks are changed: the rules of that date count, and not the offset of today."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import FakeClock, writer_of
from support.lines import parse_stamp
from threeam.core.errors import BadClock, BadTime
from threeam.core.format.clock import fixed_zone, system_clock, utc_offset
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import instant_at_hour, local_day_number, parse_time, parse_time_bound
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.human.night_summary import next_morning

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"  # its clocks are changed by half an hour
BEIRUT = "Asia/Beirut"  # its clocks are changed at midnight
POSIX = "CET-1CEST,M3.5.0,M10.5.0/3"
DECEMBER = "2026-12-01T12:00:00.000000000+0000"


@contextmanager
def zone_of_process(name: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", name)
        time.tzset()
        try:
            yield
        finally:
            patch.undo()
            time.tzset()


def named(text: str, zone: str, now: str = DECEMBER) -> str:
    """The instant that ``text`` names, with the offset that is in force there then."""
    with zone_of_process(zone):
        ns = parse_time(text, parse_stamp(now), utc_offset)
        return str(Stamp(ns, utc_offset(ns))).replace(".000000000", "")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-07-10 03:14", BERLIN, "2026-07-10T03:14:00+0200"),
        ("2026-07-10 03:14", POSIX, "2026-07-10T03:14:00+0200"),
        ("2026-07-10 03:14", NEW_YORK, "2026-07-10T03:14:00-0400"),
        ("2026-07-10 03:14", LORD_HOWE, "2026-07-10T03:14:00+1030"),
        ("2026-12-10 03:14", LORD_HOWE, "2026-12-10T03:14:00+1100"),
        ("2026-07-10", BERLIN, "2026-07-10T00:00:00+0200"),
        ("2026-03-29 01:59:59", BERLIN, "2026-03-29T01:59:59+0100"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29T03:00:00+0200"),
        ("2026-10-25 01:59", BERLIN, "2026-10-25T01:59:00+0200"),
        ("2026-10-25 03:00", BERLIN, "2026-10-25T03:00:00+0100"),
        ("2026-10-25 02:30+0200", BERLIN, "2026-10-25T02:30:00+0200"),
        ("2026-10-25 02:30+0100", BERLIN, "2026-10-25T02:30:00+0100"),
        ("2026-03-29", BEIRUT, "2026-03-29T01:00:00+0300"),
    ],
)
def test_a_local_time_is_of_the_zone_as_it_was_then(text: str, zone: str, expected: str) -> None:
    assert named(text, zone) == expected


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("today", "2026-10-25T12:00:00.000000000+0100", "2026-10-25T00:00:00+0200"),
        ("yesterday", "2026-10-26T12:00:00.000000000+0100", "2026-10-25T00:00:00+0200"),
        ("yesterday", "2026-03-30T00:30:00.000000000+0200", "2026-03-29T00:00:00+0100"),
        ("23:50", "2026-10-25T12:00:00.000000000+0100", "2026-10-24T23:50:00+0200"),
        ("01:30", "2026-10-25T12:00:00.000000000+0100", "2026-10-25T01:30:00+0200"),
        ("02:40", "2026-10-25T02:50:00.000000000+0200", "2026-10-25T02:40:00+0200"),
        ("02:40", "2026-10-25T02:10:00.000000000+0100", "2026-10-25T02:40:00+0200"),
        ("02:30", "2026-03-29T01:59:00.000000000+0100", "2026-03-28T02:30:00+0100"),
    ],
)
def test_a_day_begins_and_ends_by_its_own_clocks(text: str, now: str, expected: str) -> None:
    assert named(text, BERLIN, now) == expected


@pytest.mark.parametrize(
    ("text", "zone", "first", "second"),
    [
        ("2026-10-25 02:30", BERLIN, "2026-10-25T02:30:00+0200", "2026-10-25T02:30:00+0100"),
        ("2026-10-25 02:30", POSIX, "2026-10-25T02:30:00+0200", "2026-10-25T02:30:00+0100"),
        ("2026-11-01 01:59:59.5", NEW_YORK, "2026-11-01T01:59:59.5-0400", "2026-11-01T01:59:59.5-0500"),
        ("2026-04-05 01:45", LORD_HOWE, "2026-04-05T01:45:00+1100", "2026-04-05T01:45:00+1030"),
    ],
)
def test_a_time_that_is_there_twice_is_asked_back_with_both_readings(
    text: str, zone: str, first: str, second: str
) -> None:
    with zone_of_process(zone):
        now = parse_stamp(DECEMBER)
        with pytest.raises(BadTime) as refused:
            parse_time(text, now, utc_offset)
        assert f"the clocks went back: {first}, and then {second}: write which" in str(refused.value)
        one, other = (parse_time(reading, now, utc_offset) for reading in (first, second))
        assert parse_time_bound(text, now, utc_offset, latest=False)[0] == one
        end, note = parse_time_bound(text, now, utc_offset, latest=True)
        assert end == other
        assert note.endswith(f"{first}, and then {second}: the later one is taken")


@pytest.mark.parametrize(
    ("text", "zone", "change"),
    [
        ("2026-03-29 02:30", BERLIN, "from +0100 to +0200"),
        ("2026-03-08 02:00", NEW_YORK, "from -0500 to -0400"),
        ("2026-10-04 02:15", LORD_HOWE, "from +1030 to +1100"),
    ],
)
def test_a_time_that_the_clocks_skip_does_not_exist(text: str, zone: str, change: str) -> None:
    with zone_of_process(zone), pytest.raises(BadTime, match=f"does not exist on {text[:10]}: .*{change[:5]}") as no:
        parse_time(text, parse_stamp(DECEMBER), utc_offset)
    assert change in str(no.value)


@given(st.integers(0, 2 * 365 * 24 * 60), st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, BEIRUT, POSIX]))
def test_every_instant_is_one_of_those_that_its_clock_time_names(minutes: int, zone: str) -> None:
    with zone_of_process(zone):
        ns = parse_stamp("2026-01-01T00:00:00.000000000+0000").ns + minutes * 60 * NS_PER_S
        text, now = str(Stamp(ns, utc_offset(ns)))[:29], Stamp(ns + NS_PER_S, utc_offset(ns + NS_PER_S))
        ends = {parse_time_bound(text, now, utc_offset, latest=latest)[0] for latest in (False, True)}
        assert ns in ends
        assert ns in {parse_time_bound(text[11:], now, utc_offset, latest=latest)[0] for latest in (False, True)}
        morning = next_morning(now, utc_offset)
        assert morning.time_of_day[:5] == "07:00"
        assert 0 < morning.ns - now.ns <= 25 * 3600 * NS_PER_S
        begin = instant_at_hour(local_day_number(ns, utc_offset), 0, utc_offset)
        assert begin <= ns < instant_at_hour(local_day_number(ns, utc_offset) + 1, 0, utc_offset)


def test_the_entries_of_a_summer_night_are_found_in_december(
    run_here: Run, journal: Journal, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    writer = writer_of("alice", journal, clock)
    for text_of_time, text in (("03:14", "the corruption"), ("04:14", "an hour later")):
        clock.now = parse_stamp(f"2026-07-10T{text_of_time}:00.000000000+0200")
        writer.write(note_draft(text))
    for text_of_time, text in (
        ("02:20:00.000000000+0200", "the first 02:20"),
        ("02:40:00.000000000+0100", "the second 02:40"),
    ):
        clock.now = parse_stamp(f"2026-10-25T{text_of_time}")
        writer.write(note_draft(text))
    clock.now = parse_stamp("2026-12-01T12:00:00.000000000+0100")
    monkeypatch.setattr("threeam.cli.context.system_clock", clock)
    with zone_of_process(BERLIN):
        night = ["--since", "2026-07-10 03:00", "--until", "2026-07-10 03:30"]
        assert "the corruption" in run_here("tail", *night).stdout.decode()
        assert run_here("tail", *night).stdout.count(b"\n") == 1
        assert run_here("export", "jsonl", *night).stdout.count(b"\n") == 1

        twice = run_here("tail", "--since", "2026-10-25 02:20", "--until", "2026-10-25 02:40")
        assert twice.stdout.decode().count("02:") == 4
        assert "the earlier one is taken" in twice.stderr.decode()
        assert "the later one is taken" in twice.stderr.decode()

        to = str(tmp_path / "fork.log")
        plan = run_here("restore", "data", "--engine", "postgres", "--at", "2026-07-10 03:14")
        assert "2026-07-10T03:14:00.000000000+0200" in plan.stdout.decode()
        for argv in (
            ["restore", "data", "--engine", "postgres", "--at", "2026-10-25 02:30"],
            ["fork", "--to", to, "--at", "2026-10-25 02:30"],
            ["as-of", "2026-10-25 02:30"],
        ):
            refused = run_here(*argv)
            assert (refused.returncode, refused.stdout) == (2, b""), argv
            assert "2026-10-25T02:30:00+0200, and then 2026-10-25T02:30:00+0100: write which" in refused.stderr.decode()
        assert "03:14" in run_here("as-of", "2026-07-10 03:20").stdout.decode()
        assert run_here("tail", "--since", "2026-03-29 02:30").returncode == 2


@pytest.mark.parametrize("zone", ["XXX24", "XXX-24", "XXX-24:59"])
def test_a_zone_that_no_stamp_can_hold_is_refused(zone: str, run_here: Run, log: Path) -> None:
    with zone_of_process(zone):
        refused = run_here("log", "a note")
    assert refused.returncode == 3
    assert "set TZ to UTC" in refused.stderr.decode()
    assert not log.exists() or log.read_bytes() == b""


def test_the_widest_zones_are_read_back(run_here: Run, log: Path) -> None:
    for zone in ("XXX23:59", "XXX-23:59"):
        with zone_of_process(zone):
            assert run_here("log", "a note").returncode == 0
    assert run_here("doctor").returncode == 0


def test_a_clock_that_no_stamp_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late() -> int:
        raise OverflowError("timestamp too large to convert to C PyTime_t")

    monkeypatch.setattr("time.time_ns", too_late)
    with pytest.raises(BadClock, match="past the year 2262"):
        system_clock()
    monkeypatch.setattr("time.time_ns", lambda: -1)
    with pytest.raises(BadClock, match="before the year 1970"):
        system_clock()


def test_a_time_long_ago_is_not_a_time() -> None:
    assert parse_time("-30000d", parse_stamp(DECEMBER), fixed_zone(0)) < 0
    with pytest.raises(BadTime, match="before the year 1"):
        parse_time("-999999999999d", parse_stamp(DECEMBER), fixed_zone(0))


def test_a_clock_time_as_the_end_of_a_range_is_the_first_one_after_its_beginning() -> None:
    zone, now = fixed_zone(0), Stamp.parse("2026-11-24T16:22:00.000000000+0000")
    assert now is not None
    since = parse_time("16:00", now, zone)
    hour_ns = 3600 * NS_PER_S
    assert parse_time_bound("17:22", now, zone, latest=True, after_ns=since)[0] == now.ns + hour_ns
    assert parse_time_bound("15:00", now, zone, latest=True, after_ns=since)[0] == since + 23 * hour_ns
    assert parse_time_bound("16:23", now, zone, latest=True, after_ns=now.ns)[0] == now.ns + 60 * NS_PER_S
    assert parse_time_bound("16:00", now, zone, latest=True)[0] == since, "without a beginning it is the last one"
