"""Rotation: the old file whole under its new name, the new one standing alone, and nothing lost where it fails."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.commands import Run
from support.journals import FakeClock, entries
from support.lines import NIGHT
from threeam.core.errors import RotationSkipped, Unsure
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry, parse_entry
from threeam.core.state import fold as fold_module
from threeam.core.state.fold import Fold, State
from threeam.core.store import reader as reader_module
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.store.reader import last_active_entry
from threeam.core.store.segment import is_rotated_name
from threeam.core.write import rotate as rotate_module
from threeam.core.write import rotation_due
from threeam.core.write.draft import note_draft
from threeam.core.write.lock import SanityLock
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.rotate import check_replaceable
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, water_draft
from threeam.human.intake import intake_of
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.reports.end_of_night import sleep_draft

SMALL = 4000  # bytes: a log of about forty lines
OLD = "sanity.20261124T031407.123456789Z.log"


def writer_with(journal: Journal, clock: FakeClock, *, rotate_bytes: int = SMALL, keep: int | None = None) -> Writer:
    options = WriteOptions("alice", "alice@db1:4121%3", sync=False, rotate_bytes=rotate_bytes, keep=keep)
    return Writer(journal, FOLD, clock, options)


@pytest.fixture
def small(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's to whom a log of 4,000 bytes is full."""
    return writer_with(journal, clock)


def files(log: Path) -> list[Path]:
    """The rotated files and the live one, the oldest first."""
    return [*sorted(path for path in log.parent.iterdir() if is_rotated_name(str(log), path.name)), log]


def fill(writer: Writer, log: Path) -> None:
    """Writes notes until the log is full: the next block rotates it."""
    while not log.exists() or log.stat().st_size < SMALL:
        writer.write(note_draft("x" * 60))


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


def segment(journal: Journal):  # type: ignore[no-untyped-def]
    live = journal.open_live()
    assert live is not None
    return live


def test_a_one_shot_knows_its_cups_from_what_was_carried(
    small: Writer, journal: Journal, clock: FakeClock, log: Path
) -> None:
    small.write(coffee_draft(2, 95, 4))
    fill(small, log)
    with small.lock_log(whole=True) as locked:
        locked.rotate()
    assert writer_with(journal, clock).write(note_draft("a")).entries[0].cups == 2
    clock.forward(9 * 3600 * NS_PER_S)
    later = writer_with(journal, clock).write(note_draft("b")).entries[0]
    assert (later.cups, later.tag("NIGHT")) == (0, "new")


def test_a_rotation_keeps_no_night_going(small: Writer, journal: Journal, clock: FakeClock, log: Path) -> None:
    small.write(coffee_draft(2, 95, 4))
    fill(small, log)
    clock.forward(7 * 3600 * NS_PER_S)
    with writer_with(journal, clock).lock_log(whole=True) as locked:
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


