"""The traps of timestamps: read correctly, or told as not found, and never read wrongly."""

from __future__ import annotations

import json
import os
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from support.commands import Run, good, refused, stderr_lines
from support.timeline_truth import merged_rows
from threeam.core.format.entry import NS_PER_S

BERLIN = ZoneInfo("Europe/Berlin")


def ns_of(text: str) -> int:
    """Return the instant of an ISO time with an offset."""
    return int(datetime.fromisoformat(text).timestamp()) * NS_PER_S


def write(name: str, *lines: str, modified: str | None = None) -> None:
    """Write a log of ``lines``, last written at ``modified``."""
    Path(name).write_text("".join(f"{line}\n" for line in lines))
    if modified is not None:
        os.utime(name, ns=(ns_of(modified), ns_of(modified)))


def instants(run: Run, *args: str, **env: str) -> list[int]:
    """Return the instants of the rows."""
    return [row["ns"] for row in merged_rows(run, *args, **env)]


def sources(run: Run, *args: str, **env: str) -> dict[str, Any]:
    """Return what `sources --json` says of one file."""
    report: dict[str, Any] = json.loads(good(run("sources", "--json", *args, **env)))
    return report


# Summer time, as a process in that zone and with --tz.

AUTUMN = [  # 2026-10-25: at 03:00 summer time it is 02:00 winter time
    ("2026-10-25 01:59:58 a", "2026-10-25T01:59:58+02:00"),
    ("2026-10-25 02:10:00 b", "2026-10-25T02:10:00+02:00"),
    ("2026-10-25 02:40:00 c", "2026-10-25T02:40:00+02:00"),
    ("2026-10-25 02:59:59 d", "2026-10-25T02:59:59+02:00"),
    ("2026-10-25 02:00:00 e", "2026-10-25T02:00:00+01:00"),
    ("2026-10-25 02:10:00 f", "2026-10-25T02:10:00+01:00"),
    ("2026-10-25 02:59:59 g", "2026-10-25T02:59:59+01:00"),
    ("2026-10-25 03:00:00 h", "2026-10-25T03:00:00+01:00"),
]
SPRING = [  # 2026-03-29: at 02:00 winter time it is 03:00 summer time
    ("2026-03-29 01:59:58 a", "2026-03-29T01:59:58+01:00"),
    ("2026-03-29 01:59:59 b", "2026-03-29T01:59:59+01:00"),
    ("2026-03-29 03:00:00 c", "2026-03-29T03:00:00+02:00"),
    ("2026-03-29 03:00:01 d", "2026-03-29T03:00:01+02:00"),
]


@pytest.mark.parametrize("change", [AUTUMN, SPRING], ids=["autumn", "spring"])
@pytest.mark.parametrize("how", ["TZ", "--tz"])
@pytest.mark.parametrize("layout", ["iso", "syslog"])
def test_a_change_of_summer_time_is_no_late_line(
    run_process: Run, run_here: Run, change: list[tuple[str, str]], how: str, layout: str
) -> None:
    lines = [text for text, _ in change]
    if layout == "syslog":
        month = {"10": "Oct", "03": "Mar"}
        lines = [f"{month[line[5:7]]} {line[8:19]} db1 app[1]: {line[20:]}" for line in lines]
    write("a.log", *lines, modified=change[-1][1])
    options, env = (["a.log"], {"TZ": "Europe/Berlin"}) if how == "TZ" else (["--tz", "a=Europe/Berlin", "a.log"], {})
    run = run_process if how == "TZ" else run_here  # a process reads TZ once
    merged = merged_rows(run, *options, **env)
    assert [row["text"] for row in merged] == lines
    assert [row["ns"] for row in merged] == [ns_of(instant) for _, instant in change]
    assert [row["late_ns"] for row in merged] == [0] * len(merged)
    report = sources(run, *options, **env)
    assert report["late"] == 0
    assert report["clock_steps"] == []


