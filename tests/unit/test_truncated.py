"""Another program cuts the log off under a writer, as copytruncate does: it is said, and never acknowledged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.journals import FakeClock, entries, texts, writer_of
from support.lines import NIGHT
from threeam.core.errors import Unsure
from threeam.core.format.entry import Entry, format_entry
from threeam.core.state.state_cache import TRUNCATION_WARNING
from threeam.core.store.journal import Fingerprint, Journal
from threeam.core.write.draft import note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD

WARNING = TRUNCATION_WARNING.decode()[2:]


def gone(log: Path) -> list[int]:
    """The bytes that each warning of the log speaks of."""
    return [int(text.removeprefix(WARNING).split()[0]) for text in texts(log) if text.startswith(WARNING)]


@pytest.mark.parametrize("what", ["to nothing", "to a part", "and written again"])
def test_a_log_that_is_truncated_before_the_line_is_acknowledged_is_unsure(
    journal: Journal, clock: FakeClock, log: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    writer = Writer(journal, FOLD, clock, WriteOptions("alice", "alice@db1:4121%3"))
    writer.write(note_draft("before"))
    clock.forward(5)
    real_fdatasync = os.fdatasync

    def truncated(fd: int) -> None:
        real_fdatasync(fd)
        size = log.stat().st_size
        os.truncate(log, size - 3 if what == "to a part" else 0)
        if what == "and written again":
            log.write_bytes(b"x" * 2 * size)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", truncated)
        with pytest.raises(Unsure, match=f"@2026-11-24T03:14:07.{NIGHT.ns % 10**9 + 5}.*truncated"):
            writer.write(note_draft("after"))


def test_a_writer_that_knew_more_says_how_much_is_gone(writer: Writer, log: Path) -> None:
    for text in ("one", "two"):
        writer.write(note_draft(text))
    size = log.stat().st_size
    os.truncate(log, 0)
    writer.write(note_draft("three"))
    writer.write(note_draft("four"))
    assert gone(log) == [size]
    assert texts(log)[1:] == ["three", "four"]


@pytest.mark.parametrize("how", ["stream", "plain"])
def test_it_is_said_whatever_is_written(writer: Writer, log: Path, how: str) -> None:
    writer.write(note_draft("one"))
    size = log.stat().st_size
    os.truncate(log, 0)
    if how == "stream":
        writer.write_stream(["two", "three"])
    else:
        with writer.lock_log(full_state=False) as locked:
            for text in ("two", "three"):
                locked.write_script_line(text, 3)
    assert gone(log) == [size]
    assert texts(log)[1:] == ["two", "three"]


def test_several_writers_that_knew_more_say_it_once(journal: Journal, clock: FakeClock, log: Path) -> None:
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for writer in (alice, bob):
        writer.write(note_draft("one"))
    for _ in range(2):
        os.truncate(log, 0)
        for writer in (bob, alice, bob):
            writer.write(note_draft("two"))
        assert len(gone(log)) == 1
        assert texts(log)[1:] == ["two", "two", "two"]


def test_who_has_never_written_knows_of_nothing(journal: Journal, clock: FakeClock, log: Path) -> None:
    writer_of("alice", journal, clock).write(note_draft("one"))
    os.truncate(log, 0)
    writer_of("alice", journal, clock).write(note_draft("two"))
    assert texts(log) == ["two"]


def test_a_log_that_lost_its_end_says_how_much(writer: Writer, log: Path) -> None:
    writer.write(note_draft("one"))
    size = log.stat().st_size
    writer.write(note_draft("two"))
    both = log.stat().st_size
    os.truncate(log, size)
    writer.write(note_draft("three"))
    assert gone(log) == [both - size]
    assert [text for text in texts(log) if not text.startswith(WARNING)] == ["one", "three"]


@pytest.mark.parametrize("how", ["replaced", "changed", "grown"])
def test_a_log_that_was_not_truncated_is_not_said_to_be(writer: Writer, log: Path, how: str) -> None:
    writer.write(note_draft("one"))
    raw = log.read_bytes()
    if how == "replaced":
        log.rename(log.with_name("sanity.log.1"))
        log.write_bytes(b"")
    elif how == "changed":
        log.write_bytes(raw.replace(b"one", b"eno"))
    else:
        log.write_bytes(raw + raw)
    writer.write(note_draft("two"))
    assert gone(log) == []


def test_a_mark_that_was_taken_while_the_log_was_truncated_never_holds(
    writer: Writer, journal: Journal, log: Path
) -> None:
    writer.write(note_draft("one"))
    live = journal.open_live()
    assert live is not None
    size = live.size()
    assert Fingerprint.capture(live, size).matches(live)
    os.truncate(log, 0)
    torn = Fingerprint.capture(live, size)
    assert not torn.matches(live)
    writer.write(note_draft("x" * 200))
    assert not torn.matches(live)


def truncate_before_write(patch: pytest.MonkeyPatch, log: Path, then: bytes = b"") -> None:
    """Lets the next os.write find a log that was truncated, with ``then`` in it."""
    real_write = os.write

    def write(fd: int, data: bytes) -> int:
        patch.setattr(os, "write", real_write)
        log.write_bytes(then)
        return real_write(fd, data)

    patch.setattr(os, "write", write)


def test_a_line_that_is_written_after_the_cut_is_there_and_so_are_the_cups(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(coffee_draft(2, 95, 4))
    with monkeypatch.context() as patch:
        truncate_before_write(patch, log)
        writer.write(coffee_draft(1, 95, 4))
    assert [entry.cups for entry in entries(log)] == [3]
    writer.write(note_draft("x"))
    assert entries(log)[-1].cups == 3


def test_a_line_that_comes_in_between_without_the_lock_is_known_to_the_next_one(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(hypothesis_draft("one", 4))
    other = Entry(NIGHT, 0, (("BY", "bob@db1:1"), ("H2", "open")), "Hypothesis: without the lock")
    with monkeypatch.context() as patch:
        truncate_before_write(patch, log, log.read_bytes() + format_entry(other))
        writer.write(note_draft("x"))
    assert writer.write(hypothesis_draft("three", 4)).entries[1].hypothesis == (3, "open")
