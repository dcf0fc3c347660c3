"""What `3am merge` claims about logs whose true order is known. A claim that is false is the worst fault there is."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest

from support.commands import Run, good
from support.timeline_truth import (
    BERLIN,
    KATHMANDU,
    NEW_YORK,
    NS_PER_S,
    Event,
    LineWriter,
    Program,
    Row,
    Told,
    events_of,
    merged_rows,
    table_writers,
    tell,
)

ZONES = (UTC, BERLIN, KATHMANDU, NEW_YORK)
WRITERS = table_writers()
EVENTS = 900  # of a run
CLOSE_NS = (1_000, 10_000, 300_000, 2_000_000, 50_000_000, 700_000_000)


def rows_of(run: Run, told: Told, *options: str) -> list[Row]:
    """Return what `merge -o json` says of the rows."""
    return merged_rows(run, *options, *told.arguments)


def interval(row: Row) -> tuple[int, int]:
    """Return the interval in which an event happened, as a row claims it."""
    return row["ns"] - row["bound_ns"], row["ns"] + row["resolution_ns"] + row["bound_ns"]


def random_programs(rng: random.Random) -> list[Program]:
    """Return up to eight programs whose clocks and buffers are as bad as they may be."""
    programs: list[Program] = []
    for number in range(rng.randint(2, 8)):
        bound_ns = rng.choice((0, 0, 1, 400_000, 3_200_000, 2 * NS_PER_S))
        shift_ns = rng.choice((0, 3_200_000, -1, -90 * NS_PER_S))
        programs.append(
            Program(
                f"p{number}",
                rng.choice(WRITERS).in_zone(rng.choice(ZONES)),
                error_ns=-shift_ns + rng.choice((-bound_ns, bound_ns, rng.randint(-bound_ns, bound_ns))),
                shift_ns=shift_ns,
                bound_ns=bound_ns,
                buffers=rng.choice((1, 1, 3)),
                buffered_lines=rng.choice((1, 5)),
                continuations=rng.choice((0, 3)),
            )
        )
    return programs


def adjacent(rows: list[Row], told: Told) -> Iterator[tuple[Row, Event, Row, Event]]:
    """Yield each two rows that stand together, with what truly happened."""
    for above, row in pairwise(rows):
        yield above, told.events[above["file"], above["offset"]], row, told.events[row["file"], row["offset"]]


@pytest.mark.parametrize("seed", [*range(8), *(pytest.param(n, marks=pytest.mark.slow) for n in range(8, 20))])
def test_no_claimed_order_is_false(run_here: Run, tmp_path: Path, seed: int) -> None:
    """Of rows that stand together, and of any two."""
    rng = random.Random(seed)
    programs = random_programs(rng)
    told = tell(tmp_path, rng, programs, events_of(rng, programs, EVENTS, CLOSE_NS))
    rows = rows_of(run_here, told)
    assert sorted((row["file"], row["offset"]) for row in rows) == sorted(told.events)
    for row in rows:
        event = told.events[row["file"], row["offset"]]
        begin_ns, end_ns = interval(row)
        assert begin_ns <= event.ns < end_ns, (row, event)
    compared = 0
    for above, above_event, row, event in adjacent(rows, told):
        if above["source"] == row["source"]:
            continue
        compared += 1
        claim = row["order"]
        disjoint = interval(above)[1] <= interval(row)[0] or interval(row)[1] <= interval(above)[0]
        assert disjoint == (claim != "unknown"), (above, row)
        if claim == "after":
            assert above_event.ns < event.ns, (above, row)
        elif claim == "before":
            assert event.ns < above_event.ns, (above, row)
    assert compared > EVENTS / 10
    for _ in range(1000):
        left, right = rng.sample(rows, 2)
        if interval(left)[1] <= interval(right)[0]:
            first, second = (told.events[row["file"], row["offset"]] for row in (left, right))
            assert first.ns < second.ns or first.number == second.number, (left, right)


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_in_the_order_of_their_corrected_stamps(run_here: Run, tmp_path: Path, seed: int) -> None:
    rng = random.Random(2000 + seed)
    programs = random_programs(rng)
    told = tell(tmp_path, rng, programs, events_of(rng, programs, EVENTS, CLOSE_NS))
    rows = rows_of(run_here, told)
    stamps = [row["ns"] for row in rows]
    assert stamps == sorted(stamps)
    for program in programs:
        own = [row for row in rows if row["source"] == program.name]
        ties = [(row["ns"], row["offset"]) for row in own]
        assert ties == sorted(ties), program  # the same stamp: in the order of the file


def test_a_clock_whose_error_is_not_known_gives_no_order(run_here: Run, tmp_path: Path) -> None:
    """A shift without a bound is a guess of the user's: the rows stand where it puts them, and nothing is claimed."""
    rng = random.Random(7)
    writer = next(writer for writer in WRITERS if writer.has_zone and writer.resolution_ns == 1)
    programs = [Program("a", writer), Program("b", writer)]
    told = tell(tmp_path, rng, programs, events_of(rng, programs, 50, CLOSE_NS))
    for row in rows_of(run_here, told, "--shift", "b=+1ms"):
        if row["source"] == "b":
            assert row["bound_ns"] is None
    for above, row in pairwise(rows_of(run_here, told, "--shift", "b=+1ms")):
        assert (row["order"] == "unknown") == (above["source"] != row["source"])


