"""``:help TOPIC``: a page of the manual over the journal."""

from __future__ import annotations

import pytest
from pilots import night
from textual.containers import VerticalScroll

from threeam.core.store.journal import Journal
from threeam.manual.pages import TOPICS, read_page
from threeam.tui.screens.manual import ManualScreen


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10)], ids=str)
@pytest.mark.parametrize("read_only", [False, True], ids=["", "read-only"])
async def test_help_with_a_topic_shows_its_page(journal: Journal, size: tuple[int, int], *, read_only: bool) -> None:
    async with night(journal, size=size, read_only=read_only) as it:
        await it.type(":help finding\n")
        await it.eventually(lambda: isinstance(it.app.screen, ManualScreen), "the page is open")
        await it.shows("Search")
        page = it.app.screen.query_one(VerticalScroll)
        await it.press("space")
        await it.eventually(lambda: page.scroll_y > 0, "it scrolls")
        await it.press("escape")
        await it.eventually(lambda: not isinstance(it.app.screen, ManualScreen), "esc closes it")


async def test_a_wrong_topic_gets_the_nearest_one(journal: Journal) -> None:
    async with night(journal, size=(120, 36)) as it:
        await it.type(":help finfing\n")
        await it.says("the manual has no page 'finfing'; did you mean finding?")


@pytest.mark.slow
async def test_each_page_can_be_drawn(journal: Journal) -> None:
    async with night(journal, size=(80, 24)) as it:
        for topic in TOPICS:
            await it.app.push_screen(ManualScreen(topic))
            await it.shows(read_page(topic).splitlines()[0].removeprefix("# "))
            await it.press("escape")
        assert it.in_the_log
