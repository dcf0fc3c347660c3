"""Lines and states for the tests of the fold."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import strategies as st

from support.journals import segment_of
from support.lines import HOUR_NS, NIGHT
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
remote_tags = st.builds(
    lambda host, journal, number, opened, state: (
        ("ON", f"{host}/H{number}"),
        ("CLAIM", f"{journal}@{opened}"),
        *([("STATE", state)] if state else []),
    ),
    st.sampled_from(["db1", "db1", "web/H2", ""]),
    st.sampled_from(["d" * 32, "d" * 32, "e" * 32, "x"]),
    st.integers(1, 4),
    st.sampled_from([NIGHT, NIGHT, Stamp(NIGHT.ns, 3600), Stamp(NIGHT.ns - HOUR_NS), "2026-02-31"]),
    st.sampled_from(["", "confirmed", "refuted"]),
)
