"""Logs that a rotation would not shrink, and the note that says so."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from support.journals import FakeClock, entries
from support.lines import NIGHT
from support.rotations import files, fill, segment, writer_with
from threeam.core.format.entry import Entry, Stamp, format_entry, parse_entry
from threeam.core.state import fold as fold_module
from threeam.core.state.fold import Fold, State
from threeam.core.store import reader as reader_module
from threeam.core.store.journal import Journal
from threeam.core.store.reader import last_active_entry
from threeam.core.write import rotation_due
from threeam.core.write.draft import note_draft
from threeam.core.write.lock import SanityLock
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD
from threeam.reports.end_of_night import sleep_draft


@pytest.fixture
def small(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's to whom a log of 4,000 bytes is full."""
    return writer_with(journal, clock)


def test_a_log_that_is_mostly_carried_over_grows_on(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_with(journal, clock, rotate_bytes=100)
    for n in range(20):
        writer.write(hypothesis_draft(f"claim {n} " + "x" * 50, 4))
    assert len(files(log)) <= 4
    state = FOLD.state_at(live := segment(journal), live.size())
    assert sorted(hypothesis.number or 0 for hypothesis in state.hypotheses.values()) == list(range(1, 21))


CHANGED = Entry(NIGHT, 0, (("BY", "alice@db1:4121%3"), ("CHANGE", "open")), "Changed: " + "x" * 60)


class Work:
    """What writers fold and format, all in all and while the lock is held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folded = self.folded_under_lock = self.formatted_under_lock = 0
        self._held = False
        call, acquire, release, tail = (
            Fold.__call__,
            SanityLock.acquire,
            SanityLock.release,
            rotation_due._format_without_stamp,
        )

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
        monkeypatch.setattr(rotation_due, "_format_without_stamp", formatted)


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
    with writer.lock_log(full_state=True, will_rotate=True) as locked:
        locked.rotate()
    parsed: list[bytes] = []

    def counted(raw: bytes) -> Entry | None:
        parsed.append(raw)
        return parse_entry(raw)

    monkeypatch.setattr(reader_module, "parse_entry", counted)
    live = segment(journal)
    entry = last_active_entry(live, live.size(), "alice")
    assert entry is not None
    assert (entry[1].kind, entry[1].tag("NIGHT")) == ("Carried", "over")
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
    with writer.lock_log(full_state=True, will_rotate=True) as locked:
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
    assert [hypothesis.claim for hypothesis in state.open_hypotheses()] == [f"{i} of them" for i in range(90, 100)]
