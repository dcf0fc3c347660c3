"""The cups and the hand-off of all hosts on the screen, from mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis_pilots import wait_for_report
from pilots import WIDE, append, night, notes

from support.journals import FakeClock, entries, texts, writer_of
from support.team import mirror_journal
from threeam.core.format.clock import system_clock
from threeam.core.format.entry import Entry
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.draft import TOXIC_TEXT, Draft
from threeam.human.drafts import coffee_draft
from threeam.hypotheses.drafts import conclusion_draft, hypothesis_draft
from threeam.team.origin import OriginFile


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


def written(log: Path, draft: Draft, journal: Journal) -> list[Entry]:
    writer_of("alice", journal, FakeClock(system_clock())).write(draft)
    return entries(log)


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
        for text in ("ON DB1", "db1/H1 the sweeper races the writer", "no other host gets them"):
            await it.shows(text)


async def test_without_mirrors_nothing_of_a_team_is_read(journal: Journal, log: Path) -> None:
    append(log, notes(2, 0))
    with patch("threeam.team.mirrors.host_states.HostStates.read", side_effect=AssertionError):
        async with night(journal, size=WIDE) as it:
            await it.press("S")
            await wait_for_report(it)
            assert it.journal_screen.mirrors.hosts(it.journal_screen.state) == []


async def test_the_commands_take_a_hypothesis_of_another_host(journal: Journal, log: Path, db1: Journal) -> None:
    append(log, notes(2, 0))
    write_on(db1, [hypothesis_draft("the sweeper races the writer", 4)], journal)
    async with night(journal, size=WIDE) as it:
        await it.eventually(lambda: it.journal_screen.mirrors.hosts(it.journal_screen.state) != [], "they are read")
        await it.command("support db1/H1 seen at 03:14")
        await it.eventually(lambda: texts(log)[2:] == ["Supports: seen at 03:14"], "the evidence")
        await it.command("refute db1/h1 it was off")
        await it.eventually(lambda: texts(log)[3:] == ["Conclusion: it was off"], "the verdict")
        assert [entry.hypothesis_name for entry in entries(log)[2:]] == ["db1/H1", "db1/H1"]
        await it.shows("db1/H1 refuted: it was off")
        await it.command("refute db1/H7 it was off")
        await it.says("db1 has no hypothesis H7: it has H1")
        await it.press("escape")
        await it.command("thread db1/H1")
        await wait_for_report(it)
        for text in ("the sweeper races the writer", "refuted: it was off", "SUPPORTS IT: 1"):
            await it.shows(text)


async def test_a_hypothesis_that_only_another_host_has_refuted_can_be_opened_again(
    journal: Journal, log: Path, db1: Journal
) -> None:
    (claim,) = (entry for entry in written(log, hypothesis_draft("the sweeper", 4), journal) if entry.hypothesis)
    named = RemoteHypothesis("here", OriginFile(journal).origin.id, 1, claim.stamp)
    write_on(db1, [conclusion_draft("refute", named, "it was off", 4)], journal)
    async with night(journal, size=WIDE) as it:

        def has_verdict_of_db1() -> bool:
            known = it.journal_screen.mirrors.on_all_hosts("H1")
            return known is not None and known.is_disputed

        await it.eventually(has_verdict_of_db1, "the verdict of db1 is read")
        await it.command("reopen H1 seen again")
        await it.eventually(lambda: entries(log)[-1].text == "Reopened: seen again", "it is written")


async def test_the_board_has_the_hypotheses_of_all_hosts(journal: Journal, log: Path, db1: Journal) -> None:
    written(log, hypothesis_draft("the cron job", 4), journal)
    write_on(db1, [hypothesis_draft("the sweeper races the writer", 4)], journal)
    async with night(journal, size=WIDE) as it:
        board = it.journal_screen.sidebar.hypothesis_list
        await it.eventually(lambda: {option.id for option in board.options} == {"H1", "db1/H1"}, "both are listed")
        await it.press("h")
        board.highlighted = board.get_option_index("db1/H1")
        await it.eventually(lambda: it.journal_screen.hypotheses.picked_name == "db1/H1", "it is picked")
        await it.press("x")
        assert it.box_kind == "refute db1/H1"
        await it.type("it was off\n")
        await it.eventually(lambda: entries(log)[-1].text == "Conclusion: it was off", "it is written")
        await it.eventually(lambda: "refuted" in str(board.get_option("db1/H1").prompt), "the board has the verdict")
        assert entries(log)[-1].hypothesis_name == "db1/H1"
