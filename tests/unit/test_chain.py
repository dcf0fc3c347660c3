"""The files of a journal: which one continues which, which can be read, and what a rotation repeats in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import FakeClock, writer_of
from support.lines import BY, at_second
from support.rotated_files import as_a_symlink, chain_of, head, line, repeated, rotated_name, texts
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.state.fold import State
from threeam.core.store import segment as segment_module
from threeam.core.store.filters import LineFilter, MatchesPattern
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, Position, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import lines_forward
from threeam.core.store.seek import search_forward
from threeam.core.store.segment import RotatedSegment
from threeam.core.write.draft import note_draft
from threeam.human.awake import awake_since
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.tui.log_window import LogWindow

PRIVATE = "hunter2"


# --- what a rotation repeats


FORGED = [
    repeated(3, "Carried: 9 cups of alice.", cups=9),
    repeated(3, "Hypothesis: forged", ("H1", "refuted")),
    repeated(3, "Coffee: forged", ("MG", "900"), cups=9),
    line(3, "Carried: 9 cups of alice.", ("AT", str(at_second(3))), ("NIGHT", "new"), cups=9),
    line(3, "Carried: 9 cups of alice.", ("AT", str(at_second(3))), ("NIGHT", "over"), cups=9),
    line(3, "Conclusion: forged", ("AT", str(at_second(3))), ("H1", "refuted")),
    head(3),
    format_entry(Entry(at_second(3), 0, (("AT", str(at_second(0))),), "Hypothesis: forged")),
]


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_line_is_shown_and_found_and_reported_and_changes_nothing(
    run_here: Run, log: Path, journal: Journal, forged: bytes
) -> None:
    sound = line(0, "Coffee: cup 1 of the night.", ("MG", "95"), cups=1) + line(1, "Hypothesis: x", ("H1", "open"))
    log.write_bytes(sound + forged + line(4, "after it", cups=1))
    live = journal.open_live()
    assert live is not None
    with_it, without_it = FOLD.state_at(live, live.size()), FOLD.state_at(live, len(sound))
    assert with_it.hypotheses == without_it.hypotheses
    assert with_it.projections == without_it.projections
    assert with_it.people["alice"].cups == 1
    assert FOLD.state_at(live, len(sound + forged)).last_stamp == at_second(3)
    assert awake_since(journal, Position(live, live.size()), "alice") == at_second(0)
    assert forged in run_here("tail").stdout
    assert run_here("tail", "--grep", "AT: ").stdout == forged
    assert b"forged" in run_here("export", "csv").stdout or b"Continued" in forged or b"Carried" in forged
    done = run_here("doctor")
    assert (done.returncode, done.stdout.count(b": forged: ")) == (5, 1)


def test_forged_lines_right_behind_a_rotation_are_shown_and_reported_and_change_nothing(
    run_here: Run, log: Path, journal: Journal, clock: FakeClock
) -> None:
    """No ordinary line stands between them and what the rotation repeats."""
    writer = writer_of("alice", journal, clock)
    for n, draft in enumerate((coffee_draft(1, 95, 4), hypothesis_draft("the sweeper", 4))):
        clock.now = at_second(n)
        writer.write(draft)
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    live = journal.open_live()
    assert live is not None
    size, lines_there = live.size(), len(list(lines_forward(live)))
    before = FOLD.state_at(live, size)
    assert live.head.end == size
    with log.open("ab") as file:
        file.write(b"".join(FORGED))
    assert [line.is_forged for line in lines_forward(live)] == [False] * lines_there + [True] * len(FORGED)
    assert FOLD.state_at(live, live.size()) == before._replace(last_stamp=at_second(3))
    assert awake_since(journal, Position(live, live.size()), "alice") == at_second(0)
    printed = run_here("tail", "-n", "+1").stdout
    assert run_here("tail", "--grep", "forged|9 cups|AT: ").stdout.count(b"\n") == len(FORGED) + 1  # `Continued from`
    assert all(forged in printed for forged in FORGED)
    assert b"refuted" not in run_here("hyp", "list").stdout
    assert run_here("export", "jsonl").stdout.count(b"forged") == 4
    report = run_here("export", "md").stdout
    assert (report.count(b"forged"), report.count(b"AT: ")) == (4, len(FORGED)), "each as it is, and as nobody's"
    assert b"written by alice (2)" in report
    assert run_here("fork", "-q", "--to", f"{log}.copy").returncode == 0
    copy = (log.parent / "sanity.log.copy").read_bytes()
    assert (copy.count(b": forged"), copy.count(b"the sweeper")) == (4, 1)
    clock.now = at_second(9)
    assert writer.write(note_draft("after it")).entries[0].cups == 1
    done = run_here("doctor")
    assert (done.returncode, done.stdout.count(b": forged: ")) == (5, len(FORGED))


def test_a_rotation_states_how_many_lines_it_repeats(run_here: Run, log: Path, journal: Journal) -> None:
    for argv in (("coffee",), ("log", "-H", "one"), ("log", "-H", "two"), ("rotate",)):
        assert run_here(*argv).returncode == 0
    first, *others = log.read_bytes().splitlines()
    assert f"[REPEATED: {len(others)}] Continued from ".encode() in first
    live = journal.open_live()
    assert live is not None
    assert (live.head.end, live.head.missing_lines) == (live.size(), 0)


SOME = [repeated(1, f"Hypothesis: claim {n}", (f"H{n}", "open")) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("stated", "repeats", "missing"),
    [("0", 0, 0), ("2", 2, 0), ("3", 3, 0), ("4", 3, 1), ("999999999", 3, 999999996), (None, 3, None)]
    + [(garbage, 3, None) for garbage in ("", "-1", "+2", "2.0", "x", "\u0662", "9999999999", "9" * 40)],
)
def test_the_head_is_no_longer_than_it_states_and_than_what_is_repeated(
    run_here: Run, log: Path, journal: Journal, stated: str | None, repeats: int, missing: int | None
) -> None:
    begin, ordinary = head(1, lines=stated), line(2, "an ordinary line")
    log.write_bytes(begin + b"".join(SOME) + ordinary + repeated(3, "Hypothesis: claim 4", ("H4", "open")))
    (log.parent / rotated_name(1)).write_bytes(line(0, "the file before"))
    live = journal.open_live()
    assert live is not None
    assert live.head == (rotated_name(1), len(begin), len(begin) + sum(map(len, SOME[:repeats])), True, missing)
    assert [line.is_repeated for line in lines_forward(live)] == [False] + [True] * repeats + [False] * (5 - repeats)
    assert b"an ordinary line" in run_here("tail", "-n", "+1").stdout
    findings = run_here("doctor").stdout
    assert findings.count(b": forged: ") == 4 - repeats
    assert (b"offset 0, line 1: lines are missing: " in findings) == bool(missing)
    assert (b"offset 0, line 1: its REPEATED tag is not a number" in findings) == (
        stated is not None and missing is None
    )


def test_what_a_rotation_repeats_is_reported_once(run_here: Run, log: Path, journal: Journal, clock: FakeClock) -> None:
    writer = writer_of("alice", journal, clock)
    for n, draft in enumerate(
        (coffee_draft(1, 95, 4), hypothesis_draft("the sweeper", 4), conclusion_draft("refute", "H1", "no", 4))
    ):
        clock.now = at_second(n)
        writer.write(draft)
    live = journal.open_live()
    assert live is not None
    before = FOLD.state_at(live, live.size())
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    clock.now = at_second(5)
    writer.write(note_draft("after it"))
    printed = run_here("tail", "-n", "+1").stdout
    assert printed.count(b"the sweeper") == 1
    assert printed.count(b"Continued from") == 1
    assert run_here("doctor").returncode == 0
    (old,) = log.parent.glob("sanity.2*.log")
    old.unlink()
    # Now it stands nowhere else.
    for argv in (["tail", "--hyp", "H1"], ["tail", "--grep", "the sweeper"], ["hyp", "show", "H1"]):
        assert b"the sweeper" in run_here(*argv).stdout
    done = run_here("doctor")
    assert (done.returncode, b"no longer exists" in done.stderr) == (0, True)
    live = journal.open_live()
    assert live is not None
    without_lines_of_the_rotation = partial(State._replace, people={}, last_stamp=None, last_position=0)
    assert without_lines_of_the_rotation(FOLD.state_at(live, live.size())) == without_lines_of_the_rotation(before)


def test_the_head_ends_with_the_first_line_that_is_not_repeated(log: Path, journal: Journal) -> None:
    begin = head(1)
    some = repeated(1, "Hypothesis: x", ("H1", "open")) + repeated(1, "Carried: 2 cups of alice.", cups=2)
    for after in (line(2, "a note"), b"foreign\n", b"\n", b"[x] [COFFEE: 0] [AT: y] z\n", b"torn"):
        log.write_bytes(begin + some + after + some)
        live = journal.open_live()
        assert live is not None
        assert live.head == (rotated_name(1), len(begin), len(begin + some), False, None)


def test_the_head_is_looked_for_once_also_while_there_is_nothing_else(log: Path, journal: Journal) -> None:
    some = repeated(1, "Hypothesis: x", ("H1", "open"))
    log.write_bytes(head(1) + some * 100)
    live = journal.open_live()
    assert live is not None
    with patch.object(segment_module, "_read_head", wraps=segment_module._read_head) as looked:
        assert [line.is_forged for line in lines_forward(live)] == [False] * 101
        with log.open("ab") as file:  # the rest of what is copied there
            file.write(some + line(2, "a note") + some)
        assert [line.is_forged for line in lines_forward(live)][101:] == [False, False, True]
    assert looked.call_count <= 3


stamps = st.integers(0, 4_000_000_000).map(lambda seconds: Stamp(seconds * NS_PER_S)) | st.sampled_from(
    [Stamp.parse(f"2028-02-{day}T23:59:59.999999999+{zone}") for day in (28, 29) for zone in ("0000", "2359")]
)


@given(
    st.lists(st.tuples(stamps, stamps, st.sampled_from([1, 30, 600])), max_size=8),
    st.sampled_from([200, 300, 2000]),
    st.none() | st.integers(0, 9),
)
def test_every_line_that_a_rotation_repeats_is_in_the_head(
    lines: list[tuple[Stamp, Stamp, int]], block: int, stated: int | None
) -> None:
    begin = head(1, lines=None if stated is None else str(stated))
    some = [Entry(stamp, 0, (BY, ("AT", str(then)), ("H1", "open")), "x" * size) for stamp, then, size in lines]
    data = begin + b"".join(map(format_entry, some))
    fd = os.memfd_create("log")
    os.write(fd, data + b"foreign\n")
    with patch.object(segment_module, "_READ_BYTES", block):
        found = Segment(fd, "sanity.log").head
    inside = begin + b"".join(map(format_entry, some[:stated]))
    assert (found.end, found.missing_lines) == (len(inside), None if stated is None else max(0, stated - len(some)))


# --- which file continues which


@pytest.mark.parametrize("name", ["private.log", rotated_name(1, "private"), "sanity.1.log", "sanity.log.1"])
def test_another_journal_is_not_read_whatever_the_log_says(run_here: Run, log: Path, tmp_path: Path, name: str) -> None:
    (log.parent / name).write_bytes(line(0, f"the password is {PRIVATE}"))
    log.write_bytes(repeated(1, f"Continued from {name}") + line(2, "a note"))
    assert PRIVATE.encode() not in run_here("tail", "-n", "+1").stdout + run_here("export", "jsonl").stdout
    assert run_here("fork", "-q", "--to", str(tmp_path / "copy.log")).returncode == 0
    assert PRIVATE not in (tmp_path / "copy.log").read_text()


def test_a_rotated_file_finds_the_ones_before_it(run_here: Run, log: Path) -> None:
    paths = chain_of(log, 3)
    assert texts(run_here("--log", str(paths[2]), "tail", "--grep", "note").stdout) == ["note 0.", "note 1.", "note 2."]


def test_a_second_name_of_somebody_elses_file_is_not_a_file_of_the_journal(run_here: Run, log: Path) -> None:
    secret, (rotated,) = log.parent / "secret", chain_of(log, 1)
    rotated.unlink()
    secret.write_bytes(line(0, PRIVATE))
    os.link(secret, rotated)
    os.chown(secret, 4711, 4711)
    done = run_here("tail", "--grep", f"note|{PRIVATE}")
    assert (done.returncode, texts(done.stdout)) == (3, ["note 1."])
    assert b"it has another owner and a second name" in done.stderr


# --- files that cannot be read


def as_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(("change", "why"), [(as_a_folder, "it is not a file"), (as_a_symlink, "it is a symlink")])
def test_a_file_that_cannot_be_read_is_not_taken_for_a_deleted_one(
    run_here: Run, log: Path, tmp_path: Path, change: Callable[[Path], None], why: str
) -> None:
    paths = chain_of(log, 3)
    change(paths[1])
    for argv in (
        ["tail", "-n", "+1"],
        ["tail", "--grep", "note"],
        ["tail", "--grep", "nowhere"],
        ["export", "jsonl"],
        ["export", "md"],
        ["fork", "-q", "--to", str(tmp_path / "copy.log")],
        ["doctor"],
    ):
        done = run_here(*argv)
        assert done.returncode == 3, argv
        assert done.stderr.count(f"{paths[1]} cannot be read ({why})".encode()) == 1, argv
        assert b"sound" not in done.stderr
    assert texts(run_here("tail", "--grep", "note").stdout) == ["note 0.", "note 2.", "note 3."]
    assert (tmp_path / "copy.log").read_text().count("note ") == 3
    assert run_here("log", "x").returncode == 0


def test_each_window_on_a_chain_says_what_could_not_be_read(log: Path, journal: Journal) -> None:
    paths = chain_of(log, 3)
    as_a_symlink(paths[1])
    missing = [f"{paths[1]} cannot be read (it is a symlink): its lines are missing here"]
    main = LogWindow(journal)
    live = journal.open_live()
    assert live is not None
    as_of = LogWindow(journal, until=Position(live, live.size()))
    before_it = LogWindow(journal, until=Position(RotatedSegment(str(paths[0])), 1))
    for window in (as_of, main):  # whichever meets the file first, and last
        while not window.at_start:
            window.read_backward()
        assert window.pop_problems() == missing
    for window in (as_of, main, before_it):
        assert window.pop_problems() == []


def test_a_deleted_file_is_where_the_journal_begins(run_here: Run, log: Path) -> None:
    paths = chain_of(log, 3)
    paths[1].unlink()
    done = run_here("tail", "--grep", "note")
    assert (done.returncode, texts(done.stdout), done.stderr) == (0, ["note 2.", "note 3."], b"")


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The paths of the rotated files in the order in which they are opened."""
    paths: list[str] = []
    init = RotatedSegment.__init__

    def counted(self: RotatedSegment, path: str) -> None:
        paths.append(path)
        init(self, path)

    with patch.object(RotatedSegment, "__init__", counted):
        yield paths


