"""The state that a writer keeps is that of the file, also if lines are cut off while it reads, or a read fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest.mock import patch

import pytest

from threeam.core.state.fold import Fold, State
from threeam.core.state.state_cache import StateCache
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal, ResumePoint
from threeam.core.store.segment import Segment
from threeam.projections import FOLD

FIRST = b"[2026-11-24T03:14:07.123456788+0000] [COFFEE: 1] [BY: bob@db1:9] [H6: open] Hypothesis: first\n"
REFUSED = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 1] [BY: bob@db1:9] [H7: open] Hypothesis: refused\n"
KEPT = b"[2026-11-24T03:14:07.123456790+0000] [COFFEE: 1] [BY: bob@db1:9] [H8: open] Hypothesis: is kept\n"


def live(journal: Journal) -> Segment:
    segment = journal.open_live()
    assert segment is not None
    return segment


def replace_end(log: Path, old: bytes, new: bytes) -> None:
    """Cut ``old`` off, as a writer does whose disk is full, and append ``new``, as the next one does."""
    os.truncate(log, log.stat().st_size - len(old))
    with log.open("ab") as file:
        file.write(new)


@pytest.mark.parametrize("read_before", [b"", FIRST])
def test_lines_that_are_cut_off_while_they_are_read_are_not_in_the_state(
    journal: Journal, log: Path, read_before: bytes
) -> None:
    log.write_bytes(FIRST)
    cache, segment = StateCache(FOLD, "alice"), live(journal)
    cache.state_at(segment, len(read_before), full_state=True)
    with log.open("ab") as file:
        file.write(REFUSED)
    advance = Fold.advance

    def cut_off(self: Fold, *args: object) -> State:
        state = advance(self, *args)  # type: ignore[arg-type]
        replace_end(log, REFUSED, KEPT)
        return state

    with patch.object(Fold, "advance", cut_off):
        cache.state_at(segment, segment.size(), full_state=True)
    end = segment.size()
    assert cache.state_at(segment, end, full_state=True) == FOLD.state_at(segment, end)


def test_a_read_that_fails_leaves_the_state_that_was_read_before(journal: Journal, log: Path) -> None:
    log.write_bytes(FIRST + KEPT)
    cache, segment = StateCache(FOLD, "alice"), live(journal)
    end = segment.size()
    cache.state_at(segment, end, full_state=False)
    failure = OSError(errno.EIO, os.strerror(errno.EIO))
    with patch.object(Fold, "advance", side_effect=failure), pytest.raises(OSError, match=failure.strerror):
        cache.state_at(segment, end, full_state=True)
    assert cache.known_state is None
    assert cache.state_at(segment, end, full_state=True) == FOLD.state_at(segment, end)


def test_a_follower_whose_lines_are_cut_off_while_it_reads_returns_those_that_are_there(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(FIRST + REFUSED)
    follower = Follower(journal, None)
    capture = ResumePoint.capture

    def cut_off(segment: Segment, offset: int) -> ResumePoint:
        if offset and log.read_bytes().endswith(REFUSED):
            replace_end(log, REFUSED, KEPT)
        return capture(segment, offset)

    try:
        with patch.object(ResumePoint, "capture", cut_off):
            lines = follower.read() or follower.read()
        assert [line.raw + line.line_end for line in lines] == [FIRST, KEPT]
        assert follower.fingerprint is not None
        assert follower.fingerprint.offset == len(FIRST + KEPT)
    finally:
        follower.close()
