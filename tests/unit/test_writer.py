"""The one door in: what is in the file after a write, after a refusal, and when nobody can be sure."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.journals import FakeClock, all_texts, entries, writer_of
from support.lines import BY, HOUR_NS, NIGHT
from threeam.core.errors import FileUnusable, LockTimeout, LockUnusable, PreconditionFailed, Unsure, WriteFailed
from threeam.core.format.entry import ACQUIRED, NS_PER_S, RELEASING, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write import locked_log as locked_log_module
from threeam.core.write.draft import TOXIC_TEXT, Draft, DraftLine, note_draft
from threeam.core.write.lock import SanityLock
from threeam.core.write.locked_log import MAX_TIE_NS, WriteOptions
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, undo_coffee_draft, water_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.projections import FOLD
from threeam.reports.end_of_night import sleep_draft

STEPPED = "WARNING: Clock stepped back 1.203 s; the order of the file is the true order."


def stamps(log: Path) -> list[int]:
    return [entry.stamp.ns for entry in entries(log)]


def with_ceremony(journal: Journal, clock: FakeClock, ceremony: str) -> Writer:
    return Writer(journal, FOLD, clock, WriteOptions("alice", BY[1], ceremony, sync=False))


@pytest.fixture
def synced(journal: Journal, clock: FakeClock) -> Writer:
    """A writer of alice's that waits for the disk."""
    return Writer(journal, FOLD, clock, WriteOptions("alice", BY[1]))


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
        said = [entry.text for entry in writer.write(draft).entries]
        assert (said[0] == ACQUIRED, said[-1] == RELEASING) == (ceremonial, ceremonial)


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
    said = [entry.text for entry in writer.write(hypothesis_draft("a", 4)).entries]
    assert said == [ACQUIRED, "Hypothesis: a", TOXIC_TEXT, RELEASING]


# --- the state under the lock


def test_two_panes_that_take_a_cup_make_two_cups(journal: Journal, clock: FakeClock, log: Path) -> None:
    one, other = writer_of("alice", journal, clock), writer_of("alice", journal, clock)
    for writer in (one, other, one, other):
        writer.write(coffee_draft(1, 95, 9))
    assert [entry.cups for entry in entries(log)] == [1, 2, 3, 4]


def test_two_people_never_get_the_same_number(journal: Journal, clock: FakeClock, log: Path) -> None:
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for writer in (alice, bob, bob, alice):
        writer.write(hypothesis_draft("a", 4))
    assert [entry.hypothesis for entry in entries(log) if entry.hypothesis] == [
        (1, "open"), (2, "open"), (3, "open"), (4, "open")
    ]  # fmt: skip


def test_a_draft_sees_what_came_while_the_writer_waited(journal: Journal, clock: FakeClock) -> None:
    other = writer_of("alice", journal, clock)
    writer = writer_of("alice", journal, clock)
    writer.write(note_draft("the writer has read the log by now"))
    other.write(coffee_draft(2, 95, 4))
    assert writer.write(note_draft("and says so")).entries[0].cups == 2


@pytest.mark.parametrize(
    ("draft", "cups", "number"),
    [(note_draft("a"), 2, None), (coffee_draft(1, 95, 9), 3, None), (hypothesis_draft("b", 9), 2, 2)],
)
def test_what_came_between_the_first_look_and_the_lock_counts(
    journal: Journal,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
    draft: Draft,
    cups: int,
    number: int | None,
) -> None:
    acquire = SanityLock.acquire
    late: list[Draft] = [coffee_draft(2, 95, 9), hypothesis_draft("another pane was faster", 9)]

    def acquire_late(lock: SanityLock, timeout: float | None, **how: Any) -> None:
        while late:
            writer_of("alice", journal, clock).write(late.pop(0))
        acquire(lock, timeout, **how)

    writer = writer_of("alice", journal, clock)
    writer.write(note_draft("the state was known before"))
    monkeypatch.setattr(SanityLock, "acquire", acquire_late)
    entries = writer.write(draft).entries
    assert entries[-1].cups == cups
    assert [entry.hypothesis for entry in entries if entry.hypothesis] == ([(number, "open")] if number else [])


def test_cups_of_one_person_are_not_anothers(journal: Journal, clock: FakeClock) -> None:
    writer_of("alice", journal, clock).write(coffee_draft(3, 95, 4))
    assert writer_of("bob", journal, clock).write(note_draft("x")).entries[0].cups == 0


