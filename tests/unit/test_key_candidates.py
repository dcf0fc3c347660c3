"""The keys that `3am races` proposes: their counts are true, and one name may be spelled in several ways."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from support.commands import Run, good
from support.race_logs import at, write_lines
from threeam.races import key_candidates


def proposed(run: Run, *logs: Sequence[str]) -> list[tuple[str, str, int, int]]:
    """Return of each candidate the name, the pattern, and how many values two actors and two logs have.

    Each log has an actor of its own.
    """
    names = []
    for number, texts in enumerate(logs):
        lines = (at(1 + 10 * index + number, f"pid={number} {text}") for index, text in enumerate(texts))
        names.append(write_lines(f"web{number}.log", lines).name)
    rows = [json.loads(line) for line in good(run("races", "--json", *names)).splitlines()]
    return [(row["name"], row["pattern"], row["shared_by_actors"], row["shared_by_sources"]) for row in rows]


@pytest.mark.parametrize("count", [4, 20, 100])
def test_each_value_that_both_logs_have_is_counted(run: Run, count: int) -> None:
    texts = [f"get cart={number}" for number in range(count)]
    assert proposed(run, texts, texts[::-1]) == [("cart", r"cart=(?P<key>\d+)", count, count)]


SPELLINGS = {
    "one with blanks": (["update id=41"], ["update id = 41"], ("id", r"id\W{1,3}(?P<key>\d+)")),
    "colons": (["update id: 41"], ['{"id":41}'], ("id", r"id\W{1,2}(?P<key>\d+)")),
    "an id of something": (["get cart=41"], ["get cart id=41"], ("cart", r"cart(?:[ _.-]?[iI][dD])?=(?P<key>\d+)")),
    "one word": (["get cart=41"], ['"cart_id": 41'], ("cart", r"cart(?:[ _.-]?[iI][dD])?\W{1,3}(?P<key>\d+)")),
    "camel case": (["cartId=41"], ["cart_id=41"], ("cart", r"cart(?:[ _.-]?[iI][dD])?=(?P<key>\d+)")),
    "a path": (["GET /carts/41"], ["cleaned carts 41"], ("carts", r"carts\W(?P<key>\d+)")),
    "one spelling": (["get cart_id=41"], ["set cart_id=41"], ("cart_id", r"cart_id=(?P<key>\d+)")),
    "a statement": (["DELETE FROM carts WHERE id = 41"], ["WHERE id = 41"], ("id", r"id\s?=\s?(?P<key>\d+)")),
    "no id": (["get paid=41"], ["set paid=41"], ("paid", r"paid=(?P<key>\d+)")),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_the_spellings_of_a_name_are_one_key(run: Run, case: str) -> None:
    first, second, expected = SPELLINGS[case]
    logs = [texts + [text.replace("41", "42") for text in texts] for texts in (first, second)]
    rows = proposed(run, *logs)
    assert (*expected, 2, 2) in rows
    found = run("near", "--json", "get->set", "--key", expected[1], "web0.log", "web1.log")
    assert json.loads(found.stdout)["operations"]  # of keys that two lines have


def test_hexadecimal_values_without_a_letter_count_with_the_others(run: Run) -> None:
    texts = [f"get cart={number:08x}" for number in (0x12345678, 0xABCDEF01, 0x9999AAAA)]
    assert proposed(run, texts, texts) == [("cart", r"cart=(?P<key>[0-9a-fA-F]+)", 3, 3)]


def test_of_a_long_log_the_counts_are_the_least(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_candidates, "_MAX_LINES", 10)
    for number in range(2):
        write_lines(f"web{number}.log", (at(1 + 10 * key, f"pid={number} get cart={key}") for key in range(20)))
    assert "cart: at least 10 values, 10 under two actors" in good(run("races", "web0.log", "web1.log"))
