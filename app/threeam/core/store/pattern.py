"""A search pattern as a user types it, and the lines of a block of bytes that match it.

A block is searched as a whole, since a Python loop over its lines takes ten times as long. No match contains a line
end, so each match lies in one line. Text without an operator is searched with memmem(3): if most lines match, a call of
the regular expression engine for each match takes four times as long.
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
_MAX_SPANS = 500  # of one text; some patterns examine the rest of the text for each match


class Pattern:
    """A regular expression. Construction raises `BadPattern`.

    Without ``case_sensitive``, case matters only if the pattern has a capital letter (smart case). ``skip_stamp``: for
    the screen: search the text after the stamp only, since every number occurs in the digits of some stamp. The limit
    of such a pattern is lower, since a block is searched between two keys.
    """

    def __init__(self, text: str, *, case_sensitive: bool = False, skip_stamp: bool = False) -> None:
        self.text = text
        self._skip_stamp = skip_stamp
        self.ignores_case = not case_sensitive and not has_capitals(text)
        try:
            self._regex = Regex(text, ignore_case=self.ignores_case)
        except NonlinearPattern as error:
            alternative = "combine two conditions (--grep A --not B; on the screen &A and then &!B)"
            raise BadPattern(f"{error}, or {alternative}") from None
        self._line_regex = Regex(
            text,
            ignore_case=self.ignores_case,
            line_begin=_TEXT_BEGIN if skip_stamp else LINE_BEGIN,
            match_to_line_end=True,
            limit=_SCREEN_LIMIT if skip_stamp else COMMAND_LINE_LIMIT,
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
        """True if the pattern is text without an operator."""
        return bool(self._literal)

    def matches(self, raw: bytes) -> bool:
        """Return whether a line (without its newline) has a match."""
        if self._skip_stamp and (stamp := _STAMP.match(raw)):
            raw = raw[stamp.end() :]
        if self._literal:
            return self._literal in self._normalize_case(escape_invalid_utf8(raw))
        return self._regex.has_match(escape_invalid_utf8(raw))

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the begin and end (in characters) of the first matches in ``text``, at most 500."""
        data = text.encode()
        spans = [(begin, end) for begin, end in islice(self._regex.spans(data), _MAX_SPANS) if begin < end]
        if text.isascii():
            return spans
        char_spans: list[tuple[int, int]] = []
        byte_offset = char_offset = 0  # of the same character
        for begin, end in spans:
            char_begin = char_offset + len(data[byte_offset:begin].decode())
            byte_offset, char_offset = end, char_begin + len(data[begin:end].decode())
            char_spans.append((char_begin, char_offset))
        return char_spans

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        """Yield the index of each line of ``data``, which is whole lines, that has a match; in their order."""
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
        last_end = -1  # of the last line that was checked
        for start, end in self._literal_spans(data) if self._literal else self._line_regex.spans(data):
            if start <= last_end or start >= len(data):  # after the last newline there is no line
                continue
            begin, last_end = data.rfind(b"\n", 0, start) + 1, end
            in_stamp = self._skip_stamp and (stamp := _STAMP.match(data, begin)) is not None and start < stamp.end()
            if not in_stamp or self.matches(data[begin:end]):
                yield begin

    def _literal_spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield for each line with the literal the index of the literal and that of the line's end."""
        normalized = self._normalize_case(data)
        start = normalized.find(self._literal)
        while start >= 0:
            newline = data.find(b"\n", start)
            end = newline if newline >= 0 else len(data)
            yield start, end
            start = normalized.find(self._literal, end)

    def _normalize_case(self, data: bytes) -> bytes:
        return data.lower() if self.ignores_case else data
