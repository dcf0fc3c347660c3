"""Patterns for the value of a secret, and for the rest of a value whose beginning was replaced."""

from __future__ import annotations

COLOUR = r"(?:\x1b\[[0-9;:]*m)*+"  # of a terminal, around a word and before a value
BLANK = rf"[ \t]*+{COLOUR}[ \t]*+"
_QUOTED_STRING = r"(?:\"(?:\\.|[^\"\\\n])*+\"?|'(?:\\.|[^'\\\n])*+'?)"
# JSON in a string of JSON has a backslash before its quotes, or three. The closing quote is not part of the match.
_ESCAPED_STRING = r"(?P<escape>\\{1,16})[\"'](?:(?!(?<!\\)(?P=escape)[\"'])[^\n])*+"
_LIST = (
    rf"(?:\[\s{{0,512}}{_QUOTED_STRING}(?:\s{{0,512}},\s{{0,512}}{_QUOTED_STRING})*+\s{{0,512}},?\s{{0,512}}\]?"
    rf"|[\[(][^\])\n]{{1,1024}}+[\])])"
)
# To the end of the word, without a separator, bracket or quote at its end.
WORD = (
    r"(?:[^\s\"'`,;&)}\]\\]|\\[^\s\"']|,(?=[^\s\"'`)}\],])|[;&](?![\w.-]{1,64}=)(?=[^\s\"'`)}\];&])"
    r"|[`)}\]](?=[^\s\"'`,;&)}\]])"
    r"|\"(?=[^\s\"',;:&)}\]|>])(?:\\.|[^\"\\\n]){1,4096}+\"|'(?=[^\s\"',;:&)}\]|>])[^'\n]{1,4096}+')++"
)
VALUE = rf"(?:{_ESCAPED_STRING}|{_LIST}|{_QUOTED_STRING}|{WORD})"
QUOTED_REST = {'"': r"(?:\\.|[^\"\\\n])*+\"?", "'": r"(?:\\.|[^'\\\n])*+'?"}  # after the first part of a long value
LIST_REST = rf"(?:\s{{0,512}},?\s{{0,512}}{_QUOTED_STRING})*+\s{{0,512}},?\s{{0,512}}\]?"
WORD_REST = rf"(?:{WORD})?"
