"""What is normal and what is not: ranges, the order, the file that it is kept in, and its line in the log."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.journals import FakeClock, entries, writer_of
from support.lines import NIGHT
from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.attachment_kinds import BASELINE
from threeam.core.store.attachments import read_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.host.baseline import (
    Baseline,
    Difference,
    count_compared,
    decode_baseline,
    encode_baseline,
    find_differences,
    normal_ranges,
)
from threeam.host.baseline_log import (
    InvalidBaselineName,
    SavedBaseline,
    baseline_compared_draft,
    baseline_saved_draft,
    check_baseline_name,
    require_baseline,
    saved_baselines,
)
from threeam.host.baseline_store import (
    BaselineComparison,
    BaselineRequest,
    comparison_draft,
    save_baseline,
    take_baseline,
)
from threeam.host.snapshot import Snapshot, WatchedProcess
from threeam.host.snapshot_collector import take_snapshot
from threeam.projections import FOLD

# Names as there are on a machine, of every kind that has a step of its own, and any.
NAMES = ("load/1 min", "cpu/user %", "memory/used bytes", "disk/ inodes free", "processes/nginx", "peers/10.0.0.7:5432")
names = st.one_of(st.sampled_from(NAMES), st.text(max_size=20))
# Texts as psutil decodes them: bytes that are no UTF-8 are single surrogates.
words = st.text(st.one_of(st.characters(), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)), max_size=30)
finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.one_of(st.integers(0, 10**12).map(float), finite)
snapshots = st.builds(
    Snapshot,
    st.integers(0, 10**20),
    st.dictionaries(names, counts, max_size=6),
    st.dictionaries(st.text(max_size=9).map("command/{}".format), words, max_size=4),
    st.lists(words, max_size=2).map(tuple),
)
watcheds = st.builds(WatchedProcess, st.integers(1, 2**22), finite, words, st.lists(words, max_size=3).map(tuple))
baselines = st.builds(
    Baseline,
    st.from_regex(r"\A[a-z0-9]{1,9}\Z"),
    words,
    st.lists(snapshots, min_size=1, max_size=3).map(tuple),
    st.lists(watcheds, max_size=2).map(tuple),
    st.lists(words, max_size=2).map(tuple),
)


def seen(numbers: dict[str, float] | None = None, texts: dict[str, str] | None = None, *unread: str) -> Snapshot:
    return Snapshot(NIGHT.ns, numbers or {}, texts or {}, unread)


def baseline(*seen_then: Snapshot) -> Baseline:
    return Baseline("normal", "db1", seen_then, (), ())


def of_number(name: str, now: float, *normal: float) -> list[Difference]:
    return find_differences(baseline(*(seen({name: value}) for value in normal)), seen({name: now}))


def of_text(name: str, now: str | None, *normal: str | None) -> list[Difference]:
    shots = [seen(texts={} if text is None else {name: text}) for text in (*normal, now)]
    return find_differences(baseline(*shots[:-1]), shots[-1])


# --- what is different


@given(names, st.lists(counts, min_size=1, max_size=5), st.data())
def test_a_value_inside_of_its_range_is_never_different(name: str, normal: list[float], data: st.DataObject) -> None:
    now = data.draw(st.floats(min(normal), max(normal)))
    assert of_number(name, now, *normal) == []


@given(baselines)
def test_what_was_seen_is_never_different_from_itself(one: Baseline) -> None:
    assert all(find_differences(one, shot) == [] for shot in one.snapshots)


@given(baselines, snapshots)
def test_the_most_unusual_comes_first_and_nothing_twice(one: Baseline, now: Snapshot) -> None:
    differences = find_differences(one, now)
    order = [difference.score for difference in differences]
    assert order == sorted(order, reverse=True)
    assert not any(math.isnan(value) or value < 1 for value in order)
    assert len({difference.name for difference in differences}) == len(differences) <= count_compared(one, now)
    assert all(range_.low <= range_.high for range_ in normal_ranges(one).values())


@given(names, counts, st.lists(counts, min_size=1, max_size=3), counts)
def test_more_samples_never_make_a_value_more_unusual(name: str, now: float, normal: list[float], more: float) -> None:
    few, many = of_number(name, now, *normal), of_number(name, now, *normal, now, more)
    assert many == []
    assert len(few) <= 1


@pytest.mark.parametrize(
    ("name", "normal", "now", "said"),
    [
        ("processes/nginx", [4, 4, 4], 5, [("5", "4")]),
        ("processes/nginx", [4, 6], 7, []),  # as far outside as it is wide would be 8
        ("processes/nginx", [4, 6], 8, [("8", "4 to 6")]),
        ("processes/nginx", [4], 0, [("0", "4")]),
        ("load/1 min", [0.31, 0.94], 14.2, [("14.20", "0.31 to 0.94")]),
        ("load/1 min", [0.10], 0.30, []),
        ("memory/used bytes", [2.0**30], 2.0**30 + 2.0**20, []),
        ("memory/used bytes", [2.0**30], 3 * 2.0**30, [("3.0 GiB", "1.0 GiB")]),
        ("process worker/descriptors", [300], 320, []),  # less than a tenth
    ],
)
def test_a_difference_is_one_from_normal_variation(
    name: str, normal: list[float], now: float, said: list[tuple[str, str]]
) -> None:
    assert [(difference.now, difference.normal) for difference in of_number(name, now, *normal)] == said


def test_more_samples_give_a_range_in_which_one_moment_is_not_a_difference() -> None:
    assert of_number("threads/java", 52, 40) != []
    assert of_number("threads/java", 52, 40, 55, 47) == []


@pytest.mark.parametrize(
    ("normal", "now", "different"),
    [
        (["on"], "on", False),
        (["on"], "off", True),
        (["on", "off"], "on", False),  # one of those that it was
        (["on", "on"], None, True),
        ([None, None], "on", True),
        (["up 10 s", "up 12 s"], "up 14 s", False),  # another number each time
        (["up 10 s", "up 12 s"], "Could not connect\n\n(exit 1)\n", True),
        (["3 clients", "4 clients"], "ERROR", True),
    ],
)
def test_what_a_command_says_is_different_where_it_never_said_that(
    normal: list[str | None], now: str | None, different: bool
) -> None:
    assert bool(of_text("command/redis-cli info clients", now, *normal)) == different


def test_a_text_is_reported_by_the_lines_that_changed() -> None:
    (difference,) = of_text("command/x", "a\nB\nc\nd\n", "a\nb\nc\n")
    assert (difference.now, difference.normal) == ("B (and 1 lines more)", "b")


def test_what_cannot_be_read_now_is_not_said_to_be_gone(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take_snapshot([], [], lambda: clock().ns)._replace(
        numbers={"listening/127.0.0.1:5432": 1.0, "sockets/tcp": 9}
    )

    def denied(_kind: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    now = take_snapshot([], [], lambda: clock().ns)
    assert "sockets: permission denied" in now.unread
    gone = {difference.name for difference in find_differences(baseline(before), now) if difference.now == "0"}
    assert not {name for name in gone if name.startswith(("listening/", "sockets/"))}


def test_kernel_workers_that_rename_themselves_are_not_processes_of_their_own() -> None:
    # kworker/1:2-events is kworker/1:2-mm_percpu_wq a second later: every diff would be full of them
    names = {name.partition("/")[2] for name in take_snapshot([], [], lambda: NIGHT.ns).numbers if "s/kworker/" in name}
    assert {name for name in names if ":" in name} == set()


# --- the file


@given(baselines)
def test_a_baseline_comes_back_from_its_file_as_it_was(one: Baseline) -> None:
    assert decode_baseline(encode_baseline(one), "f") == one


def a_file(**changed: Any) -> bytes:
    shot = {"at_ns": "1", "numbers": {"a": 1.0}, "texts": {"b": "c"}, "unread": [], "blind": []}
    watched = {"pid": 7, "created": 1.0, "name": "w", "cmdline": ["w"]}
    value = {"format": 1, "name": "n", "host": "h", "watched": [watched], "commands": ["true"], "snapshots": [shot]}
    for key, new in changed.items():
        if key in value:
            value[key] = new
        else:
            (shot if key in shot else watched)[key] = new
    return json.dumps(value).encode()


def test_the_file_that_is_mangled_below_is_a_baseline() -> None:
    assert decode_baseline(a_file(), "f").commands == ("true",)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[1]",
        b"[" * 100_000,
        a_file()[:-9],
        a_file(format=2),
        a_file(snapshots=[]),
        a_file(snapshots={"a": 1}),
        a_file(numbers=[]),
        a_file(numbers={"a": math.nan}),
        a_file(numbers={"a": math.inf}),
        a_file(numbers={"a": 10**400}),
        a_file(at_ns=math.inf),
        a_file(at_ns="x"),
        a_file(pid=math.inf),
        a_file(pid=-1),  # psutil would raise ValueError, when it is looked at again
        a_file(created=10**400),
        a_file(commands="date"),  # four commands of one letter
        a_file(cmdline="date"),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_a_file_that_is_not_a_baseline_is_unusable_in_one_sentence(data: bytes) -> None:
    with pytest.raises(FileUnusable, match=r"^/n\.json ") as why:
        decode_baseline(data, "/n.json")
    assert "\n" not in str(why.value)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
PLACES = ("format", "name", "host", "watched", "commands", "snapshots", "at_ns", "numbers", "texts", "unread", "pid")
mangled = st.dictionaries(st.sampled_from(PLACES), json_values).map(lambda changed: a_file(**changed))


@given(st.one_of(st.binary(max_size=60), mangled))
@example(b'{"format": 1}')
def test_from_bytes_is_total(data: bytes) -> None:
    try:
        assert decode_baseline(data, "f").snapshots
    except FileUnusable:
        pass


# --- its name and its line


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", "é", "a]b", "a\n", "x" * 65, "\x1b[2J"])
def test_a_name_that_is_not_one_plain_word_is_refused(name: str) -> None:
    with pytest.raises(InvalidBaselineName) as why:
        check_baseline_name(name)
    assert "\n" not in str(why.value)
    assert "\x1b" not in str(why.value)


@pytest.mark.parametrize("name", ["normal", "checkout-prod", "v1.2_3", "7", "x" * 64])
def test_a_plain_word_is_a_name(name: str) -> None:
    assert check_baseline_name(name) == name


def test_the_newest_of_each_name_counts_and_the_last_one_is_meant(journal: Journal, clock: FakeClock) -> None:
    alice = writer_of("alice", journal, clock)
    for name, file in (("a", "/1"), ("b", "/2"), ("a", "/3")):
        clock.forward(NS_PER_S)
        alice.write(baseline_saved_draft(name, file, f"{name} is 3 things"))
    alice.write(baseline_compared_draft("b", "with b: all are normal"))
    state = FOLD(FOLD.empty_state, entries(Path(journal.log_path)))
    assert [(baseline.name, baseline.file) for baseline in saved_baselines(state)] == [("b", "/2"), ("a", "/3")]
    assert require_baseline(state, None).file == "/3"
    assert require_baseline(state, "b").file == "/2"
    with pytest.raises(PreconditionFailed, match=r"^there is no baseline c: those that are saved: b, a$"):
        require_baseline(state, "c")
    with pytest.raises(PreconditionFailed, match="no baseline yet"):
        require_baseline(FOLD.empty_state, None)


def test_baselines_survive_a_rotation(journal: Journal, log: Path, clock: FakeClock) -> None:
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for writer, name in ((alice, "a"), (bob, "b"), (bob, "a")):
        clock.forward(NS_PER_S)
        writer.write(
            baseline_saved_draft(name, f"/x y/[{name}].json", f"{name} is 3 things on db1, one sample; [not] a tag")
        )
    before = saved_baselines(FOLD(FOLD.empty_state, entries(log)))
    for _ in range(2):
        clock.forward(NS_PER_S)
        with alice.lock_log(full_state=True) as held:
            held.rotate()
        assert saved_baselines(FOLD(FOLD.empty_state, entries(log))) == before
    alice.write(note_draft("life goes on"))
    assert [baseline.name for baseline in saved_baselines(FOLD(FOLD.empty_state, entries(log)))] == ["b", "a"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "all 2 are normal"),
        ({"load/1 min": 14.2}, "1 of 2 differ: load/1 min 14.20 (normal: 1)"),
        ({f"processes/p\n{n}": 9.0 for n in range(7)}, "; and 2 more"),
    ],
)
def test_a_comparison_is_one_line_of_the_log(
    journal: Journal, log: Path, clock: FakeClock, changed: dict[str, float], said: str
) -> None:
    before, now = seen({"load/1 min": 1.0, "swap": 0.0}), seen({"load/1 min": 1.0, "swap": 0.0, **changed})
    saved = baseline(before)
    about = SavedBaseline("normal", "/f", "normal is 2 things", NIGHT, None)
    looked = BaselineComparison(about, saved, find_differences(saved, now), count_compared(saved, now), ())
    writer_of("alice", journal, clock).write(comparison_draft(looked))
    (line,) = entries(log)
    assert (line.kind, line.tag("BASELINE"), line.tag("FILE")) == ("Compared", "normal", None)
    assert said in line.text


# --- taking one


def test_samples_are_counted_from_the_first_so_that_they_do_not_drift(clock: FakeClock) -> None:
    paused: list[float] = []

    def pause(seconds: float) -> None:
        paused.append(seconds)
        clock.forward(2 * NS_PER_S)

    baseline = take_baseline(BaselineRequest("n", [], [], 3, 2.0), "db1", clock, pause)
    assert [shot.at_ns for shot in baseline.snapshots] == [NIGHT.ns, NIGHT.ns + 2 * NS_PER_S, NIGHT.ns + 4 * NS_PER_S]
    # What the first snapshots took is not added: the second pause ends 4 s after the beginning. No time really passes.
    assert 1.0 < paused[0] < 2.0 < paused[1] < 4.0


def test_what_is_kept_is_what_its_line_says(journal: Journal, log: Path, clock: FakeClock) -> None:
    first, last = seen({"a": 1.0}, {"b": "c"}), seen({"a": 1.0}, {"b": "c"}, "x: denied")
    shots = (first, last._replace(at_ns=NIGHT.ns + NS_PER_S))
    path, draft = save_baseline(journal, baseline(*shots))
    writer_of("alice", journal, clock).write(draft)
    (line,) = entries(log)
    assert line.text == "Baseline: normal is 2 things on db1, 2 samples over 1s; not read: x: denied"
    assert line.tag("FILE") == Path(path).name
    restored = read_attachment(journal, Path(path).name, BASELINE)
    assert (decode_baseline(restored.content, path), restored.signed) == (baseline(*shots), True)
    assert Path(path).stat().st_mode & 0o777 == 0o600
