"""The limits of `3am races`: it stays quick and small on any log, and what it leaves out is said."""

from __future__ import annotations

import gc
import gzip
import json
import os
import random
import shutil
from itertools import islice, product
from pathlib import Path
from string import ascii_lowercase

import pytest

from support.commands import Run
from support.log_sources import source_of
from support.race_logs import CART, at, races, write_lines
from threeam.core.format.entry import NS_PER_S
from threeam.core.store import reader
from threeam.races import habit, partners, scan
from threeam.races.arguments import KeyOptions
from threeam.races.distinct_keys import MAX_COUNTED_KEYS, DistinctKeys, format_key_count
from threeam.races.finding import Finding
from threeam.races.habit import Habits
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.near_miss import NearMisses, OperationPair
from threeam.races.operations import parse_operations
from threeam.races.partners import WitnessLimits


@pytest.mark.timeout(20)
def test_long_digits_beside_suppressed_messages_take_no_time(run: Run) -> None:
    """A pattern that tries each digit as the begin of a number needs minutes for such a line."""
    dump = at(5, "dump " + "0" * 250_000)
    write_lines(
        "web.log", [at(1, "req=a1 delete cart=1"), at(2, "3 messages dropped"), dump, at(6, "req=b1 get cart=1")]
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
    search = KeyOptions(parse_key_patterns([CART]), parse_operations([]), 10 * NS_PER_S).scan([source])
    habits = Habits(WitnessLimits(10 * NS_PER_S, search.silences, search.cut_keys))
    for history in search.histories():
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


# Copies.

PAIR = [at(1, "pid=11 delete cart=1"), at(1001, "pid=11 update cart=1"), at(1002, "pid=12 get cart=2")]


def copy_beside(kind: str) -> str:
    """Make a copy of web.log and return its name."""
    match kind:
        case "hard link":
            os.link("web.log", "link.log")
        case "compressed":
            Path("link.log").write_bytes(gzip.compress(Path("web.log").read_bytes()))
        case "older":
            Path("link.log").write_bytes(Path("web.log").read_bytes()[:-20])
        case "in another folder":
            Path("old").mkdir()
            return str(shutil.copy("web.log", "old/web.log"))
        case _:
            shutil.copy("web.log", "link.log")
    return "link.log"


@pytest.mark.parametrize("kind", ["copy", "hard link", "compressed", "older", "in another folder"])
@pytest.mark.parametrize("copy_first", [False, True])
def test_a_copy_is_no_other_program(run: Run, kind: str, *, copy_first: bool) -> None:
    write_lines("web.log", PAIR)
    names = ["web.log", copy_beside(kind)]
    code, (left_out,) = races(run, *(names[::-1] if copy_first else names))
    assert (code, len(left_out["left_out"])) == (0, 1)
    text = run("races", "--key", CART, *names).stdout.decode()
    assert "since its lines are those of" in text
    proposals = run("races", *names).stdout.decode()
    assert "no name has values in two logs" in proposals


def test_same_may_name_a_copy(run: Run) -> None:
    write_lines("web.log", PAIR)
    assert races(run, "--same", "web=link", "web.log", copy_beside("copy"))[0] == 0


def test_standard_input_may_be_the_same_log(run: Run) -> None:
    write_lines("web.log", PAIR)
    done = run("races", "--json", "--key", CART, "web.log", "-", stdin=Path("web.log").read_bytes())
    assert done.returncode == 0
    assert json.loads(done.stdout)["left_out"] == [{"name": "stdin", "original": "web"}]


def test_a_line_that_two_logs_have_may_be_one_line(run: Run) -> None:
    """The second log has the lines of several programs."""
    write_lines("web.log", PAIR)
    write_lines("all.log", [at(0, "pid=9 start"), *PAIR[:2], at(1002, "pid=13 get cart=3")])
    code, groups = races(run, "web.log", "all.log")
    assert code == 0
    assert groups
    for group in groups:
        assert "the same line is in web and all" in group["closest"]["doubts"]


# Keys with many lines.


def others(count: int, text: str) -> list[tuple[float, str]]:
    """Return the lines of other actors, between 10 ms and 20 ms."""
    return [(10 + number / count * 10, text.format(f"c{number}x")) for number in range(count)]


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (
            "lost update",
            [
                (1, "req=a1 read cart=1"),
                (2, "req=b1 write cart=1"),
                *others(300, "req={} get cart=1"),
                (30, "req=a1 write cart=1"),
            ],
        ),
        (
            "use after delete",
            [(1, "req=a1 delete cart=1"), *others(300, "req={} poll cart=1"), (30, "req=b1 update cart=1")],
        ),
        (
            "done twice",
            [(1, "req=a1 begin cart=1"), *others(300, "req={} poll cart=1"), (30, "req=b1 begin cart=1")],
        ),
        (
            "check, then act",
            [
                (1, "req=a1 get cart=1"),
                (2, "req=b1 get cart=1"),
                *others(300, "req={} poll cart=1"),
                (30, "req=a1 create cart=1"),
                (31, "req=b1 create cart=1"),
            ],
        ),
    ],
)
def test_lines_of_others_in_between_hide_nothing(run: Run, rule: str, lines: list[tuple[float, str]]) -> None:
    write_lines("web.log", (at(*line) for line in lines))
    code, groups = races(run, "web.log")
    assert code == 1
    assert rule in [group["rule"] for group in groups if group["certain"]]


