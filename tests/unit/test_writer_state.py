"""The state under the lock: numbers, cups and nights, whoever else writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.journals import FakeClock, entries, writer_of
from support.lines import HOUR_NS
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, note_draft
from threeam.core.write.lock import SanityLock, WaitPolicy
from threeam.core.write.writer import Writer
from threeam.human.drafts import coffee_draft, water_draft
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.reports.end_of_night import sleep_draft

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

    def acquire_late(lock: SanityLock, wait: WaitPolicy, **how: Any) -> None:
        while late:
            writer_of("alice", journal, clock).write(late.pop(0))
        acquire(lock, wait, **how)

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


def test_a_new_night_is_marked_and_its_cups_start_again(writer: Writer, clock: FakeClock) -> None:
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
    assert [entry.text.partition(":")[0] for entry in before] == ["Handoff"]
    assert [value for entry in (*before, entry) for key, value in entry.tags if key == "NIGHT"] == ["over"]
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
    (entry,) = [entry for entry in writer.write(coffee_draft(1, 95, 9)).entries if entry.kind == "Coffee"]
    assert (entry.cups, entry.tag("NIGHT")) == (5, None)
    clock.forward(HOUR_NS)
    assert [entry.cups for entry in writer_of("alice", journal, clock).write(coffee_draft(1, 95, 9)).entries][-1] == 6
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
