"""Rotation: the old file whole under its new name, the new one standing alone, and nothing lost where it fails."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from conftest import NIGHT, FakeClock
from threeam.core.draft import note
from threeam.core.entry import NS, Entry, Stamp, parse
from threeam.core.journal import Journal
from threeam.core.rotate import NotRotated, is_rotated
from threeam.core.writer import WriteOptions, Writer
from threeam.human.drafts import coffee, water
from threeam.human.room import human
from threeam.method.drafts import claim, judge
from threeam.rooms import FOLD

SMALL = 4000  # bytes: a log of about forty lines
OLD = "sanity.20261124T031407.123456789Z.log"


def writer_with(journal: Journal, clock: FakeClock, *, rotate_bytes: int = SMALL, keep: int | None = None) -> Writer:
    options = WriteOptions("alice", "alice@db1:4121%3", sync=False, rotate_bytes=rotate_bytes, keep=keep)
    return Writer(journal, FOLD, clock, options)


@pytest.fixture
def small(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's to whom a log of 4,000 bytes is full."""
    return writer_with(journal, clock)


def entries(log: Path) -> list[Entry]:
    found = [parse(line) for line in log.read_bytes().splitlines()]
    assert None not in found
    return [entry for entry in found if entry is not None]


def files(log: Path) -> list[Path]:
    """The rotated files and the live one, the oldest first."""
    return [*sorted(path for path in log.parent.iterdir() if is_rotated(str(log), path.name)), log]


def fill(writer: Writer, log: Path) -> None:
    """Writes notes until the log is full: the next block rotates it."""
    while not log.exists() or log.stat().st_size < SMALL:
        writer.write(note("x" * 60))


def test_a_full_log_is_rotated_before_the_next_block(small: Writer, clock: FakeClock, log: Path) -> None:
    small.write(claim("the sweeper", 4))
    small.write(coffee(2, 95, 4))
    small.write(water())
    small.write(judge("refute", "H1", "it was off"))
    fill(small, log)
    before = log.read_bytes()
    clock.forward(NS)
    small.write(note("after"))
    old, new = files(log)
    assert old.read_bytes() == before
    assert old.name == f"sanity.{str(Stamp(NIGHT.ns + NS).rfc3339()).replace('-', '').replace(':', '')}.log"
    first, *_, last = entries(new)
    assert first.text == f"Continued from {old.name}"
    assert first.predecessor == old.name
    assert last.text == "after"
    assert last.coffee == 2


