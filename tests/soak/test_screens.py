"""The keys with which the soak begins to type into a screen."""

from __future__ import annotations

from pathlib import Path

from pilots import night
from screens import EMPTY_BOX
from textual import events
from textual_internals import send

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui.terminal_driver import KeyParser


async def test_a_draft_of_several_lines_goes_before_the_next_text_is_typed(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.press("i")
        it.composer.box.set_text("screen-1.\nscreen-2.\n")  # taken back with what was typed behind it
        await it.press("escape")
        for event in KeyParser(False).feed(f"{EMPTY_BOX}screen-3.\r"):
            assert isinstance(event, events.Key)
            send(it.app, event)
        await it.eventually(lambda: log.exists() and texts(log), "it is written")
    assert texts(log) == ["screen-3."]
