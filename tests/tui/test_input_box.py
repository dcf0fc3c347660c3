"""The input box: what is typed and pasted is written once, at every size."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import append, line, night, notes
from textual_internals import send

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


@pytest.mark.parametrize("keys", ["i", "H", "p", "+", "-", "V", "x", "~", ":changed\n"])
async def test_enter_writes_the_text_of_every_box_and_leads_back_to_the_log(
    journal: Journal, log: Path, keys: str
) -> None:
    append(log, line("Hypothesis: the pool", 224_000_000, tags=(("H1", "open"),)) + notes(1))
    async with night(journal) as it:
        await it.eventually(lambda: it.journal_screen.state.hypotheses, "the hypothesis is known")
        await it.type(f"1{keys}")
        assert it.in_the_box
        assert "enter write and close" in it.shown
        await it.type("what is typed\n")
        assert it.in_the_log
        await it.eventually(lambda: "what is typed" in texts(log)[-1], "it is written")


async def test_a_box_without_a_text_stays_open_at_enter(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("i\n")
        await it.says("nothing to write yet")
        assert it.in_the_box
        await it.type("first\n")
        await it.eventually(lambda: texts(log) == ["first"], "it is written")


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
        it.at_once(*"one", "enter", *"itwwo", "left", "backspace", "end", *" lines", "ctrl+o", *"here", "enter")
        await it.eventually(lambda: texts(log) == ["one", "two lines", "| here"], "both are what was typed")


@pytest.mark.parametrize("key", ["i", ":"])
async def test_ctrl_u_deletes_to_the_beginning_of_the_line_and_not_of_the_wrapped_row(
    journal: Journal, log: Path, key: str
) -> None:
    async with night(journal, size=(40, 24)) as it:
        await it.type(key + "word " * 20)
        assert it.composer.box.wrapped_document.height > 1
        await it.press("left", "ctrl+u")
        assert it.composer.text == " "


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
        await it.shows("predict  preflight")
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


async def test_esc_and_the_key_behind_it_in_one_read_are_two_keys(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        it.at_once(*"ihalf", "escape", "c")
        await it.eventually(lambda: [entry.cups for entry in entries(log)] == [1], "one cup")
        assert it.composer.text == "half"
        await it.press("question_mark")
        it.at_once("escape", "c", "colon", *"nonsense", "escape", "c")
        await it.eventually(lambda: [entry.cups for entry in entries(log)] == [1, 2, 3], "the keys behind it, too")
        assert it.in_the_log


async def test_esc_and_a_key_that_come_together_wait_in_their_order(journal: Journal) -> None:
    async with night(journal) as it:
        it.at_once(*":theme nord", "enter")
        send(it.app, EscapedKey("i", "i"))
        it.at_once(*"xy")
        send(it.app, EscapedKey("h", "h"))
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


async def test_every_line_has_the_ceremony_when_the_setting_says_always(journal: Journal, log: Path) -> None:
    async with night(journal, settings=Settings(ceremony="always")) as it:
        await it.type("ia note\n")
        await it.eventually(lambda: len(entries(log)) == 3, "the note and the ceremony are written")
        await it.shows("note: a note")
        assert it.view.window.rows[0].lock_held_ns is not None


@pytest.mark.parametrize("size", [(80, 24), (40, 10)])
async def test_the_box_can_be_used_at_every_size(journal: Journal, log: Path, size: tuple[int, int]) -> None:
    async with night(journal, size=size) as it:
        await it.type("iwhat I see")
        assert "what I see" in it.shown
        await it.press("enter")
        await it.shows("note: what I see")


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
