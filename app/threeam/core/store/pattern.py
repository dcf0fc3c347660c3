"""A pattern as a person types it, and the lines of a block of bytes that have a match.

A block is searched as a whole, since a Python loop over its lines costs ten times as much. No match contains a line
end, so each one lies in one line. Text without an operator is searched with memmem(3): where most lines have a match,
a call of the engine for each costs four times as much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from threeam.core.errors import BadPattern, NonlinearPattern
from threeam.core.format.entry import escape_unprintable
from threeam.core.store.regex import (
    COMMAND_LINE_LIMIT,
    LINE_BEGIN,
    PatternLimit,
    Regex,
    escape_invalid_utf8,
    has_capitals,
)

__all__ = ["BadPattern", "Pattern"]

_STAMP = re.compile(rb"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}[+-]\d{4}\]")
_AFTER_STAMP = rf"(?m:^)(?:{_STAMP.pattern.decode()})?"
_OPERATOR = re.compile(r"[\\.^$*+?{}\[\]|()]")
_SCREEN = PatternLimit(2000, 250)  # about 0.6 s for a block of 256 KiB at worst
_MOST_SPANS = 500  # of one text: some patterns look at all of the rest of it for each match


class Pattern:
    """A regular expression. Without ``exact``, capitals count only if it has any (smart case). Raises `BadPattern`.

    ``words``: for the screen. What is searched begins after the stamp; else every number would be found in the digits
    of some stamp. The pattern is smaller, since a block is searched between two keys.
    """

    def __init__(self, text: str, *, exact: bool = False, words: bool = False) -> None:
        self.text = text
        self._words = words
        self.ignores_case = not exact and not has_capitals(text)
        try:
            self._regex = Regex(text, ignore_case=self.ignores_case)
        except NonlinearPattern as error:
            both = "combine two conditions (--grep A --not B; on the screen &A and then &!B)"
            raise BadPattern(f"{error}, or {both}") from None
        self._lines = Regex(
            text,
            ignore_case=self.ignores_case,
            line_begin=_AFTER_STAMP if words else LINE_BEGIN,
            whole_line=True,
            limit=_SCREEN if words else COMMAND_LINE_LIMIT,
        )
        self._literal = b""
        if (
            not _OPERATOR.search(text)
            and text == escape_unprintable(text)
            and (text.isascii() or not self.ignores_case)
        ):
            self._literal = (text.lower() if self.ignores_case else text).encode()

    @property
    def is_literal(self) -> bool:
        """Whether it is text without an operator."""
        return bool(self._literal)

    def matches(self, raw: bytes) -> bool:
        """Return whether a line (without its newline) has a match."""
        if self._words and (stamp := _STAMP.match(raw)):
            raw = raw[stamp.end() :]
        if self._literal:
            return self._literal in self._folded(escape_invalid_utf8(raw))
        return self._regex.has_match(escape_invalid_utf8(raw))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the first matches in ``text``: where each begins and ends, in characters."""
        data = text.encode()
        spans = [(begin, end) for begin, end in islice(self._regex.spans(data), _MOST_SPANS) if begin < end]
        if text.isascii():
            return spans
        characters, offset, count = list[tuple[int, int]](), 0, 0
        for begin, end in spans:
            first = count + len(data[offset:begin].decode())
            offset, count = end, first + len(data[begin:end].decode())
            characters.append((first, count))
        return characters

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        """Yield where the lines begin that have a match in ``data``, which is whole lines; in their order."""
        shown = escape_invalid_utf8(data)
        if shown is data:
            yield from self._offsets(data)
            return
        offset = shown_offset = 0  # of the same line
        for begin in self._offsets(shown):
            for _ in range(shown.count(b"\n", shown_offset, begin)):
                offset = data.index(b"\n", offset) + 1
            shown_offset = begin
            yield offset

    def _offsets(self, data: bytes) -> Iterator[int]:
        last = -1  # where the last line ends that has been decided
        for start, end in self._find_literal(data) if self._literal else self._lines.spans(data):
            if start <= last or start >= len(data):  # after the last newline there is no line
                continue
            begin, last = data.rfind(b"\n", 0, start) + 1, end
            in_stamp = self._words and (stamp := _STAMP.match(data, begin)) is not None and start < stamp.end()
            if not in_stamp or self.matches(data[begin:end]):
                yield begin

    def _find_literal(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield for each line in which the literal is where it begins, and where the line ends."""
        folded = self._folded(data)
        start = folded.find(self._literal)
        while start >= 0:
            newline = data.find(b"\n", start)
            end = newline if newline >= 0 else len(data)
            yield start, end
            start = folded.find(self._literal, end)

    def _folded(self, data: bytes) -> bytes:
        return data.lower() if self.ignores_case else data
