"""The operations that lines name: a table of verbs, and the rule by which a line is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import decode_utf8
from threeam.races.access import OperationKind

VERBS: Mapping[OperationKind, tuple[str, ...]] = {
    OperationKind.READ: ("select", "get", "read", "fetch", "load", "exists"),
    OperationKind.WRITE: ("update", "set", "write", "put", "save", "incr", "increment", "decr", "decrement"),
    OperationKind.CREATE: ("insert", "create", "add"),
    OperationKind.DELETE: ("delete", "remove", "drop", "expire", "evict", "purge", "sweep"),
    OperationKind.LOCK: ("lock", "acquire"),
    OperationKind.UNLOCK: ("unlock", "release", "commit", "rollback"),
    OperationKind.BEGIN: ("start", "begin", "process", "dequeue"),
    OperationKind.END: ("done", "finish", "complete", "ack"),
}
_IRREGULAR = {
    "got": "get",
    "wrote": "write",
    "written": "write",
    "began": "begin",
    "begun": "begin",
    "swept": "sweep",
    "processing": "process",
}
_WORD = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # `deleteCart`, `cart_delete`, `DELETE`
_FOR_UPDATE = re.compile(rb"\bselect\b.*\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE | re.DOTALL)
_NEAR_BYTES = 512  # before and after the key


class Operation(NamedTuple):
    """An operation: the verb, as the table has it, or a word of the line; ``kind`` is None if it is unknown."""

    word: str
    kind: OperationKind | None


class Operations:
    """The verbs that are known. ``extra``: more of them, of ``--op``; they replace those of the table."""

    def __init__(self, extra: Mapping[str, OperationKind] | None = None) -> None:
        self._verbs: dict[str, Operation] = {}
        for kind, verbs in VERBS.items():
            for verb in verbs:
                for form in _forms(verb):
                    self._verbs[form] = Operation(verb, kind)
        for form, verb in _IRREGULAR.items():
            self._verbs[form] = self._verbs[verb]
        for word, kind in (extra or {}).items():
            self._verbs[word.lower()] = Operation(word.lower(), kind)
        self._in_lines = {
            form.encode(): operation
            for word, operation in self._verbs.items()
            for form in (word, word.upper(), word.capitalize())
        }

    def of_word(self, word: str) -> Operation:
        """Return the operation that ``word`` names."""
        word = word.strip().lower()
        return self._verbs.get(word) or Operation(word, None)

    def near(self, text: bytes, begin: int, end: int, match_begin: int) -> Operation:
        """Return the operation that ``text`` says of the key between ``begin`` and ``end``.

        It is the nearest known verb; between two of one distance the one before the key. Without one it is the word
        before the match, which begins at ``match_begin``.
        """
        known = [
            (operation, word.start(), word.end())
            for word in _WORD.finditer(text, max(0, begin - _NEAR_BYTES), end + _NEAR_BYTES)
            if (operation := self._in_lines.get(word[0])) is not None
        ]
        if len(known) > 1:
            return _nearest(text, known, begin, end)
        if known:
            return known[0][0]
        words = _WORD.findall(text, max(0, match_begin - _NEAR_BYTES), match_begin)
        return Operation(decode_utf8(words[-1]).lower() if words else "", None)


def _nearest(text: bytes, known: Sequence[tuple[Operation, int, int]], begin: int, end: int) -> Operation:
    """Return the nearest of several verbs, which have their begins and ends, to the key between two places."""
    if _FOR_UPDATE.search(text):
        return Operation("select for update", OperationKind.LOCK)
    before = [word for word in known if word[2] <= begin]
    after = [word for word in known if word[1] >= end]
    if not before or (after and begin - before[-1][2] > after[0][1] - end):
        return (after or known)[0][0]
    operation = before[-1][0]
    is_sql = operation.word == "set" and len(before) > 1 and before[-2][0].word == "update"  # UPDATE carts SET …
    return before[-2][0] if is_sql else operation


def parse_operations(texts: Sequence[str]) -> Operations:
    """Return the operations with the words of ``--op W=touch,bump``. Raises `BadInput`."""
    extra: dict[str, OperationKind] = {}
    for text in texts:
        letter, equals, words = text.partition("=")
        names = [word.strip() for word in words.split(",")]
        if not equals or letter.upper() not in list(OperationKind) or not all(names):
            letters = ", ".join(f"{kind.value} {kind.name.lower()}" for kind in OperationKind)
            raise BadInput(f"--op {text}: write a letter and words, as in W=touch,bump; the letters: {letters}")
        extra.update(dict.fromkeys(names, OperationKind(letter.upper())))
    return Operations(extra)


def _forms(verb: str) -> Iterator[str]:
    """Yield a verb and its regular forms: delete, deletes, deleted, deleting; drop, dropped, dropping."""
    yield verb
    stem = verb.removesuffix("e")
    doubled = stem + stem[-1]
    yield from (verb + "s", verb + "es", stem + "ed", stem + "ing", verb + "ed", verb + "ing")
    yield from (doubled + "ed", doubled + "ing")
