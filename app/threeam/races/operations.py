"""The operations that lines name: a table of verbs, and the rule by which a line is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import decode_utf8
from threeam.core.store.regex import Regex
from threeam.races.access import OperationKind

VERBS: Mapping[OperationKind, tuple[str, ...]] = {
    OperationKind.READ: ("select", "get", "read", "fetch", "load", "exists"),
    OperationKind.WRITE: ("update", "set", "write", "put", "save", "replace", "incr", "increment", "decr", "decrement"),
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
_FIELD = re.compile(
    rb"\w*(?:\s?=(?!=)|[\"']\s?:)\s?[\"']?(?![{[])"
)  # of `updated_by=bob`, `deleted = 1`, `"deleted":false`
# The begin of a statement, which says what it does; its columns and values may be verbs: SET status = 'deleted'.
_OTHER_STATEMENT = rb"\b(?:insert\s|replace\s+into|update\s|delete\s+from|select\s)"  # of the line before it
_STATEMENT = re.compile(
    rb"\b(?:(?P<insert>insert)\s+(?:\w+\s+)?into|(?P<replace>replace)\s+into|(?P<update>update)\s+(?:\S{1,99}\s+){1,4}?set"
    rb"|(?P<delete>delete)\s+from|(?P<select>select)\s(?:(?!" + _OTHER_STATEMENT + rb")[^;]){1,500}?\sfrom)\b",
    re.IGNORECASE,
)
STATEMENT_MARK = r"(?i:\s(?:from|into|set)\s)"  # for RE2: each line with such a statement has it
_STATEMENT_BYTES = 16 * 1024  # before the key
_LOCKING = re.compile(rb"\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE)
_FOR_UPDATE = re.compile(rb"\bselect\b.*\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE | re.DOTALL)
_NEAR_BYTES = 512  # before and after the key
_WORDS_AROUND, _MAX_AROUND = 3, 20_000  # of a text around a key that is remembered, and how many texts are


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
        # The operations of lines by the text around their keys: most lines are of a few shapes.
        self._around: dict[tuple[bytes, bytes, int], Operation] = {}
        self._in_lines = {
            form.encode(): operation
            for word, operation in self._verbs.items()
            for form in (word, word.upper(), word.capitalize())
        }

    def of_word(self, word: str) -> Operation:
        """Return the operation that ``word`` names."""
        word = word.strip().lower()
        return self._verbs.get(word) or Operation(word, None)

    def near(self, text: bytes, begin: int, end: int, match_begin: int, *, may_be_statement: bool = True) -> Operation:
        """Return the operation that ``text`` says of the key between ``begin`` and ``end``.

        It is the verb nearest to the match, which begins at ``match_begin``; of two that are as near, the one before
        it. Without one it is the word before the match. In a statement of SQL it is the verb of the statement.
        ``may_be_statement``: whether `STATEMENT_MARK` may match the text.
        """
        is_statement = may_be_statement and _statement_mark().has_match(text)
        if is_statement or b"or update" in text or b"OR UPDATE" in text:
            return self._read_near(text, begin, end, match_begin)
        before, after = text[_blank_before(text, match_begin) : begin], text[end : _blank_after(text, end)]
        name_length = begin - match_begin  # `cart=` does not part a verb from the key
        operation = self._around.get((before, after, name_length))
        if operation is None:
            operation = self._read_near(text, begin, end, match_begin)
            is_whole = begin == len(before), end + len(after) == len(text)
            if len(self._around) < _MAX_AROUND and self._is_decided_by(before, after, name_length, is_whole):
                self._around[before, after, name_length] = operation
        return operation

    def _is_decided_by(self, before: bytes, after: bytes, name_length: int, is_whole: tuple[bool, bool]) -> bool:
        """Return whether the nearest verb is in the text ``before`` the key or ``after`` it, whatever surrounds them.

        No word of them is cut. ``is_whole``: whether each goes up to the begin and the end of the line.
        """
        words = [
            (
                max(0, len(before) - name_length - word.end()),
                word[0],
                _is_field(before, word.end(), len(before)),
                len(after),
                is_whole[1],
            )
            for word in _WORD.finditer(before)
        ]
        words += [
            (word.start(), word[0], _is_field(after, word.end()), len(before) - name_length, is_whole[0])
            for word in _WORD.finditer(after)
        ]
        for distance, word, is_field, other_length, is_other_whole in sorted(words):
            if distance > other_length and not is_other_whole:
                return False
            if word in self._in_lines and not is_field:
                return is_whole[1] or not after.rstrip().endswith(word)  # a `=` may follow it
        return False

    def _read_near(self, text: bytes, begin: int, end: int, match_begin: int) -> Operation:
        if (verb := _statement_verb(text, begin)) is not None:
            is_locking = verb == "select" and _LOCKING.search(text, end)
            return Operation("select for update", OperationKind.LOCK) if is_locking else self._verbs[verb]
        known = [
            (operation, word.start(), word.end())
            for word in _WORD.finditer(text, max(0, begin - _NEAR_BYTES), end + _NEAR_BYTES)
            if (operation := self._in_lines.get(word[0])) is not None and not _is_field(text, word.end(), begin)
        ]
        if len(known) > 1:
            return _nearest(text, known, (match_begin, begin), end)
        if known:
            return known[0][0]
        words = _WORD.findall(text, max(0, match_begin - _NEAR_BYTES), match_begin)
        return Operation(decode_utf8(words[-1]).lower() if words else "", None)


def _blank_before(text: bytes, end: int) -> int:
    """Return the place of the blank before the last words that end at ``end``; 0 if there are fewer."""
    place = end
    for _ in range(_WORDS_AROUND):
        place = text.rfind(b" ", 0, place)
        if place <= 0:
            return 0
    return place


def _blank_after(text: bytes, begin: int) -> int:
    """Return the place after the blank behind the first words from ``begin`` on; the end if there are fewer."""
    place = begin
    for _ in range(_WORDS_AROUND):
        place = text.find(b" ", place) + 1
        if not place:
            return len(text)
    return place


def _nearest(text: bytes, known: Sequence[tuple[Operation, int, int]], begins: tuple[int, int], end: int) -> Operation:
    """Return the nearest of several verbs, which have their begins and ends, to a key.

    ``begins``: of the match and of the key.
    """
    match_begin, begin = begins
    if _FOR_UPDATE.search(text):
        return Operation("select for update", OperationKind.LOCK)
    before = [word for word in known if word[2] <= begin]
    after = [word for word in known if word[1] >= end]
    if not before or (after and match_begin - before[-1][2] > after[0][1] - end):
        return (after or known)[0][0]
    return before[-1][0]


def _is_field(text: bytes, word_end: int, key_begin: int = -1) -> bool:
    """Return whether the word that ends at ``word_end`` is the name of a field whose value is not the key."""
    field = _FIELD.match(text, word_end)
    return field is not None and field.end() != key_begin


@cache
def _statement_mark() -> Regex:
    return Regex(STATEMENT_MARK)


def _statement_verb(text: bytes, key_begin: int) -> str | None:
    """Return the verb of the statement of SQL that has the key, the innermost one; None if there is no statement."""
    begin = max(0, key_begin - _STATEMENT_BYTES)
    if not _statement_mark().has_match(text[begin:key_begin]):
        return None
    verb = None
    for statement in _STATEMENT.finditer(text, begin, key_begin):
        if b";" not in text[statement.end() : key_begin] and _is_open(text[statement.start() : key_begin]):
            verb = statement.lastgroup
    return verb


def _is_open(text: bytes) -> bool:
    """Return whether no parenthesis of ``text`` closes one that was open before it."""
    depth = 0
    for parenthesis in re.findall(rb"[()]", text):
        depth += 1 if parenthesis == b"(" else -1
        if depth < 0:
            return False
    return True


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
