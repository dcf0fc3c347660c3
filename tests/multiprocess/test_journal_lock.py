"""The locks of a journal, and processes that make, hold or wait for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.commands import Run
from support.journals import FakeClock
from support.locks import NOBODY, locked, writer_on
from threeam.core.errors import LockTimeout
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.lock import JournalLock, WaitPolicy


def test_a_lock_that_everybody_can_hold_is_named_by_who_waits_for_it_and_by_preflight(
    journal: Journal, log: Path, clock: FakeClock, run_here: Run
) -> None:
    writer_on(journal, clock).write(note_draft("x"))
    lock = Path(journal.lock_path)
    lock.chmod(0o644)
    os.chown(lock, NOBODY, NOBODY)
    remedy = f"other users can open and hold it (mode 0644): chmod 600 {lock}"
    with locked(lock), pytest.raises(LockTimeout) as refused:
        writer_on(journal, clock).write(note_draft("y"))
    assert remedy in str(refused.value)
    stdout = run_here("preflight").stdout.decode()
    assert f"lock: {lock}: other users can open and hold it (mode 0644)\n      $ chmod 600 {lock}" in stdout


def test_a_process_that_is_killed_while_it_makes_the_lock_leaves_no_file(journal: Journal, log: Path) -> None:
    before = set(os.listdir(log.parent))
    child = os.fork()
    if child == 0:
        os.link = lambda *_, **__: os._exit(9)
        JournalLock(journal, 0o600).acquire(WaitPolicy(0.0))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert set(os.listdir(log.parent)) == before