def test_a_stream_carries_the_cups_and_says_how_it_came(writer: Writer, log: Path) -> None:
    writer.write(coffee_draft(2, 95, 4))
    raw = writer.write_stream(["one", "[H9: open] two"])
    assert log.read_bytes().endswith(raw)
    one, two = entries(log)[-2:]
    assert (one.cups, one.tag("VIA"), two.hypothesis, two.text) == (2, "stdin", None, "[H9: open] two")


def test_a_new_night_is_marked_and_its_cups_start_anew(writer: Writer, clock: FakeClock) -> None:
    writer.write(coffee_draft(3, 95, 4))
    clock.forward(8 * HOUR_NS + NS_PER_S)
    first, second = writer.write(note_draft("a\nb")).entries
    assert (first.cups, first.tag("NIGHT"), second.tag("NIGHT")) == (0, "new", None)
    clock.forward(NS_PER_S)
    assert writer.write(note_draft("c")).entries[0].tag("NIGHT") is None


def test_a_night_goes_on_for_as_long_as_its_gap(writer: Writer, clock: FakeClock) -> None:
    writer.write(coffee_draft(3, 95, 4))
    clock.forward(8 * HOUR_NS - NS_PER_S)
    (entry,) = writer.write(note_draft("a")).entries
    assert (entry.cups, entry.tag("NIGHT")) == (3, None)


def test_the_first_line_of_all_marks_no_new_night(writer: Writer) -> None:
    assert writer.write(note_draft("a")).entries[0].tag("NIGHT") is None


def test_sleep_ends_the_night_once(writer: Writer, clock: FakeClock) -> None:
    writer.write(coffee_draft(3, 95, 4))
    clock.forward(9 * HOUR_NS)
    *before, entry = writer.write(sleep_draft(5.0)).entries
    assert [one.text.partition(":")[0] for one in before] == ["Handoff"]
    assert [value for one in (*before, entry) for key, value in one.tags if key == "NIGHT"] == ["over"]
    assert entry.cups == 0
    clock.forward(NS_PER_S)
    first = writer.write(water_draft()).entries[0]
    assert (first.tag("WATER"), first.tag("NIGHT")) == ("1", "new")
    assert writer.write(note_draft("up")).entries[0].tag("NIGHT") is None


def test_a_stream_keeps_no_night_going(writer: Writer, clock: FakeClock) -> None:
    writer.write(coffee_draft(3, 95, 4))
    clock.forward(7 * HOUR_NS)
    writer.write_stream(["from a pipe"])
    clock.forward(2 * HOUR_NS)
    assert writer.write(note_draft("a")).entries[0].tag("NIGHT") == "new"


IN_2099 = Stamp(4_070_908_800 * NS_PER_S, 0)


@pytest.mark.parametrize("anew", [False, True], ids=["the same process", "a new process"])
def test_a_line_from_the_future_does_not_end_the_present_night(
    journal: Journal, writer: Writer, clock: FakeClock, log: Path, anew: bool
) -> None:
    for _ in range(3):
        writer.write(coffee_draft(1, 95, 4))
        clock.forward(HOUR_NS)
    now, clock.now = clock.now, IN_2099
    writer.write(coffee_draft(1, 95, 4))  # with a clock that is far ahead
    clock.now = now
    if anew:
        writer = writer_of("alice", journal, clock)
    (entry,) = [one for one in writer.write(coffee_draft(1, 95, 9)).entries if one.kind == "Coffee"]
    assert (entry.cups, entry.tag("NIGHT")) == (5, None)
    clock.forward(HOUR_NS)
    assert [one.cups for one in writer_of("alice", journal, clock).write(coffee_draft(1, 95, 9)).entries][-1] == 6
    clock.forward(9 * HOUR_NS)
    assert writer.write(note_draft("the next night")).entries[0].cups == 0


def test_a_line_from_the_future_that_a_hand_wrote_does_not_end_the_present_night(
    writer: Writer, clock: FakeClock, log: Path
) -> None:
    writer.write(coffee_draft(3, 95, 4))
    with log.open("ab") as file:
        file.write(format_entry(Entry(IN_2099, 0, (("BY", "alice@elsewhere:1"),), "from the year 2099")))
    clock.forward(HOUR_NS)
    assert writer.write(note_draft("a")).entries[-1].cups == 3


