"""The patterns of keys, the operations and the actors that a line names."""

from __future__ import annotations

import pytest

from threeam.core.errors import BadInput, BadPattern
from threeam.races.access import EVERYWHERE, ActorKind, OperationKind
from threeam.races.actors import actor_of, find_actor_kind
from threeam.races.key_pattern import parse_key_patterns
from threeam.races.operations import Operations, parse_operations
from threeam.races.verbs import VERBS, Operation


def keys_in(line: bytes, *patterns: str) -> list[tuple[str, bytes]]:
    parsed = parse_key_patterns(patterns)
    return [
        (parsed.names[name], line[begin:end])
        for pattern in parsed.patterns
        for name, begin, end in pattern.mentions(line)
    ]


@pytest.mark.parametrize(
    ("line", "pattern", "found"),
    [
        (b"delete cart=42 now", r"cart=(?P<key>\d+)", [("cart", b"42")]),
        (b"cart=12 cart=123", r"cart=(?P<key>12)", [("cart", b"12")]),
        (b"supercart=12 cart=12x 12cart=12", r"cart=(?P<key>\d+)", []),
        (b"cart=1,cart=2;cart=3", r"cart=(\d+)", [("cart", b"1"), ("cart", b"2"), ("cart", b"3")]),
        (b"job 7 of order 8", r"job (?P<job>\d+) of order (?P<order>\d+)", [("job", b"7"), ("order", b"8")]),
        (b"by bob: cart=", r"by (?P<actor>\w+): cart=(?P<key>\d*)", []),
        (b"id 5f", r"(?P<key>[0-9a-f]+)", [("key", b"5f")]),
        (b"{a-b} x", r"key=(?P<key>\S+)", []),
        (b"key={a-b} x", r"key=(?P<key>\S+)", [("key", b"{a-b}")]),
        ("straße=7 cart=8".encode(), r"cart=(?P<key>\d+)", [("cart", b"8")]),
    ],
)
def test_a_key_is_a_whole_word(line: bytes, pattern: str, found: list[tuple[str, bytes]]) -> None:
    assert keys_in(line, pattern) == found


def test_patterns_with_the_group_key_are_one_key_named_after_the_first() -> None:
    parsed = parse_key_patterns([r"cart[= ](?P<key>\d+)", r"carts SET .* id = (?P<key>\d+)"])
    assert parsed.names == ("cart",)


@pytest.mark.parametrize("pattern", ["cart=", r"(?P<op>\w+) (?P<actor>\w+)", "(a)(b)", "cart=(", r"(?<=x)(\d)"])
def test_a_pattern_without_one_key_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        parse_key_patterns([pattern])


def operation_in(line: bytes, pattern: str = r"(?:cart|id)[= ]+(?P<key>\d+)") -> Operation:
    (parsed,) = parse_key_patterns([pattern]).patterns
    name, begin, end = next(iter(parsed.mentions(line)))
    found = parsed.find(line, name, line[begin:end], 8)
    assert found is not None
    return Operations().near(line, found.begin, found.end, found.match_begin).operation


@pytest.mark.parametrize(
    ("line", "word", "kind"),
    [
        (b"INFO delete cart=42", "delete", "D"),
        (b"INFO deleted cart=42", "delete", "D"),
        (b"INFO dropping cart=42", "drop", "D"),
        (b"deleteCart cart=42", "delete", "D"),
        (b"job cart=42 finished", "finish", "E"),
        (b"start worker, much later: cart=42 done", "done", "E"),
        (b"delete cart=42 done", "delete", "D"),
        (b"start x y z delete cart=42 done a b", "delete", "D"),
        (b"delete of cart=42 done", "done", "E"),
        (b"UPDATE carts SET qty = 3 WHERE id = 42", "update", "W"),
        (b"SELECT qty FROM carts WHERE id = 42", "select", "R"),
        (b"SELECT qty FROM carts WHERE id = 42 FOR UPDATE", "select for update", "L"),
        (b"DELETE FROM carts WHERE id = 42", "delete", "D"),
        (b"begun cart=42", "begin", "B"),
        (b"polish cart=42", "polish", None),
        (b"updated_by=bob read cart=42", "read", "R"),
        (b"createdAt=12 lock=none touch cart=42", "touch", None),
        (b"undelete cart=42", "undelete", "C"),
        (b"deletion cart=42", "deletion", None),
        (b"SELECT 'that was all'\n7 Query DELETE FROM carts WHERE id = 42", "delete", "D"),
        (b"SELECT a,\n b\n FROM carts WHERE id = 42", "select", "R"),
        (b"cart=42", "", None),
    ],
)
def test_the_operation_is_the_nearest_verb(line: bytes, word: str, kind: str | None) -> None:
    assert operation_in(line) == (word, None if kind is None else OperationKind(kind))


