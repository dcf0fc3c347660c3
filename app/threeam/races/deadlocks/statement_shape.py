"""The shape of an SQL statement: its text without literals, so that statements of one origin are equal."""

from __future__ import annotations

import re
from collections import deque
from enum import Enum

CUT_BYTES = 1000  # servers cut the statements of a report at 1,023 or 1,024 bytes, unless they are told otherwise
_CUT_SHAPE = 500  # characters of the shape of a cut statement: literals of other lengths move the place of the cut

_COMMENT = r"(?P<comment>--[^\n]*|/\*(?s:.)*?(?:\*/|\Z))"
_NUMBER = r"(?P<literal>{strings}|\$\d+|(?:\d|\.\d)(?:[\w.]|(?<=[eE])[+-](?=\d))*)"
_REST = r"(?P<word>{names}|[^\W\d][\w$]*)|(?P<space>\s+)|(?P<other>(?s:.))"
_POSTGRESQL_STRINGS = (
    r"[eE]'(?:[^'\\]|\\(?s:.)|'')*(?:'|\\?\Z)"
    r"|(?:[nNbBxX]|[uU]&)?'(?:[^']|'')*(?:'|\Z)"
    r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$(?s:.)*?(?:\$(?P=tag)\$|\Z)"
)
_MYSQL_STRINGS = (
    r"(?:_\w+\s*|[nNbBxX])?(?:'(?:[^'\\]|\\(?s:.)|'')*(?:'|\\?\Z)|\"(?:[^\"\\]|\\(?s:.)|\"\")*(?:\"|\\?\Z))"
)

_SIGN = re.compile(r"([=(,<>] ?)[-+] ?(?=\?)")
_LIST = re.compile(r"\?(?: ?, ?\?)+")
_IN = re.compile(r"(\bIN ?)\(\?\)", re.IGNORECASE)
_ROWS = re.compile(r"(\([^()]*\))(?: ?, ?\1)+")


class Dialect(Enum):
    """The SQL of a server: what is a string in it. The value: the pattern of the tokens of a statement."""

    POSTGRESQL = re.compile(
        "|".join((_COMMENT, _NUMBER.format(strings=_POSTGRESQL_STRINGS), _REST.format(names=r'"(?:[^"]|"")*"?')))
    )
    MYSQL = re.compile(
        "|".join(
            (_COMMENT, r"(?P<hash>\#[^\n]*)", _NUMBER.format(strings=_MYSQL_STRINGS), _REST.format(names="`[^`]*`?"))
        )
    )


def statement_shape(statement: str, dialect: Dialect) -> str:
    """Return ``statement`` in one line, with ``?`` for each literal, without comments.

    Lists and rows of literals are equal, whatever their number. Of a statement that the server may have cut, only the
    beginning counts.
    """
    parts = list[str]()
    for token in dialect.value.finditer(statement):
        match token.lastgroup:
            case "literal":
                parts.append("?")
            case "space" | "comment" | "hash":
                if parts and parts[-1] != " ":
                    parts.append(" ")
            case _:
                parts.append(token[0])
    shape = _SIGN.sub(r"\1", "".join(parts).strip(" ;"))
    shape = _IN.sub(r"\1(?…)", _ROWS.sub(r"\1", _LIST.sub("?…", shape)))
    if len(statement.encode("utf-8", "surrogatepass")) >= CUT_BYTES and len(shape) > _CUT_SHAPE:
        shape = f"{shape[:_CUT_SHAPE]}…"
    return shape


def ends_in_string(statement: str, dialect: Dialect) -> bool:
    """Return whether ``statement`` ends inside a string that is not closed."""
    last = deque(dialect.value.finditer(statement), maxlen=1)
    if not last or last[0].lastgroup != "literal":
        return False
    longer = dialect.value.match(f"{statement}\n", last[0].start())
    return longer is not None and longer.end() > len(statement)
