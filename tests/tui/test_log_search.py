"""The search that a page of the screen begins: it ends with the page, and says why it has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from threading import Event

import pytest

from threeam.core.errors import BadInput
from threeam.timeline.source import Source
from threeam.tui.log_search import LogSearch


async def no_logs(_search: LogSearch[int]) -> list[Source]:
    return []


async def test_a_search_ends_when_its_page_is_left() -> None:
    has_begun, has_ended = Event(), Event()

    def run(search: LogSearch[int], _sources: Sequence[Source]) -> int:
        search.begin("searching", 10)
        try:
            while True:
                search.note(7)
                has_begun.set()
        finally:
            has_ended.set()

    search = LogSearch(no_logs, run)
    finding = asyncio.create_task(search.find())
    await asyncio.to_thread(has_begun.wait, 5)
    assert (search.progress, search.result) == ("searching: 70 %", None)
    search.end()
    await finding
    assert has_ended.is_set()
    assert search.problem == "the search was ended"


@pytest.mark.parametrize("error", [BadInput("no"), OSError(5, "no")])
async def test_a_search_that_fails_says_why(error: Exception) -> None:
    def run(_search: LogSearch[int], _sources: Sequence[Source]) -> int:
        raise error

    search = LogSearch(no_logs, run)
    await search.find()
    assert search.result is None
    assert "no" in search.problem
