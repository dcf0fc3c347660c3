"""The input box: what is typed is written once, or is still there."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import append, failing_sync, full_disk, held, line, night, notes

from support.journals import entries, texts
from threeam.core.config.settings import Settings
from threeam.core.store.journal import Journal
from threeam.tui.terminal_driver import EscapedKey


async def test_a_note_is_typed_and_sent_with_enter(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("i")
        assert it.in_the_box
        assert it.box_kind == "note"
        await it.press(*"three jobs", "enter")
        await it.eventually(lambda: texts(log) == ["three jobs"], "it is written")
        await it.eventually(lambda: it.composer.text == "", "the box is empty again")
        await it.shows("note: three jobs")
        assert str(entries(log)[0].author) == "alice@db1:4121%3"


async def test_the_key_the_text_and_enter_in_one_read_are_one_note(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("iword after word\n")
        await it.eventually(lambda: texts(log) == ["word after word"], "it is written whole, once")


async def test_after_a_note_the_box_is_there_for_the_next(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ifirst\n")
        await it.eventually(lambda: texts(log) == ["first"], "the first is written")
        await it.eventually(lambda: not it.composer.is_waiting, "the box is free")
        await it.type("second\n")
        await it.eventually(lambda: texts(log) == ["first", "second"], "the box is still there for the second")


async def test_every_letter_types_in_the_box(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("i")
        text = "jkdubgGFwzTtmcCHvxqnNpsyYSRBrh 1234567890 ?:~"
        await it.type(text + "\n")
        await it.eventually(lambda: texts(log) == [text], "every key was typed")


async def test_keys_that_edit_act_in_their_order_when_they_come_in_one_read_with_letters(
    journal: Journal, log: Path
) -> None:
    async with night(journal) as it:
        await it.press("i")
        it.at_once(*"teh", "backspace", "backspace", *"he sweeper", "home", *"so ", "end", *"!", "enter")
        await it.eventually(lambda: texts(log) == ["so the sweeper!"], "it is what was typed")


async def test_keys_that_edit_act_in_their_order_when_they_are_typed_after_enter(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("i")
        it.at_once(*"one", "enter", *"twwo", "left", "backspace", "end", *" lines", "ctrl+o", *"here", "enter")
        await it.eventually(lambda: texts(log) == ["one", "two lines", "| here"], "both are what was typed")


async def test_a_paste_goes_to_the_box_wherever_the_focus_is(journal: Journal, log: Path) -> None:
    async with night(journal, size=(120, 24)) as it:
        await it.type("Hfirst\n")
        await it.eventually(lambda: it.journal_screen.state.hypotheses, "there is a hypothesis")
        await it.press("escape", "h")
        assert it.app.focused is it.journal_screen.sidebar.hypothesis_list
        await it.paste("a stack\ntrace")
        assert it.in_the_box
        assert it.composer.text == "a stack\ntrace"


@pytest.mark.parametrize("text", ["[/foo] [red]x[/red]", "[bold", r"\x1b[31m", "[COFFEE: 9] forged", "ünïcödé ☕ 🫠"])
async def test_a_text_comes_back_from_the_file_as_it_was_typed(journal: Journal, log: Path, text: str) -> None:
    async with night(journal) as it:
        await it.press("i")
        await it.paste(text)
        await it.press("enter")
        await it.eventually(lambda: texts(log) == [text], "it is written")
        await it.shows(text.replace("☕ 🫠", "☕"))


async def test_enter_with_nothing_typed_writes_nothing_and_says_so(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("i   \n")
        await it.says("nothing to write")
        assert texts(log) == []


async def test_enter_hit_twice_writes_once(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        for n in range(20):
            await it.type(f"{'' if n else 'i'}note {n}\n\n")
            await it.eventually(lambda n=n: len(entries(log)) > n, f"note {n} is written")
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
            assert it.in_the_box
            assert it.composer.text == "my words"
        await it.eventually(lambda: texts(log)[-1] == "my words", "it is written once the lock is free")
        await it.eventually(lambda: "waits for the lock" not in it.shown, "the wait is over on the screen too")


async def test_what_is_typed_while_the_text_waits_does_not_change_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
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
            assert it.in_the_box
        await it.pilot.pause(0.3)
        assert texts(log) == []
        await it.type(" again\n")
        await it.eventually(lambda: texts(log) == ["my words again"], "it can be sent once more")


async def test_a_refused_text_stays_in_the_box_and_the_reason_is_said(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(1))
    before = log.read_bytes()
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.type("imy [/foo] words\n")
            await it.says("full")
        assert it.composer.text == "my [/foo] words"
        assert it.in_the_box
        assert log.read_bytes() == before, "the log is byte for byte as it was"
        await it.press("enter")
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
        await it.press("enter")
        await it.says("nothing to write")
        assert texts(log) == ["my words"]


async def test_a_paste_of_several_lines_is_one_block(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("i")
        await it.paste("Traceback:\r\n  File x\r\nKeyError: 7")
        assert texts(log) == [], "a paste is not an Enter"
        await it.press("enter")
        await it.eventually(
            lambda: texts(log) == ["Traceback:", "|   File x", "| KeyError: 7"], "the three lines are one block"
        )


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
async def test_a_paste_while_the_log_has_the_focus_opens_the_box_with_it(
    journal: Journal, log: Path, newline: str
) -> None:
    async with night(journal) as it:
        await it.paste(f"cq{newline}q G")
        assert it.in_the_box
        assert it.composer.text == "cq\nq G"
        await it.press("enter")
        await it.eventually(lambda: texts(log) == ["cq", "| q G"], "it is one note")
        assert entries(log)[-1].cups == 0


async def test_a_paste_into_a_box_that_has_a_draft_is_added_to_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ibefore ")
        await it.press("escape")
        await it.paste("pasted")
        assert it.composer.text == "before pasted"


async def test_tab_completes_a_command_and_leads_nowhere(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("colon")
        it.at_once(*":ref", "tab", *"c")
        await it.settled()
        assert it.composer.text == ":refc", "an unknown word stays as it is"
        await it.press("ctrl+u")
        it.at_once(*"ref", "tab", *"H7 c", "tab", "shift+tab", *"q")
        await it.settled()
        assert it.composer.text == "refute H7 cq"
        await it.press("ctrl+u")
        it.at_once(*"pre", "tab")
        await it.says("predict, preflight")
        await it.press("ctrl+u")
        it.at_once(*"un", "tab", *"d", "tab")
        await it.settled()
        assert it.composer.text == "undone ", "as far as it is one word"
        await it.press("escape", "slash")
        it.at_once(*"que", "tab", *"cq", "shift+tab", *"q")
        await it.settled()
        assert it.journal_screen.pane.prompt.box.text == "quecqq"
        await it.press("escape", "i")
        it.at_once(*"i query", "tab", *"quick")
        await it.settled()
        assert it.composer.text == "i queryquick"
        assert it.app.is_running
    assert texts(log) == []


async def test_each_kind_of_box_keeps_its_own_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a note")
        await it.press("escape", "H")
        assert (it.box_kind, it.composer.text) == ("hypothesis", "")
        await it.type("half a claim")
        await it.press("escape", "i")
        assert (it.box_kind, it.composer.text) == ("note", "half a note")
        assert ("hypothesis", "half a claim") in it.drafts, "what is not shown is not lost"
        await it.press("escape")
        await it.command("note written meanwhile")
        await it.eventually(lambda: texts(log) == ["written meanwhile"], "it is written")
        await it.press("escape", "i")
        assert it.composer.text == "half a note"
        await it.press("escape", "H")
        await it.type("!\n")
        await it.eventually(lambda: texts(log)[1:] == ["Hypothesis: half a claim!"], "the claim is written")
        await it.eventually(lambda: it.composer.text == "half a note", "the note is back")


async def test_alt_h_takes_the_words_along_and_what_they_replace_is_one_key_away(journal: Journal) -> None:
    async with night(journal) as it:
        await it.type("Hhalf a claim")
        await it.press("escape", "i")
        await it.type("the sweeper")
        await it.press("alt+h")
        assert (it.box_kind, it.composer.text) == ("hypothesis", "the sweeper")
        await it.press("up")
        assert it.composer.text == "half a claim"


async def test_esc_and_the_key_behind_it_in_one_read_are_two_keys(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        it.at_once(*"ihalf", "escape", "c")
        await it.eventually(lambda: [one.cups for one in entries(log)] == [1], "one cup")
        assert it.composer.text == "half"
        await it.press("question_mark")
        it.at_once("escape", "c", "colon", *"nonsense", "escape", "c")
        await it.eventually(lambda: [one.cups for one in entries(log)] == [1, 2, 3], "the keys behind it, too")
        assert it.in_the_log


async def test_esc_and_a_key_that_come_together_wait_in_their_order(journal: Journal) -> None:
    async with night(journal) as it:
        it.at_once(*":theme nord", "enter")
        driver = it.app._driver
        assert driver is not None
        driver.send_message(EscapedKey("i", "i"))
        it.at_once(*"xy")
        driver.send_message(EscapedKey("h", "h"))
        it.at_once(*"z")
        await it.settled()
        assert it.app.theme == "nord"
        assert (it.box_kind, it.composer.text) == ("hypothesis", "xyz")


async def test_ctrl_o_breaks_the_line(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ione")
        await it.press("ctrl+o")
        await it.type("two\n")
        await it.eventually(lambda: texts(log) == ["one", "| two"], "two lines, one block")


async def test_up_and_down_walk_through_what_was_sent_and_back_to_the_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        for text in ("first", "second"):
            await it.type(("i" if text == "first" else "") + text + "\n")
            await it.eventually(lambda text=text: text in texts(log), f"{text} is written")
            await it.eventually(lambda: it.composer.text == "", "the box is empty")
        await it.type("half a thought")
        walked = []
        for key in ("up", "up", "up", "down", "down"):
            await it.press(key)
            walked.append(it.composer.text)
        assert walked == ["second", "first", "first", "second", "half a thought"]


async def test_the_history_is_there_for_the_next_screen(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ifrom before\n")
        await it.eventually(lambda: it.composer.text == "" and texts(log), "it is written")
        await it.press("escape", "q")
    async with night(journal) as it:
        await it.press("i", "up")
        assert it.composer.text == "from before"


async def test_esc_leaves_the_box_and_the_draft_stays(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.press("escape")
        assert it.in_the_log
        assert it.composer.text == "half a thought"
        await it.press("k", "i")
        assert it.in_the_box
        await it.type("!")
        assert it.composer.text == "half a thought!"
        assert texts(log) == []


async def test_the_command_line_does_not_eat_the_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.press("escape")
        await it.command("theme nord")
        assert it.app.theme == "nord", "the command is what was typed after the colon"
        await it.press("i")
        assert it.composer.text == "half a thought", "the draft stays"


async def test_a_draft_is_not_a_command(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("icoffee at this hour was a mistake")
        await it.press("escape", "colon", "enter")
        await it.pilot.pause(0.2)
        assert texts(log) == []
        await it.press("escape", "i")
        assert it.composer.text == "coffee at this hour was a mistake"


async def test_alt_h_and_alt_n_switch_the_kind_and_keep_the_text(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ithe sweeper")
        await it.press("alt+h")
        assert it.box_kind == "hypothesis"
        await it.press("alt+n")
        assert it.box_kind == "note"
        await it.press("alt+h", "enter")
        await it.eventually(lambda: texts(log) == ["Hypothesis: the sweeper"], "it is a hypothesis")


async def test_alt_c_takes_a_coffee_without_leaving_the_box(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf")
        await it.press("alt+c")
        await it.eventually(lambda: [one.cups for one in entries(log)] == [1], "one cup")
        assert it.in_the_box
        await it.type(" a thought")
        assert it.composer.text == "half a thought"


async def test_every_line_has_the_ceremony_when_the_setting_says_always(journal: Journal, log: Path) -> None:
    async with night(journal, settings=Settings(ceremony="always")) as it:
        await it.type("ia note\n")
        await it.eventually(lambda: len(entries(log)) == 3, "the note and the ceremony are written")
        await it.shows("note: a note")
        assert "held" in it.rows[0]


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_the_box_is_of_use_at_every_size(journal: Journal, log: Path, size: tuple[int, int]) -> None:
    async with night(journal, size=size) as it:
        await it.type("iwhat I see")
        assert "what I see" in it.shown
        await it.press("enter")
        await it.shows("note: what I see")


async def test_ctrl_c_in_the_box_says_how_to_quit_and_keeps_the_text(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.press("ctrl+c")
        await it.says("quit")
        assert it.composer.text == "half a thought"
        assert it.app.is_running


async def test_a_note_that_waits_behind_a_coffee_says_what_holds_it_up(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("c")
            await it.type("ia note\n")
            await it.type("and more")
            await it.shows("waits for the lock")
            await it.shows("typed since: and more")
        await it.eventually(lambda: len(texts(log)) == 2, "both are written")
        assert it.composer.text == "and more"


async def test_what_is_typed_behind_a_command_is_not_its_argument(journal: Journal, log: Path) -> None:
    log.write_bytes(line("Hypothesis: it", tags=(("H1", "open"),)))
    async with night(journal) as it:
        await it.eventually(lambda: it.journal_screen.state.hypotheses, "the hypothesis is known")
        await it.type(":refute H1 it was not\nabc\n")
        await it.eventually(lambda: it.unanswered == 0 and len(texts(log)) > 2, "it is written")
        await it.settled()
        assert [entry.text for entry in entries(log) if entry.hypothesis][1:] == ["Conclusion: it was not"]


@pytest.mark.parametrize("typed", ["/(?=x)", "&kind:foo", ":goto 99:99", ":refute H9 a long reason"])
async def test_what_is_refused_stands_where_it_was_typed_and_the_next_key_does_nothing_else(
    journal: Journal, log: Path, typed: str
) -> None:
    append(log, line("a line"))
    async with night(journal) as it:
        await it.shows("a line")
        await it.press(*(("colon",) if typed[0] == ":" else (typed[0],)))
        await it.type(typed[1:] + "\nc")
        await it.settled()
        assert not it.in_the_log
        assert typed[1:].removeprefix("goto ") + "c" in it.shown
    assert texts(log) == ["a line"]
