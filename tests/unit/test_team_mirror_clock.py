"""The clock of a mirror on the timeline: its shift stays, and the bound of a line is that of its time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.commands import Run, good
from support.journals import temporary_journal
from support.lines import NIGHT, line
from support.team import DB1, OtherHost
from threeam.core.store.journal import Journal
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.clocks.host_clocks import ClockFile, clock_of
from threeam.team.mirrors.mirror_clock import MirrorClock
from threeam.team.team_status import status_dir

US, MS, S = 10**3, 10**6, 10**9


def measure(journal: Journal, *spans: Span) -> None:
    Path(status_dir(journal)).mkdir(exist_ok=True)
    for span in spans:
        ClockFile(journal, DB1.id).write(span)


def span(begin_s: float, end_s: float, low_ns: int, high_ns: int) -> Span:
    return Span(NIGHT.ns + int(begin_s * S), NIGHT.ns + int(end_s * S), Offset(low_ns, high_ns))


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> None:
    monkeypatch.chdir(tmp_path)


@given(
    st.lists(st.tuples(st.integers(1, 700), st.integers(0, 100), st.integers(-900 * S, S), st.integers(0, S))),
    st.lists(st.integers(-2000, 9000), min_size=1),
)
@example(
    [
        *((245, 93, 0, 0), (388, 42, 0, 0), (399, 42, 0, 0), (424, 49, 0, 0), (241, 12, 0, 0)),
        *((341, 0, -196_247_589_419, 0), (1, 0, 0, 0)),
    ],
    [2173],
)
@example([(17, 93, -4_725_000, 0), (1, 0, 0, 0)], [63])
def test_the_bound_of_a_line_has_all_that_was_measured_at_its_time(
    measured: list[tuple[int, int, int, int]], seconds: list[int]
) -> None:
    with temporary_journal() as journal:
        OtherHost(journal).send(line(0, "note: first"))
        begin_s = 0
        for length_s, pause_s, low_ns, width_ns in measured:
            measure(journal, span(begin_s, begin_s + length_s, low_ns, low_ns + width_ns))
            begin_s += length_s + pause_s
        clock, measurements = MirrorClock(journal, DB1.id), clock_of(journal, DB1.id)
        for second in seconds:
            ns = NIGHT.ns + second * S
            exact, bound_ns = measurements.correction(ns, ns + 1), clock.bound_at(ns)
            if exact.bound_ns is None:
                assert bound_ns is None
            else:
                assert bound_ns is not None
                assert abs(exact.shift_ns - clock.correction.shift_ns) <= bound_ns


def test_what_was_measured_is_the_bound_of_the_source_and_of_each_line(run: Run, journal: Journal) -> None:
    db1 = OtherHost(journal)
    db1.send(line(-3600 * S, "note: an hour before") + line(0, "note: delete") + line(100 * MS, "note: update"))
    measure(journal, span(-60, 60, 3_100 * US, 3_300 * US))
    Path("app.log").write_text("2026-11-24T03:14:07.121000000Z read\n")
    done = run("merge", "-o", "json", "db1", "app.log")
    rows = [json.loads(text) for text in good(done).splitlines()]
    assert done.stderr.decode() == (
        "3am: db1 is shifted by -3.2ms±0.101ms, as 3am team measures its clock; --shift db1=0s undoes it\n"
    )
    assert [row["text"].rpartition(" ")[2] for row in rows] == ["before", "delete", "read", "update"]
    assert [row["bound_ns"] for row in rows if row["source"] == "db1"] == [356_200_000, 101_000, 101_000]
    assert [row["order"] for row in rows] == [None, "after", "after", "after"]
    assert run("merge", "--strict", "--shift", "db1=0s", "db1", "app.log").returncode == 1


def test_what_is_measured_later_counts_at_once(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.team.mirrors.mirror_clock._LOOK_S", -1.0)
    OtherHost(journal).send(line(0, "note: first"))
    clock = MirrorClock(journal, DB1.id)
    assert (clock.correction.bound_ns, clock.bound_at(NIGHT.ns)) == (None, None)
    measure(journal, span(-60, 60, 3_100 * US, 3_300 * US))
    assert clock.bound_at(NIGHT.ns) == 101 * US
    assert clock.correction.shift_ns == -3_200 * US
    measure(journal, span(60, 120, -200 * US, 0))
    assert clock.correction.shift_ns == -3_200 * US
    assert clock.bound_at(NIGHT.ns + 90 * S) == 3_401 * US
