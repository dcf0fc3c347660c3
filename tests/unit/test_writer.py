"""The one door in: what is in the file after a write, after a refusal, and when nobody can be sure."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.journals import FakeClock, all_texts, entries, writer_of
from support.lines import BY, NIGHT
from support.writes import recorded_writes, stamps
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write.draft import TOXIC_TEXT, note_draft
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD


def with_ceremony(journal: Journal, clock: FakeClock, ceremony: str) -> Writer:
    return Writer(journal, FOLD, clock, WriteOptions("alice", BY[1], ceremony, sync=False))


# --- what a submission becomes


def test_a_note_is_one_line_with_its_author_and_cups(writer: Writer, log: Path) -> None:
    block = writer.write(note_draft("tcpdump on :5432"))
    assert log.read_bytes() == (
        b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] [BY: alice@db1:4121%3] tcpdump on :5432\n"
    )
    assert block.raw == log.read_bytes()
    assert list(block.entries) == entries(log)


def test_several_lines_become_one_block(writer: Writer, log: Path) -> None:
    writer.write(note_draft("Traceback\n  File x\r\n    raise"))
    assert all_texts(log) == ["Traceback", "|   File x", "|     raise"]
    assert stamps(log) == [NIGHT.ns, NIGHT.ns + 1, NIGHT.ns + 2]


def test_what_is_returned_is_what_the_file_says(writer: Writer, log: Path) -> None:
    block = writer.write(note_draft("\x1b[2J [H9: open] \udcff\u202e"))
    assert list(block.entries) == entries(log)
    assert all_texts(log) == ["\\x1b[2J [H9: open] \\xff\\u202e"]


def test_a_hypothesis_is_written_with_the_ceremony_of_the_lock(writer: Writer, log: Path) -> None:
    writer.write(hypothesis_draft("the sweeper", 4))
    assert all_texts(log) == [ACQUIRED, "Hypothesis: the sweeper", RELEASING]
    assert [entry.hypothesis for entry in entries(log)] == [None, (1, "open"), None]
    assert {entry.tag("BY") for entry in entries(log)} == {BY[1]}


@pytest.mark.parametrize(
    ("ceremony", "note_is_solemn", "claim_is_solemn"),
    [("hypotheses", False, True), ("always", True, True), ("never", False, False)],
)
def test_the_ceremony_is_held_as_the_setting_says(
    journal: Journal, clock: FakeClock, ceremony: str, note_is_solemn: bool, claim_is_solemn: bool
) -> None:
    writer = with_ceremony(journal, clock, ceremony)
    for draft, ceremonial in ((note_draft("a"), note_is_solemn), (hypothesis_draft("b", 4), claim_is_solemn)):
        written = [entry.text for entry in writer.write(draft).entries]
        assert (written[0] == ACQUIRED, written[-1] == RELEASING) == (ceremonial, ceremonial)


def test_the_two_stamps_of_a_ceremony_are_a_lower_bound_of_the_hold(journal: Journal, log: Path) -> None:
    readings = iter([NIGHT, Stamp(NIGHT.ns + 800_000)])
    writer_of("alice", journal, lambda: next(readings)).write(hypothesis_draft("a", 4))
    acquired, _, releasing = stamps(log)
    assert (acquired, releasing) == (NIGHT.ns, NIGHT.ns + 800_000)


def test_a_toxic_author_is_warned_with_each_hypothesis_and_each_cup(
    writer: Writer, clock: FakeClock, log: Path
) -> None:
    writer.write(coffee_draft(4, 95, 4))
    assert TOXIC_TEXT not in all_texts(log)
    for draft in (coffee_draft(1, 95, 4), hypothesis_draft("a", 4)):
        clock.forward(NS_PER_S)
        assert TOXIC_TEXT in [entry.text for entry in writer.write(draft).entries]


def test_a_toxic_author_is_never_warned_with_a_note(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(coffee_draft(9, 95, 4))
    clock.forward(NS_PER_S)
    assert [entry.text for entry in writer.write(note_draft("a")).entries] == ["a"]


def test_the_warning_stands_inside_the_ceremony(writer: Writer, clock: FakeClock) -> None:
    writer.write(coffee_draft(5, 95, 4))
    clock.forward(NS_PER_S)
    written = [entry.text for entry in writer.write(hypothesis_draft("a", 4)).entries]
    assert written == [ACQUIRED, "Hypothesis: a", TOXIC_TEXT, RELEASING]


# --- whatever is in the file already


def test_a_torn_last_line_is_ended_first_in_the_same_write(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = format_entry(Entry(NIGHT, 0, (BY,), "torn"))[:-5]
    log.write_bytes(torn)
    with recorded_writes(monkeypatch) as written:
        block = writer.write(note_draft("a"))
    assert written == [b"\n" + block.raw]
    assert log.read_bytes() == torn + b"\n" + block.raw


def test_a_block_is_one_write(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    with recorded_writes(monkeypatch) as written:
        block = writer.write(hypothesis_draft("a\nb\nc", 4))
    assert written == [block.raw]


def test_foreign_bytes_are_left_as_they_are(writer: Writer, log: Path) -> None:
    before = b"\xff\x00 kernel: oops\n\n" + format_entry(Entry(NIGHT, 0, (BY,), "x")) + b"echo hi\n"
    log.write_bytes(before)
    block = writer.write(note_draft("a"))
    assert log.read_bytes() == before + block.raw


def test_a_rotated_log_leaves_nothing_stale(writer: Writer, clock: FakeClock, log: Path) -> None:
    writer.write(coffee_draft(3, 95, 4))
    log.rename(log.with_suffix(".1"))
    assert writer.write(note_draft("a")).entries[0].cups == 0
    assert writer.write(hypothesis_draft("b", 4)).entries[1].hypothesis == (1, "open")
    assert len(log.with_suffix(".1").read_bytes().splitlines()) == 3


def test_a_replaced_log_is_read_again(writer: Writer, log: Path) -> None:
    writer.write(coffee_draft(3, 95, 4))
    other = log.with_suffix(".new")
    other.write_bytes(format_entry(Entry(Stamp(NIGHT.ns - NS_PER_S), 7, (BY, ("H4", "open")), "Hypothesis: a")))
    other.rename(log)
    block = writer.write(hypothesis_draft("b", 9))
    assert (block.entries[0].cups, block.entries[1].hypothesis) == (7, (5, "open"))


@pytest.mark.parametrize("lines", [1, 9])
def test_a_log_that_was_truncated_and_grew_again_is_read_again(writer: Writer, log: Path, lines: int) -> None:
    for _ in range(4):
        writer.write(coffee_draft(1, 95, 9))
    log.write_bytes(  # the same file, shorter or longer than it was
        b"".join(format_entry(Entry(Stamp(NIGHT.ns - 99 + i), 6, (BY, ("H2", "open")), "x")) for i in range(lines))
    )
    assert writer.write(note_draft("a")).entries[0].cups == 6
    assert writer.write(hypothesis_draft("b", 9)).entries[1].hypothesis == (3, "open")


def test_a_cautious_reader_of_cups_learns_hypotheses_when_it_needs_them(writer: Writer, clock: FakeClock) -> None:
    writer_of("bob", writer.journal, clock).write(hypothesis_draft("a", 4))
    writer.write(note_draft("this reads no hypotheses"))
    assert writer.write(conclusion_draft("refute", "H1", "no", 4)).entries[0].hypothesis == (1, "refuted")
