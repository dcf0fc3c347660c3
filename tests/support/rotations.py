"""Journals that are rotated at a small size."""

from __future__ import annotations

from pathlib import Path

from support.journals import FakeClock
from threeam.core.store.journal import Journal
from threeam.core.store.segment import is_rotated_name
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD

SMALL = 4000  # bytes: a log of about forty lines
OLD = "sanity.20261124T031407.123456789Z.log"


def writer_with(journal: Journal, clock: FakeClock, *, rotate_bytes: int = SMALL, keep: int | None = None) -> Writer:
    options = WriteOptions("alice", "alice@db1:4121%3", sync=False, rotate_bytes=rotate_bytes, keep=keep)
    return Writer(journal, FOLD, clock, options)


def files(log: Path) -> list[Path]:
    """The rotated files and the live one, the oldest first."""
    return [*sorted(path for path in log.parent.iterdir() if is_rotated_name(str(log), path.name)), log]


def fill(writer: Writer, log: Path) -> None:
    """Writes notes until the log is full: the next block rotates it."""
    while not log.exists() or log.stat().st_size < SMALL:
        writer.write(note_draft("x" * 60))


def segment(journal: Journal):  # type: ignore[no-untyped-def]
    live = journal.open_live()
    assert live is not None
    return live
