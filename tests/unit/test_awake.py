"""Since when a person is awake, as the log says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from support.journals import FakeClock, end_of, writer_of
from support.lines import at_minute, entry_of
from threeam.core.format.entry import NS_PER_S, Author, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal, Position
from threeam.core.write.draft import Draft, note_draft
from threeam.human.awake import awake_since
from threeam.human.drafts import coffee_draft
from threeam.reports.end_of_night import sleep_draft

MINUTE, HOUR = 60 * NS_PER_S, 3600 * NS_PER_S
ALICE, BOB = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1")


def line(minutes: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> Entry:
    return entry_of(by, at_minute(minutes), text, tags, cups)


def written(log: Path, lines: Iterable[Entry]) -> None:
    log.write_bytes(b"".join(map(format_entry, lines)))


def awake(journal: Journal, user: str = "alice") -> Stamp | None:
    return awake_since(journal, end_of(journal), user)


def test_a_first_night_began_with_the_first_line_of_the_journal(log: Path, journal: Journal) -> None:
    written(log, [line(0, BOB, "a"), line(1, ALICE, "b"), line(2, ALICE, "c"), line(3, BOB, "d")])
    assert awake(journal) == at_minute(1)
    assert awake(journal, "bob") == at_minute(0)
    assert awake(journal, "carol") is None


def test_nobody_is_taken_for_somebody_whose_name_begins_so(log: Path, journal: Journal) -> None:
    written(
        log, [line(0, Author("alice2", "db1", 1), "a"), line(1, Author("xalice", "db1", 1), "b"), line(2, ALICE, "c")]
    )
    assert awake(journal) == at_minute(2)
    assert awake(journal, "alic") is None
    assert awake(journal, "al.ce") is None


def test_a_night_begins_again_after_a_long_pause(journal: Journal) -> None:
    clock = FakeClock()
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    alice.write(note_draft("yesterday"))
    bob.write(note_draft("yesterday"))
    clock.forward(9 * HOUR)
    began = alice.write(note_draft("back")).entries[0]
    assert began.tag("NIGHT") == "new"
    clock.forward(HOUR)
    alice.write(note_draft("on it"))
    bob_began = bob.write(note_draft("me too")).entries[0]
    assert awake(journal) == began.stamp
    assert awake(journal, "bob") == bob_began.stamp


def test_after_sleep_nobody_is_awake_until_they_type_again(journal: Journal) -> None:
    clock = FakeClock()
    alice, bob = writer_of("alice", journal, clock), writer_of("bob", journal, clock)
    for draft in (note_draft("up"), coffee_draft(1, 95, 4), sleep_draft(5.0)):
        alice.write(draft)
        clock.forward(MINUTE)
    bob.write(note_draft("still here"))
    assert awake(journal) is None
    clock.forward(HOUR)
    again = alice.write(note_draft("cannot sleep")).entries[0]
    clock.forward(HOUR)
    alice.write(note_draft("at all"))
    assert awake(journal) == again.stamp
    assert awake(journal, "bob") is not None


def test_what_streams_and_runs_write_wakes_nobody(log: Path, journal: Journal) -> None:
    stream = ("VIA", "stdin")
    written(log, [line(0, ALICE, "a", stream), line(1, ALICE, "b"), line(2, ALICE, "c", stream)])
    assert awake(journal) == at_minute(1)
    written(
        log,
        [
            line(0, ALICE, "a"),
            line(1, ALICE, "Sleep: at last.", ("NIGHT", "over")),
            line(2, ALICE, "b", stream),
            line(3, ALICE, "c", stream),
        ],
    )
    assert awake(journal) is None


def test_words_that_look_like_a_sleep_end_no_night(log: Path, journal: Journal) -> None:
    written(log, [line(0, ALICE, "a"), line(1, ALICE, "he wrote [NIGHT: over] and [NIGHT: new] here")])
    assert awake(journal) == at_minute(0)


@pytest.mark.parametrize("rotate_after", [0, 1, 2, 3, 4], ids=str)
def test_a_night_that_is_longer_than_a_file_is_one_night(journal: Journal, rotate_after: int) -> None:
    clock = FakeClock()
    alice = writer_of("alice", journal, clock)
    stamps: list[Stamp] = []
    steps: list[tuple[int, Callable[[], Draft]]] = [
        (0, lambda: note_draft("yesterday")),
        (9 * HOUR, lambda: note_draft("back")),
        (MINUTE, lambda: coffee_draft(1, 95, 4)),
        (HOUR, lambda: note_draft("on it")),
        (HOUR, lambda: note_draft("still")),
    ]
    for n, (pause, draft) in enumerate(steps):
        clock.forward(pause)
        stamps.append(alice.write(draft()).entries[0].stamp)
        if n >= rotate_after:
            with writer_of("bob", journal, clock).lock_log(full_state=True) as held:
                held.rotate()
    assert awake(journal) == stamps[1]


def test_what_a_rotation_carries_over_was_not_typed(journal: Journal) -> None:
    clock = FakeClock()
    alice = writer_of("alice", journal, clock)
    first = alice.write(note_draft("up")).entries[0]
    alice.write(coffee_draft(1, 95, 4))
    clock.forward(MINUTE)
    with alice.lock_log(full_state=True) as held:
        held.rotate()
    assert awake(journal) == first.stamp
    alice.write(sleep_draft(5.0))
    with alice.lock_log(full_state=True) as held:
        held.rotate()
    assert awake(journal) is None
    clock.forward(MINUTE)
    again = alice.write(note_draft("up again")).entries[0]
    assert awake(journal) == again.stamp


def test_the_night_is_told_as_of_the_end_that_is_asked_for(log: Path, journal: Journal) -> None:
    lines = [line(0, ALICE, "a"), line(1, ALICE, "Sleep: .", ("NIGHT", "over")), line(2, ALICE, "b")]
    written(log, lines)
    live = end_of(journal).segment
    ends = [len(b"".join(map(format_entry, lines[:n]))) for n in range(4)]
    assert [awake_since(journal, Position(live, end), "alice") for end in ends] == [
        None,
        at_minute(0),
        None,
        at_minute(2),
    ]
