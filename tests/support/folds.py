"""Lines and states for the tests of the fold."""

from __future__ import annotations

from unittest.mock import patch

from support.journals import segment_of
from support.lines import NIGHT
from threeam.core.format.entry import Entry, Stamp
from threeam.core.state.fold import State
from threeam.core.store import reader
from threeam.core.store.reader import lines_forward
from threeam.projections import FOLD


def every(data: bytes) -> list[Entry]:
    return [entry for line in lines_forward(segment_of(data)) if line.finished and (entry := line.state_entry)]


def searched(data: bytes, block: int = reader.CHUNK_BYTES) -> State:
    with patch.object(reader, "CHUNK_BYTES", block):
        return FOLD.state_at(segment_of(data), len(data))


def line(ns: int, coffee: int, *tags: tuple[str, str], text: str = "x") -> Entry:
    return Entry(Stamp(NIGHT.ns + ns), coffee, tags, text)


ALICE, BOB = ("BY", "alice@db1:4121%3"), ("BY", "bob@db1:9%1")