def test_a_rotation_that_another_writer_undid_meanwhile_loses_nothing(
    small: Writer, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file is removed, and another writer takes our second name for one that was left behind."""
    fill(small, log)
    before = log.read_bytes()
    real_fdatasync = os.fdatasync

    def undone(fd: int) -> None:
        for path in files(log)[:-1]:
            path.unlink()
        real_fdatasync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", undone)
        small.write(note_draft("after"))
    assert log.read_bytes().startswith(before)
    assert files(log) == [log]


def test_a_sync_that_fails_in_a_rotation_is_not_kept_quiet(
    small: Writer, journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:4121%3", rotate_bytes=SMALL))
    fill(writer, log)
    tried: list[int] = []

    def failing_once(fd: int) -> None:
        tried.append(fd)
        if len(tried) == 1:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing_once)
        with pytest.raises(Unsure, match="did not confirm"):
            writer.write(note_draft("after"))


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
        small.write(note_draft("after"))
        with small.lock_log(whole=True) as locked, pytest.raises(RotationSkipped):
            locked.rotate()
    assert log.read_bytes().startswith(before)
    assert entries(log)[-1].text == "after"
    assert files(log) == [log]
    assert not list(log.parent.glob("*.rotating"))
    for _ in range(3):  # it is tried again when the log has grown a little
        small.write(note_draft("again " + "x" * 100))
    assert len(files(log)) == 2


def test_a_rotation_that_was_cut_off_is_undone_by_the_next_writer(small: Writer, log: Path) -> None:
    small.write(note_draft("before"))
    os.link(log, log.parent / OLD)
    (log.parent / "sanity.log.4711.rotating").write_bytes(b"half of it")
    small.write(note_draft("after"))
    assert files(log) == [log]
    assert [entry.text for entry in entries(log)] == ["before", "after"]
    fill(small, log)
    small.write(note_draft("last"))
    assert len(files(log)) == 2
    assert not list(log.parent.glob("*.rotating"))


def test_only_so_many_are_kept_as_was_said(journal: Journal, clock: FakeClock, log: Path) -> None:
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


def test_a_log_that_is_mostly_carried_over_grows_on(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_with(journal, clock, rotate_bytes=100)
    for n in range(20):
        writer.write(hypothesis_draft(f"claim {n} " + "x" * 50, 4))
    assert len(files(log)) <= 4
    state = FOLD.state_at(live := segment(journal), live.size())
    assert sorted(one.number or 0 for one in state.hypotheses.values()) == list(range(1, 21))


CHANGED = Entry(NIGHT, 0, (("BY", "alice@db1:4121%3"), ("CHANGE", "open")), "Changed: " + "x" * 60)


class Work:
    """What writers fold and format, all in all and while the lock is held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folded = self.folded_under_lock = self.formatted_under_lock = 0
        self._held = False
        call, acquire, release, tail = Fold.__call__, SanityLock.acquire, SanityLock.release, rotation_due._tail

        def counted(fold: Fold, state: State, entries: Iterable[Entry]) -> State:
            entries = list(entries)
            self.folded += len(entries)
            self.folded_under_lock += len(entries) * self._held
            return call(fold, state, entries)

        def acquired(lock: SanityLock, *args: Any, **kwargs: Any) -> None:
            acquire(lock, *args, **kwargs)
            self._held = True

        def released(lock: SanityLock) -> None:
            self._held = False
            release(lock)

        def formatted(entry: Entry) -> str:
            self.formatted_under_lock += self._held
            return tail(entry)

        monkeypatch.setattr(Fold, "__call__", counted)
        monkeypatch.setattr(SanityLock, "acquire", acquired)
        monkeypatch.setattr(SanityLock, "release", released)
        monkeypatch.setattr(rotation_due, "_tail", formatted)


def changes(count: int) -> bytes:
    """A log of lines that are all carried over, and repeated at the same length or longer."""
    return b"".join(format_entry(CHANGED._replace(stamp=Stamp(NIGHT.ns - count + i))) for i in range(count))


def test_a_log_that_would_not_shrink_is_folded_once_until_it_has_doubled(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(changes(500))
    size = log.stat().st_size
    work = Work(monkeypatch)
    writer_with(journal, clock, rotate_bytes=size).write(note_draft("the first finds out"))
    assert work.folded >= 500
    work.folded = 0
    for text in ("a one-shot", "another one"):
        writer_with(journal, clock, rotate_bytes=size).write(note_draft(text))
    assert work.folded < 20
    with log.open("ab") as file:
        file.write(changes(500))
    writer_with(journal, clock, rotate_bytes=size).write(note_draft("it has doubled"))
    assert work.folded >= 1000
    assert work.folded_under_lock < 20
    assert work.formatted_under_lock == 0
    assert files(log) == [log]


def test_what_a_rotation_carries_over_is_read_and_formatted_before_the_lock(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(
        changes(500) + b"".join(format_entry(CHANGED._replace(tags=(), text="x" * 500)) for _ in range(500))
    )
    work = Work(monkeypatch)
    writer_with(journal, clock, rotate_bytes=log.stat().st_size).write(note_draft("after"))
    assert len(files(log)) == 2
    assert work.folded >= 500
    assert work.folded_under_lock < 20
    assert work.formatted_under_lock == 0
    assert len(entries(log)) > 500


def test_who_was_active_is_found_behind_whatever_was_carried_over(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(changes(500))
    writer = writer_with(journal, clock)
    writer.write(coffee_draft(2, 95, 4))
    writer.write(sleep_draft(5.0))
    with writer.lock_log(whole=True, rotating=True) as locked:
        locked.rotate()
    parsed: list[bytes] = []
    monkeypatch.setattr(reader_module, "parse_entry", lambda raw: parsed.append(raw) or parse_entry(raw))
    live = segment(journal)
    found = last_active_entry(live, live.size(), "alice")
    assert found is not None
    assert (found[1].kind, found[1].tag("NIGHT")) == ("Carried", "over")
    assert len(parsed) < 10


def test_the_state_after_a_rotation_is_what_the_new_log_says(small: Writer, journal: Journal, log: Path) -> None:
    small.write(hypothesis_draft("one", 4))
    small.write(coffee_draft(2, 95, 4))
    fill(small, log)
    before = small.write(hypothesis_draft("two", 4)).prior_state
    assert len(files(log)) == 2
    live = segment(journal)
    size = sum(len(line) + 1 for line in log.read_bytes().splitlines()[:-3])  # without the new claim's block
    assert before == FOLD.state_at(live, size)


def test_a_note_that_a_log_would_not_shrink_goes_with_the_rotation(
    journal: Journal, clock: FakeClock, log: Path
) -> None:
    log.write_bytes(changes(50))
    log.chmod(0o640)
    writer = writer_with(journal, clock)
    writer.write(note_draft("x"))
    beside = Path(rotation_due.no_gain_note_path(str(log)))
    assert stat.S_IMODE(beside.stat().st_mode) == 0o640
    assert "3am tries again at" in beside.read_text()
    with writer.lock_log(whole=True, rotating=True) as locked:
        locked.rotate()
    assert not beside.exists()


@pytest.mark.parametrize(
    "planted",
    [
        b"",
        b"nonsense",
        b"1:2 was not rotated at 4000 bytes",
        b"{identity} was not rotated at 999999999999 bytes",
        b"{identity} was not rotated at 99999999999999999999999999 bytes",
        b"\xff\x00" * 4000,
        "folder",
        "link",
        "fifo",
    ],
)
def test_a_note_that_says_nothing_of_this_log_holds_up_no_rotation(
    small: Writer, log: Path, planted: bytes | str
) -> None:
    fill(small, log)
    about = log.stat()
    beside = Path(rotation_due.no_gain_note_path(str(log)))
    if planted == "folder":
        beside.mkdir()
    elif planted == "link":
        beside.symlink_to("/dev/zero")
    elif planted == "fifo":
        os.mkfifo(beside)
    else:
        assert isinstance(planted, bytes)
        beside.write_bytes(planted.replace(b"{identity}", f"{about.st_dev}:{about.st_ino}".encode()))
    small.write(note_draft("after"))
    assert len(files(log)) == 2


def test_a_note_of_a_stranger_in_a_sticky_folder_holds_up_no_rotation(small: Writer, log: Path) -> None:
    fill(small, log)
    about = log.stat()
    beside = Path(rotation_due.no_gain_note_path(str(log)))
    beside.write_text(f"{about.st_dev}:{about.st_ino} was not rotated at {about.st_size} bytes\n")
    os.chown(beside, 65534, 65534)
    log.parent.chmod(0o1777)
    small.write(note_draft("after"))
    assert len(files(log)) == 2


def test_a_log_of_the_script_alone_is_rotated_however_many_hypotheses_it_has(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_module, "MAX_SCRIPT_HYPOTHESES", 10)
    lines = (Entry(Stamp(NIGHT.ns - 100 + i), 3, (), f"Hypothesis: {i} of them") for i in range(100))
    log.write_bytes(b"".join(map(format_entry, lines)))
    writer = writer_with(journal, clock)
    writer.write(note_draft("after"))
    assert len(files(log)) == 2
    state = FOLD.state_at(live := segment(journal), live.size())
    assert [one.claim for one in state.open_hypotheses()] == [f"{i} of them" for i in range(90, 100)]


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


def test_a_second_name_that_cannot_be_taken_away_shuts_nobody_out(
    small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write(note_draft("before"))
    os.link(log, log.parent / OLD)

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", failing)
        small.write(note_draft("after"))
    assert [entry.text for entry in entries(log)] == ["before", "after"]


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


def test_a_rotation_that_the_disk_does_not_confirm_is_in_doubt_and_so_is_what_came_with_it(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:4121%3", rotate_bytes=SMALL))
    fill(writer, log)

    tried: list[str] = []

    def failing_after_the_rename(folder: int) -> None:
        tried.append(folder)
        if len(tried) == 2:
            raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(rotate_module, "fsync_dir_fd", failing_after_the_rename)
        with pytest.raises(Unsure, match="rotated"):
            writer.write(note_draft("after"))
    assert len(files(log)) == 2
    assert entries(log)[-1].text == "after"


def test_a_rotation_that_was_asked_for_and_cannot_be_synced_is_exit_3(
    small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch, run_here: Run
) -> None:
    small.write(note_draft("before"))
    before = log.read_bytes()

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", failing)
    done = run_here("rotate")
    assert (done.returncode, done.stdout) == (3, b"")
    assert b"the disk did not confirm" in done.stderr
    assert log.read_bytes() == before


def test_no_old_file_is_deleted_while_the_rotation_is_in_doubt(
    small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch, run_here: Run
) -> None:
    small.write(note_draft("before"))
    monkeypatch.setenv("SANITY_KEEP", "0")
    synced: list[int] = []

    def failing_after_the_rename(dir_fd: int) -> None:
        synced.append(dir_fd)
        if len(synced) == 2:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(rotate_module, "fsync_dir_fd", failing_after_the_rename)
    done = run_here("rotate")
    assert done.returncode == 3
    assert b"the disk did not confirm that it was rotated" in done.stderr
    assert len(files(log)) == 2


def test_an_old_file_that_cannot_be_deleted_refuses_no_line(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_with(journal, clock, keep=0)
    fill(writer, log)
    real_unlink = os.unlink

    def failing(path: str, **where: int) -> None:
        if is_rotated_name(str(log), os.path.basename(path)):
            raise OSError(errno.EPERM, "Operation not permitted")
        real_unlink(path, **where)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", failing)
        writer.write(note_draft("after"))
        with writer.lock_log(whole=True) as locked:
            assert "cannot be deleted" in locked.prune_rotated()
    assert len(files(log)) == 2


@pytest.mark.parametrize("name", ["a\tb.log", "a\u202eb.log", "a\udcffb.log"])
def test_a_log_whose_name_no_line_can_hold_grows_on(tmp_path: Path, clock: FakeClock, name: str) -> None:
    """The new log would name a file that is not there, and everything before it would be gone from the journal."""
    journal = resolve_journal(str(tmp_path / name))
    writer = writer_with(journal, clock)
    for _ in range(60):
        writer.write(note_draft("x" * 60))
    with writer.lock_log(whole=True) as locked, pytest.raises(RotationSkipped, match="a line of the log cannot hold"):
        locked.rotate()
    assert len(list(journal.segments_backward(segment(journal)))) == 1
    assert segment(journal).size() > SMALL


def test_a_step_of_the_clock_is_declared_after_the_rotation(small: Writer, clock: FakeClock, log: Path) -> None:
    small.write(coffee_draft(1, 95, 4))
    fill(small, log)
    clock.forward(-2 * NS_PER_S)
    small.write(note_draft("after"))
    _, new = files(log)
    found = entries(new)
    assert found[0].predecessor_name is not None
    carried = [entry for entry in found if entry.carried_from]
    assert [entry.stamp.ns for entry in carried] == sorted(entry.stamp.ns for entry in carried)
    assert found[len(carried)].text.startswith("WARNING: Clock stepped back 2.0")
    assert found[-1].stamp.ns < carried[0].stamp.ns


def test_a_chain_in_a_circle_ends(journal: Journal, log: Path) -> None:
    def linked(to: str) -> bytes:
        return f"[{NIGHT}] [COFFEE: 0] [BY: a@b:1] [AT: {NIGHT}] Continued from {to}\n".encode()

    one, two = OLD, OLD.replace("123456789Z", "123456790Z")
    (log.parent / one).write_bytes(linked(two))
    (log.parent / two).write_bytes(linked(one))
    log.write_bytes(linked(one))
    assert len(list(journal.segments_backward(segment(journal)))) == 3


@pytest.mark.parametrize("name", ["../etc/passwd", "/etc/passwd", "", ".", "..", "fifo", "folder", "sanity.log"])
def test_a_link_to_what_is_no_file_beside_the_log_is_no_link(journal: Journal, log: Path, name: str) -> None:
    os.mkfifo(log.parent / "fifo")
    (log.parent / "folder").mkdir()
    log.write_bytes(f"[{NIGHT}] [COFFEE: 0] [AT: {NIGHT}] Continued from {name}\n".encode())
    assert len(list(journal.segments_backward(segment(journal)))) == 1