def exact_writers() -> list[LineWriter]:
    """Return the writers whose stamps tell events a millisecond apart."""
    return [writer for writer in WRITERS if writer.resolution_ns <= 1_000_000]


@pytest.mark.parametrize("seed", range(6))
def test_raw_is_the_truth_where_nothing_is_uncertain(run_here: Run, tmp_path: Path, seed: int) -> None:
    """All clocks are exact or corrected exactly, and no two events share a millisecond; buffers may be of any kind."""
    rng = random.Random(3000 + seed)
    programs = [
        Program(
            f"p{number}",
            rng.choice(exact_writers()).in_zone(rng.choice(ZONES)),
            error_ns=-shift_ns,
            shift_ns=shift_ns,
            buffers=rng.choice((1, 4)),
            buffered_lines=rng.choice((1, 20)),
            continuations=4,
        )
        for number in range(8)
        for shift_ns in (rng.choice((0, 0, 5_000_000, -3600 * NS_PER_S)),)
    ]
    told = tell(tmp_path, rng, programs, events_of(rng, programs, EVENTS, (2_000_000, 40_000_000)))
    assert good(run_here("merge", "-o", "raw", *told.arguments)).encode() == told.true_bytes
    assert "before" not in {row["order"] for row in rows_of(run_here, told)}


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: f"{writer.name}-{writer.resolution_ns}")
def test_each_format_of_the_table_is_merged_with_an_exact_clock(
    run_here: Run, tmp_path: Path, writer: LineWriter
) -> None:
    rng = random.Random(4000)
    reference = next(each for each in WRITERS if each.has_zone and each.resolution_ns == 1)
    programs = [Program("exact", reference), Program("other", writer, continuations=5)]
    gap_ns = 2 * writer.resolution_ns
    told = tell(tmp_path, rng, programs, events_of(rng, programs, 100, (gap_ns, 3 * gap_ns)))
    rows = rows_of(run_here, told)
    assert {row["resolution_ns"] for row in rows if row["source"] == "other"} == {writer.resolution_ns}
    for row in rows:
        event = told.events[row["file"], row["offset"]]
        begin_ns, end_ns = interval(row)
        assert begin_ns <= event.ns < end_ns, (row, event)


def test_the_lateness_that_is_reported_is_the_true_one(run_here: Run, tmp_path: Path) -> None:
    rng = random.Random(5000)
    writer = next(writer for writer in WRITERS if writer.has_zone and writer.resolution_ns == 1)
    programs = [Program("a", writer, buffers=3, buffered_lines=7)]
    told = tell(tmp_path, rng, programs, events_of(rng, programs, 500, (1_000_000, 9_000_000)))
    highest_ns = 0
    true_lateness: dict[tuple[str, int], int] = {}
    for place in sorted(told.events):
        ns = told.events[place].ns
        true_lateness[place] = max(highest_ns - ns, 0)
        highest_ns = max(highest_ns, ns)
    rows = rows_of(run_here, told)
    assert {(row["file"], row["offset"]): row["late_ns"] for row in rows} == true_lateness
    (report,) = map(json.loads, good(run_here("sources", "--json", *told.arguments)).splitlines())
    assert report["largest_lateness_ns"] == max(true_lateness.values())
    assert report["late"] == sum(1 for lateness_ns in true_lateness.values() if lateness_ns)
