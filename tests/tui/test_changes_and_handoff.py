"""Changes and their undoing, the hand-off that lists them, and who holds the journal."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis_pilots import SIZES, highlight_line, select_line, wait_for_report, wait_for_state
from night_lines import change_line, claim_line, last_entry, stamp_at
from pilots import WIDE, append, line, night, notes

from support.journals import FakeClock, texts
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.journal import Journal


async def test_a_change_is_ticked_off_when_it_is_undone(journal: Journal, log: Path) -> None:
    async with night(journal, size=WIDE) as it:
        await it.command("changed raised pool (undo: back to 20)")
        await it.eventually(lambda: texts(log) == ["Changed: raised pool (undo: back to 20)"], "it is written")
        change = last_entry(log).stamp
        assert last_entry(log).tag("CHANGE") == "open"
        await it.command("undone")
        await it.eventually(lambda: texts(log)[1:] == [f"Undone: @{change} back to 20"], "the only one is meant")
        assert last_entry(log).tag("CHANGE") == "undone"
        await it.command("undone")
        await it.says("nothing is left to undo")
        await it.command(f"undone @{change}")
        await it.says("that was undone already, by alice")
        assert len(texts(log)) == 2


async def test_undone_names_one_of_several(journal: Journal, log: Path) -> None:
    append(
        log,
        change_line("pool (undo: 20)", 1)
        + change_line("timeout (undo: 3 s)", 2)
        + change_line("log level", 3)
        + notes(2, 9),
    )
    async with night(journal) as it:
        await it.command("undone")
        await it.says(f"@{stamp_at(2)} timeout")
        assert len(texts(log)) == 5
        await it.command(f"undone @{stamp_at(2)} by hand")
        await it.eventually(lambda: texts(log)[5:] == [f"Undone: @{stamp_at(2)} by hand"], "the named one")
        await select_line(it, "Changed: pool (undo: 20)")
        await it.command("undone")
        await it.eventually(lambda: texts(log)[6:] == [f"Undone: @{stamp_at(1)} 20"], "the selected one")
        await it.command(f"undone @{stamp_at(9)}")
        await it.says("is not a change")
        assert len(texts(log)) == 7


async def test_changed_without_words_asks_for_them(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.command("changed")
        assert it.in_the_box
        assert it.box_kind == "changed"
        await it.type("log level up (undo: down)\n")
        await it.eventually(lambda: texts(log) == ["Changed: log level up (undo: down)"], "it is written")


@pytest.mark.parametrize("size", SIZES)
async def test_the_hand_off_lists_what_is_to_be_undone_and_leads_to_it(
    journal: Journal, log: Path, size: tuple[int, int]
) -> None:
    append(log, notes(60) + change_line("pool (undo: 20)", 90) + claim_line(1, "the pool") + notes(60, 200))
    async with night(journal, size=size) as it:
        await wait_for_state(it)
        await it.press("S")
        report = await wait_for_report(it)
        words = [str(option.prompt).strip() for option in report.option_list.options]
        first, undo = words.index("WHERE WE STAND"), words.index("TO BE UNDONE")
        assert first < words.index("LIVE HYPOTHESES") < undo
        assert "pool" in words[undo + 1]
        assert "undo: 20" in " ".join(words[undo + 1].split())
        await highlight_line(it, "undo: 20")
        assert "pool" in it.shown
        await it.press("enter")
        await it.eventually(lambda: it.selected_text == "Changed: pool (undo: 20)", "its line is selected")
        assert it.in_the_log
        await it.command("undone")
        await it.eventually(lambda: last_entry(log).kind == "Undone", "it is undone")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        await it.press("S")
        report = await wait_for_report(it)
        await it.eventually(
            lambda: "TO BE UNDONE" not in str([o.prompt for o in report.option_list.options]), "ticked off"
        )
        await it.press("escape")
        assert it.in_the_log


async def test_the_hand_off_tells_the_news_while_it_is_open(journal: Journal, log: Path) -> None:
    append(log, notes(3))
    async with night(journal, size=WIDE) as it:
        await wait_for_state(it)
        await it.press("S")
        await wait_for_report(it)
        append(log, change_line("pool (undo: 20)", 90))
        await it.shows("TO BE UNDONE")


async def test_an_empty_journal_has_nothing_to_hand_over(journal: Journal) -> None:
    async with night(journal) as it:
        await it.press("S")
        await it.says("there is nothing to hand over yet")


async def test_who_takes_the_journal_holds_it_in_the_panel(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(log, line("here too", user="bob"))
    clock.forward(60 * NS_PER_S)
    async with night(journal, clock=clock, size=WIDE) as it:
        assert "holds the journal" not in it.shown
        await it.command("take")
        await it.shows("holds the journal")
        assert texts(log)[1:] == ["Taken: alice holds the journal now."]
        await it.command("take")
        await it.says("alice holds the journal already")
        append(
            log, line("Taken: bob holds the journal now, and no longer alice.", 61 * NS_PER_S, tags=(("HOLDS", "bob"),))
        )
        clock.forward(60 * NS_PER_S)

        def holders() -> list[str]:
            here = [row[96:] for row in it.shown.partition("HERE")[2].splitlines()]
            return [name for name, row in pairwise(here) if "holds the journal" in row]

        await it.eventually(lambda: len(holders()) == 1 and "bob" in holders()[0], "bob holds it")
        assert len(texts(log)) == 3


@pytest.mark.parametrize("emoji", [True, False])
async def test_a_report_has_plain_signs_if_the_settings_say_so(journal: Journal, log: Path, emoji: bool) -> None:
    append(log, claim_line(1, "the sweeper races", 1) + notes(2, 2))
    async with night(journal, size=WIDE, emoji=emoji) as it:
        await it.press("S")
        await it.shows("+0 −0 · " if emoji else "+0 -0 | ")