def test_walking_forward_opens_each_file_a_few_times(log: Path, journal: Journal, opened: list[str]) -> None:
    first = RotatedSegment(str(chain_of(log, 200)[0]))
    live = journal.open_live()
    assert live is not None
    end = Position(live, live.size())
    matches = search_forward(journal, Position(first, 0), end, LineFilter((MatchesPattern(Pattern("note")),)))
    assert sum(len(part.lines) for part in matches) == 201
    assert len(opened) < 3 * 200
    opened.clear()
    step, count = journal.successor(first), 0
    while step is not None:
        step, count = journal.successor(step), count + 1
    assert count == 200
    assert len(opened) < 3 * 200


def test_rows_of_many_files_can_be_read_again(log: Path, journal: Journal) -> None:
    chain_of(log, 40)
    live = journal.open_live()
    assert live is not None
    lines = [line for segment in journal.segments_forward(live) for line in lines_forward(segment)]
    open_files = set(os.listdir("/proc/self/fd"))
    assert [line.segment.read(line.offset, len(line.raw)) for line in lines] == [line.raw for line in lines]
    assert len(set(os.listdir("/proc/self/fd")) - open_files) <= segment_module._MAX_OPEN_FILES
    gone = lines[4].segment
    (log.parent / "other").write_bytes(b"another file")
    os.replace(log.parent / "other", gone.path)
    with pytest.raises(FileNotFoundError):
        gone.read(0, 1)


def test_a_known_head_needs_neither_a_look_at_the_file_nor_the_file(log: Path) -> None:
    """An export asks for it at each line, and the screen at each row, also after ``keep`` has deleted the file."""
    paths = chain_of(log, segment_module._MAX_OPEN_FILES + 2)
    segment = RotatedSegment(str(paths[1]))
    known = segment.head
    with patch.object(os, "fstat", wraps=os.fstat) as looked:
        assert [segment.head for _ in range(100)] == [known] * 100
    assert looked.call_count == 0
    others = [RotatedSegment(str(path)) for path in paths[2:]]
    paths[1].unlink()
    with pytest.raises(FileNotFoundError):  # it was closed for the others
        segment.size()
    assert segment.head == known
    assert len(others) == segment_module._MAX_OPEN_FILES


def test_a_truncated_file_has_no_head_any_more(log: Path, journal: Journal) -> None:
    chain_of(log, 1)
    follower = Follower(journal, None)
    while follower.read():
        pass
    with log.open("r+b") as file:
        file.truncate()
        file.write(line(9, "new") + repeated(9, "forged"))
    lines = follower.read()
    follower.close()
    assert [line.is_repeated for line in lines] == [False, False]
    assert lines[1].is_forged
