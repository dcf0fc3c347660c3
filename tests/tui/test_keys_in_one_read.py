"""Keys that come in one read: each acts where the keys before it lead, and nowhere if they lead to a refusal."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pilots import Night, append, held, line, night, notes

from support.journals import texts
from threeam.core.store.journal import Journal

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
