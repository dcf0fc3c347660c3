"""The clocks in the report of ``3am sources`` and in ``3am merge``: shifts of the journal, and this host's bound."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.commands import Run, good
from support.log_sources import BASE_NS, stamped, write_log

MS = 10**6


@pytest.fixture(autouse=True)
def two_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> None:
    monkeypatch.chdir(tmp_path)
    write_log(Path("web1.log"), [stamped(BASE_NS + 4 * MS, "one", 3), stamped(BASE_NS + 20 * MS, "two", 3)])
    write_log(Path("web2.log"), [stamped(BASE_NS + 11 * MS, "other", 3)])


def put_chronyc(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "chronyc"
    fields = "1,ntp,3,1.0,0.000100000,0.0,0.0,-12.1,0.001,0.02,0.002000000,0.000300000,64.2,Normal"
    program.write_text(f"#!/bin/sh\necho {fields}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_sources_says_how_far_this_clock_may_be_off(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_chronyc(tmp_path, monkeypatch)
    printed = good(run("sources", "web1.log"))
    assert printed.endswith("\n\nthis host's clock is within 1.4ms of UTC (chrony)\n")
    assert len(good(run("sources", "--json", "web1.log")).splitlines()) == 1


def test_a_shift_is_in_the_report(run: Run) -> None:
    printed = good(run("sources", "--shift", "web2=-3.2ms±0.4ms", "web1.log", "web2.log"))
    clocks = [line.strip() for line in printed.splitlines() if line.strip().startswith("clock")]
    assert clocks[1] == "clock       -3.2ms±0.4ms is added to each timestamp; wrong by 0.4ms at most"
    shifts = [
        (record["shift_ns"], record["bound_ns"])
        for record in map(
            json.loads, good(run("sources", "--json", "--shift", "web2=-3.2ms", "web1.log", "web2.log")).splitlines()
        )
    ]
    assert shifts == [(0, 0), (-3_200_000, None)]


def test_merge_takes_the_shift_that_align_wrote(run: Run) -> None:
    at = ("--at", "web1@03:14:07.004", "web2@03:14:07.011±1ms")
    assert [line.split()[-1] for line in good(run("merge", "web1.log", "web2.log")).splitlines()] == [
        "one",
        "other",
        "two",
    ]
    good(run("align", "-q", "web1.log", "web2.log", *at, "--write"))
    done = run("merge", "-o", "json", "web1.log", "web2.log")
    assert b"web2 is shifted by -7ms\xc2\xb12ms, as the journal notes" in done.stderr
    records = [json.loads(line) for line in good(done).splitlines()]
    assert [(record["text"].split()[-1], record["order"]) for record in records] == [
        ("one", None),
        ("other", "unknown"),
        ("two", "after"),
    ]
    records = [
        json.loads(line)
        for line in good(run("merge", "-o", "json", "--shift", "web2=±0s", "web1.log", "web2.log")).splitlines()
    ]
    assert [record["order"] for record in records] == [None, "after", "after"]


@pytest.mark.parametrize(("bound", "order"), [("7ms", "after"), ("7.000001ms", "unknown")])
def test_the_order_changes_exactly_at_the_bound(run: Run, bound: str, order: str) -> None:
    """The line of .011 + 1 ms may be as early as the end of .004, which is .005, if the bound is above 7 ms."""
    printed = good(run("merge", "-o", "json", "--shift", f"web2=+1ms±{bound}", "web1.log", "web2.log"))
    assert json.loads(printed.splitlines()[1])["order"] == order
