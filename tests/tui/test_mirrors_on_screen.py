"""The cups and the hand-off of all hosts on the screen, from mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis_pilots import wait_for_report
from pilots import WIDE, append, night, notes

from support.journals import FakeClock, texts, writer_of
from support.team import mirror_journal
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import TOXIC_TEXT, Draft
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import hypothesis_draft


@pytest.fixture
def db1(tmp_path: Path) -> Journal:
    (tmp_path / "db1").mkdir()
    return resolve_journal(str(tmp_path / "db1" / "sanity.log"))


def write_on(db1: Journal, drafts: Sequence[Draft], into: Journal) -> None:
    """Let alice write on db1, and the mirror have it."""
    clock = FakeClock(system_clock())
    for draft in drafts:
        writer_of("alice", db1, clock).write(draft)
    mirror_journal(db1, "db1", into)


async def test_the_header_and_the_warning_count_the_cups_of_all_hosts(
    journal: Journal, log: Path, db1: Journal
) -> None:
    write_on(db1, [coffee_draft(4, 95, 4)], journal)
    async with night(journal, size=WIDE) as it:
        await it.eventually(lambda: "4 (4 on db1) 380 mg" in it.header, "the cups of db1 are counted")
        await it.press("c")
        await it.eventually(lambda: "5 (4 on db1) TOXIC 475 mg" in it.header, "and this one")
        assert texts(log) == ["Coffee: cup 1 of the night.", TOXIC_TEXT]


async def test_the_handoff_has_a_part_for_each_host(journal: Journal, log: Path, db1: Journal) -> None:
    append(log, notes(2, 0))
    write_on(db1, [hypothesis_draft("the sweeper races the writer", 4)], journal)
    async with night(journal, size=WIDE) as it:
        await it.eventually(lambda: it.journal_screen.mirrors.hosts(it.journal_screen.state) != [], "they are read")
        await it.press("S")
        await wait_for_report(it)
        for text in ("ON DB1", "db1/H1 the sweeper races the writer", "no other host gets the lines of this log"):
            await it.shows(text)


async def test_without_mirrors_nothing_of_a_team_is_read(journal: Journal, log: Path) -> None:
    append(log, notes(2, 0))
    with patch("threeam.team.host_states.HostStates.read", side_effect=AssertionError):
        async with night(journal, size=WIDE) as it:
            await it.press("S")
            await wait_for_report(it)
            assert it.journal_screen.mirrors.hosts(it.journal_screen.state) == []
