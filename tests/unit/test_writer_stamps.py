"""The stamps that a writer gives: the clock while it runs, and what a step back of it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.journals import FakeClock, all_texts, entries, writer_of
from support.lines import NIGHT
from support.writes import stamps
from threeam.core.format.clock import MAX_TIE_NS
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.hypotheses.drafts import hypothesis_draft

STEPPED = "WARNING: Clock stepped back 1.203 s; the order of the file is the true order."


# --- stamps


def test_the_clock_is_believed_while_it_runs(writer: Writer, clock: FakeClock, log: Path) -> None:
    for _ in range(3):
        writer.write(note_draft("a"))
        clock.forward(5)
    assert stamps(log) == [NIGHT.ns, NIGHT.ns + 5, NIGHT.ns + 10]


def test_a_tie_is_broken_by_one_nanosecond(writer: Writer, log: Path) -> None:
    for _ in range(3):
        writer.write(note_draft("a"))
    assert stamps(log) == [NIGHT.ns, NIGHT.ns + 1, NIGHT.ns + 2]


@pytest.mark.parametrize("behind", [1, MAX_TIE_NS])
def test_a_reading_a_little_behind_is_a_tie(writer: Writer, clock: FakeClock, log: Path, behind: int) -> None:
    writer.write(note_draft("a"))
    clock.forward(-behind)
    writer.write(note_draft("b"))
    assert stamps(log) == [NIGHT.ns, NIGHT.ns + 1]
    assert all_texts(log) == ["a", "b"]


def test_a_step_back_is_declared_by_the_first_line_of_the_block(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("a"))
    clock.forward(-1_203_000_000)
    writer.write(note_draft("b\nc"))
    assert all_texts(log) == ["a", STEPPED, "b", "| c"]
    true = NIGHT.ns - 1_203_000_000
    assert stamps(log) == [NIGHT.ns, true, true + 1, true + 2]


def test_a_step_back_just_over_a_tie_is_declared(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("a"))
    clock.forward(-MAX_TIE_NS - 1)
    writer.write(note_draft("b"))
    assert all_texts(log)[1] == "WARNING: Clock stepped back 0.001 s; the order of the file is the true order."


def test_a_step_back_is_declared_before_the_ceremony(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("a"))
    clock.forward(-1_203_000_000)
    assert [entry.text for entry in writer.write(hypothesis_draft("b", 4)).entries] == [
        STEPPED, ACQUIRED, "Hypothesis: b", RELEASING
    ]  # fmt: skip


def test_a_step_back_is_declared_once(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("a"))
    clock.forward(-2 * NS_PER_S)
    writer.write(note_draft("b"))
    clock.forward(NS_PER_S)
    writer.write(note_draft("c"))
    assert [text.partition(":")[0] for text in all_texts(log)] == ["a", "WARNING", "b", "c"]


def test_a_stream_declares_a_step_back_too(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(note_draft("a"))
    clock.forward(-1_203_000_000)
    writer.write_stream(["b"])
    assert all_texts(log) == ["a", STEPPED, "b"]


def test_the_clock_of_another_zone_is_not_a_step(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer = writer_of("alice", journal, clock)
    writer.write(note_draft("a"))
    clock.now = Stamp(NIGHT.ns + 1, -5 * 3600)
    writer.write(note_draft("b"))
    assert all_texts(log) == ["a", "b"]
    assert str(entries(log)[1].stamp).endswith("-0500")


def test_a_stamp_is_after_that_of_a_line_of_the_scripts(writer: Writer, log: Path) -> None:
    log.write_bytes(format_entry(Entry(Stamp(NIGHT.ns + 10), 3, (), "Hypothesis: x")))
    writer.write(note_draft("a"))
    assert stamps(log)[-1] == NIGHT.ns + 11
