"""The owner of a folder swaps links in it while root writes there: nothing of root's lands where only root may write.

The number of writes is fixed, and the swaps go on until the last one is done.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.journals import writer_of
from support.people import Person
from threeam.core.errors import JournalError
from threeam.core.format.clock import system_clock
from threeam.core.store.attachment_kinds import COPIED_TEXT, RUN_OUTPUT
from threeam.core.store.attachments import replace_attachment, write_attachment
from threeam.core.store.journal import resolve_journal
from threeam.core.write.draft import note_draft

MALLORY = Person("mallory", 64013, (64002,))
WRITES = 1000
LINE = "[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] roots own\n"

# Gives `name` to two things in turn, what it is and a symlink to `target`, until it is killed: renameat2(2) exchanges
# them, so that the name is never free, and root never makes something new of it.
SWAPS = """
import ctypes, os, sys
name, target = sys.argv[1:]
os.symlink(target, name + ".link")
names, exchange = [one.encode() for one in (name, name + ".link")], ctypes.CDLL(None).renameat2
print("ready", flush=True)
while exchange(-100, names[0], -100, names[1], 2) == 0:
    pass
"""


@contextmanager
def swapping(name: Path, target: Path) -> Iterator[None]:
    """Mallory swaps ``name`` and a symlink to ``target`` meanwhile."""
    argv = MALLORY.argv(str(name), str(target), program=SWAPS)
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield
        finally:
            child.kill()


@pytest.fixture
def hers(place: Path) -> Path:
    """A folder of mallory's."""
    folder = place / "hers"
    folder.mkdir()
    os.chown(folder, MALLORY.uid, MALLORY.gids[0])
    return folder


@pytest.fixture
def roots(place: Path) -> Path:
    """A folder that only root can go into, with a log in it."""
    folder = place / "roots"
    folder.mkdir(mode=0o700)
    (folder / "sanity.log").write_text(LINE)
    return folder


def a_log_in(folder: Path) -> Path:
    log = folder / "sanity.log"
    log.write_text(LINE)
    os.chown(log, MALLORY.uid, MALLORY.gids[0])
    return log


def write_often(log: Path) -> int:
    """Write as root, each time as a process that begins then; return how many lines were written."""
    written = 0
    for _ in range(WRITES):
        with suppress(JournalError):
            writer_of("root", resolve_journal(str(log)), system_clock).write(note_draft("words of root"))
            written += 1
    return written


def test_no_line_lands_behind_a_swapped_symlink_to_a_log(hers: Path, roots: Path) -> None:
    log = a_log_in(hers)
    with swapping(log, roots / "sanity.log"):
        written = write_often(log)
    assert (roots / "sanity.log").read_text() == LINE, f"root's file was written to ({written} writes)"
    assert sorted(path.name for path in roots.iterdir()) == ["sanity.log"]


@pytest.mark.slow
def test_no_line_lands_behind_a_swapped_folder_on_the_way(hers: Path, roots: Path) -> None:
    (hers / "night").mkdir()
    os.chown(hers / "night", MALLORY.uid, MALLORY.gids[0])
    log = a_log_in(hers / "night")
    with swapping(hers / "night", roots):
        written = write_often(log)
    assert (roots / "sanity.log").read_text() == LINE, f"root's file was written to ({written} writes)"
    assert sorted(path.name for path in roots.iterdir()) == ["sanity.log"], "not even a lock was made there"


@pytest.mark.slow
def test_no_attachment_lands_behind_a_swapped_symlink(hers: Path, roots: Path) -> None:
    journal = resolve_journal(str(a_log_in(hers)))
    Path(journal.folder_beside_log).mkdir()  # root's own, in a folder where mallory may rename it
    with swapping(Path(journal.folder_beside_log), roots):
        for number in range(WRITES // 4):  # each is synced
            with suppress(JournalError):
                write_attachment(journal, RUN_OUTPUT, f"run-{number}-1.out", b"words of root")
            with suppress(OSError):
                replace_attachment(journal, COPIED_TEXT, b"words of root")
    assert sorted(path.name for path in roots.iterdir()) == ["sanity.log"]
