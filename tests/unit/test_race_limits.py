"""The limits of `3am races`: it stays quick and small on any log, and what it leaves out is said."""

from __future__ import annotations

import gc
import random
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import pytest

from support.commands import Run
from support.log_sources import source_of
from support.race_logs import CART, at, races, write_lines
from threeam.core.format.entry import NS_PER_S
from threeam.races import habit
from threeam.races.arguments import KeyOptions
from threeam.races.distinct_keys import MAX_COUNTED_KEYS, DistinctKeys, format_key_count
from threeam.races.finding import Finding
from threeam.races.habit import Habits
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.operations import parse_operations
from threeam.races.rules import WitnessLimits


@pytest.mark.timeout(20)
def test_long_digits_beside_suppressed_messages_take_no_time(run: Run) -> None:
    """A pattern that tries each digit as the begin of a number needs minutes for such a line."""
    dump = at(5, "dump " + "0" * 250_000)
    write_lines(
        "web.log", [at(1, "req=a1 delete cart=1"), at(2, "3 packets dropped"), dump, at(6, "req=b1 get cart=1")]
    )
    code, (group,) = races(run, "web.log")
    assert (code, group["rule"]) == (0, "use after delete")
    assert any("suppressed messages" in doubt for doubt in group["closest"]["doubts"])


def test_a_small_log_beside_a_big_one_is_searched_by_time(run: Run) -> None:
    """The small one is a single chunk, whose lines span many windows of the big one."""
    big = [(1000 * second, f"req=b{second}x get cart={second} {'x' * 4000}") for second in range(250)]
    small = [(1, "req=a0 get cart=1000"), (200_000, "req=a1 delete cart=999")]
    write_lines("small.log", (at(*line) for line in small))
    write_lines("big.log", (at(*line) for line in sorted([*big, (200_005, "req=b9 update cart=999")])))
    code, groups = races(run, "--window", "10s", "small.log", "big.log")
    assert [(group["rule"], group["closest"]["gap_ns"]) for group in groups] == [("use after delete", 5_000_000)]
    assert code == 1
    near = run("near", "delete->update", "--key", CART, "--window", "10s", "small.log", "big.log")
    assert near.returncode == 0


def test_a_line_that_was_written_later_than_the_window_belongs_to_its_time(run: Run) -> None:
    steady = [(100 * number, f"req=b{number}x get cart={number}") for number in range(200)]
    write_lines("late.log", [at(12_400, "req=a0 get cart=1000"), at(7_400, "req=a1 delete cart=999")])
    write_lines("web.log", (at(*line) for line in sorted([*steady, (7_500, "req=b9 update cart=999")])))
    assert races(run, "--window", "1s", "late.log", "web.log")[0] == 1


def test_a_key_that_raced_in_several_windows_is_one_key(run: Run) -> None:
    nights = [
        (100_000 * night + ms, text)
        for night in range(4)
        for ms, text in ((1, "req=a1 delete cart=1"), (2, "req=b1 get cart=1"))
    ]
    filler = [
        (100_000 * night + 1000 * second + 5000, "req=x1 cart=9 idle " + "x" * 20_000)
        for night in range(4)
        for second in range(40)
    ]
    lines = sorted(
        [*nights, *filler, (50_000, "req=a1 get cart=2"), (1, "req=a1 delete cart=3"), (2, "req=b1 get cart=3")]
    )
    write_lines("web.log", (at(*line) for line in lines))
    _, (group,) = races(run, "--window", "10s", "web.log")
    assert (group["findings"], group["keys"], group["seen_keys"]) == (5, 2, 4)


def test_the_number_of_keys_is_exact_up_to_a_limit_and_then_close() -> None:
    counted, other = DistinctKeys(), DistinctKeys()
    for number in range(MAX_COUNTED_KEYS):
        counted.add(b"%d" % number)
        counted.add(b"%d" % (number // 2))
        other.add(b"%d" % (number + MAX_COUNTED_KEYS // 2))
    assert len(counted) == MAX_COUNTED_KEYS
    counted.add_all(other)
    assert len(counted) == pytest.approx(1.5 * MAX_COUNTED_KEYS, rel=0.02)
    assert format_key_count(len(counted)).startswith("about 9")


def kept_findings(words: int, keys: int, folder: Path) -> int:
    """Return how many findings are alive after keys on which any of so many words follow each other."""
    rng = random.Random(words)
    names = ["".join(letters) for letters in islice(product(ascii_lowercase, repeat=3), words)]
    lines = [(100 * number, f"req=r{number}x user {rng.choice(names)} cart={number // 2}") for number in range(keys)]
    write_lines("words.log", (at(*line) for line in lines))
    source = source_of(folder / "words.log", 0)
    source.make_index()
    scan = KeyOptions(parse_key_patterns([CART]), parse_operations([]), 10 * NS_PER_S).scan([source])
    habits = Habits(WitnessLimits(10 * NS_PER_S, scan.silences))
    for history in scan.histories():
        habits.add(history)
    gc.collect()
    return sum(isinstance(each, Finding) for each in gc.get_objects())


def test_the_memory_for_habits_does_not_grow_with_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert kept_findings(4, 8000, tmp_path) <= kept_findings(4, 2000, tmp_path) + 4


def test_the_memory_for_habits_does_not_grow_with_the_number_of_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(habit, "_MAX_PAIRS", 50)
    assert kept_findings(1000, 2000, tmp_path) <= 100
