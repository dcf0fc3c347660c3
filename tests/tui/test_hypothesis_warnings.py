"""Warnings about a hypothesis: a claim tried before, a verdict without evidence, a verdict overturned."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis_pilots import wait_for_board, wait_for_report, wait_for_row, wait_for_state
from night_lines import MS, claim_line, evidence_line, hypothesis_line, last_entry
from pilots import WIDE, append, line, night, notes

from support.journals import FakeClock, texts
from threeam.core.format.entry import NS_PER_S
from threeam.core.store.journal import Journal
from threeam.tui.screens.report_screen import ThreadScreen


def refuted_pool() -> bytes:
    """A claim that was tried."""
    text = "the connection pool is exhausted by the nightly job"
    return claim_line(1, text) + hypothesis_line("Conclusion: 3 of 20 in use", 110, "refuted")


async def test_a_claim_like_a_refuted_one_is_written_by_a_second_enter(journal: Journal, log: Path) -> None:
    append(log, refuted_pool())
    async with night(journal) as it:
        await it.type("Hnightly job exhausts the connection pool\n")
        await it.says("3 of 20 in use")
        await it.says("tried before")
        assert it.composer.text == "nightly job exhausts the connection pool"
        assert it.box_kind == "hypothesis"
        assert it.in_the_box
        assert len(texts(log)) == 2
        await it.shows("enter again writes it")
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is written")
        assert last_entry(log).text == "Hypothesis: nightly job exhausts the connection pool"
        assert last_entry(log).hypothesis == (2, "open")


@pytest.mark.parametrize("word", ["hyp new"])
async def test_a_claim_of_the_command_line_is_shown_what_it_resembles(journal: Journal, log: Path, word: str) -> None:
    append(log, refuted_pool())
    async with night(journal) as it:
        await it.command(f"{word} nightly job exhausts the connection pool")
        await it.says("tried before")
        assert it.composer.text == "nightly job exhausts the connection pool"
        assert it.in_the_box
        assert it.unanswered == 0
        assert len(texts(log)) == 2
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == 3, "it is written")
        assert last_entry(log).hypothesis == (2, "open")


async def test_another_claim_is_written_at_once(journal: Journal, log: Path) -> None:
    append(log, refuted_pool() + claim_line(2, "a stale DNS entry"))
    async with night(journal) as it:
        await it.type("Ha stale DNS entry on db2\n")
        await it.eventually(lambda: len(texts(log)) == 4, "only refuted ones are compared")
        await it.press("escape")
        await it.command("hyp cosmic rays")
        await it.eventually(lambda: texts(log)[4:] == ["Hypothesis: cosmic rays"], "it is written")
        assert not [notice for notice in it.notices if "tried before" in notice]


@pytest.mark.parametrize(("key", "told"), [("V", True), ("x", True), ("tilde", False)])
async def test_a_verdict_without_evidence_says_so(journal: Journal, log: Path, key: str, told: bool) -> None:
    append(log, notes(2) + claim_line(1) + claim_line(2) + evidence_line("Supports", 2, 0, 110))
    async with night(journal) as it:
        await it.press("2", key)
        await it.type("with evidence\n")
        await it.eventually(lambda: len(texts(log)) == 6, "it is written")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        assert not [notice for notice in it.notices if "no evidence" in notice]
        await it.press("1", key)
        await it.type("a feeling\n")
        await it.eventually(lambda: len(texts(log)) == 7, "it is written")
        await it.eventually(lambda: it.unanswered == 0, "it is answered")
        if told:
            await it.says("H1: there is no evidence for or against it")
        else:
            assert not [notice for notice in it.notices if "no evidence" in notice]


async def test_a_prediction_after_the_evidence_says_so(journal: Journal, log: Path) -> None:
    append(log, notes(2) + claim_line(1))
    async with night(journal, size=WIDE) as it:
        await it.press("1", "p")
        await it.type("first\n")
        await it.eventually(lambda: it.unanswered == 0 and len(texts(log)) == 4, "it is written")
        assert not [notice for notice in it.notices if "after the evidence" in notice]
        append(log, evidence_line("Supports", 1, 0, 110))
        await wait_for_board(it, "+1 −0")
        await it.command("predict H1 second")
        await it.says("H1: written after the evidence")
        await it.command("thread H1")
        await wait_for_report(it, ThreadScreen)
        assert "written after the evidence" in " ".join(it.shown.replace("│", " ").split())


@pytest.mark.parametrize(
    ("mine", "theirs", "user", "told"),
    [
        ("refuted", "confirmed", "bob", True),
        ("refuted", "open", "bob", True),
        ("refuted", "refuted", "bob", False),
        ("refuted", "confirmed", "alice", False),
    ],
)
async def test_a_verdict_of_mine_that_another_overturns_is_reported(
    journal: Journal, log: Path, mine: str, theirs: str, user: str, told: bool
) -> None:
    append(log, claim_line(1) + hypothesis_line("Conclusion: not in staging", 110, mine, user="alice"))
    kind = "Reopened" if theirs == "open" else "Conclusion"
    async with night(journal, size=WIDE) as it:
        await wait_for_state(it)
        append(log, hypothesis_line(f"{kind}: the [/foo] ghost", 3110, theirs, user=user))
        await wait_for_row(it, f"{theirs if kind == 'Conclusion' else 'Reopened'}: the [/foo] ghost")
        if told:
            await it.says(f"H1: bob says {theirs} 3s after you said {mine}: the [/foo] ghost")
        else:
            assert it.notices == []


async def test_over_the_limit_a_verdict_is_to_be_looked_at_again(journal: Journal, log: Path, clock: FakeClock) -> None:
    append(
        log, claim_line(1) + line("Coffee: cup 5 of the night.", 120 * MS, user="alice", cups=5, tags=(("MG", "95"),))
    )
    clock.forward(NS_PER_S)
    async with night(journal, clock=clock, size=WIDE) as it:
        await it.press("1", "x")
        await it.type("surely\n")
        await wait_for_row(it, "recheck refuted: surely")
        assert last_entry(log).tag("RECHECK") is not None