def test_a_search_that_was_cut_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partners, "_MAX_COMPARISONS", 0)
    lines = [(1, "req=a1 delete cart=1"), *others(300, "req=a1 get cart=1"), (30, "req=b1 update cart=1")]
    write_lines(
        "web.log", [*(at(*line) for line in lines), at(31, "req=c1 delete cart=2"), at(32, "req=d1 get cart=2")]
    )
    code, groups = races(run, "web.log")
    assert code == 1
    assert groups[-1]["not_searched_to_the_end"] == ["cart 1"]
    assert (
        "not searched to the end: cart 1; findings may be missing"
        in run("races", "--key", CART, "web.log").stdout.decode()
    )


def test_a_key_that_is_examined_in_parts_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_MAX_LINES_PER_KEY", 100)
    write_lines("web.log", (at(*line) for line in others(300, "req={} get cart=1")))
    near = run("near", "get->get", "--key", CART, "web.log")
    assert "not searched to the end: cart 1" in near.stdout.decode()


def test_a_log_without_timestamps_is_trouble_with_the_input(run: Run) -> None:
    write_lines("web.log", PAIR)
    write_lines("plain.log", ["pid=12 update cart=1"])
    done = run("races", "--key", CART, "web.log", "plain.log")
    assert done.returncode == 3
    assert "left out: plain, since its lines have no timestamps" in done.stdout.decode()
    assert races(run, "web.log", "plain.log")[1][-1]["without_timestamps"] == ["plain"]
    assert run("races", "web.log", "plain.log").returncode == 3
    assert run("near", "delete->update", "--key", CART, "web.log", "plain.log").returncode == 3


def test_an_empty_log_is_no_trouble_and_neither_is_a_status_with_a_deadlock(run: Run) -> None:
    write_lines("web.log", PAIR)
    write_lines("empty.log", [])
    assert run("races", "--key", CART, "web.log", "empty.log").returncode == 0
    status = Path(__file__).parent / "deadlock_logs" / "mariadb-status.txt"
    assert run("races", "--key", CART, "web.log", str(status)).returncode == 1


def test_a_search_that_can_find_nothing_says_why(run: Run) -> None:
    write_lines("a.log", [at(number, f"foo cart={number // 2} user gone") for number in range(6)])
    printed = run("races", "--key", CART, "a.log").stdout.decode()
    assert "nothing suspicious was found" in printed
    assert "no request id, thread or pid was found in a, so all lines of a log are of one actor" in printed
    assert "6 of 6 lines about shared keys state no operation that is known; --op W=foo says" in printed
    printed = run("races", "--key", r"crt=(?P<key>\d+)", "a.log").stdout.decode()
    assert "no line names a key: is the pattern right?" in printed
    assert "nothing suspicious" not in printed


def test_a_doubt_about_the_actors_says_what_settles_it(run: Run) -> None:
    write_lines("web.log", [at(1, "req=a1 user bob delete cart=1"), at(9, "req=a2 user bob get cart=2")])
    write_lines("job.log", [at(5, "user eve update cart=1"), at(6, "user eve update cart=3")])
    key = r"user (?P<actor>\w+) (?P<op>\w+) cart=(?P<key>\d+)"
    code, (group,) = races(run, "web.log", "job.log")
    assert (code, group["certain"]) == (0, False)
    assert group["closest"]["doubts"] == [
        "the actors are known by different texts: request id, source (a group (?P<actor>…) in each --key settles that)"
    ]
    assert races(run, "web.log", "job.log", key=key)[0] == 1


def near_gaps(paths: list[Path], window_ns: int) -> list[tuple[int, int]]:
    """Return when each delete was, and the gap to the nearest update."""
    sources = [source_of(path, number) for number, path in enumerate(paths)]
    for source in sources:
        source.make_index()
    search = KeyOptions(parse_key_patterns([CART]), parse_operations([]), window_ns).scan(sources)
    near = NearMisses(OperationPair("delete", "update"), window_ns)
    for history in search.histories():
        near.add(history)
    return sorted(zip(near._times, near._gaps, strict=True))


@pytest.mark.parametrize("seed", range(10))
def test_no_pair_within_the_window_is_lost_however_the_lines_are_spread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Sparse and dense logs, in small chunks, with lines that were written late."""
    rng = random.Random(seed)
    monkeypatch.setattr(reader, "CHUNK_BYTES", 2000)
    paths = []
    for number, lines in enumerate((5, 40, 400, 800)):
        written = []
        for _ in range(lines):
            ms = rng.uniform(0, 120_000)
            text = f"req=r{rng.randrange(10**6)}x {rng.choice(('delete', 'update'))} cart={rng.randrange(300)}"
            written.append((ms + (rng.uniform(0, 9000) if rng.random() < 0.1 else 0), ms, text))
        path = tmp_path / f"web{number}.log"
        path.write_text("".join(f"{at(ms, text)}\n" for _, ms, text in sorted(written)))
        paths.append(path)
    window_ns = rng.choice((1, 3, 10)) * NS_PER_S
    found = near_gaps(paths, window_ns)
    monkeypatch.setattr(scan, "_MIN_SPAN_NS", 10**15)  # one generation has all lines
    assert found == near_gaps(paths, window_ns)
    assert found
