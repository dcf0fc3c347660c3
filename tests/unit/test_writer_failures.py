"""Writes that are declined, refused or unsure, and what is in the log after them."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.journals import FakeClock, all_texts, entries
from support.lines import BY, NIGHT
from support.writes import recorded_writes, stamps
from threeam.core.errors import LockTimeout, PreconditionFailed, Unsure, WriteFailed
from threeam.core.format.entry import Entry, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write import locked_log as locked_log_module
from threeam.core.write.draft import Draft, DraftLine, note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, undo_coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD


@pytest.fixture
def synced(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's that waits for the disk."""
    return Writer(journal, FOLD, clock, WriteOptions("alice", BY[1]))


# --- declined, refused, unsure


def test_what_is_declined_writes_nothing(writer: Writer, log: Path) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    for draft in (undo_coffee_draft(), conclusion_draft("refute", "H9", "no", 4)):
        with pytest.raises(PreconditionFailed):
            writer.write(draft)
    assert log.read_bytes() == before


def test_what_is_declined_on_no_log_creates_none(writer: Writer, log: Path) -> None:
    with pytest.raises(PreconditionFailed):
        writer.write(undo_coffee_draft())
    assert not log.exists()


def test_a_writer_goes_on_after_a_refusal(writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk)
        with pytest.raises(WriteFailed):
            writer.write(coffee_draft(1, 95, 4))
    writer.write(coffee_draft(1, 95, 4))
    assert [entry.cups for entry in entries(log)] == [1]


real_write = os.write