def test_a_change_of_summer_time_is_merged_with_a_log_in_utc(run_here: Run) -> None:
    write("local.log", *(text for text, _ in AUTUMN))
    utc = [datetime.fromisoformat(instant).astimezone(ZoneInfo("UTC")) for _, instant in AUTUMN]
    write("utc.log", *(f"{instant:%Y-%m-%dT%H:%M:%S}.500Z half a second later" for instant in utc))
    merged = merged_rows(run_here, "--tz", "local=Europe/Berlin", "local.log", "utc.log")
    assert [row["source"] for row in merged] == ["local", "utc"] * len(AUTUMN)


def test_a_gap_over_the_change_back_does_not_move_what_follows_by_an_hour(run_here: Run) -> None:
    """No line is in the first of the two hours, or none in the second: which one it was is not known."""
    write("a.log", "2026-10-25 01:30:00 a", "2026-10-25 02:30:00 b", "2026-10-25 03:30:00 c")
    (_, ambiguous, last) = merged_rows(run_here, "--tz", "a=Europe/Berlin", "a.log")
    assert ambiguous["ns"] in (ns_of("2026-10-25T02:30:00+02:00"), ns_of("2026-10-25T02:30:00+01:00"))
    assert last["ns"] == ns_of("2026-10-25T03:30:00+01:00")


def test_an_hour_back_that_is_no_change_of_summer_time_is_a_step_of_the_clock(run_here: Run) -> None:
    minutes = [*(f"03:{minute:02}:00" for minute in range(20, 60)), *(f"03:{minute:02}:30" for minute in range(59))]
    write("a.log", *(f"2026-10-24 {minute} x" for minute in minutes))
    report = sources(run_here, "--tz", "a=Europe/Berlin", "a.log")
    assert [step["back_ns"] for step in report["clock_steps"]] == [(59 * 60 - 30) * NS_PER_S]
    assert report["late"] == 0


# No year.


@pytest.mark.parametrize("modified", ["2027-01-03T00:00:00+00:00", "2027-01-01T00:10:00+00:00"])
def test_a_file_over_new_year_goes_on_into_the_next_year(run_here: Run, modified: str) -> None:
    write(
        "a.log",
        "Dec 30 12:00:00 db1 app: a",
        "Dec 31 23:59:59 db1 app: b",
        "Jan  1 00:00:00 db1 app: c",
        "Jan  1 00:10:00 db1 app: d",
        modified=modified,
    )
    assert instants(run_here, "a.log") == [
        ns_of("2026-12-30T12:00:00+00:00"),
        ns_of("2026-12-31T23:59:59+00:00"),
        ns_of("2027-01-01T00:00:00+00:00"),
        ns_of("2027-01-01T00:10:00+00:00"),
    ]
    report = sources(run_here, "a.log")
    assert report["late"] == 0
    assert report["clock_steps"] == []
    assert any("year" in assumption for assumption in report["assumptions"])


def test_a_leap_day_without_a_year_is_in_a_leap_year(run_here: Run) -> None:
    write(
        "a.log", "Feb 28 12:00:00 db1 a: x", "Feb 29 12:00:00 db1 a: y", "Mar  1 12:00:00 db1 a: z",
        modified="2028-03-02T00:00:00+00:00",
    )  # fmt: skip
    assert instants(run_here, "a.log")[1] == ns_of("2028-02-29T12:00:00+00:00")


# Clocks.


STEP_BACK = [
    *(f"2026-11-24T03:{minute:02}:{second:02}Z before" for minute in range(10, 20) for second in range(0, 60, 2)),
    *(f"2026-11-24T03:{minute:02}:{second:02}Z after" for minute in range(15, 25) for second in range(1, 60, 2)),
]


def test_a_clock_that_is_set_back_is_not_thousands_of_late_lines(run_here: Run) -> None:
    write("a.log", *STEP_BACK)
    report = sources(run_here, "a.log")
    assert report["late"] == 0
    assert len(report["clock_steps"]) == 1
    merged = merged_rows(run_here, "a.log")
    assert sorted(row["text"] for row in merged) == sorted(STEP_BACK)
    assert not any(row["late_ns"] for row in merged)