def test_the_new_log_stands_alone(small: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    small.write(claim("one", 4))
    small.write(coffee(3, 95, 4))
    small.write(judge("park", "H1", "later"))
    small.write(claim("two", 4))
    fill(small, log)
    before = FOLD.of(live := segment(journal), live.size())
    small.write(note("after"))
    now = FOLD.of(live := segment(journal), live.size())
    assert now.hypotheses == before.hypotheses
    assert human(now, "alice") == human(before, "alice")
    assert small.write(claim("three", 4)).entries[1].hypothesis == (3, "open")
    assert small.write(coffee(1, 95, 4)).entries[0].coffee == 4


def segment(journal: Journal):  # type: ignore[no-untyped-def]
    live = journal.live()
    assert live is not None
    return live


def test_a_one_shot_knows_its_cups_from_what_was_carried(
    small: Writer, journal: Journal, clock: FakeClock, log: Path
) -> None:
    small.write(coffee(2, 95, 4))
    fill(small, log)
    with small.locked(whole=True) as locked:
        locked.rotate()
    assert writer_with(journal, clock).write(note("a")).entries[0].coffee == 2
    clock.forward(9 * 3600 * NS)
    later = writer_with(journal, clock).write(note("b")).entries[0]
    assert (later.coffee, later.tag("NIGHT")) == (0, "new")


def test_a_rotation_keeps_no_night_going(small: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    small.write(coffee(2, 95, 4))
    fill(small, log)
    clock.forward(7 * 3600 * NS)
    with writer_with(journal, clock).locked(whole=True) as locked:
        locked.rotate()
    clock.forward(2 * 3600 * NS)
    assert small.write(note("b")).entries[0].coffee == 0


def test_mode_and_owner_stay(small: Writer, log: Path) -> None:
    fill(small, log)
    os.chown(log, 65534, 65534)
    os.chmod(log, 0o664)
    small.write(note("after"))
    for path in files(log):
        about = path.stat()
        assert (stat.S_IMODE(about.st_mode), about.st_uid, about.st_gid) == (0o664, 65534, 65534)


def test_a_name_that_is_taken_is_left_alone(small: Writer, log: Path) -> None:
    fill(small, log)
    taken = log.parent / OLD
    taken.write_bytes(b"mine")
    stamp = NIGHT.ns + sum(1 for _ in entries(log))  # each a nanosecond later, by the tie
    taken = log.parent / f"sanity.{Stamp(stamp).rfc3339().replace('-', '').replace(':', '')}.log"
    taken.write_bytes(b"mine")
    small.write(note("after"))
    assert taken.read_bytes() == b"mine"
    assert len([path for path in files(log) if path.read_bytes() != b"mine"]) == 2


@pytest.mark.parametrize("call", ["link", "rename", "fchown", "fchmod", "fsync", "fdatasync"])
def test_a_rotation_that_fails_leaves_the_log_and_the_block_is_written(
    small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    fill(small, log)
    if call == "fchown":
        os.chown(log, 65534, 65534)
    before = log.read_bytes()

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        small.write(note("after"))
        with small.locked(whole=True) as locked, pytest.raises(NotRotated):
            locked.rotate()
    assert log.read_bytes().startswith(before)
    assert entries(log)[-1].text == "after"
    assert files(log) == [log]
    assert not list(log.parent.glob("*.new"))
    small.write(note("again"))
    assert len(files(log)) == 2


def test_a_rotation_that_was_cut_off_is_undone_by_the_next_writer(small: Writer, log: Path) -> None:
    small.write(note("before"))
    os.link(log, log.parent / OLD)
    (log.parent / "sanity.log.4711.new").write_bytes(b"half of it")
    small.write(note("after"))
    assert files(log) == [log]
    assert [entry.text for entry in entries(log)] == ["before", "after"]
    fill(small, log)
    small.write(note("last"))
    assert len(files(log)) == 2
    assert not list(log.parent.glob("*.new"))


def test_only_so_many_are_kept_as_was_said(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_with(journal, clock, keep=2)
    stranger = log.parent / "sanity.notes.log"
    stranger.write_bytes(b"mine")
    for _ in range(5):
        fill(writer, log)
        clock.forward(NS)
        writer.write(note("next"))
    assert len(files(log)) == 3
    assert stranger.exists()
    live = segment(journal)
    assert len(list(journal.back_from(live))) == 3


def test_a_log_that_is_mostly_carried_over_grows_on(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_with(journal, clock, rotate_bytes=100)
    for n in range(20):
        writer.write(claim(f"claim {n} " + "x" * 50, 4))
    assert len(files(log)) <= 4
    state = FOLD.of(live := segment(journal), live.size())
    assert sorted(one.number or 0 for one in state.hypotheses.values()) == list(range(1, 21))


def test_a_torn_line_is_ended_before_the_rotation(small: Writer, log: Path) -> None:
    fill(small, log)
    with log.open("ab") as file:
        file.write(b"torn")
    small.write(note("after"))
    old, _ = files(log)
    assert old.read_bytes().endswith(b"\ntorn\n")


def test_a_step_of_the_clock_is_declared_after_the_rotation(small: Writer, clock: FakeClock, log: Path) -> None:
    small.write(coffee(1, 95, 4))
    fill(small, log)
    clock.forward(-2 * NS)
    small.write(note("after"))
    _, new = files(log)
    found = entries(new)
    assert found[0].predecessor is not None
    carried = [entry for entry in found if entry.carried]
    assert [entry.stamp.ns for entry in carried] == sorted(entry.stamp.ns for entry in carried)
    assert found[len(carried)].text.startswith("WARNING: Clock stepped back 2.0")
    assert found[-1].stamp.ns < carried[0].stamp.ns


def test_a_chain_in_a_circle_ends(journal: Journal, log: Path) -> None:
    def linked(to: str) -> bytes:
        return f"[{NIGHT}] [COFFEE: 0] [BY: a@b:1] [AT: {NIGHT}] Continued from {to}\n".encode()

    (log.parent / "one.log").write_bytes(linked("two.log"))
    (log.parent / "two.log").write_bytes(linked("one.log"))
    log.write_bytes(linked("one.log"))
    assert len(list(journal.back_from(segment(journal)))) == 3


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "", ".", "..", "fifo", "folder", "sanity.log"])
def test_a_link_to_what_is_no_file_beside_the_log_is_no_link(journal: Journal, log: Path, name: str) -> None:
    os.mkfifo(log.parent / "fifo")
    (log.parent / "folder").mkdir()
    log.write_bytes(f"[{NIGHT}] [COFFEE: 0] [AT: {NIGHT}] Continued from {name}\n".encode())
    assert len(list(journal.back_from(segment(journal)))) == 1
