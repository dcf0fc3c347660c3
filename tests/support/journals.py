"""Journals of the tests: writers in this process, a clock that stands still, and what a log holds by now."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.lines import NIGHT
from threeam.core.format.entry import Entry, Stamp, parse_entry
from threeam.core.state.fold import State
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.segment import Segment
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.projections import FOLD


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: Stamp = NIGHT) -> None:
        self.now = now

    def __call__(self) -> Stamp:
        return self.now

    def forward(self, ns: int) -> None:
        self.now = Stamp(self.now.ns + ns, self.now.utc_offset_s)


def writer_of(user: str, journal: Journal, clock: Callable[[], Stamp]) -> Writer:
    """Return a writer of ``user`` in this process, which does not wait for the disk."""
    return Writer(journal, FOLD, clock, WriteOptions(user, f"{user}@db1:4121%3", sync=False))


@contextmanager
def temporary_journal() -> Iterator[Journal]:
    """Yield a journal for one example of a property, which is removed with its folder."""
    with tempfile.TemporaryDirectory(prefix="3am-") as folder:
        yield resolve_journal(os.path.join(folder, "sanity.log"))


def lines(log: Path) -> list[bytes]:
    """Return the lines of a log whose last one is finished."""
    raw = log.read_bytes() if log.exists() else b""
    assert raw == b"" or raw.endswith(b"\n"), f"the last line is torn: {raw[-80:]!r}"
    return raw.splitlines()


def entries(log: Path) -> list[Entry]:
    """Return the entries of a log in which every line is whole and one of ours."""
    return parse_entries(b"\n".join(lines(log)))


def parse_entries(raw: bytes) -> list[Entry]:
    """Return the entries of lines that are all whole and ours."""
    parsed = []
    for line in raw.splitlines():
        entry = parse_entry(line)
        assert entry is not None, f"not a line of the log: {line!r}"
        parsed.append(entry)
    return parsed


def texts(log: Path) -> list[str]:
    """Return the texts of the entries of a log, without the ceremony."""
    return [entry.text for entry in entries(log) if entry.kind != "ceremony"]


def all_texts(log: Path) -> list[str]:
    """Return the texts of the entries of a log, with the ceremony."""
    return [entry.text for entry in entries(log)]


def end_of(journal: Journal) -> Position:
    """Return the end of the live file."""
    live = journal.open_live()
    assert live is not None
    return Position(live, live.size())


def state_of(journal: Journal) -> State:
    """Return the state at the end of the live file."""
    return FOLD.state_at(*end_of(journal))


def segment_of(data: bytes) -> Segment:
    """Return a segment in memory that holds ``data``."""
    fd = os.memfd_create("log")
    os.write(fd, data)
    return Segment(fd, "sanity.log")
