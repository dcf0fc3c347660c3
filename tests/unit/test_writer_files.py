"""Which files a writer makes, and which it refuses."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.journals import FakeClock, writer_of
from threeam.core.errors import FileUnusable, LockUnusable
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer

# --- files


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.usefixtures("umask")
def test_new_files_are_private_whatever_the_umask(writer: Writer, journal: Journal, log: Path) -> None:
    writer.write(note_draft("a"))
    assert (mode(log), mode(journal.lock_path)) == (0o600, 0o600)


def test_our_state_folder_is_private(tmp_path: Path, clock: FakeClock) -> None:
    state = tmp_path / "state" / "3am"
    state.parent.mkdir()
    before = os.umask(0)
    try:
        writer_of("alice", resolve_journal(str(state / "sanity.log"), state_dir=str(state)), clock).write(
            note_draft("a")
        )
    finally:
        os.umask(before)
    assert mode(state) == 0o700


@pytest.mark.parametrize(
    ("log_mode", "lock_mode"), [(0o600, 0o600), (0o640, 0o600), (0o644, 0o600), (0o660, 0o660), (0o666, 0o666)]
)
def test_whoever_may_write_the_log_may_lock_it_and_nobody_else(
    writer: Writer, journal: Journal, log: Path, log_mode: int, lock_mode: int
) -> None:
    log.touch()
    log.chmod(log_mode)
    writer.write(note_draft("a"))
    assert (mode(log), mode(journal.lock_path)) == (log_mode, lock_mode)


def test_a_log_with_a_second_name_is_refused(writer: Writer, log: Path) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    os.link(log, log.with_suffix(".link"))
    with pytest.raises(FileUnusable, match="hard link"):
        writer.write(note_draft("b"))
    assert log.read_bytes() == before


def test_a_log_that_became_a_symlink_is_refused(writer: Writer, log: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    log.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileUnusable, match="symlink"):
        writer.write(note_draft("a"))
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_lock_that_is_a_symlink_is_refused(writer: Writer, journal: Journal, log: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", journal.lock_path)
    with pytest.raises(LockUnusable, match=r"symlink.*--lock"):
        writer.write(note_draft("a"))
    assert not log.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_is_a_fifo_is_refused_with_the_right_remedy(writer: Writer, journal: Journal) -> None:
    os.mkfifo(journal.lock_path)
    with pytest.raises((LockUnusable, FileUnusable), match="--lock"):
        writer.write(note_draft("a"))


def test_a_log_in_no_folder_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises((FileUnusable, LockUnusable), match=r"its folder .*/no does not exist; make it"):
        writer_of("alice", resolve_journal(str(tmp_path / "no" / "sanity.log")), clock).write(note_draft("a"))


def test_a_state_folder_that_cannot_be_made_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    home = str(tmp_path / "file" / "3am")
    with pytest.raises((FileUnusable, LockUnusable)):
        writer_of("alice", resolve_journal(home + "/sanity.log", state_dir=home), clock).write(note_draft("a"))


def test_a_symlink_of_our_own_is_resolved_and_locked_beside_its_target(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.log").symlink_to(tmp_path / "real" / "sanity.log")
    journal = resolve_journal(str(tmp_path / "link.log"))
    writer_of("alice", journal, clock).write(note_draft("a"))
    assert (tmp_path / "real" / "sanity.log").exists()
    assert (tmp_path / "real" / "sanity.log.lock").exists()
    assert not (tmp_path / "link.log.lock").exists()
