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
_TEXT_BEGIN = rf"(?m:^)(?:{_STAMP.pattern.decode()})?"
_OPERATOR = re.compile(r"[\\.^$*+?{}\[\]|()]")
_SCREEN_LIMIT = PatternLimit(2000, 250)  # about 0.6 s for a block of 256 KiB at worst
_MAX_SPANS = 500  # of one text: some patterns look at all of the rest of it for each match


class Pattern:
    """A regular expression. Without ``exact``, capitals count only if it has any (smart case). Raises `BadPattern`.

    ``skip_stamp``: for the screen. What is searched begins after the stamp; else every number would be found in the digits
    of some stamp. The pattern is smaller, since a block is searched between two keys.
    """

    def __init__(self, text: str, *, case_sensitive: bool = False, skip_stamp: bool = False) -> None:
        self.text = text
        self._skip_stamp = skip_stamp
        self.ignores_case = not case_sensitive and not has_capitals(text)
        try:
            self._regex = Regex(text, ignore_case=self.ignores_case)
        except NonlinearPattern as error:
            both = "combine two conditions (--grep A --not B; on the screen &A and then &!B)"
            raise BadPattern(f"{error}, or {both}") from None
        self._line_regex = Regex(
            text,
            ignore_case=self.ignores_case,
            line_begin=_TEXT_BEGIN if skip_stamp else LINE_BEGIN,
            match_to_line_end=True,
            limit=_SCREEN_LIMIT if skip_stamp else COMMAND_LINE_LIMIT,
        )
        self._char_pattern = b""
        if (
            not _OPERATOR.search(text)
            and text == escape_unprintable(text)
            and (text.isascii() or not self.ignores_case)
        ):
            self._char_pattern = (text.lower() if self.ignores_case else text).encode()

    @property
    def is_literal(self) -> bool:
        """Whether it is text without an operator."""
        return bool(self._char_pattern)

    def matches(self, raw: bytes) -> bool:
        """Return whether a line (without its newline) has a match."""
        if self._skip_stamp and (stamp := _STAMP.match(raw)):
            raw = raw[stamp.end() :]
        if self._char_pattern:
            return self._char_pattern in self._normalize_case(escape_invalid_utf8(raw))
        return self._regex.has_match(escape_invalid_utf8(raw))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the first matches in ``text``: where each begins and ends, in characters."""
        data = text.encode()
        spans = [(begin, end) for begin, end in islice(self._regex.spans(data), _MAX_SPANS) if begin < end]
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
            yield from self._matching_line_offsets(data)
            return
        offset = shown_offset = 0  # of the same line
        for begin in self._matching_line_offsets(shown):
            for _ in range(shown.count(b"\n", shown_offset, begin)):
                offset = data.index(b"\n", offset) + 1
            shown_offset = begin
            yield offset

    def _matching_line_offsets(self, data: bytes) -> Iterator[int]:
        last = -1  # where the last line ends that has been decided
        for start, end in self._literal_spans(data) if self._char_pattern else self._line_regex.spans(data):
            if start <= last or start >= len(data):  # after the last newline there is no line
                continue
            begin, last = data.rfind(b"\n", 0, start) + 1, end
            in_stamp = self._skip_stamp and (stamp := _STAMP.match(data, begin)) is not None and start < stamp.end()
            if not in_stamp or self.matches(data[begin:end]):
                yield begin

    def _literal_spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield for each line in which the literal is where it begins, and where the line ends."""
        folded = self._normalize_case(data)
        start = folded.find(self._char_pattern)
        while start >= 0:
            newline = data.find(b"\n", start)
            end = newline if newline >= 0 else len(data)
            yield start, end
            start = folded.find(self._char_pattern, end)

    def _normalize_case(self, data: bytes) -> bytes:
        return data.lower() if self.ignores_case else data
