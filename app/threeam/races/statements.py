"""The statement of SQL in a line: what it does, and to which table."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from threeam.core.store.regex import Regex

# The begin of a statement, which says what it does; its columns and values may be verbs: SET status = 'deleted'.
_OTHER_STATEMENT = rb"\b(?:insert\s|replace\s+into|update\s|delete\s+from|select\s)"  # of the line before it
_STATEMENT = re.compile(
    rb"\b(?:(?P<insert>insert)\s+(?:\w+\s+)?into|(?P<replace>replace)\s+into|(?P<update>update)\s+(?:\S{1,99}\s+){1,4}?set"
    rb"|(?P<delete>delete)\s+from|(?P<select>select)\s(?:(?!" + _OTHER_STATEMENT + rb")[^;]){1,500}?\sfrom)\b",
    re.IGNORECASE,
)
STATEMENT_MARK = r"(?i:\s(?:from|into|set)\s)"  # for RE2: each line with such a statement has it
_TABLE = re.compile(
    rb"\s+(?:(?:only|low_priority|ignore|or\s+\w+)\s+)*[`\"\[]?(?:[\w$]+[`\"\]]?\.[`\"\[]?)?(?P<table>[\w$]+)",
    re.IGNORECASE,
)
_STATEMENT_BYTES = 16 * 1024  # before the key
_LOCKING = re.compile(rb"\bfor\s+(?:no\s+key\s+)?update\b", re.IGNORECASE)
_NOT_EXECUTED = re.compile(rb"\bduration: [\d.]+ ms  (?P<step>parse|bind) \S{1,80}: ")  # of PostgreSQL


class Statement(NamedTuple):
    """A statement: its verb in lower case, and the table as it is written.

    ``verb``: ``select for update`` if it locks the rows; ``parse`` or ``bind`` if the server only prepares it.
    """

    verb: str
    table: bytes


@cache
def _mark() -> Regex:
    return Regex(STATEMENT_MARK)


def find_statement(text: bytes, key_begin: int) -> Statement | None:
    """Return the statement that has the key at ``key_begin``, the innermost one; None if there is no statement."""
    begin = max(0, key_begin - _STATEMENT_BYTES)
    if not _mark().has_match(text[begin:key_begin]):
        return None
    found: re.Match[bytes] | None = None
    for statement in _STATEMENT.finditer(text, begin, key_begin):
        if b";" not in text[statement.end() : key_begin] and _is_open(text[statement.start() : key_begin]):
            found = statement
    if found is None:
        return None
    assert found.lastgroup is not None
    if (step := _NOT_EXECUTED.search(text, begin, found.start())) is not None:
        return Statement(step["step"].decode(), b"")
    name_begin = found.end(found.lastgroup) if found.lastgroup == "update" else found.end()
    name = _TABLE.match(text, name_begin)
    verb = "select for update" if found.lastgroup == "select" and _LOCKING.search(text, key_begin) else found.lastgroup
    return Statement(verb, name["table"] if name else b"")


def _is_open(text: bytes) -> bool:
    """Return whether no parenthesis of ``text`` closes one that was open before it."""
    depth = 0
    for parenthesis in re.findall(rb"[()]", text):
        depth += 1 if parenthesis == b"(" else -1
        if depth < 0:
            return False
    return True
