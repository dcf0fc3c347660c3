"""What a line means for a key, and what it may mean otherwise: then no finding on it is certain."""

from __future__ import annotations

import random

import pytest

from support.commands import Run
from support.race_reports import Report, races
from support.race_traps import CART, JOB, at, certain, downgraded, write
from threeam.core.store.regex import escape_invalid_utf8
from threeam.races.access import OperationKind
from threeam.races.finding import Rule
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.operations import Operations
from threeam.races.verb_reading import NamedOperation

OTHER = "the verb may be about something else in the line"


def read(line: str, key: str = CART, operations: Operations | None = None) -> NamedOperation:
    """Return what a line says of the last key in it."""
    text = escape_invalid_utf8(line.encode())
    (pattern,) = parse_key_patterns([key]).patterns
    name, begin, end = list(pattern.mentions(text))[-1]
    found = pattern.find(text, name, text[begin:end], 8)
    assert found is not None
    return (operations or Operations()).near(text, found.begin, found.end, found.match_begin)


@pytest.mark.parametrize(
    ("line", "word", "kind"),
    [
        ("finished processing cart=42", "finish", "E"),
        ("processing cart=42 finished", "finish", "E"),
        ("done processing cart=42", "done", "E"),
        ("start processing cart=42", "process", "B"),
        ("finished deleting cart=42", "delete", "D"),
        ("released lock cart=42", "release", "U"),
        ("released the lock on cart=42", "release", "U"),
        ("releaseLock cart=42", "release", "U"),
        ("lock released cart=42", "release", "U"),
        ("lock cart=42 released", "release", "U"),
        ("lock expired cart=42", "expire", "U"),
        ("deleted lock cart=42", "delete", "U"),
        ("acquired lock cart=42", "lock", "L"),
        ("lock cart=42 acquired", "lock", "L"),
        ("delete expired cart=42", "delete", "D"),
        ("DELETE expired cart=42", "delete", "D"),
        ("update locked cart=42", "update", "W"),
        ("delete locked cart=42", "delete", "D"),
        ("restored cart=42", "restore", "C"),
        ("upsert cart=42", "upsert", "C"),
        ("touch user=update cart=42", "update", "W"),
    ],
)
def test_two_verbs_in_a_row_are_one_operation(line: str, word: str, kind: str) -> None:
    assert read(f"INFO app {line}").operation == (word, OperationKind(kind))


def test_a_key_that_is_a_verb_is_no_operation() -> None:
    assert read("touch user=update", r"user=(?P<key>\w+)").operation == ("touch", None)


@pytest.mark.parametrize(
    "line",
    [
        "deleted item=7 of cart=42",
        "deleted item 7 of cart=42",
        "removed the coupon from cart=42",
        "add to cart=42",
        "added 3 items to cart=42",
        'msg="delete item" item=7 cart=42',
        "delete cart=42 item=7",
        '{"op":"delete","cart":42,"item":7}',
        "DELETE /users/7 for cart/42",
        "cart=42 item=7 deleted",
        "deleted cart=41, kept cart=42",
        "get lost; cart=42 gone",
        '{"cart":41,"op":"delete"},{"cart":42,"op":"update"}',
        "delete or update cart=42",
        "GET /admin/delete/cart/42",
        "delete of cart=42 done",
        "cart=42 is deletedBy bob",
    ],
)
def test_a_verb_of_something_else_is_a_doubt(line: str) -> None:
    assert read(f"INFO app {line}", r"cart\"?[=/: ](?P<key>\d+)").doubts == (OTHER,)


@pytest.mark.parametrize(
    "line",
    [
        "delete cart=42",
        "delete of cart=42 went well",
        "DELETE /users/7/cart/42",
        "DELETE /cart/42",
        "delete the old shopping cart=42",
        'msg="delete cart" req=a1 attempt=1 cart=42',
        '{"op":"delete","req":"a7","ts":1795490047.1,"cart":42}',
        "deleted in 5 ms cart=42",
        "delete done for cart=42",
        "delete cart=42 done took=5",
        "update cart=42 qty=3",
        "create cart=42 user=7",
        "cart=42 deleted",
        "write to cart=42",
        "read from cart=42",
    ],
)
def test_a_verb_of_the_key_is_not_in_doubt(line: str) -> None:
    assert read(f"INFO app {line}", r"cart\"?[=/: ](?P<key>\d+)").doubts == ()


