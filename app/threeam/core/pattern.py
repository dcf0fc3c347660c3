"""A pattern as a person types it, and the lines of a block of bytes that it finds.

A line is searched as it stands in the file; the escape of a byte that is no UTF-8 is not there to be found. A block is
searched as a whole where that finds the same: a literal at the speed of memmem(3), and the rest by one regular
expression, since a Python loop per line costs ten times as much.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator

from threeam.core.entry import decode
from threeam.core.journal import BadInput

# What could find another thing in a block than in each of its lines: it sees the end of the text, or looks around, or
# takes in line ends (and then runs on through the block).
_BY_LINE = re.compile(r"\\[AZDWSsBpP0-9xuUNnrvfta]|\[\^|\(\?|[\x00-\x1f]")
_STAMP = re.compile(rb"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4}\]")
_REPEAT_IN_REPEAT = re.compile(r"\([^()]*[+*}][^()]*\)[+*{]")
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")


class BadPattern(BadInput):
    """It is no regular expression; the sentence says where it is wrong."""


class Pattern:
    """A regular expression. Without ``exact`` capitals count only if there are any in it (smart case).

    ``words``: what is searched begins after the stamp; else every number would be found in some nanoseconds.
    """

    def __init__(self, text: str, *, exact: bool = False, words: bool = False) -> None:
        self.text = text
        self._words = words
        self.ignores_case = not exact and not _has_capitals(text)
        flags = re.IGNORECASE if self.ignores_case else re.NOFLAG
        if words and _REPEAT_IN_REPEAT.search(text):  # nobody could stop the screen then
            raise BadPattern(f"{text!r} has a repeat inside a repeat, which can take for ever on one line")
        by_block = text.isascii() and not _BY_LINE.search(text) and not (words and "^" in text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what may once mean something else
                self._line = re.compile(text, flags)
                self._block = re.compile(text.encode(), flags | re.MULTILINE) if by_block else None
        except (re.error, OverflowError, RecursionError) as error:
            raise BadPattern(f"{text!r} is no regular expression: {error}") from None
        self._literal = None
        if text and not _SPECIAL.search(text) and "\n" not in text and (text.isascii() or not self.ignores_case):
            self._literal = (text.lower() if self.ignores_case else text).encode("utf-8", "surrogateescape")

    def finds(self, raw: bytes) -> bool:
        """Whether it is found in a line (without its newline)."""
        if self._words and (stamp := _STAMP.match(raw)):
            raw = raw[stamp.end() :]
        if self._literal is not None:
            return self._literal in (raw.lower() if self.ignores_case else raw)
        return self._line.search(decode(raw)) is not None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where in ``text`` it is found: (begin, end), in characters."""
        return [found.span() for found in self._line.finditer(text) if found.end() > found.start()]

    def offsets(self, data: bytes) -> Iterator[int]:
        """Where the lines begin that it finds in ``data``, which is whole lines; in their order."""
        if (needle := self._literal) is not None:
            hay = data.lower() if self.ignores_case else data
            return self._found_by(lambda at: hay.find(needle, at), data)
        if (block := self._block) is not None and data.isascii():
            return self._found_by(lambda at: -1 if (found := block.search(data, at)) is None else found.start(), data)
        return self._by_line(data)

    def _found_by(self, find: Callable[[int], int], data: bytes) -> Iterator[int]:
        at = find(0)
        while 0 <= at < len(data):
            begin, end = data.rfind(b"\n", 0, at) + 1, data.find(b"\n", at)
            if self._words and (stamp := _STAMP.match(data, begin)) and at < stamp.end():
                at = find(stamp.end())  # in this line still, or further down
                if at < 0 or at > (end if end >= 0 else len(data)):
                    continue
            yield begin
            if end < 0:
                return
            at = find(end + 1)

    def _by_line(self, data: bytes) -> Iterator[int]:
        at = 0
        for raw in data.removesuffix(b"\n").split(b"\n"):
            if self.finds(raw):
                yield at
            at += len(raw) + 1


def _has_capitals(text: str) -> bool:
    return any(char.isupper() for char in re.sub(r"\\.", "", text))
