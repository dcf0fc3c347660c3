"""The operation that a line states for a key, and when its verb may be about something else."""

from __future__ import annotations

import random

import pytest

from support.race_traps import CART
from threeam.core.store.regex import escape_invalid_utf8
from threeam.races.access import OperationKind
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
        "delete button clicked cart=42",
        "delete candidates cart=42",
        "deleteCartItem cart=42",
        "delete after 30d cart=42",
        "found deleted cart=42",
        "listing deleted cart=42",
        "set timer to expire cart=42",
        "delete cart=42? no",
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
        '{"op":"delete","user":7,"cart":42}',
        '{"msg":"deleted","user":7,"cart":42}',
        '{"msg":"cart item deleted","user":7,"cart":42}',
        '{"msg":"item deleted from cart","user":7,"cart":42}',
        '{"msg":"cart deleted","old_cart":7,"cart":42}',
        '{"msg":"cart deleted","item":7,"cart":42}',
        '{"msg":"cart deleted by user","user":7,"cart":42}',
        '{"msg":"deleted user of cart","user":7,"cart":42}',
        '{"msg":"deleted cart items","user":7,"cart":42}',
        '{"cart":42,"user":7,"msg":"item deleted"}',
        'msg="user deleted" user=7 cart=42',
        "app deleted user=7 cart=42",
        "deleted: 7 cart=42",
        "deleted cart=41 cart=42",
        "cart deleted cart=41 cart=42",
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
        "delete the old cart=42",
        "deleteCart cart=42",
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
        '{"msg":"cart deleted","user":7,"cart":42}',
        '{"msg":"cart was deleted","user":7,"ua":"X/5 (9; b)","cart":42}',
        '{"msg":"deleted the cart","user":7,"cart":42}',
        '{"event":"cart.deleted","user":7,"cart":42}',
        '{"cart":42,"user":7,"msg":"cart deleted"}',
        '{"msg":"cart deleted", "user": 7, "cart":42}',
        '{"op":"delete", "status": 204, "pid": 12, "duration_ms": 3, "cart":42}',
        'msg="cart deleted" user=7 cart=42',
        'msg="deleted the old cart" user=7 tenant=3 cart=42',
        "cart deleted user=7 cart=42",
    ],
)
def test_a_verb_of_the_key_is_not_in_doubt(line: str) -> None:
    assert read(f"INFO app {line}", r"cart\"?[=/: ](?P<key>\d+)").doubts == ()


def test_a_noun_of_the_message_is_that_of_the_key() -> None:
    key = r"(?:cart_item|cart)_id=(?P<key>\d+)"
    assert read('msg="cart item deleted" user=7 cart_item_id=42', key).doubts == ()
    assert read('msg="cart deleted" user=7 cart_item_id=42', key).doubts == (OTHER,)
    assert read('msg="cart deleted" user=7 cart_id=42', key).doubts == ()


WORDS = (
    *("delete", "update", "read", "expired", "deletedBy", "=", "null", ":", '{"delete":', "{}", "INFO", "shop", "lock"),
    *("release", "the", "item=7", "of", "to", "done", "started", "(7)", "ok,", "}", ";", "a", "processing", "finished"),
    *('msg="cart', 'deleted"', "cart", "user=7", '"user": 7,'),
)


def test_what_a_line_means_does_not_depend_on_the_lines_before() -> None:
    rng = random.Random(3)
    shared = Operations()
    for _ in range(500):
        words = rng.choices(WORDS, k=rng.randint(0, 9))
        words.insert(rng.randint(0, len(words)), f"cart={rng.randint(1, 3)}")
        line = rng.choice(("", " ", "  ")) + " ".join(words) + rng.choice(("", " "))
        assert read(line, operations=shared) == read(line), line