def short_write(fd: int, data: bytes) -> int:
    return real_write(fd, data[: len(data) // 2])


def full_disk(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def full_after_some(fd: int, data: bytes) -> int:
    if len(data) < 60:  # the rest of it
        raise OSError(errno.ENOSPC, "No space left on device")
    return real_write(fd, data[: len(data) - 50])


def over_quota(fd: int, data: bytes) -> int:
    raise OSError(errno.EDQUOT, "Quota exceeded")


def broken_disk(fd: int, data: bytes) -> int:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("fault", [short_write, full_disk, full_after_some, over_quota, broken_disk])
@pytest.mark.parametrize("before", [b"", format_entry(Entry(NIGHT, 2, (BY,), "before")), b"[2026-11-24T03:"])
def test_a_refused_write_leaves_the_log_byte_for_byte(
    writer: Writer, log: Path, fault: object, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fault)
        with pytest.raises(WriteFailed, match="nothing was written"):
            writer.write(hypothesis_draft("a", 4))
    assert log.read_bytes() == before


def test_a_refused_stream_leaves_the_log_byte_for_byte(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after_some)
        with pytest.raises(WriteFailed):
            writer.write_stream(["b"] * 100)
    assert log.read_bytes() == before


def test_a_part_that_cannot_be_cut_back_is_unsure(writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(fd: int, size: int) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short_write)
        patch.setattr(os, "ftruncate", stuck)
        with pytest.raises(Unsure, match=rf"@{str(NIGHT).replace('+', '.')}"):
            writer.write(note_draft("a"))


def test_what_somebody_wrote_without_the_lock_is_never_cut_away(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the lock file was removed while it was held: two writers at once, and the disk is full for one."""
    writer.write(note_draft("before"))

    def late(fd: int, data: bytes) -> int:
        with log.open("ab") as other:
            other.write(b"acknowledged\n")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", late)
        with pytest.raises(WriteFailed):
            writer.write(note_draft("mine"))
    assert log.read_bytes().endswith(b" before\nacknowledged\n")

    def half(fd: int, data: bytes) -> int:
        if data.startswith(b"["):
            written = real_write(fd, data[:20])
            with log.open("ab") as other:
                other.write(b"behind it\n")
            return written
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(Unsure, match="only in part"):
            writer.write(note_draft("mine"))
    assert log.read_bytes().endswith(b"behind it\n")


def test_without_room_for_a_block_nothing_of_it_is_ever_to_be_seen(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("before"))
    before, real = log.read_bytes(), os.statvfs(log)
    with recorded_writes(monkeypatch) as written, monkeypatch.context() as patch:
        patch.setattr(
            os, "fstatvfs", lambda _: SimpleNamespace(f_blocks=9, f_bfree=0, f_bavail=0, f_frsize=real.f_frsize)
        )
        writer.write(note_draft("there is room in the last block"))
        with pytest.raises(WriteFailed, match="disk"):
            writer.write(note_draft("x" * real.f_frsize))
    assert len(written) == 1
    assert log.read_bytes() == before + written[0]


def test_a_log_that_is_removed_while_it_is_written_is_unsure(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_remove(fd: int, data: bytes) -> int:
        written = real_write(fd, data)
        log.unlink()
        return written

    writer.write(note_draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", then_remove)
        with pytest.raises(Unsure, match="removed"):
            writer.write(note_draft("mine"))


def test_a_lock_file_that_is_removed_while_it_is_held_is_unsure(
    writer: Writer, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_remove(fd: int, data: bytes) -> int:
        os.unlink(journal.lock_path)
        return real_write(fd, data)

    writer.write(note_draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", then_remove)
        with pytest.raises(Unsure, match="lock file was removed"):
            writer.write(note_draft("mine"))
    assert all_texts(log) == ["before", "mine"]
    writer.write(note_draft("after"))


def test_a_read_that_fails_under_the_lock_is_a_refusal(
    writer: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("before"))

    def stale(fd: int, size: int, offset: int) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", stale)
        with pytest.raises(WriteFailed, match="Stale file handle"):
            writer.write(note_draft("mine"))
    writer.write(note_draft("after"))


def test_two_drafts_under_one_hold_are_two_blocks_and_two_cups(writer: Writer, log: Path) -> None:
    with writer.lock_log(full_state=True) as locked:
        locked.write(coffee_draft(1, 95, 4))
        locked.write(coffee_draft(1, 95, 4))
        locked.write(hypothesis_draft("a", 4))
        locked.write(hypothesis_draft("b", 4))
    assert [entry.cups for entry in entries(log)][:2] == [1, 2]
    assert [entry.hypothesis for entry in entries(log) if entry.hypothesis] == [(1, "open"), (2, "open")]
    assert stamps(log) == sorted(set(stamps(log)))


def test_between_two_holds_a_writer_has_nothing_of_the_log_open(writer: Writer, log: Path) -> None:
    writer.write(coffee_draft(1, 95, 4))
    writer.write(coffee_draft(1, 95, 4))
    opened = [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.samefile(log)]
    assert opened == []


def test_a_failing_sync_is_unsure_and_names_the_stamp(
    synced: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def failing(fd: int) -> None:
        tried.append(fd)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(Unsure) as caught:
            synced.write(note_draft("a\nb"))
    assert caught.value.stamp == NIGHT
    assert f"@{NIGHT}" in str(caught.value)
    assert all_texts(log) == ["a", "| b"]  # it is there, once, and was not tried again
    assert len(tried) == 1


def test_the_lock_is_free_while_the_disk_is_waited_for(
    synced: Writer, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def looking(fd: int) -> None:
        with open(journal.lock_path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(log.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", looking)
        block = synced.write(note_draft("a"))
    assert seen == [block.raw]


def test_a_new_log_is_synced_with_its_name(synced: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(locked_log_module, "fsync_dir", folders.append)
        synced.write(note_draft("a"))
        synced.write(note_draft("b"))
    assert folders == [str(log.parent)]


def test_without_sync_the_disk_is_not_waited_for(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", synced.append)
        writer.write(note_draft("a"))
    assert synced == []


def test_a_lock_that_does_not_come_in_time_leaves_the_log_alone(journal: Journal, clock: FakeClock, log: Path) -> None:
    impatient = Writer(journal, FOLD, clock, WriteOptions("alice", BY[1], lock_timeout=0.05, sync=False))
    impatient.write(note_draft("a"))
    before = log.read_bytes()
    with open(journal.lock_path, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LockTimeout):
            impatient.write(note_draft("b"))
    assert log.read_bytes() == before
    impatient.write(note_draft("c"))
    assert all_texts(log) == ["a", "c"]


def test_a_draft_that_fails_gives_the_lock_back(writer: Writer, journal: Journal) -> None:
    def broken(*_: object) -> list[DraftLine]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        writer.write(Draft(broken))
    with open(journal.lock_path, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
