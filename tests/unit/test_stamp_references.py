"""Stamps in words, and the lines that they name."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hypotheses import (
    ALICE,
    line,
)
from support.journals import FakeClock
from support.lines import at_second
from threeam.core.errors import BadStamp, PreconditionFailed
from threeam.core.format.entry import NS_PER_S, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.store.seek import find_line
from threeam.core.store.stamp_ref import parse_stamp_ref
from threeam.core.write.draft import Draft, DraftLine
from threeam.core.write.locked_log import Block
from threeam.core.write.writer import Writer

# --- stamps in words, and the lines that they name


def test_a_stamp_is_taken_from_the_beginning_of_the_words() -> None:
    assert parse_stamp_ref(f" @{at_second(1)}  the words ") == (at_second(1), "the words")
    assert parse_stamp_ref(f"@{at_second(1)}") == (at_second(1), "")
    assert parse_stamp_ref(f"see @{at_second(1)}") == (None, f"see @{at_second(1)}")
    assert parse_stamp_ref("") == (None, "")
    for bad in ("@", "@nobody", f"@{at_second(1)},", "@2026-02-31T00:00:00.000000000+0000"):
        with pytest.raises(BadStamp, match="is not a stamp"):
            parse_stamp_ref(f"{bad} words")


def test_a_line_is_found_by_its_stamp_over_rotated_files(journal: Journal, writer: Writer, clock: FakeClock) -> None:
    blocks: list[Block] = []
    for n in range(6):
        clock.forward(NS_PER_S)
        blocks.append(writer.write(Draft(lambda *_, n=n: [DraftLine(f"note {n}")])))
        if n % 2:
            with writer.lock_log(full_state=True) as held:
                held.rotate()
    for n, block in enumerate(blocks):
        entry = find_line(journal, Stamp(block.entries[0].stamp.ns, 3600)).entry
        assert entry is not None
        assert entry.text == f"note {n}"


def test_an_unknown_stamp_names_the_nearest_entry(log: Path, journal: Journal) -> None:
    with pytest.raises(PreconditionFailed, match="the log is empty"):
        find_line(journal, at_second(5))
    log.write_bytes(format_entry(line(1, ALICE, "a")) + format_entry(line(9, ALICE, "b")))
    for asked, named in (
        (0, f"the nearest one is @{at_second(1)}"),
        (4, f"the nearest one is @{at_second(1)}"),
        (6, f"the nearest one is @{at_second(9)}"),
        (10, f"the nearest one is @{at_second(9)}"),
    ):
        with pytest.raises(PreconditionFailed) as why:
            find_line(journal, at_second(asked))
        assert str(why.value) == f"there is no entry @{at_second(asked)}: {named}"
