"""What the box keeps while another is open: drafts of each kind, and the history of what was sent."""

from __future__ import annotations

from pathlib import Path

from pilots import night

from support.journals import entries, texts
from threeam.core.store.journal import Journal


async def test_a_paste_into_a_box_that_has_a_draft_is_added_to_it(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ibefore ")
        await it.press("escape")
        await it.paste("pasted")
        assert it.composer.text == "before pasted"


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


async def test_up_and_down_walk_through_what_was_sent_and_back_to_the_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        for text in ("first", "second"):
            await it.type(f"i{text}\n")
            await it.eventually(lambda text=text: text in texts(log), f"{text} is written")
            await it.eventually(lambda: it.composer.text == "", "the box is empty")
        await it.type("ihalf a thought")
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
        await it.eventually(lambda: [entry.cups for entry in entries(log)] == [1], "one cup")
        assert it.in_the_box
        await it.type(" a thought")
        assert it.composer.text == "half a thought"


async def test_ctrl_c_in_the_box_says_how_to_quit_and_keeps_the_text(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.press("ctrl+c")
        await it.says("quit")
        assert it.composer.text == "half a thought"
        assert it.app.is_running
