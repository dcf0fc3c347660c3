"""Keys that come in one read: each acts where the keys before it lead, and nowhere if they lead to a refusal."""

from __future__ import annotations

import asyncio
import threading
import warnings
from pathlib import Path

import pytest
from pilots import Night, append, held, is_as_of, line, night, notes
from textual import events

from support.journals import entries, texts
from threeam.core.store.journal import Journal
from threeam.core.write.lock import SanityLock, WaitPolicy
from threeam.tui.screens.help import HelpScreen
from threeam.tui.screens.journal import JournalScreen
from threeam.tui.screens.report_screen import ReportScreen
from threeam.tui.widgets.box import InputBox

CLAIM = line("Hypothesis: the pool", 10_000_000, tags=(("H1", "open"),))


async def has_ended(it: Night) -> None:
    await it.eventually(lambda: not it.app.is_running, "it has ended")


# --- behind the key that quits


@pytest.mark.parametrize("keys", ["qc", "qs", "qjm", "qkm", ":q\nc"])
async def test_keys_behind_the_one_that_quits_write_nothing(journal: Journal, log: Path, keys: str) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        it.at_once(*keys)
        await has_ended(it)
        await asyncio.sleep(0.1)  # a line would be written by now
    assert len(texts(log)) == 2


async def test_keys_behind_the_one_that_quits_write_nothing_from_the_sidebar(journal: Journal, log: Path) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        await it.eventually(lambda: it.journal_screen.state.hypotheses, "the hypothesis is known")
        await it.press("h")
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        it.at_once(*"qc")
        await has_ended(it)
        await asyncio.sleep(0.1)
    assert len(texts(log)) == 1