WORDS = (
    *("delete", "update", "read", "expired", "deletedBy", "=", "null", ":", '{"delete":', "{}", "INFO", "shop", "lock"),
    *("release", "the", "item=7", "of", "to", "done", "started", "(7)", "ok,", "}", ";", "a", "processing", "finished"),
)


def test_what_a_line_means_does_not_depend_on_the_lines_before() -> None:
    rng = random.Random(3)
    shared = Operations()
    for _ in range(3000):
        words = rng.choices(WORDS, k=rng.randint(0, 9))
        words.insert(rng.randint(0, len(words)), f"cart={rng.randint(1, 3)}")
        line = rng.choice(("", " ", "  ")) + " ".join(words) + rng.choice(("", " "))
        assert read(line, operations=shared) == read(line), line


@pytest.mark.parametrize(
    ("first", "second", "key", "things"),
    [
        ("delete session id=42", "update cart id=42", r"id=(?P<key>\d+)", "session, cart"),
        ("DELETE /sessions/42", "PUT /carts/42", r"/(?P<key>\d+)", "session, cart"),
        ("DELETE FROM old WHERE id = 42", "SELECT n FROM carts WHERE id = 42", r"id = (?P<key>\d+)", "old, cart"),
        ("DELETE FROM shop.cart WHERE id = 42", "UPDATE `carts` SET n = 1 WHERE id = 42", r"id = (?P<key>\d+)", ""),
        ("delete cart id=42", "update carts id=42", r"id=(?P<key>\d+)", ""),
        ("INFO id=42 deleted", "WARN id=42 updated", r"id=(?P<key>\d+)", ""),
    ],
)  # fmt: skip
def test_an_equal_number_may_be_of_another_thing(first: str, second: str, key: str, things: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 {first}"), at("03:14:07.200", f"req=b2 {second}"))
    report = races(run, "--key", key, log)
    if things:
        downgraded(report, Rule.AFTER_DELETE, f"different things: {things}")
    else:
        certain(report, Rule.AFTER_DELETE)


def test_two_kinds_of_work_are_not_one_work_done_twice(run: Run) -> None:
    log = write(
        "a.log", at("03:14:07.100", "req=a1 begin checkout job=7"), at("03:14:07.200", "req=b2 start payment job=7")
    )
    downgraded(races(run, "--key", JOB, log), Rule.TWICE, "different things: checkout, payment")
    log = write(
        "a.log", at("03:14:07.100", "req=a1 begin checkout job=7"), at("03:14:07.200", "req=b2 start checkout job=7")
    )
    certain(races(run, "--key", JOB, log), Rule.TWICE)


@pytest.mark.parametrize(
    ("first", "second", "key"),
    [
        ("user=bob.smith", "user=bob.jones", r"user=(?P<key>\w+)"),
        ("cart=42/items/7", "cart=42", r"cart=(?P<key>\d+)"),
        ("cart:42:lock", "cart:42", r"cart:(?P<key>\d+)"),
        ("host=web-1", "host=web-2", r"host=(?P<key>[a-z]+)"),
    ],
)
def test_a_part_of_a_longer_name_is_no_certain_key(first: str, second: str, key: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 delete {first}"), at("03:14:07.200", f"req=b2 update {second}"))
    downgraded(races(run, "--key", key, log), Rule.AFTER_DELETE, "part of a longer name")


@pytest.mark.parametrize("second", ["zoé", "zoë", "zoe\u0308"])
def test_a_letter_beyond_ascii_is_a_part_of_the_word(second: str, run: Run) -> None:
    log = write(
        "a.log", at("03:14:07.100", "req=a1 delete user=zoë"), at("03:14:07.200", f"req=b2 update user={second}")
    )
    assert races(run, "--key", r"user=(?P<key>zo\w*)", log) == Report(0, [])


@pytest.mark.parametrize("end", ["…", "»", " →", "—"])
def test_a_sign_beyond_ascii_ends_the_word(end: str, run: Run) -> None:
    log = write("a.log", at("03:14:07.100", f"req=a1 delete cart=42{end}"), at("03:14:07.200", "req=b2 update cart=42"))
    certain(races(run, "--key", CART, log), Rule.AFTER_DELETE)