def test_no_order_is_claimed_that_a_step_of_the_clock_makes_false(run_here: Run) -> None:
    """The clock was 5 minutes ahead until it was set back: what was written before the step happened before."""
    write("a.log", *STEP_BACK)
    before_count = len(STEP_BACK) // 2
    truth = {text: number for number, text in enumerate(STEP_BACK)}
    merged = merged_rows(run_here, "a.log")
    for above, row in pairwise(merged):
        if row["order"] != "unknown":
            is_after = truth[above["text"]] < truth[row["text"]]
            assert is_after == (row["order"] == "after"), (above, row)
    repeated = {text for text in STEP_BACK if "T03:15:01" <= text[10:19] <= "T03:19:58"}
    for row in merged:
        is_before = truth[row["text"]] < before_count
        known_ns = (4 * 60 + 57) * NS_PER_S if is_before else 0
        assert row["bound_ns"] == (None if row["text"] in repeated else known_ns), row


def test_lines_before_a_step_of_the_clock_have_no_certain_order_to_other_logs(run_here: Run) -> None:
    write("a.log", *STEP_BACK)
    write("b.log", "2026-11-24T03:12:00.500Z b", "2026-11-24T03:24:02.500Z b")
    orders = [row["order"] for row in merged_rows(run_here, "a.log", "b.log") if row["source"] == "b"]
    assert orders == ["unknown", "after"]


def test_one_stamp_of_the_far_future_does_not_make_all_that_follow_late(run_here: Run) -> None:
    lines = [f"2026-11-24T03:14:{second:02}.000Z line {second}" for second in range(60)]
    lines.insert(10, "2037-01-01T00:00:00.000Z the clock was not set yet")
    write("a.log", *lines)
    merged = merged_rows(run_here, "a.log")
    assert [row["text"] for row in merged] == [*lines[:10], *lines[11:], lines[10]]
    report = sources(run_here, "a.log")
    assert report["late"] <= 1, report
    assert good(run_here("merge", "-o", "raw", "a.log")).splitlines() == [row["text"] for row in merged]


# Zones.


def test_two_offsets_in_one_file_are_one_time(run_here: Run) -> None:
    write(
        "a.log",
        "2026-11-24T03:14:07.100+01:00 a",
        "2026-11-24T02:14:07.200+00:00 b",
        "2026-11-24T03:14:07.300+01:00 c",
        "2026-11-23T21:14:07.400-05:00 d",
        "2026-11-24T08:04:07.500+05:45 late by 5 minutes",
        "2026-11-24T02:14:07.600Z e",
    )
    first = ns_of("2026-11-24T02:14:07+00:00")
    by_letter = {row["text"].split()[1]: row["ns"] - first for row in merged_rows(run_here, "a.log")}
    assert by_letter == {
        "a": 100_000_000,
        "b": 200_000_000,
        "c": 300_000_000,
        "d": 400_000_000,
        "late": 500_000_000 + 5 * 60 * NS_PER_S,
        "e": 600_000_000,
    }


def test_many_lines_that_change_their_offset_are_read_one_by_one(run_here: Run) -> None:
    """The bytes of the stamps sort, and the times do not."""
    lines = [f"2026-11-24T03:{minute:02}:07+01:00 a" for minute in range(60)]
    lines += [f"2026-11-24T04:{minute:02}:07+02:00 b" for minute in range(60)]
    write("a.log", *lines)
    report = sources(run_here, "a.log")
    assert len(report["clock_steps"]) + report["late"] > 0
    assert report["last"] == "2026-11-24T02:59:07.000000000Z"


def test_an_ambiguous_zone_is_refused_with_the_zones_that_it_may_be(run_here: Run) -> None:
    write("a.log", "2026-11-24 03:14:07 IST [42] ERROR: x", "2026-11-24 03:14:08 IST [42] ERROR: y")
    done = run_here("merge", "a.log")
    sentence = refused(done, done.returncode) if done.returncode else "\n".join(stderr_lines(done))
    assert "Asia/Kolkata" in sentence
    assert "Europe/Dublin" in sentence
    merged = merged_rows(run_here, "--tz", "a=Asia/Kolkata", "a.log")
    assert merged[0]["ns"] == ns_of("2026-11-24T03:14:07+05:30")


# The wrong thing taken for a stamp.

