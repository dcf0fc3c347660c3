"""A draft that is already in the log is not restored; one that only looks like it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from drafts import leave_behind
from pilots import BY, append, line, night

from support.journals import texts
from support.lines import NIGHT
from threeam.core.store.journal import Journal

STAMP = str(NIGHT)


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("note", "half [/foo]", "half [/foo]"),
        ("note", "one\ntwo", "one"),
        ("hypothesis", "the sweeper", "Hypothesis: the sweeper"),
        ("refute H1", "it was not", "Conclusion: it was not"),
    ],
)
async def test_a_draft_that_stands_in_the_log_already_is_not_restored(
    journal: Journal, log: Path, kind: str, text: str, written: str
) -> None:
    tags = () if kind == "note" else (("H1", "open"),)
    append(log, line(written, tags=tags).replace(b"bob@db1:77%1", str(BY).encode()))
    append(log, line("| two").replace(b"bob@db1:77%1", str(BY).encode()) if "\n" in text else b"")
    leave_behind(journal, text, kind)
    async with night(journal) as it:
        assert it.composer.text == ""
        await it.says("is already in the log")
        await it.press("i", "up")
        assert it.composer.text == text, "it is one key away all the same"


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("note", "next: restart it", ["Next: restart it"]),
        ("note", "topology: a\nb", ["Topology: a", "| b"]),
        ("note", "changed: the pool (undo: set it to 5)", ["Changed: the pool (undo: set it to 5)"]),
        ("changed", "the pool --undo 'set it to 5'", ["Changed: the pool (undo: set it to 5)"]),
        ("changed", "-H H1 the pool\nof db1", ["Changed: the pool", "| of db1"]),
        (f"correct @{STAMP}", "one\n two", [f"Correction: @{STAMP} one / two"]),
        (f"words @{STAMP}", "the LED\nblinked", [f"Words: @{STAMP} the LED / blinked"]),
        ("words", "the LED", [f"Words: @{STAMP} the LED"]),
        (f"support H1 @{STAMP}", "as predicted", [f"Supports: @{STAMP} as predicted"]),
        ("predict H1", "it stops", ["Prediction: it stops"]),
        ("reopen H1", "it is back", ["Reopened: it is back"]),
        ("note", "a \x1b[2J byte", ["a \\x1b[2J byte"]),
    ],
)
async def test_a_draft_is_compared_with_what_it_writes(
    journal: Journal, log: Path, kind: str, text: str, written: list[str]
) -> None:
    by_alice = str(BY).encode()
    append(log, b"".join(line(text, n).replace(b"bob@db1:77%1", by_alice) for n, text in enumerate(written)))
    leave_behind(journal, text, kind)
    async with night(journal) as it:
        assert it.drafts == []
        await it.press("i", "enter")
        await it.says("nothing to write yet")
    assert texts(log) == written


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("hypothesis", "the sweeper"),
        ("note", "Hypothesis: the sweeper"),
        (f"correct @{STAMP}", f"Words: @{STAMP} the sweeper"),
        (f"support H1 @{STAMP}", "Supports: @2026-11-24T03:14:07.123456788+0000 the sweeper"),
    ],
)
async def test_the_same_words_of_another_kind_do_not_take_a_draft_away(
    journal: Journal, log: Path, kind: str, written: str
) -> None:
    append(log, line(written).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "the sweeper", kind)
    async with night(journal) as it:
        assert it.drafts == [(kind, "the sweeper")]


@pytest.mark.parametrize("kind", ["words", "words +1"])
async def test_words_whose_stamp_was_never_written_are_a_note_and_not_for_the_next_stamp(
    journal: Journal, log: Path, kind: str
) -> None:
    leave_behind(journal, "old words", kind)
    async with night(journal) as it:
        assert it.drafts == [("note", "old words")]
        it.at_once(*"snew words\n")
        await it.eventually(lambda: len(texts(log)) == 2, "the stamp has its words")
        assert texts(log)[1].endswith(" new words")
        assert it.drafts == [("note", "old words")]


async def test_a_draft_whose_first_line_alone_stands_in_the_log_is_restored(journal: Journal, log: Path) -> None:
    append(log, line("Traceback:").replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "Traceback:\n  an hour of typing below it")
    async with night(journal) as it:
        assert it.composer.text == "Traceback:\n  an hour of typing below it"


async def test_the_same_words_of_somebody_else_do_not_take_a_draft_away(journal: Journal, log: Path) -> None:
    append(log, line("the same words"))
    leave_behind(journal, "the same words")
    async with night(journal) as it:
        assert it.composer.text == "the same words"


async def test_the_same_words_from_before_do_not_take_a_draft_away(journal: Journal, log: Path) -> None:
    append(log, line("hit it again", 0).replace(b"bob@db1:77%1", str(BY).encode()))
    about = log.stat()
    leave_behind(journal, "hit it again", since=[about.st_dev, about.st_ino, about.st_size])
    async with night(journal) as it:
        assert it.composer.text == "hit it again"


async def test_a_draft_that_was_written_with_a_clock_that_was_stepped_back_is_recognised(
    journal: Journal, log: Path
) -> None:
    append(log, line("hit it again", 100))
    about = log.stat()
    append(log, line("hit it again", -60 * 10**9).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "hit it again", since=[about.st_dev, about.st_ino, about.st_size])
    async with night(journal) as it:
        assert it.composer.text == ""


async def test_a_draft_with_spaces_around_it_is_recognised(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis:   padded ", tags=(("H1", "open"),)).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "  padded ", "hypothesis")
    async with night(journal) as it:
        assert it.composer.text == ""