def test_cups_of_a_clock_that_was_ahead_count_although_the_night_before_is_over(
    writer: Writer, clock: FakeClock
) -> None:
    writer.write(coffee_draft(3, 95, 4))
    clock.forward(20 * HOUR_NS)
    now, clock.now = clock.now, IN_2099
    writer.write(coffee_draft(2, 95, 4))
    clock.now = now
    assert writer.write(note_draft("the clock is right again")).entries[-1].cups == 2


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


def test_the_clock_of_another_zone_is_no_step(journal: Journal, clock: FakeClock, log: Path) -> None:
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


# --- whatever is in the file already


def test_a_torn_last_line_is_ended_first_in_the_same_write(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = format_entry(Entry(NIGHT, 0, (BY,), "torn"))[:-5]
    log.write_bytes(torn)
    written: list[bytes] = []
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or write(fd, data))
        block = writer.write(note_draft("a"))
    assert written == [b"\n" + block.raw]
    assert log.read_bytes() == torn + b"\n" + block.raw


def test_a_block_is_one_write(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: written.append(bytes(data)) or write(fd, data))
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


def test_a_replaced_log_is_read_anew(writer: Writer, log: Path) -> None:
    writer.write(coffee_draft(3, 95, 4))
    other = log.with_suffix(".new")
    other.write_bytes(format_entry(Entry(Stamp(NIGHT.ns - NS_PER_S), 7, (BY, ("H4", "open")), "Hypothesis: a")))
    other.rename(log)
    block = writer.write(hypothesis_draft("b", 9))
    assert (block.entries[0].cups, block.entries[1].hypothesis) == (7, (5, "open"))


@pytest.mark.parametrize("lines", [1, 9])
def test_a_log_that_was_truncated_and_grew_again_is_read_anew(writer: Writer, log: Path, lines: int) -> None:
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


# --- declined, refused, unsure


def test_what_is_declined_writes_nothing(writer: Writer, log: Path) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    for draft in (undo_coffee_draft(), conclusion_draft("refute", "H9", "no", 4)):
        with pytest.raises(PreconditionFailed):
            writer.write(draft)
    assert log.read_bytes() == before


def test_what_is_declined_on_no_log_creates_none(writer: Writer, log: Path) -> None:
    with pytest.raises(PreconditionFailed):
        writer.write(undo_coffee_draft())
    assert not log.exists()


def test_a_writer_goes_on_after_a_refusal(writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk)
        with pytest.raises(WriteFailed):
            writer.write(coffee_draft(1, 95, 4))
    writer.write(coffee_draft(1, 95, 4))
    assert [entry.cups for entry in entries(log)] == [1]


real_write = os.write


