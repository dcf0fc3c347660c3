"""Rotations that fail, or that the disk does not confirm: nothing is lost."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import FakeClock, entries
from support.lines import NIGHT
from support.rotations import OLD, SMALL, files, fill, writer_with
from threeam.core.errors import RotationSkipped, Unsure
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.store.segment import is_rotated_name
from threeam.core.write import rotate as rotate_module
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD


@pytest.fixture
def small(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's to whom a log of 4,000 bytes is full."""
    return writer_with(journal, clock)


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


def test_a_log_that_grows_during_its_rotation_is_not_rotated(
    small: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock file is removed, and a process that has the old one writes: the new log would not repeat its line."""
    fill(small, log)
    late = format_entry(Entry(Stamp(NIGHT.ns + 1), 0, (), "Hypothesis: the pool"))
    real_fdatasync, appended = os.fdatasync, list[int]()

    def append_once(fd: int) -> None:
        if not appended:
            appended.append(log.write_bytes(log.read_bytes() + late))
        real_fdatasync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", append_once)
        small.write(note_draft("after"))
    assert files(log) == [log]
    small.write(note_draft("the next block rotates it"))
    assert len(files(log)) == 2
    assert [entry.text for entry in entries(log) if entry.kind == "Hypothesis"] == ["Hypothesis: the pool"]


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
        with small.lock_log(full_state=True) as locked, pytest.raises(RotationSkipped):
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


def test_a_rotation_that_the_disk_does_not_confirm_is_in_doubt_and_so_is_what_came_with_it(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:4121%3", rotate_bytes=SMALL))
    fill(writer, log)

    tried: list[int] = []

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
        with writer.lock_log(full_state=True) as locked:
            assert "cannot be deleted" in locked.prune_rotated()
    assert len(files(log)) == 2
