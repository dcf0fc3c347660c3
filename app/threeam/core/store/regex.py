"""Regular expressions that a user types, matched by RE2: in linear time, whatever the pattern.

The standard library's engine backtracks: `.*id.*timeout` on one line of 60 KB takes hours, during which a screen
handles no key and a command no signal.

A pattern is written as for `re`, and is translated to RE2's syntax. It differs from `re` in five ways. It has no
lookaround and no backreference: these cannot be matched in linear time. It has no possessive quantifier and no atomic
group: they only limit backtracking. The classes of letters, digits, blanks and word boundaries (``\\w \\d \\s \\b``)
are those of ASCII. A newline is never matched. A character that is shown as an escape (``\\u200b``) is also found by
that escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from threeam.core.errors import BadPattern, NonlinearPattern
from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.core.store.plain_pattern import plain_pattern


class PatternLimit(NamedTuple):
    """The limit of a pattern's size.

    ``max_instructions``: of the RE2 program that it compiles to. ``max_copies``: characters and classes that its
    counted repetitions add. RE2 falls back to a slow engine if it has to track many of the copies at each character of
    the text. It then needs about 5 ns for each copy and each character.
    """

    max_instructions: int
    max_copies: int


COMMAND_LINE_LIMIT = PatternLimit(20_000, 1000)  # about 2 s for 256 KiB at worst
LINE_BEGIN = "(?m:^)"
_LINE_END = r"(?:\r?(?m:$))"  # a line of a log from Windows ends before its carriage return

# The tokens of a pattern. ``shown``: an escaped backslash and the rest of an escape of `escape_unprintable`.
_TOKEN = re.compile(
    r"""
    (?P<shown>\\\\(?:t|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))
    | \\x(?P<hex>[0-9a-fA-F]{2}) | \\u(?P<four>[0-9a-fA-F]{4}) | \\U(?P<eight>[0-9a-fA-F]{8})
    | \\(?P<octal>0[0-7]{0,2}|[1-3][0-7]{2})
    | (?P<property>\\[pP](?:\{[^}]*\}|.))
    | (?P<possessive>(?:[*+?]|\{(?:\d+(?:,\d*)?|,\d*)\})\+)
    | (?P<repeat>\{(?:\d+(?:,\d*)?|,\d*)\})
    | (?P<refused>\(\?(?:[=!>(|&R\#]|<[=!]|P=|P>|[+-]?\d))
    | (?P<open>\(\?(?:P?<\w*>|[A-Za-z-]*[:)]))
    | \\(?P<escape>.)
    | (?P<char>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLASS_TOKEN = re.compile(r"(?P<posix>\[:\^?\w+:\])|" + _TOKEN.pattern, re.VERBOSE | re.DOTALL)
_CONTROL_ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CLASS_ESCAPES = "bBdDsSwW"
_NONLINEAR_OPERATORS = {
    "(?=": "a lookahead",
    "(?!": "a lookahead",
    "(?<=": "a lookbehind",
    "(?<!": "a lookbehind",
    "(?P=": "a backreference",
    "(?(": "a condition",
}
_UNSUPPORTED_OPERATORS = {
    "(?>": "an atomic group, which RE2 does not support: write (?:…), which takes no longer here",
    "(?|": "a branch reset group, which RE2 does not support: write (?:…)",
    "(?#": "a comment, which RE2 does not support: leave it out",
}


class Regex:
    """A compiled pattern. Construction raises `BadPattern`.

    ``line_begin``: the translation of ``^``, in RE2's syntax. ``match_to_line_end``: extend each match to the end of
    its line. ``limit``: of its size. Data to be searched must be UTF-8: see `escape_invalid_utf8`.
    """

    def __init__(
        self,
        text: str,
        *,
        ignore_case: bool = False,
        line_begin: str = LINE_BEGIN,
        match_to_line_end: bool = False,
        limit: PatternLimit = COMMAND_LINE_LIMIT,
    ) -> None:
        translated = _translate(text, line_begin)
        self._compiled = _compile(text, translated, ignore_case)
        if match_to_line_end:
            self._compiled = _compile(text, f"(?:{translated}).*", ignore_case)
        _check_limit(text, self._compiled, limit)

    def has_match(self, data: bytes) -> bool:
        """Return whether ``data`` has a match."""
        return self._compiled.search(data) is not None

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield the begin and end of each match."""
        return (match.span() for match in self._compiled.finditer(data))


class CapturingRegex:
    """A pattern with a group, of which the text is wanted: the group ``name``, or the only group without a name.

    Construction raises `BadPattern`. It is slower than a `Regex`.
    """

    def __init__(self, text: str, name: str) -> None:
        self._compiled = _compile(text, _translate(text, LINE_BEGIN), ignore_case=False, captures=True)
        names = self._compiled.groupindex
        if name not in names and (names or self._compiled.groups != 1):
            raise BadPattern(f"{text!r} needs a group that is the {name}: 'id=(\\w+)', or 'id=(?P<{name}>\\w+)'")
        _check_limit(text, self._compiled, COMMAND_LINE_LIMIT)
        self._group = names.get(name, 1)

    def capture(self, data: bytes) -> bytes | None:
        """Return the text of the group in the first match in ``data``; None without a match or a text."""
        match = self._compiled.search(escape_invalid_utf8(data))
        return match.group(self._group) or None if match is not None else None

    def captures_by_line(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield what `capture` returns for each line of ``data`` that has it, with an offset in that line.

        ``data`` must be UTF-8. This takes a third of the time of a call for each line.
        """
        line_end = -1
        for match in self._compiled.finditer(data):
            begin, end = match.span(self._group)  # one call: each takes as long as the search in a short line
            start = match.start() if begin < 0 else begin
            if start <= line_end:
                continue
            line_end = data.find(b"\n", start)
            if line_end < 0:
                line_end = len(data)
            if begin < end:
                yield begin, data[begin:end]


class Match(Protocol):
    """A match of a pattern."""

    def span(self, group: int = 0) -> tuple[int, int]:
        """Return the begin and end of a group, (-1, -1) if it has no text; 0 is the whole match."""


class GroupRegex:
    """A pattern of which several groups are wanted, each with its place. Construction raises `BadPattern`.

    ``begins_word``: a match does not begin inside a word. ``names``: the number of each named group. ``groups``: how
    many groups there are. It is slower than a `Regex`.
    """

    def __init__(self, text: str, *, begins_word: bool = False) -> None:
        translated = _translate(text, LINE_BEGIN)
        if begins_word:
            translated = rf"\b(?:{translated})"
        self._compiled = _compile(text, translated, ignore_case=False, captures=True)
        _check_limit(text, self._compiled, COMMAND_LINE_LIMIT)
        self.names: Mapping[str, int] = dict(self._compiled.groupindex)
        self.groups: int = self._compiled.groups
        self._plain = plain_pattern(text, begins_word=begins_word)

    def matches(self, data: bytes) -> Iterator[Match]:
        """Yield each match in ``data``, which must be UTF-8: see `escape_invalid_utf8`."""
        return (self._plain or self._compiled).finditer(data)


def escape_invalid_utf8(data: bytes) -> bytes:
    """Return ``data`` with each undecodable byte replaced by the escape that is shown for it. Line ends stay."""
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return decode_utf8(data).encode()
    return data


def has_capitals(text: str) -> bool:
    """Return whether the pattern ``text`` has a capital letter that stands for itself."""
    return any((match["char"] or "").isupper() for match in _TOKEN.finditer(text))


def _compile(text: str, translated: str, ignore_case: bool, *, captures: bool = False) -> Any:
    import re2  # here, since `3am log` and the first screen do not need it

    options = re2.Options()
    options.case_sensitive = not ignore_case
    options.log_errors = False  # it would print them on stderr
    options.never_capture = not captures  # matching without groups is much faster
    options.never_nl = True
    try:
        return re2.compile(translated, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise BadPattern(f"{text!r} is not a regular expression: {_error_reason(error, text)}") from None


def _check_limit(text: str, compiled: Any, limit: PatternLimit) -> None:
    if compiled.programsize > limit.max_instructions or _count_copies(text) > limit.max_copies:
        raise BadPattern(f"{text!r} is too large a pattern: write smaller numbers of repetitions, or fewer words")


def _error_reason(error: Exception, text: str) -> str:
    """Return RE2's message, without the part of the translated pattern that is not in ``text``."""
    message = error.args[0] if error.args else str(error)
    sentence = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
    reason, colon, part = sentence.partition(": ")
    return sentence if colon and part in text else reason


def _translate(text: str, line_begin: str) -> str:
    """Return the pattern ``text`` in RE2's syntax."""
    pieces: list[str] = []
    index = 0
    while index < len(text):
        match = _TOKEN.match(text, index)
        assert match is not None  # the last alternative is any character
        index = match.end()
        if match["char"] == "[":
            piece, index = _translate_class(text, index)
            pieces.append(piece)
        else:
            pieces.append(_translate_token(text, match, line_begin))
    return "".join(pieces)


def _translate_token(text: str, match: re.Match[str], line_begin: str) -> str:
    """Return the translation of a token outside of a class."""
    if match["refused"] in _UNSUPPORTED_OPERATORS:
        raise BadPattern(f"{text!r} has {_UNSUPPORTED_OPERATORS[match['refused']]}")
    if match["refused"]:
        raise _nonlinear_pattern(text, _NONLINEAR_OPERATORS.get(match["refused"], "a recursion"))
    if match["possessive"]:
        greedy = match[0][:-1]
        raise BadPattern(
            f"{text!r} has a possessive quantifier, {match[0]}, which RE2 does not support: "
            f"write {greedy}, which takes no longer here"
        )
    if match["property"] or match["open"]:
        return match[0]
    if match["repeat"]:
        return match[0].replace("{,", "{0,")  # to RE2 `{,3}` is four characters
    if match["shown"]:
        return _escape_pattern(match["shown"][1:])
    char = _literal_char(text, match)
    if char is not None and match["hex"] and char >= "\x80":  # or an undecodable byte, shown as this escape
        return f"(?:{_quote(char)}|{_quote(match[0].lower())})"
    if char is not None:
        return _char_pattern(char)
    match match["escape"] or match["char"]:
        case "^" | "A":
            return line_begin
        case "$" | "Z" | "z":
            return _LINE_END
        case "b" | "B" if match["escape"] and not (text[: match.start()][-1:] + text[match.end() :][:1]).isascii():
            raise BadPattern(
                f"{text!r} has {match[0]} beside a letter that is not ASCII, where it does not work: leave it out"
            )
        case _:
            return match[0]


def _count_copies(text: str) -> int:
    """Return how many characters and classes the counted repetitions of the valid pattern ``text`` add to it."""
    typed = 0  # characters and classes
    open_groups: list[int] = []  # for each: the expanded size before it, in the group around it
    before = last = 0  # in the innermost group: the expanded size before its last item, and that of this item
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        assert match is not None
        offset = match.end()
        if match["repeat"]:
            last *= max(map(int, re.findall(r"\d+", match[0])), default=1)
        elif match["char"] == "(" or (match["open"] and match[0][-1] != ")"):
            open_groups.append(before + last)
            before = last = 0
        elif match["char"] == ")" and open_groups:
            before, last = open_groups.pop(), before + last
        elif (match["char"] or "") not in ("", *"*+?|^$") or not (match["char"] or match["open"]):
            if match["char"] == "[":
                offset = _translate_class(text, offset)[1]
            before, last, typed = before + last, 1, typed + 1
    return before + last - typed


def _translate_class(text: str, index: int) -> tuple[str, int]:
    """Return the translation of the class whose ``[`` is before ``index``, and the index after the class."""
    pieces = ["["]
    if text.startswith("^", index):
        pieces.append("^")
        index += 1
    first = index
    while index < len(text) and (text[index] != "]" or index == first):
        match = _CLASS_TOKEN.match(text, index)
        assert match is not None
        if match["shown"]:  # in a class, this is an escaped backslash and other characters
            pieces.append(r"\\")
            index += 2
            continue
        if match["refused"] or match["open"] or match["repeat"] or match["possessive"]:
            pieces.append(_quote(text[index]))
            index += 1
            continue
        index = match.end()
        char = None if match["posix"] or match["property"] else _literal_char(text, match, in_class=True)
        if char is not None and "\ud800" <= char <= "\udfff":
            raise BadPattern(f"{text!r} is not a regular expression: an undecodable byte cannot be in brackets")
        pieces.append(match[0] if char is None else _quote(char))
    if index < len(text):
        pieces.append("]")
        index += 1
    return "".join(pieces), index


def _literal_char(text: str, match: re.Match[str], *, in_class: bool = False) -> str | None:
    """Return the character that a token stands for; None if it is an operator, a class or an anchor."""
    number = match["hex"] or match["four"] or match["eight"]
    if number or match["octal"]:
        code = int(number, 16) if number else int(match["octal"], 8)
        if code > 0x10FFFF:
            raise BadPattern(f"{text!r} is not a regular expression: there is no character {match[0]}")
        return chr(code)
    if (escape := match["escape"]) is not None:
        if escape in _CONTROL_ESCAPES:
            return _CONTROL_ESCAPES[escape]
        if escape in _CLASS_ESCAPES or (escape in "AZz" and not in_class):
            return None
        if "1" <= escape <= "9" or (escape in "gk" and not in_class):
            raise _nonlinear_pattern(text, "a backreference")
        if escape.isascii() and escape.isalnum():
            raise BadPattern(f"{text!r} is not a regular expression: there is no escape {match[0]}")
        return escape
    char: str = match["char"]
    return None if char in ("-" if in_class else r"\.^$*+?{}[]|()") else char


def _char_pattern(char: str) -> str:
    """Return a pattern for ``char``, and for its escape if it is shown as one."""
    shown = escape_unprintable(char)
    if shown == char:
        return _quote(char)
    if "\ud800" <= char <= "\udfff":  # an undecodable byte, which `escape_invalid_utf8` replaces
        return _quote(shown)
    return f"(?:{_quote(char)}|{_quote(shown)})"


def _escape_pattern(shown: str) -> str:
    """Return a pattern for the escape ``shown``, and for the character that is shown as this escape if there is one."""
    code = int(shown[2:] or "9", 16)  # \t has no digits
    if code <= 0x10FFFF and escape_unprintable(chr(code)) == shown:
        return _char_pattern(chr(code))
    return _quote(shown)


def _quote(chars: str) -> str:
    """Return a pattern that matches ``chars`` and nothing else."""
    return "".join(char if char.isalnum() or not char.isascii() else f"\\x{{{ord(char):x}}}" for char in chars)


def _nonlinear_pattern(text: str, operator: str) -> NonlinearPattern:
    return NonlinearPattern(f"{text!r} has {operator}, which cannot be matched in linear time: write the words out")