def short_write(fd: int, data: bytes) -> int:
    return real_write(fd, data[: len(data) // 2])


def full_disk(fd: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device")


def full_after_some(fd: int, data: bytes) -> int:
    if len(data) < 60:  # the rest of it
        raise OSError(errno.ENOSPC, "No space left on device")
    return real_write(fd, data[: len(data) - 50])


def over_quota(fd: int, data: bytes) -> int:
    raise OSError(errno.EDQUOT, "Quota exceeded")


def broken_disk(fd: int, data: bytes) -> int:
    raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("fault", [short_write, full_disk, full_after_some, over_quota, broken_disk])
@pytest.mark.parametrize("before", [b"", format_entry(Entry(NIGHT, 2, (BY,), "before")), b"[2026-11-24T03:"])
def test_a_refused_write_leaves_the_log_byte_for_byte(
    writer: Writer, log: Path, fault: object, before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fault)
        with pytest.raises(WriteFailed, match="nothing was written"):
            writer.write(hypothesis_draft("a", 4))
    assert log.read_bytes() == before


def test_a_refused_stream_leaves_the_log_byte_for_byte(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after_some)
        with pytest.raises(WriteFailed):
            writer.write_stream(["b"] * 100)
    assert log.read_bytes() == before


def test_a_part_that_cannot_be_cut_back_is_unsure(writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stuck(fd: int, size: int) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short_write)
        patch.setattr(os, "ftruncate", stuck)
        with pytest.raises(Unsure, match=rf"@{str(NIGHT).replace('+', '.')}"):
            writer.write(note_draft("a"))


def test_what_somebody_wrote_without_the_lock_is_never_cut_away(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the lock file was removed while it was held: two writers at once, and the disk is full for one."""
    writer.write(note_draft("before"))

    def late(fd: int, data: bytes) -> int:
        with log.open("ab") as other:
            other.write(b"acknowledged\n")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", late)
        with pytest.raises(WriteFailed):
            writer.write(note_draft("mine"))
    assert log.read_bytes().endswith(b" before\nacknowledged\n")

    def half(fd: int, data: bytes) -> int:
        if data.startswith(b"["):
            written = real_write(fd, data[:20])
            with log.open("ab") as other:
                other.write(b"behind it\n")
            return written
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(Unsure, match="only in part"):
            writer.write(note_draft("mine"))
    assert log.read_bytes().endswith(b"behind it\n")


def test_where_there_is_no_room_for_a_block_nothing_of_it_is_ever_to_be_seen(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("before"))
    before, written = log.read_bytes(), list[bytes]()
    real = os.statvfs(log)
    with monkeypatch.context() as patch:
        patch.setattr(
            os, "fstatvfs", lambda _: SimpleNamespace(f_blocks=9, f_bfree=0, f_bavail=0, f_frsize=real.f_frsize)
        )
        patch.setattr(os, "write", lambda fd, data: written.append(data) or real_write(fd, data))
        writer.write(note_draft("there is room in the last block"))
        with pytest.raises(WriteFailed, match="disk"):
            writer.write(note_draft("x" * real.f_frsize))
    assert len(written) == 1
    assert log.read_bytes() == before + written[0]


def test_a_log_that_is_removed_while_it_is_written_is_unsure(
    writer: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_remove(fd: int, data: bytes) -> int:
        written = real_write(fd, data)
        log.unlink()
        return written

    writer.write(note_draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", then_remove)
        with pytest.raises(Unsure, match="removed"):
            writer.write(note_draft("mine"))


def test_a_lock_file_that_is_removed_while_it_is_held_is_unsure(
    writer: Writer, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def then_remove(fd: int, data: bytes) -> int:
        os.unlink(journal.lock_path)
        return real_write(fd, data)

    writer.write(note_draft("before"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", then_remove)
        with pytest.raises(Unsure, match="lock file was removed"):
            writer.write(note_draft("mine"))
    assert all_texts(log) == ["before", "mine"]
    writer.write(note_draft("after"))


def test_a_read_that_fails_under_the_lock_is_a_refusal(
    writer: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(note_draft("before"))

    def stale(fd: int, size: int, offset: int) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", stale)
        with pytest.raises(WriteFailed, match="Stale file handle"):
            writer.write(note_draft("mine"))
    writer.write(note_draft("after"))


def test_two_drafts_under_one_hold_are_two_blocks_and_two_cups(writer: Writer, log: Path) -> None:
    with writer.lock_log(whole=True) as locked:
        locked.write(coffee_draft(1, 95, 4))
        locked.write(coffee_draft(1, 95, 4))
        locked.write(hypothesis_draft("a", 4))
        locked.write(hypothesis_draft("b", 4))
    assert [entry.cups for entry in entries(log)][:2] == [1, 2]
    assert [entry.hypothesis for entry in entries(log) if entry.hypothesis] == [(1, "open"), (2, "open")]
    assert stamps(log) == sorted(set(stamps(log)))


def test_between_two_holds_a_writer_has_nothing_of_the_log_open(writer: Writer, log: Path) -> None:
    writer.write(coffee_draft(1, 95, 4))
    writer.write(coffee_draft(1, 95, 4))
    opened = [fd for fd in Path("/proc/self/fd").iterdir() if fd.exists() and fd.samefile(log)]
    assert opened == []


def test_a_failing_sync_is_unsure_and_names_the_stamp(
    synced: Writer, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def failing(fd: int) -> None:
        tried.append(fd)
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        with pytest.raises(Unsure) as caught:
            synced.write(note_draft("a\nb"))
    assert caught.value.stamp == NIGHT
    assert f"@{NIGHT}" in str(caught.value)
    assert all_texts(log) == ["a", "| b"]  # it is there, once, and was not tried again
    assert len(tried) == 1


def test_the_lock_is_free_while_the_disk_is_waited_for(
    synced: Writer, journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bytes] = []

    def looking(fd: int) -> None:
        with open(journal.lock_path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        seen.append(log.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", looking)
        block = synced.write(note_draft("a"))
    assert seen == [block.raw]


def test_a_new_log_is_synced_with_its_name(synced: Writer, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(locked_log_module, "fsync_dir", folders.append)
        synced.write(note_draft("a"))
        synced.write(note_draft("b"))
    assert folders == [str(log.parent)]


def test_without_sync_the_disk_is_not_waited_for(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", synced.append)
        writer.write(note_draft("a"))
    assert synced == []


def test_a_lock_that_does_not_come_in_time_leaves_the_log_alone(journal: Journal, clock: FakeClock, log: Path) -> None:
    impatient = Writer(journal, FOLD, clock, WriteOptions("alice", BY[1], lock_timeout=0.05, sync=False))
    impatient.write(note_draft("a"))
    before = log.read_bytes()
    with open(journal.lock_path, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(LockTimeout):
            impatient.write(note_draft("b"))
    assert log.read_bytes() == before
    impatient.write(note_draft("c"))
    assert all_texts(log) == ["a", "c"]


def test_a_draft_that_fails_gives_the_lock_back(writer: Writer, journal: Journal) -> None:
    def broken(*_: object) -> list[DraftLine]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        writer.write(Draft(broken))
    with open(journal.lock_path, "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


# --- files


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.usefixtures("umask")
def test_new_files_are_private_whatever_the_umask(writer: Writer, journal: Journal, log: Path) -> None:
    writer.write(note_draft("a"))
    assert (mode(log), mode(journal.lock_path)) == (0o600, 0o600)


def test_our_state_folder_is_private(tmp_path: Path, clock: FakeClock) -> None:
    state = tmp_path / "state" / "3am"
    state.parent.mkdir()
    before = os.umask(0)
    try:
        writer_of("alice", resolve_journal(str(state / "sanity.log"), state_dir=str(state)), clock).write(
            note_draft("a")
        )
    finally:
        os.umask(before)
    assert mode(state) == 0o700


@pytest.mark.parametrize(
    ("log_mode", "lock_mode"), [(0o600, 0o600), (0o640, 0o600), (0o644, 0o600), (0o660, 0o660), (0o666, 0o666)]
)
def test_whoever_may_write_the_log_may_lock_it_and_nobody_else(
    writer: Writer, journal: Journal, log: Path, log_mode: int, lock_mode: int
) -> None:
    log.touch()
    log.chmod(log_mode)
    writer.write(note_draft("a"))
    assert (mode(log), mode(journal.lock_path)) == (log_mode, lock_mode)


def test_a_log_with_a_second_name_is_refused(writer: Writer, log: Path) -> None:
    writer.write(note_draft("a"))
    before = log.read_bytes()
    os.link(log, log.with_suffix(".link"))
    with pytest.raises(FileUnusable, match="hard link"):
        writer.write(note_draft("b"))
    assert log.read_bytes() == before


def test_a_log_that_became_a_symlink_is_refused(writer: Writer, log: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"")
    log.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileUnusable, match="symlink"):
        writer.write(note_draft("a"))
    assert (tmp_path / "elsewhere").read_bytes() == b""


def test_a_lock_that_is_a_symlink_is_refused(writer: Writer, journal: Journal, log: Path, tmp_path: Path) -> None:
    os.symlink(tmp_path / "elsewhere", journal.lock_path)
    with pytest.raises(LockUnusable, match=r"symlink.*--lock"):
        writer.write(note_draft("a"))
    assert not log.exists()
    assert not (tmp_path / "elsewhere").exists()


def test_a_lock_that_is_a_fifo_is_refused_with_the_right_remedy(writer: Writer, journal: Journal) -> None:
    os.mkfifo(journal.lock_path)
    with pytest.raises((LockUnusable, FileUnusable), match="--lock"):
        writer.write(note_draft("a"))


def test_a_log_in_no_folder_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises((FileUnusable, LockUnusable), match=r"its folder .*/no does not exist; make it"):
        writer_of("alice", resolve_journal(str(tmp_path / "no" / "sanity.log")), clock).write(note_draft("a"))


def test_a_state_folder_that_cannot_be_made_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "file").touch()
    home = str(tmp_path / "file" / "3am")
    with pytest.raises((FileUnusable, LockUnusable)):
        writer_of("alice", resolve_journal(home + "/sanity.log", state_dir=home), clock).write(note_draft("a"))


def test_a_symlink_of_our_own_is_resolved_and_locked_beside_its_target(tmp_path: Path, clock: FakeClock) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link.log").symlink_to(tmp_path / "real" / "sanity.log")
    journal = resolve_journal(str(tmp_path / "link.log"))
    writer_of("alice", journal, clock).write(note_draft("a"))
    assert (tmp_path / "real" / "sanity.log").exists()
    assert (tmp_path / "real" / "sanity.log.lock").exists()
    assert not (tmp_path / "link.log.lock").exists()