NOT_STAMPS = {
    "a date in a User-Agent": [
        f'10.0.0.{number} "GET /cart/{number}" 200 "Mozilla/5.0 (rv:2019-03-0{number} 10:00:0{number})"'
        for number in range(1, 9)
    ],
    "a float": [f"worker {number} took 69.0199890{number} s" for number in range(1, 9)],
    "ten digits and a fraction": [f"row {number} value 1795490047.{number}" for number in range(1, 9)],
    "a date in a stack trace": [
        f"  at Cart.java:{number} // changed 2024-02-0{number} 10:00:00 by alice" for number in range(1, 9)
    ],
    "a version": [f"10.2.{number} released" for number in range(1, 9)],
    "an id of ten digits": [f"{9000000000 + number * 77} accepted" for number in range(1, 9)],
    "a phone number": [f"call 2026-11-2{number} was missed" for number in range(1, 9)],
    "month 13": [f"2026-13-0{number} 03:14:07 x" for number in range(1, 9)],
    "day 32": ["2026-11-32 03:14:07 x"] * 8,
    "hour 25": ["2026-11-24 25:14:07 x"] * 8,
    "February 30": ["2026-02-30 03:14:07 x"] * 8,
    "no hour that there is in spring": ["words only"] * 8,
}


@pytest.mark.parametrize("lines", NOT_STAMPS.values(), ids=NOT_STAMPS)
def test_what_is_no_stamp_is_not_read_as_one(run_here: Run, lines: list[str]) -> None:
    write("a.log", *lines)
    done = run_here("merge", "-o", "json", "a.log")
    assert all("ts_ns" not in json.loads(line) for line in done.stdout.splitlines()), done.stdout
    assert done.returncode == 0
    assert any("no timestamp found" in sentence for sentence in stderr_lines(done))
    assert good(run_here("merge", "-o", "raw", "a.log")).splitlines() == lines


def test_a_date_in_the_text_of_a_line_does_not_stand_for_its_stamp(run_here: Run) -> None:
    agent = '"GET /" 200 "Mozilla/5.0 (2019-03-01 10:00:00)"'
    write("a.log", *(f"2026-11-24T03:14:0{second}.000Z 10.0.0.9 {agent}" for second in range(9)), f"   {agent}")
    assert sorted(set(instants(run_here, "a.log"))) == [
        ns_of(f"2026-11-24T03:14:0{second}+00:00") for second in range(9)
    ]


def test_a_day_that_does_not_exist_among_good_lines_belongs_to_the_entry_before(run_here: Run) -> None:
    write("a.log", "2026-11-24 03:14:07 a", "2026-11-31 03:14:08 no such day", "2026-11-24 03:14:09 b")
    merged = merged_rows(run_here, "a.log")
    assert [row["continues"] for row in merged] == [False, True, False]


def test_more_than_nine_digits_are_cut_and_not_rounded(run_here: Run) -> None:
    write("a.log", "2026-11-24T03:14:07.9999999999Z a", "2026-11-24T03:14:08.0000000009Z b")
    first = ns_of("2026-11-24T03:14:07+00:00")
    assert instants(run_here, "a.log") == [first + 999_999_999, first + NS_PER_S]


def test_a_leap_second_is_not_read_wrongly(run_here: Run) -> None:
    write("a.log", "2016-12-31T23:59:59Z a", "2016-12-31T23:59:60Z b", "2017-01-01T00:00:00Z c")
    merged = merged_rows(run_here, "a.log")
    assert [row["text"][-1] for row in merged] == ["a", "b", "c"]
    assert merged[0]["ns"] == ns_of("2016-12-31T23:59:59+00:00")
    assert merged[2]["ns"] == ns_of("2017-01-01T00:00:00+00:00")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_or_refused_with_a_sentence(run_here: Run, encoding: str) -> None:
    text = "".join(f"2026-11-24 03:14:0{second} line\r\n" for second in range(9))
    Path("a.log").write_bytes(text.encode(encoding))
    done = run_here("merge", "a.log")
    assert "UTF-16" in " ".join(stderr_lines(done)) or done.stdout.count(b"03:14:0") >= 9


def test_binary_data_is_not_taken_for_utf_16(run_here: Run) -> None:
    Path("a.log").write_bytes(bytes(64) + b"2026-11-24 03:14:07 after a crash\n2026-11-24 03:14:08 again\n")
    assert len(merged_rows(run_here, "a.log")) == 2
