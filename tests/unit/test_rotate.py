"""Rotation: the old file whole under its new name, the new one standing alone, and nothing lost where it fails."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.journals import FakeClock, entries
from support.lines import NIGHT
from support.rotations import OLD, SMALL, files, fill, segment, writer_with
from threeam.core.errors import RotationSkipped
from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.rotate import check_replaceable
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, water_draft
from threeam.human.intake import intake_of
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD


@pytest.fixture
def small(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's to whom a log of 4,000 bytes is full."""
    return writer_with(journal, clock)


def test_a_full_log_is_rotated_before_the_next_block(small: Writer, clock: FakeClock, log: Path) -> None:
    small.write(hypothesis_draft("the sweeper", 4))
    small.write(coffee_draft(2, 95, 4))
    small.write(water_draft())
    small.write(conclusion_draft("refute", "H1", "it was off", 4))
    fill(small, log)
    before = log.read_bytes()
    clock.forward(NS_PER_S)
    small.write(note_draft("after"))
    old, new = files(log)
    assert old.read_bytes() == before
    assert old.name == f"sanity.{str(Stamp(NIGHT.ns + NS_PER_S).rfc3339()).replace('-', '').replace(':', '')}.log"
    first, *_, last = entries(new)
    assert first.text == f"Continued from {old.name}"
    assert first.predecessor_name == old.name
    assert first.cups == 2, "as on each line of its author"
    assert last.text == "after"
    assert last.cups == 2


