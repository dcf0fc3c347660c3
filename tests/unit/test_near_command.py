"""``3am near``: its report, its JSON, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from support.commands import Run, good
from support.log_sources import BASE_NS, source_of, stamped, write_log
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.races.arguments import KeyOptions
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.near_miss import OperationPair
from threeam.races.operations import Operations
from threeam.races.search import search_near_misses, search_races

MS, S = 10**6, 10**9
KEY = ("--key", r"cart=(?P<key>\d+)", "web1.log", "web2.log")
BOUNDS = ("--shift", "web2=0s±0.2ms")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, utc: None) -> None:
    monkeypatch.chdir(tmp_path)


def write_two(gaps_ns: Iterable[int]) -> None:
    """Write a delete every 10 s in one log, and an update so much after it in the other."""
    deletes, updates = [], []
    for number, gap_ns in enumerate(gaps_ns):
        ns = BASE_NS + 10 * number * S + 1_001_000 * (number + 1)  # with digits down to a microsecond
        deletes.append((ns, stamped(ns, f"app[11]: delete cart={number}", 6)))
        updates.append((ns + gap_ns, stamped(ns + gap_ns, f"app[7]: updated cart={number}", 6)))
    write_log(Path("web1.log"), (line for _, line in deletes))
    write_log(Path("web2.log"), (line for _, line in sorted(updates)))


def test_the_gaps_are_those_of_the_lines(run: Run) -> None:
    write_two([MS // 10, -3 * MS, *[2 * S] * 20])
    printed = good(run("near", "delete → update", *KEY, *BOUNDS))
    assert "update after delete   21\n      minimum 0.1ms, 1st percentile 0.1ms, median 2s\n" in printed
    assert "update before delete   1\n      minimum 3ms" in printed
    assert "≈ either order: 1 of 22; the clocks and the digits of the stamps leave ±0.201ms" in printed
    assert "0.1ms to 1ms  ░" in printed
    assert "delete by pid 11 in web1:1 at 03:14:07.001001, then update by pid 7 in web2:1" in printed
    assert "true distance -0.101ms to +0.301ms" in printed


def test_the_quantiles_are_those_of_the_true_gaps(run: Run) -> None:
    random = Random(7)
    gaps_us = [int(10 ** random.uniform(2, 6)) * random.choice((-1, 1)) for _ in range(300)]
    write_two([gap_us * 1000 for gap_us in gaps_us])
    record = json.loads(good(run("near", "delete->update", "--json", *KEY)))
    for name, lengths in (
        ("after", sorted(gap_us for gap_us in gaps_us if gap_us > 0)),
        ("before", sorted(-gap_us for gap_us in gaps_us if gap_us < 0)),
    ):
        side, median = record["sides"][name], lengths[(len(lengths) - 1) // 2] * 1000
        assert (side["count"], side["min_ns"], side["median_ns"]) == (len(lengths), lengths[0] * 1000, median)
    assert [abs(each["gap_ns"]) for each in record["closest"]] == [us * 1000 for us in sorted(map(abs, gaps_us))[:5]]
    assert sum(bar["known"] + bar["unknown"] for bar in record["histogram"]) == 300


def test_the_changes_of_the_journal_are_compared(run: Run, log: Path) -> None:
    write_two([MS // 2] * 14 + [2 * S] * 46)
    changed = Entry(Stamp(BASE_NS + 135 * S), 0, (("CHANGE", "open"),), "Changed: sweep every 5 s (undo: every 1 s)")
    log.write_bytes(format_entry(changed))
    printed = good(run("near", "delete → update", *KEY))
    assert "below 1ms: 14 of 14 (76.8 to 100 %) before, 0 of 46 (at most 7.71 %) after" in printed
    assert "Changed: sweep every 5 s · 2026-11-24 03:16:22" in printed
    (compared,) = json.loads(good(run("near", "delete → update", "--json", *KEY)))["changes"]
    assert (compared["below_ns"], compared["before"]["below"], compared["after"]["of"]) == (MS, 14, 46)


def test_the_json_has_each_gap_to_the_nanosecond(run: Run) -> None:
    write_two([3_141_592_000, -7_000])
    record = json.loads(good(run("near", "D->W", "--json", *KEY)))
    assert record["pair"] == ["D", "W"]
    assert [each["gap_ns"] for each in record["closest"]] == [-7_000, 3_141_592_000]
    assert record["closest"][0]["true_gap_ns"] == [-8_000, -6_000]
    assert record["sides"]["before"] == {
        "count": 1,
        "either_order": 0,
        "min_ns": 7_000,
        "p1_ns": 7_000,
        "median_ns": 7_000,
    }
    assert [line["source"] for line in record["closest"][0]["lines"]] == ["web1", "web2"]


def test_a_pair_that_does_not_occur_is_exit_1_with_what_was_seen(run: Run) -> None:
    write_two([S])
    done = run("near", "delete->touch", *KEY)
    assert done.returncode == 1
    assert "no line is touch; seen: delete (D) 1, update (W) 1" in done.stdout.decode()
    assert json.loads(run("near", "delete->touch", "--json", *KEY).stdout)["count"] == 0


def test_a_search_ends_when_its_progress_is_refused() -> None:
    write_two([S] * 3)
    sources = [source_of(Path(f"{name}.log"), number) for number, name in enumerate(("web1", "web2"))]
    for source in sources:
        source.make_index()
    options = KeyOptions(parse_key_patterns([r"cart=(?P<key>\d+)"]), Operations())
    done: list[int] = []

    def refuse(bytes_read: int) -> None:
        done.append(bytes_read)
        raise InterruptedError

    for search in (search_races, partial(search_near_misses, pair=OperationPair("delete", "update"))):
        with pytest.raises(InterruptedError):
            search(sources, options, on_progress=refuse)
    assert done == [sources[0].end] * 2, "it ends behind the first chunk"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("near", "delete update", *KEY), "is not a pair of operations"),
        (("near", "delete->update", "web1.log"), "--key is needed"),
        (("near", "delete->update", "--window", "soon", *KEY), "--window soon"),
    ],
)
def test_a_wrong_option_is_refused_with_a_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    write_two([S])
    done = run(*arguments)
    assert done.returncode == 2
    assert sentence in done.stderr.decode()


def test_a_file_that_cannot_be_read_is_exit_3(run: Run) -> None:
    write_two([S])
    done = run("near", "delete->update", *KEY, "gone.log")
    assert done.returncode == 3
    assert "update after delete" in done.stdout.decode(), "the others are searched"