async def test_keys_behind_a_quit_that_has_to_wait_act(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("c")
            await it.shows("waits for the lock")
            it.at_once(*"qq")
            await has_ended(it)
    assert texts(log) == []


# --- the keys of the box itself


async def test_alt_h_and_enter_in_one_read_write_a_hypothesis(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        it.at_once(*"ifoo", "alt+h", *"\n")
        await it.eventually(lambda: texts(log) == ["Hypothesis: foo"], "it is a hypothesis")
        await it.settled()
        assert it.box_kind == "note"
        it.at_once("escape", *"Hbar", "alt+n", *"\n")
        await it.eventually(lambda: texts(log)[1:] == ["bar"], "it is a note")


async def test_a_text_that_is_typed_ahead_becomes_a_hypothesis_before_its_enter(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            it.at_once(*"ifoo\n", *"ibar", "alt+h", *"\n")
            await it.shows("waits for the lock")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
    assert texts(log) == ["foo", "Hypothesis: bar"]


@pytest.mark.parametrize("is_held", [False, True])
async def test_what_is_sent_first_is_written_first(journal: Journal, log: Path, is_held: bool) -> None:
    async with night(journal) as it:
        burst = (*"ione\n", *"itwo\n", *"i", "alt+c", *"three\n", *"i", "alt+c", *"four")
        if is_held:
            with held(journal.lock_path):
                it.at_once(*burst)
                await it.shows("waits for the lock")
        else:
            it.at_once(*burst)
        await it.eventually(lambda: len(texts(log)) == 5, "all of it is written")
        await it.eventually(lambda: it.composer.text == "four", "and the next text is in the box")
    assert [entry.cups or entry.text for entry in entries(log)] == ["one", "two", 1, 1, 2]
    assert texts(log)[3] == "three"


async def test_a_key_of_the_log_writes_behind_what_was_sent_before_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            it.at_once(*"ione\n", *"itwo\n", *"c")
            await it.shows("3 wait")
        await it.eventually(lambda: len(texts(log)) == 3, "all of it is written")
    assert texts(log)[:2] == ["one", "two"]


# --- text for a box that did not open


@pytest.mark.parametrize("key", ["p", "V", "x", "~", "+", "-"])
async def test_words_for_a_hypothesis_that_is_not_picked_do_nothing(journal: Journal, log: Path, key: str) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        it.at_once(key, *"scc qm\n")
        await it.says("pick a hypothesis first")
        assert it.app.is_running
        assert it.in_the_log
        it.at_once("escape", *"c")
        await it.eventually(lambda: len(texts(log)) == 2, "after esc the keys act again")
    assert entries(log)[-1].cups == 1


async def test_a_paste_for_a_box_that_did_not_open_is_not_sent(journal: Journal, log: Path) -> None:
    append(log, CLAIM)
    async with night(journal) as it:
        it.at_once("p")
        await it.paste("it stops")
        await it.press("enter")
        await it.settled()
        assert it.in_the_log
    assert len(texts(log)) == 1


async def test_after_a_pause_keys_act_again(journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.tui.typed_keys.REFUSED_TEXT_PAUSE_S", 0.2)
    append(log, CLAIM)
    async with night(journal) as it:
        it.at_once(*"psc")
        await it.says("pick a hypothesis first")
        await asyncio.sleep(0.3)
        await it.press("c")
        await it.eventually(lambda: len(texts(log)) == 2, "one cup")


@pytest.mark.parametrize("key", ["i", "H", "s", "p", "!"])
async def test_words_for_a_box_of_a_read_only_screen_do_nothing(journal: Journal, log: Path, key: str) -> None:
    append(log, notes(2))
    async with night(journal, read_only=True) as it:
        it.at_once(key, *"quiet <\n")
        await it.says("read-only")
        assert it.app.is_running
        assert it.app.screen is it.journal_screen
        assert it.in_the_log


async def test_words_for_a_box_of_the_journal_as_it_was_do_nothing(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    async with night(journal) as it:
        await it.press("k")
        await it.press("<")
        await it.eventually(lambda: is_as_of(it.app.screen), "it is shown as it was")
        screen = it.app.screen
        assert isinstance(screen, JournalScreen)
        it.at_once(*"iquick >cs\n")
        await it.says("this is a past state")
        assert it.app.screen is screen
    assert len(texts(log)) == 2


async def test_words_typed_while_the_log_is_still_being_read_do_nothing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, CLAIM)
    monkeypatch.setattr("threeam.tui.controllers.first_state._FIRST_FRAME_S", 3600)
    async with night(journal) as it:
        it.at_once(*"1pscc\n")
        await it.says("the log is still being read")
        assert it.in_the_log
    assert len(texts(log)) == 1


# --- words and their stamp


async def test_the_words_that_were_begun_for_one_stamp_are_not_for_the_next(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            it.at_once(*"sfirst", "escape", *"ssecond\n")
            await it.shows("waits for the lock")
        await it.eventually(lambda: len(texts(log)) == 3, "all but the first words is written")
        await it.eventually(lambda: it.unanswered == 0, "the screen has been told")
        first, second, words = entries(log)
        assert words.text == f"Words: @{second.stamp} second"
        assert dict(it.drafts) == {f"words @{first.stamp}": "first"}


async def test_the_words_for_a_stamp_that_was_taken_back_are_a_note(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            it.at_once(*"sfirst")
            await it.shows("waits for the lock")
            await it.press("escape")
            await it.says("taken back")
            assert it.drafts == [("note", "first")]
            it.at_once("escape", *"ssecond\n")
            await it.shows("2 wait")
        await it.eventually(lambda: len(texts(log)) == 2, "a stamp with its words is written")
        await it.eventually(lambda: it.unanswered == 0, "the screen has been told")
        stamp, words = entries(log)
        assert words.text == f"Words: @{stamp.stamp} second"
        assert it.drafts == [("note", "first")]


async def test_keys_act_behind_words_whose_stamp_is_refused_while_they_are_sent(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse = threading.Event()
    really_acquire, really_handle = SanityLock.acquire, InputBox._on_key

    def acquire(lock: SanityLock, wait: WaitPolicy) -> None:
        refuse.wait()
        really_acquire(lock, wait)

    async def handle(box: InputBox, event: events.Key) -> None:
        if event.key == "enter":  # the program has seen it, and the box has not
            refuse.set()
            while it.unanswered:
                await asyncio.sleep(0.001)
        await really_handle(box, event)

    Path(journal.lock_path).symlink_to(log.parent / "elsewhere")
    monkeypatch.setattr(SanityLock, "acquire", acquire)
    monkeypatch.setattr(InputBox, "_on_key", handle)
    async with night(journal) as it:
        it.at_once(*"sword\n", "escape", "question_mark")
        await it.eventually(lambda: isinstance(it.app.screen, HelpScreen), "the help is open")
        assert it.drafts == [("note", "word")]


# --- the end of the program


@pytest.mark.slow
async def test_a_copy_that_does_not_begin_before_the_end_leaves_no_warning(journal: Journal, log: Path) -> None:
    append(log, notes(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        async with night(journal, read_only=True) as it:
            it.at_once(*"kyYq")
            await has_ended(it)
        del it
        import gc

        gc.collect()
    assert [str(warning.message) for warning in caught if "never awaited" in str(warning.message)] == []


@pytest.mark.parametrize("keys", ["S", "R", ":preflight\n", ":sleep\n"])
@pytest.mark.parametrize("behind", ["c", "m", "q"])
async def test_a_key_behind_one_that_opens_a_report_is_for_the_report(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, keys: str, behind: str
) -> None:
    monkeypatch.setattr("threeam.tui.typed_keys.OPENING_S", 10.0)  # a loaded machine is slow
    append(log, notes(3))
    async with night(journal) as it:
        await it.eventually(lambda: it.journal_screen.is_state_known, "the log is read")
        reports = it.journal_screen.reports
        opened: list[ReportScreen] = []

        def push(report: ReportScreen) -> None:
            opened.append(report)
            really_push(report)

        really_push = reports.push
        monkeypatch.setattr(reports, "push", push)
        it.at_once(*keys, behind)
        await it.eventually(lambda: opened != [], "the report is open")
        await it.eventually(lambda: it.in_the_log is (behind == "q"), "q has closed it, and it takes the others")
        await it.settled()
        assert it.app.is_running
        assert it.app.return_code is None
    written = [text for text in texts(log) if not text.startswith(("Preflight:", "|"))]
    assert written == ["note 0", "note 1", "note 2"]