def test_the_new_log_stands_alone(small: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    small.write(hypothesis_draft("one", 4))
    small.write(coffee_draft(3, 95, 4))
    small.write(conclusion_draft("park", "H1", "later", 4))
    small.write(hypothesis_draft("two", 4))
    fill(small, log)
    before = FOLD.state_at(live := segment(journal), live.size())
    small.write(note_draft("after"))
    now = FOLD.state_at(live := segment(journal), live.size())
    assert now.hypotheses == before.hypotheses
    assert intake_of(now, "alice") == intake_of(before, "alice")
    assert small.write(hypothesis_draft("three", 4)).entries[1].hypothesis == (3, "open")
    assert small.write(coffee_draft(1, 95, 4)).entries[0].cups == 4


def test_a_one_shot_knows_its_cups_from_what_was_carried(
    small: Writer, journal: Journal, clock: FakeClock, log: Path
) -> None:
    small.write(coffee_draft(2, 95, 4))
    fill(small, log)
    with small.lock_log(full_state=True) as locked:
        locked.rotate()
    assert writer_with(journal, clock).write(note_draft("a")).entries[0].cups == 2
    clock.forward(9 * 3600 * NS_PER_S)
    later = writer_with(journal, clock).write(note_draft("b")).entries[0]
    assert (later.cups, later.tag("NIGHT")) == (0, "new")


def test_a_rotation_keeps_no_night_going(small: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    small.write(coffee_draft(2, 95, 4))
    fill(small, log)
    clock.forward(7 * 3600 * NS_PER_S)
    with writer_with(journal, clock).lock_log(full_state=True) as locked:
        locked.rotate()
    clock.forward(2 * 3600 * NS_PER_S)
    assert small.write(note_draft("b")).entries[0].cups == 0


def test_mode_and_owner_stay(small: Writer, log: Path) -> None:
    fill(small, log)
    os.chown(log, 65534, 65534)
    os.chmod(log, 0o664)
    small.write(note_draft("after"))
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
    small.write(note_draft("after"))
    assert taken.read_bytes() == b"mine"
    assert len([path for path in files(log) if path.read_bytes() != b"mine"]) == 2


def test_only_as_many_are_kept_as_was_asked_for(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_with(journal, clock, keep=2)
    stranger = log.parent / "sanity.notes.log"
    stranger.write_bytes(b"mine")
    for _ in range(5):
        fill(writer, log)
        clock.forward(NS_PER_S)
        writer.write(note_draft("next"))
    assert len(files(log)) == 3
    assert stranger.exists()
    live = segment(journal)
    assert len(list(journal.segments_backward(live))) == 3


def test_a_torn_line_is_ended_by_a_block_before_the_log_is_rotated(small: Writer, log: Path) -> None:
    fill(small, log)
    with log.open("ab") as file:
        file.write(b"torn")
    small.write(note_draft("after"))
    assert files(log) == [log]
    small.write(note_draft("and after that"))
    old, new = files(log)
    assert b"\ntorn\n[" in old.read_bytes()
    assert entries(new)[-1].text == "and after that"


def test_what_is_somebody_elses_beside_the_log_is_left_alone(small: Writer, log: Path) -> None:
    theirs = [
        log.parent / name for name in ("sanity.log.new", "sanity.log.x.rotating", "sanity.log.bak", "sanity.1.log")
    ]
    for path in theirs:
        path.write_bytes(b"theirs")
    (log.parent / "sanity.log.7.rotating.d").mkdir()
    fill(small, log)
    os.link(log, log.parent / OLD)
    small.write(note_draft("after"))
    small.write(note_draft("again"))
    assert [path.read_bytes() for path in theirs] == [b"theirs"] * len(theirs)


@pytest.mark.parametrize(
    ("uid", "log_uid", "mode", "folder_mode", "group", "rotates"),
    [
        (0, 1000, 0o600, 0o755, (), True),
        (1000, 1000, 0o600, 0o755, (), True),
        (1001, 1000, 0o660, 0o2770, ("owner",), True),
        (1001, 1000, 0o660, 0o2770, (), True),  # only the group gets into the folder
        (1001, 1000, 0o640, 0o2770, (), False),
        (1001, 1000, 0o660, 0o2771, (), False),
        (1001, 1000, 0o666, 0o777, ("owner",), True),
        (1001, 1000, 0o602, 0o777, ("owner",), False),
        (1001, 1000, 0o660, 0o1777, ("owner",), False),
        (1000, 1000, 0o660, 0o1777, (), True),
        (1001, 0, 0o660, 0o2770, (), True),
    ],
)
def test_a_log_is_rotated_only_by_whom_it_stays_what_it_was(
    small: Writer,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    uid: int,
    log_uid: int,
    mode: int,
    folder_mode: int,
    group: tuple[str, ...],
    rotates: bool,
) -> None:
    about = SimpleNamespace(st_mode=stat.S_IFREG | mode, st_uid=log_uid, st_gid=50)
    folder = SimpleNamespace(st_mode=stat.S_IFDIR | folder_mode, st_uid=0, st_gid=50)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr("pwd.getpwuid", lambda _: SimpleNamespace(pw_name="owner", pw_gid=1))
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid, *([50] if name in group else [])])
    if rotates:
        check_replaceable(str(log), folder, about)  # type: ignore[arg-type]
    else:
        with pytest.raises(RotationSkipped):
            check_replaceable(str(log), folder, about)  # type: ignore[arg-type]


@pytest.mark.parametrize("more", ["folder of the owner", "folder of another group", "access list of the folder"])
def test_who_gets_into_the_folder_otherwise_may_need_more_than_the_group(
    log: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    about = SimpleNamespace(st_mode=stat.S_IFREG | 0o660, st_uid=64_099, st_gid=50)
    folder = SimpleNamespace(st_mode=stat.S_IFDIR | 0o2770, st_uid=0, st_gid=50)
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    check_replaceable(str(log), folder, about)  # type: ignore[arg-type]
    folder.st_uid = about.st_uid if more == "folder of the owner" else 0
    folder.st_gid = 51 if more == "folder of another group" else 50
    if more == "access list of the folder":
        monkeypatch.setattr(os, "getxattr", lambda *_: b"the list")
    with pytest.raises(RotationSkipped, match="let them rotate it, or root"):
        check_replaceable(str(log), folder, about)  # type: ignore[arg-type]


def test_the_access_list_stays(small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    monkeypatch.setattr(os, "getxattr", lambda *_: b"the list")
    monkeypatch.setattr(os, "setxattr", lambda _fd, _name, value: given.append(value))
    fill(small, log)
    small.write(note_draft("after"))
    assert len(files(log)) == 2
    assert given == [b"the list"]


@pytest.mark.parametrize("name", ["a\tb.log", "a\u202eb.log", "a\udcffb.log"])
def test_a_log_whose_name_no_line_can_hold_grows_on(tmp_path: Path, clock: FakeClock, name: str) -> None:
    """The new log would name a file that is not there, and everything before it would be gone from the journal."""
    journal = resolve_journal(str(tmp_path / name))
    writer = writer_with(journal, clock)
    for _ in range(60):
        writer.write(note_draft("x" * 60))
    with (
        writer.lock_log(full_state=True) as locked,
        pytest.raises(RotationSkipped, match="a line of the log cannot hold"),
    ):
        locked.rotate()
    assert len(list(journal.segments_backward(segment(journal)))) == 1
    assert segment(journal).size() > SMALL


def test_a_step_of_the_clock_is_declared_after_the_rotation(small: Writer, clock: FakeClock, log: Path) -> None:
    small.write(coffee_draft(1, 95, 4))
    fill(small, log)
    clock.forward(-2 * NS_PER_S)
    small.write(note_draft("after"))
    _, new = files(log)
    written = entries(new)
    assert written[0].predecessor_name is not None
    carried = [entry for entry in written if entry.carried_from]
    assert [entry.stamp.ns for entry in carried] == sorted(entry.stamp.ns for entry in carried)
    assert written[len(carried)].text.startswith("WARNING: Clock stepped back 2.0")
    assert written[-1].stamp.ns < carried[0].stamp.ns


def test_a_chain_in_a_circle_ends(journal: Journal, log: Path) -> None:
    def linked(to: str) -> bytes:
        return f"[{NIGHT}] [COFFEE: 0] [BY: a@b:1] [AT: {NIGHT}] Continued from {to}\n".encode()

    one, two = OLD, OLD.replace("123456789Z", "123456790Z")
    (log.parent / one).write_bytes(linked(two))
    (log.parent / two).write_bytes(linked(one))
    log.write_bytes(linked(one))
    assert len(list(journal.segments_backward(segment(journal)))) == 3


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "", ".", "..", "fifo", "folder", "sanity.log"])
def test_a_link_to_anything_but_a_file_beside_the_log_is_not_a_link(journal: Journal, log: Path, name: str) -> None:
    os.mkfifo(log.parent / "fifo")
    (log.parent / "folder").mkdir()
    log.write_bytes(f"[{NIGHT}] [COFFEE: 0] [AT: {NIGHT}] Continued from {name}\n".encode())
    assert len(list(journal.segments_backward(segment(journal)))) == 1
