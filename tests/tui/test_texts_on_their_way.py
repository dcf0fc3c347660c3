"""Texts that were sent and are not written yet: keys for the next box go there, and what comes back is kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pilots import Night, append, failing_sync, full_disk, held, line, night, notes
from textual import events
from textual_internals import send

from support.journals import entries, texts
from support.lines import NIGHT
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal
from threeam.tui.screens.report_screen import ThreadScreen

MS = 1_000_000
CLAIM = line("Hypothesis: the pool", 224 * MS, tags=(("H1", "open"),))


def at(number: int) -> Stamp:
    """The stamp of ``note number``."""
    return Stamp(NIGHT.ns + number * MS, 0)


@contextmanager
def taken_away(log: Path) -> Iterator[None]:
    """A folder stands in the place of the log, so that nothing can be written."""
    elsewhere = log.with_suffix(".elsewhere")
    log.rename(elsewhere)
    log.mkdir()
    try:
        yield
    finally:
        log.rmdir()
        elsewhere.rename(log)


async def picked(it: Night) -> None:
    await it.eventually(lambda: it.journal_screen.state.hypotheses, "the hypothesis is known")
    await it.press("1")


@pytest.mark.parametrize("is_held", [False, True])
async def test_a_command_typed_behind_a_note_and_esc_is_a_command(journal: Journal, log: Path, is_held: bool) -> None:
    append(log, notes(1) + CLAIM)
    async with night(journal) as it:
        await picked(it)
        burst = [*"ia note\n", "escape", *f":support H1 @{at(0)}\n", "c"]
        if is_held:
            with held(journal.lock_path):
                it.at_once(*burst)
                await it.eventually(lambda: it.unanswered == 3, "all of it waits")
                await it.shows("3 wait")
        else:
            it.at_once(*burst)
        await it.eventually(lambda: len(texts(log)) == 5, "all of it is written")
    assert texts(log)[2:4] == ["a note", f"Supports: @{at(0)} note 0"]
    assert entries(log)[-1].cups == 1


async def test_texts_sent_from_several_boxes_in_one_read_are_each_what_they_were_meant_to_be(
    journal: Journal, log: Path
) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await picked(it)
        it.at_once(*"Hone\n", *"Htwo\n", *"inote\n", *"xthree\n", *"pfour\n", *"ifive\n", *"cisix")
        await it.eventually(lambda: len(texts(log)) == 8, "all of it is written")
        await it.eventually(lambda: it.composer.text == "six", "and the draft is in the box")
    expected = ["Hypothesis: one", "Hypothesis: two", "note", "Conclusion: three", "Prediction: four", "five"]
    assert texts(log)[1:-1] == expected
    assert entries(log)[-1].cups == 1


async def test_while_the_lock_is_held_another_box_opens_and_esc_brings_the_text_back(
    journal: Journal, log: Path
) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await picked(it)
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            await it.press("p")
            await it.type("it stops")
            assert it.box_kind == "predict H1"
            assert it.composer.text == "it stops"
            await it.shows("note: my words")
            await it.press("escape")
            await it.says("your text is still in the box: i leads there")
            assert it.composer.text == "it stops"
            await it.press("escape", "i")
            assert it.composer.text == "my words"
            await it.press("escape", "p")
            assert it.composer.text == "it stops"
        assert len(texts(log)) == 1


async def test_what_waits_beside_the_box_outlives_the_screen(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            await it.type("Ha claim")
            assert it.drafts == [("hypothesis", "a claim"), ("note", "my words")]


async def test_a_verdict_leads_back_to_the_log_before_it_is_written(journal: Journal, log: Path) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await picked(it)
        with held(journal.lock_path):
            await it.type("xit was DNS\nc")
            assert it.in_the_log
            await it.shows("2 wait")
        await it.eventually(lambda: len(texts(log)) == 3, "both are written")
        assert it.in_the_log
    assert texts(log)[1] == "Conclusion: it was DNS"
    assert entries(log)[-1].cups == 1


async def test_keys_behind_one_that_asks_in_a_thread_are_for_its_box(journal: Journal, log: Path) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await picked(it)
        await it.command("thread H1")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open")
        it.at_once(*"xsccq it was DNS\n")
        await it.eventually(lambda: texts(log)[1:] == ["Conclusion: sccq it was DNS"], "all of it is the verdict")
        await it.command("thread H1")
        await it.eventually(lambda: isinstance(it.app.screen, ThreadScreen), "the thread is open again")
        it.at_once(*"qismall\n")
        await it.eventually(lambda: texts(log)[2:] == ["small"], "and keys behind one that closes it are for the log")


async def test_the_words_of_two_stamps_each_go_to_their_own(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("sfirst\nssecond\n")
            await it.shows("4 wait")
        await it.eventually(lambda: len(texts(log)) == 4, "all of it is written")
    first, first_words, second, second_words = entries(log)
    assert (first_words.text, second_words.text) == (f"Words: @{first.stamp} first", f"Words: @{second.stamp} second")


async def test_what_is_typed_after_a_text_that_was_refused_stands_on_a_line_of_its_own(
    journal: Journal, log: Path
) -> None:
    append(log, notes(1))
    async with night(journal) as it:
        with taken_away(log):
            await it.type("ifirst\n")
            await it.says("note: not written")
            await it.type("isecond")
            assert it.composer.text == "first\nsecond"
            await it.press("escape", "i", "ctrl+u", "ctrl+u", "backspace")
            await it.type("first again\n")
            await it.eventually(lambda: not it.composer.is_waiting, "it came back once more")
            await it.press("i", "backspace", "backspace")
            await it.type("nst\n")
            await it.eventually(lambda: not it.composer.is_waiting, "who edits it goes on where the cursor is")
            assert it.composer.text.splitlines()[-1].endswith("first aganst")


async def test_a_text_that_comes_back_to_a_box_with_another_stands_above_it(journal: Journal, log: Path) -> None:
    append(log, notes(1))
    async with night(journal) as it:
        with held(journal.lock_path):
            it.at_once(*"ifirst\n", *"isecond\n", *"ithird")
            await it.shows("2 wait")
            assert it.composer.text == "third"
            await it.press("escape")
            await it.says("your 2 texts are kept")
            assert it.composer.text == "first\nsecond\nthird"
            await it.type("!")
            assert it.composer.text == "first\nsecond\nthird!"


async def test_esc_takes_back_all_that_waits_and_says_so_once(journal: Journal, log: Path) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await picked(it)
        with held(journal.lock_path):
            await it.type("ccxit was DNS\ncia note\n")
            await it.shows("5 wait")
            await it.press("escape")
            await it.says("5 (coffee × 3, refute H1, note): not written: taken back; your 2 texts are kept")
            assert it.unanswered == 0
            assert len([notice for notice in it.notices if "taken back" in notice]) == 1
        await it.type("i\n")
        await it.eventually(lambda: texts(log)[1:] == ["a note"], "the note is in the box, and can be sent")
        await it.press("x")
        assert it.composer.text == "it was DNS"


async def test_esc_that_was_pressed_before_the_screen_told_of_the_wait_leaves_the_box(
    journal: Journal, log: Path
) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            escape = events.Key("escape", "\x1b")  # as a terminal sent it, to a machine that is loaded
            await it.shows("waits for the lock")
            send(it.app, escape)
            await it.type("c")
            await it.shows("2 wait")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
    assert texts(log)[0] == "my words"
    assert entries(log)[1].cups == 1


async def test_enter_hit_twice_writes_once(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        for n in range(20):
            await it.type(f"inote {n}\n\n")
            await it.eventually(lambda n=n: len(entries(log)) > n, f"note {n} is written")
            assert not it.journal_screen.is_covered, "the second Enter opens no entry"
            await it.eventually(lambda: not it.composer.is_waiting and not it.composer.text, "the box is empty")
        await it.pilot.pause(0.2)
        assert texts(log) == [f"note {n}" for n in range(20)]


async def test_enter_hit_twice_while_the_lock_is_held_writes_once(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("ionce only\n\n")
            await it.shows("waits for the lock")
            await it.press("enter", "enter")
            assert it.composer.text == "once only"
            assert texts(log) == []
        await it.eventually(lambda: it.composer.text == "", "the box is empty again")
        await it.pilot.pause(0.2)
        assert texts(log) == ["once only"]


async def test_while_it_waits_the_screen_says_who_holds_the_lock_and_the_keys_work(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock, held by")
            await it.press("pageup")
            assert "PAUSED" in it.header
            assert it.composer.text == "my words"
        await it.eventually(lambda: texts(log)[-1] == "my words", "it is written once the lock is free")
        await it.eventually(lambda: "waits for the lock" not in it.shown, "the wait is over on the screen too")


async def test_what_is_typed_while_the_text_waits_does_not_change_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            it.journal_screen.set_focus(it.composer.box)  # by the mouse, which lets the text wait where it is
            await it.type(" and more")
            await it.paste("pasted")
            await it.press("backspace", "up", "alt+enter", "ctrl+u")
            assert it.composer.text == "my words"
        await it.eventually(lambda: texts(log) == ["my words"], "it is written as it was sent")


async def test_esc_right_behind_enter_leaves_the_box_and_takes_nothing_back(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        it.at_once(*"imy words", "enter", "escape", "c", "escape", "c")
        await it.eventually(lambda: len(texts(log)) == 3, "all are written")
        await it.settled()
        assert texts(log) == ["my words", "Coffee: cup 1 of the night.", "Coffee: cup 2 of the night."]
        assert it.in_the_log
        assert it.composer.text == ""


async def test_esc_takes_back_what_waits_and_the_text_stays(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            await it.press("escape")
            await it.says("taken back")
            assert it.composer.text == "my words"
            assert not it.composer.is_waiting
        await it.pilot.pause(0.3)
        assert texts(log) == []
        await it.type("i again\n")
        await it.eventually(lambda: texts(log) == ["my words again"], "it can be sent once more")


async def test_a_refused_text_stays_in_the_box_and_the_reason_is_reported(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(1))
    before = log.read_bytes()
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.type("imy [/foo] words\n")
            await it.says("full")
        assert it.composer.text == "my [/foo] words"
        assert log.read_bytes() == before, "the log is byte for byte as it was"
        await it.press("i", "enter")
        await it.eventually(lambda: texts(log)[1:] == ["my [/foo] words"], "sent again, it is written")
        await it.eventually(lambda: it.composer.text == "", "the box is empty")


async def test_an_unsure_text_leaves_the_box_says_so_and_is_not_sent_again(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night(journal, sync=True) as it:
        with failing_sync(monkeypatch):
            await it.type("imy words\n")
            await it.says("unsure")
        assert any(f"@{entries(log)[0].stamp}" in notice for notice in it.notices), "the notice names the stamp"
        assert it.composer.text == ""
        await it.press("i", "enter")
        await it.says("nothing to write")
        assert texts(log) == ["my words"]


async def test_a_note_that_waits_behind_a_coffee_says_what_holds_it_up(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("c")
            await it.type("ia note\n")
            it.journal_screen.set_focus(it.composer.box)  # by the mouse
            await it.type("and more")
            await it.shows("waits for the lock")
            await it.shows("typed since: and more")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        assert it.composer.text == "and more"