@pytest.mark.parametrize(
    ("line", "word", "kind"),
    [
        (b"DELETE FROM carts WHERE id = 42 AND updated < now()", "delete", "D"),
        (b"UPDATE carts SET status = 'deleted' WHERE id = 42", "update", "W"),
        (b"UPDATE carts SET deleted = true WHERE id = 42", "update", "W"),
        (b"UPDATE carts SET n = (SELECT max(n) FROM old) WHERE id = 42", "update", "W"),
        (b"UPDATE old SET n = (SELECT n FROM carts WHERE id = 42)", "select", "R"),
        (b"UPDATE carts SET note = '" + b"x" * 2000 + b"' WHERE id = 42", "update", "W"),
        (b"INSERT INTO old SELECT * FROM carts WHERE id = 42", "select", "R"),
        (b"REPLACE INTO carts VALUES ('deleted', id = 42)", "replace", "W"),
        (b"SELECT 1 FROM x; lock cart=42", "lock", "L"),
        (b"update the set of cart=42", "update", "W"),
    ],
)
def test_in_a_statement_the_operation_is_its_verb(line: bytes, word: str, kind: str) -> None:
    assert operation_in(line) == (word, OperationKind(kind))


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b'{"event":"update","deleted":false,"x":"cart=42"}', "update"),
        (b"touch status deleted = 1 cart=42 update", "update"),
        (b"read x y cart=42 a b deleted = 1", "read"),
        (b'{"delete":{"cart=42":1}}', "delete"),
    ],
)
def test_the_name_of_a_field_is_no_operation(line: bytes, word: str) -> None:
    assert operation_in(line)[0] == word
    assert operation_in(line, r"(?P<key>42)")[0] == word


def test_a_field_whose_value_is_the_key_is_an_operation() -> None:
    assert operation_in(b"deleteCart=42 x", r"deleteCart=(?P<key>\d+)")[0] == "delete"
    assert operation_in(b'{"delete": "42"}', r"(?P<key>\d+)")[0] == "delete"


def test_each_verb_of_the_table_is_known_in_its_forms() -> None:
    operations = Operations()
    for kind, verbs in VERBS.items():
        for verb in verbs:
            assert operations.of_word(verb.upper()) == (verb, kind)


def test_op_adds_words_and_replaces_those_of_the_table() -> None:
    operations = parse_operations(["W=touch,Bump", "r=delete"])
    assert operations.of_word("touch") == ("touch", OperationKind.WRITE)
    assert operations.of_word("BUMP") == ("bump", OperationKind.WRITE)
    assert operations.of_word("delete") == ("delete", OperationKind.READ)


@pytest.mark.parametrize("text", ["W", "X=touch", "W=", "W=touch,,bump", "=a"])
def test_a_bad_op_is_refused_with_the_letters(text: str) -> None:
    with pytest.raises(BadInput, match="D delete"):
        parse_operations([text])


@pytest.mark.parametrize(
    ("lines", "kind", "actor"),
    [
        ([b"INFO req=ab12 pid=3 x", b"INFO request_id: cd34 x"], ActorKind.REQUEST, b"ab12"),
        ([b'{"trace_id": "0af7", "msg": 1}'], ActorKind.TRACE, b"0af7"),
        ([b"thread-7 x", b"worker 3 y"], ActorKind.THREAD, b"7"),
        ([b"[http-exec-12] x"], ActorKind.THREAD, b"http-exec-12"),
        ([b"app[11]: x", b"app[12]: y"], ActorKind.PID, b"11"),
        ([b"2026 [4711] LOG: x"], ActorKind.PID, b"4711"),
        ([b"plain x"], ActorKind.SOURCE, None),
        ([b"req=1 x", b"y", b"z"], ActorKind.SOURCE, None),
    ],
)
def test_the_actor_is_the_best_that_nearly_all_lines_have(
    lines: list[bytes], kind: ActorKind, actor: bytes | None
) -> None:
    assert find_actor_kind(lines) is kind
    assert actor_of(lines[0], kind) == actor


@pytest.mark.parametrize(
    ("line", "actor"),
    [
        (b"req=a1: delete", b"a1"),
        (b"transaction id: 55", b"55"),
        (b'"requestId": "a1"', b"a1"),
        (b"x_request_id=ab", b"ab"),
        (b"traceparent=00-" + b"4b" * 16 + b"-00f067aa0ba902b7-01", b"4b" * 16),
        (b"trace_id=" + b"4b" * 16 + b":00f067aa0ba902b7:0:1", b"4b" * 16),
        (b"trace=" + b"4b" * 16 + b"/1;o=1", b"4b" * 16),
        (b"trace=projects/shop/traces/" + b"4b" * 16, b"4b" * 16),
        (b"request_id=web1/aBcDe-000001 x", b"web1/aBcDe-000001"),
        (b'"request_id":"a+b/c=="', b"a+b/c=="),
        (b"req=7F3A11AB-0000-4000-8000-0123456789AB", b"7f3a11ab0000400080000123456789ab"),
        (b"req={7f3a11ab000040008000" + b"0123456789ab}", b"7f3a11ab0000400080000123456789ab"),
        (b"req=a1#2 x", None),
        (b"req=a1:b2 x", None),
        ("req=aé x".encode(), None),
        (b"req=" + b"a" * 200, None),
        (b"request=17 GET", b"17"),
        (b"request=GET cart=42", None),
        (b'request: "GET /cart/42 HTTP/1.1"', None),
        (b"request: delete cart=42", None),
        (b"request:cart=42", None),
        (b"trace_id= cart=42", None),
        (b"request_id=null", None),
        (b"req=- x", None),
        (b"transaction_id=0", None),
        (b"tx: 1500 bytes", None),
        (b"transaction: committed", None),
    ],
)
def test_a_request_id_is_an_id(line: bytes, actor: bytes | None) -> None:
    found = [name for kind in EVERYWHERE if (name := actor_of(line, kind)) is not None]
    assert found == ([] if actor is None else [actor])


def test_the_key_is_not_the_actor() -> None:
    line = b"delete txn=42"
    assert all(actor_of(line, kind, key_begin=line.index(b"42")) is None for kind in EVERYWHERE)
