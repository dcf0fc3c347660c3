"""The locks of a journal: taken in their order under one deadline, and closed to those who may not write the log."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.journals import FakeClock, entries
from support.locks import NOBODY, locked, writer_on
from threeam.core.errors import LockTimeout
from threeam.core.store import journal as journal_module
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import note_draft
from threeam.core.write.lock import JournalLock, SanityLock, WaitPolicy, find_lock_holder
from threeam.human.drafts import coffee_draft


@pytest.fixture
def of_the_script(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This test's log is one whose lock the Bash script has in /tmp: gives that lock."""
    lock = log.parent / "tmp" / "sanity.lock"
    lock.parent.mkdir()
    monkeypatch.setitem(journal_module.SCRIPT_LOCKS, str(log), str(lock))
    return lock


def is_free(path: Path) -> bool:
    with ExitStack() as stack:
        fd = os.open(path, os.O_RDONLY)
        stack.callback(os.close, fd)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_whoever_has_another_tmp_is_kept_out_all_the_same(
    of_the_script: Path, log: Path, tmp_path: Path, clock: FakeClock
) -> None:
    """A service with PrivateTmp=yes has the same log, and another /tmp/sanity.lock."""
    here, there = resolve_journal(str(log)), resolve_journal(str(log), str(tmp_path / "another sanity.lock"))
    assert here.lock_path == str(of_the_script)
    with writer_on(here, clock).lock_log(full_state=True) as held:
        with pytest.raises(LockTimeout, match=r"sanity\.log\.lock within"):
            writer_on(there, clock).write(coffee_draft(1, 95, 4))
        held.write(coffee_draft(1, 95, 4))
    assert is_free(Path(there.lock_path))
    writer_on(there, clock).write(coffee_draft(1, 95, 4))
    assert [entry.cups for entry in entries(log)] == [1, 2]


@pytest.mark.parametrize("number", [0, 1])
def test_each_of_the_two_locks_keeps_a_writer_out(
    of_the_script: Path, log: Path, clock: FakeClock, number: int
) -> None:
    journal = resolve_journal(str(log))
    path = Path(journal.lock_paths[number])
    with locked(path):
        with pytest.raises(LockTimeout, match=f"no lock on {path} within"):
            writer_on(journal, clock).write(note_draft("x"))
        assert find_lock_holder(*journal.lock_paths) is not None
    for thread in threading.enumerate():  # the place in the queue that was given up has the lock for a moment now
        if thread.name == "sanity-lock":
            thread.join()
    assert find_lock_holder(*journal.lock_paths) is None
    assert not log.exists()
    writer_on(journal, clock).write(note_draft("x"))
    assert all(is_free(Path(path)) for path in journal.lock_paths)


def test_two_locks_are_taken_in_their_order_and_have_one_deadline(
    of_the_script: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, asked = SanityLock.acquire, []

    def spied(lock: SanityLock, wait: WaitPolicy, *, wait_start: float) -> None:
        asked.append((lock.path, wait, wait_start))
        acquire(lock, wait, wait_start=wait_start)

    monkeypatch.setattr(SanityLock, "acquire", spied)
    lock = JournalLock(resolve_journal(str(log)), 0o600)
    lock.acquire(WaitPolicy(7.0))
    lock.release()
    first, second = asked
    assert (first[0], second[0]) == (str(of_the_script), f"{log}.lock")
    assert first[1:] == second[1:]


def test_a_second_lock_that_is_the_first_under_another_name_is_not_waited_for(
    of_the_script: Path, log: Path, clock: FakeClock
) -> None:
    of_the_script.touch()
    os.link(of_the_script, f"{log}.lock")
    writer_on(resolve_journal(str(log)), clock).write(note_draft("x"))
    assert [entry.text for entry in entries(log)] == ["x"]


@pytest.mark.parametrize(
    ("log_mode", "lock_mode", "becomes"),
    [(0o600, 0o644, 0o600), (0o660, 0o666, 0o660), (0o666, 0o666, 0o666), (0o640, 0o640, 0o600), (0o600, 0o400, 0o400)],
)
def test_a_lock_of_ours_is_closed_to_those_who_may_not_write_the_log(
    journal: Journal, log: Path, clock: FakeClock, log_mode: int, lock_mode: int, becomes: int
) -> None:
    """The Bash script makes it 0644: anybody who can read a file can hold its lock."""
    lock = Path(journal.lock_path)
    for path, mode in ((log, log_mode), (lock, lock_mode)):
        path.touch()
        path.chmod(mode)
    writer_on(journal, clock).write(note_draft("x"))
    assert stat.S_IMODE(lock.stat().st_mode) == becomes


def test_a_lock_that_was_named_or_is_somebody_elses_or_has_a_second_name_keeps_its_mode(
    journal: Journal, log: Path, clock: FakeClock, tmp_path: Path
) -> None:
    named, lock = tmp_path / "named.lock", Path(journal.lock_path)
    for path in (named, lock):
        path.touch()
        path.chmod(0o644)
    writer_on(resolve_journal(str(log), str(named)), clock).write(note_draft("x"))
    assert stat.S_IMODE(named.stat().st_mode) == 0o644
    os.chown(lock, NOBODY, NOBODY)
    writer_on(journal, clock).write(note_draft("x"))
    os.chown(lock, 0, 0)
    os.link(lock, tmp_path / "second")
    writer_on(journal, clock).write(note_draft("x"))
    assert stat.S_IMODE(lock.stat().st_mode) == 0o644


@pytest.mark.parametrize("fails", ["O_TMPFILE", "link"])
def test_without_files_that_have_no_name_the_lock_is_made_all_the_same(
    journal: Journal, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(95, "Operation not supported")

    if fails == "link":
        monkeypatch.setattr(os, "link", failing)
    else:
        monkeypatch.delattr(os, "O_TMPFILE")
    writer_on(journal, clock).write(note_draft("x"))
    assert stat.S_IMODE(os.stat(journal.lock_path).st_mode) == 0o600
