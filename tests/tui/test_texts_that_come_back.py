"""Texts that were sent and not written come back into the box, and are never glued to what is typed next."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from answers import Answers, night_with_answers
from pilots import Night

from threeam.core.store.journal import Journal

STEPS = 60


async def test_a_text_that_comes_back_when_the_next_one_is_written_is_not_glued_to_the_third(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night_with_answers(journal, monkeypatch) as (it, answers):
        await it.type("ifirst\n")
        await it.press("i")  # so it waits beside the box
        await it.type("second\n")
        answers.give(it, written=False)
        answers.give(it, written=True)
        await it.settled()
        await it.type("ithird")
        assert it.drafts == [("note", "first\nthird")]


async def test_a_text_that_has_come_back_is_not_glued_to_the_next_after_another_box_was_open(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night_with_answers(journal, monkeypatch) as (it, answers):
        await it.type("ifirst\n")
        answers.give(it, written=False)
        await it.settled()
        await it.press("H", "escape")
        await it.type("isecond")
        assert it.drafts == [("note", "first\nsecond")]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
async def test_each_text_is_written_or_in_the_box_on_a_line_of_its_own(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Keys come in reads of any size, and answers between any two of them."""
    chance = random.Random(seed)
    async with night_with_answers(journal, monkeypatch) as (it, answers):
        keys = _keys(chance)
        untyped: list[str] = []
        numbers = 0
        for _ in range(STEPS):
            await _answer_some(it, answers, chance)
            untyped = untyped or next(keys)
            size = chance.choice([1, 2, len(untyped) - 1, len(untyped), len(untyped)]) or 1
            it.at_once(*untyped[:size])
            numbers += untyped[:size].count(".")
            del untyped[:size]
            for _ in range(chance.choice([0, 0, 1, 2, 5, 20])):  # turns of the event loop
                await asyncio.sleep(0)
            assert all(re.fullmatch(r"t?|t\d+\.?", line) for line in _lines(it, answers))
        it.at_once(*untyped)
        numbers += untyped.count(".")
        await it.settled()
        while answers.waiting:
            answers.give(it, written=True)
            await it.settled()
        assert _lines(it, answers) == Counter(f"t{number}." for number in range(1, numbers + 1))


def _keys(chance: random.Random) -> Iterator[list[str]]:
    """What is typed: a text or two, and from time to time through the log, into another box, or with a coffee."""
    number = 0
    while True:
        number += 1
        yield [*f"it{number}.\n", *(f"it{(number := number + 1)}.\n" if chance.random() < 0.3 else "")]
        if chance.random() < 0.1:
            yield ["i", "escape"]
        elif chance.random() < 0.1:
            yield ["c"]
        elif chance.random() < 0.1:
            number += 1
            yield ["H", *f"t{number}.\n"]


async def _answer_some(it: Night, answers: Answers, chance: random.Random) -> None:
    while answers.waiting and chance.random() < 0.4:
        answers.give(it, written=chance.random() < 0.5)
        if chance.random() < 0.2:
            await it.settled()


def _lines(it: Night, answers: Answers) -> Counter[str]:
    """The lines that were written, or wait, or stand in a box."""
    drafts = [line for _, text in it.drafts for line in text.split("\n")]
    return Counter(line for line in (*answers.written, *drafts) if line)
