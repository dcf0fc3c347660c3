"""Which lines are wanted: by text, kind, person or hypothesis, in or out, all at once.

Each condition knows the lines that it is about in a block of bytes, so that a block in which there are none costs
a byte search, and a big log is never parsed line by line for the few that are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from threeam.core.errors import BadKind
from threeam.core.format.entry import CEREMONY_TEXTS, CLOCK_STEPPED_PREFIX, Entry, parse_entry
from threeam.core.format.kinds import KINDS, WORDS
from threeam.core.store.pattern import Pattern

KIND_NAMES = {name.lower(): name for name in KINDS}


class Condition(Protocol):
    """Something that a line is, or is not."""

    @property
    def name(self) -> str:
        """As its person reads it."""

    def matches(self, raw: bytes) -> bool:
        """Whether it holds of a line (without its newline)."""

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        """Where the lines of ``data``, which is whole lines, begin of which it holds; in their order."""


class MatchesPattern(NamedTuple):
    """A pattern is found in it."""

    pattern: Pattern

    @property
    def name(self) -> str:
        return self.pattern.text

    def matches(self, raw: bytes) -> bool:
        return self.pattern.matches(raw)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return self.pattern.matching_line_offsets(data)


class IsKind(NamedTuple):
    """It is of this kind (as `Entry.kind` has it), or ``foreign``."""

    kind: str

    @property
    def name(self) -> str:
        return f"kind:{self.kind.lower()}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        return self.kind == ("foreign" if entry is None else entry.kind)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return _verified_offsets(self, None if self.kind not in WORDS else f"] {self.kind}:".encode(), data)


class ByAuthor(NamedTuple):
    """This user wrote it; ``script``: nobody is said to have."""

    user: str

    @property
    def name(self) -> str:
        return f"by:{self.user}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        if entry is None:
            return False
        return (
            entry.author is None
            if self.user == "script"
            else entry.author is not None and entry.author.user == self.user
        )

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        if self.user == "script":
            for offset in line_offsets(data):
                end = data.find(b"\n", offset)
                at = data.find(b" [BY: ", offset, end if end >= 0 else len(data))
                if 0 <= at - offset < _MAX_HEAD_BYTES:  # its first tag: no need to parse
                    continue
                if self.matches(line_at_offset(data, offset)):
                    yield offset
            return
        # No bracket in it: from each of many openings in a line, it would be read on to the line's end.
        tag = re.compile(rb"\[BY: %s@[^\[\]\n]*:\d{1,9}(?:%%\d+)?\]" % re.escape(self.user.encode()))
        for begin, start in _scan_lines(tag, data):
            # If it stands where 3am writes it, there is no need to parse.
            if _LINE_HEAD.fullmatch(data, begin, start) or self.matches(line_at_offset(data, begin)):
                yield begin


class InHypothesis(NamedTuple):
    """It belongs to this hypothesis."""

    number: int

    @property
    def name(self) -> str:
        return f"H{self.number}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        return entry is not None and entry.hypothesis is not None and entry.hypothesis[0] == self.number

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return _verified_offsets(self, re.compile(rb"\[H0*%d: " % self.number), data)


class IsClockStep(NamedTuple):
    """It says that the clock was stepped back before it."""

    name: str = "stepped back"

    def matches(self, raw: bytes) -> bool:
        return _CLOCK_STEPPED_BYTES in raw and (entry := parse_entry(raw)) is not None and is_clock_step(entry)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return _verified_offsets(self, _CLOCK_STEPPED_BYTES, data)


def is_clock_step(entry: Entry) -> bool:
    """Return whether this line says that the clock was stepped back before it."""
    return entry.kind == "WARNING" and entry.text.startswith(CLOCK_STEPPED_PREFIX)


class IsCeremony(NamedTuple):
    """It is one of the lock's own."""

    name: str = "ceremony"

    def matches(self, raw: bytes) -> bool:
        return (
            raw.endswith(_CEREMONY_ENDINGS) and (entry := parse_entry(raw)) is not None and entry.text in CEREMONY_TEXTS
        )

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return _verified_offsets(self, _CEREMONY_END, data)


_CLOCK_STEPPED_BYTES = CLOCK_STEPPED_PREFIX.encode()
_CEREMONY_ENDINGS = tuple(text.encode() for text in CEREMONY_TEXTS)
_CEREMONY_END = re.compile(rb" sanity lock\.$", re.MULTILINE)


class LineFilter(NamedTuple):
    """All of ``conditions`` hold, and none of ``exclusions``. Without any, every line is wanted.

    ``once``: no line that a rotation repeats is wanted. Its bytes do not say so, but its place: see `seek.is_wanted`.
    """

    include: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()
    skip_repeated: bool = False

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude or self.skip_repeated)

    def matches(self, raw: bytes) -> bool:
        """Whether a line (without its newline) is wanted."""
        return all(one.matches(raw) for one in self.include) and not any(one.matches(raw) for one in self.exclude)

    def matching_line_offsets(self, data: bytes) -> Iterable[int]:
        """Where the wanted lines of ``data``, which is whole lines, begin; in their order."""
        seen = any(map(_is_line_end_sensitive, (*self.include, *self.exclude)))
        if seen and b"\r" in data and (without := data.replace(b"\r\n", b"\n")) != data:
            places = dict(zip(line_offsets(without), line_offsets(data), strict=True))
            return [places[begin] for begin in self.matching_line_offsets(without)]
        if not self.include:
            found = line_offsets(data)
        else:
            # Words first: they are searched fastest, and leave the fewest lines to be looked at.
            first, *others = sorted(self.include, key=lambda one: not isinstance(one, MatchesPattern))
            found = list(first.matching_line_offsets(data))
            for one in others:
                found = _filter_offsets(found, one, data, keep_matches=True)
        for one in self.exclude:
            found = _filter_offsets(found, one, data, keep_matches=False)
        return found


def parse_term(word: str, *, skip_stamp: bool = False) -> tuple[bool, Condition]:
    """A condition as it is typed, and whether it is to be left out: ``deadlock``, ``!kind:note``, ``by:alice``, ``H7``.

    Raises `BadPattern`, or `BadKind`.
    """
    out = word.startswith("!") and len(word) > 1
    return out, parse_condition(word[1:] if out else word, skip_stamp=skip_stamp)


def parse_condition(word: str, *, case_sensitive: bool = False, skip_stamp: bool = False) -> Condition:
    """The condition that ``word`` says: ``deadlock``, ``kind:note``, ``by:alice``, ``H7``. Raises as above."""
    field, colon, value = word.partition(":")
    if colon and field == "kind" and value:
        return parse_kind(value)
    if colon and field == "by" and value:
        return ByAuthor(value)
    if re.fullmatch(r"H\d{1,9}", word, re.ASCII):
        return InHypothesis(int(word[1:]))
    return MatchesPattern(Pattern(word, case_sensitive=case_sensitive, skip_stamp=skip_stamp))


def parse_kind(name: str) -> IsKind:
    """The kind that ``name`` says, in capitals or not. Raises `BadKind`."""
    kind = KIND_NAMES.get(name.lower())
    if kind is None:
        raise BadKind(f"there is no kind {name!r}: there are {', '.join(KIND_NAMES)}")
    return IsKind(kind)


def line_at_offset(data: bytes, begin: int) -> bytes:
    """The line of ``data`` that begins at ``begin``, without its newline."""
    end = data.find(b"\n", begin)
    return data[begin : end if end >= 0 else len(data)]


def line_offsets(data: bytes) -> list[int]:
    """Where the lines of ``data``, which is whole lines, begin."""
    return [0, *(found.end() for found in _NEWLINE.finditer(data, 0, len(data) - 1))] if data else []


_NEWLINE = re.compile(b"\n")
_MAX_HEAD_BYTES = 60  # bytes: the stamp and the cups are never longer
_MAX_LINES_CHECKED_SINGLY = 50  # lines: so many are looked at one by one before a block is searched for them
_LINE_HEAD = re.compile(
    rb"\[\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{9}[+-](?:[01]\d|2[0-3])[0-5]\d\]"
    rb" \[COFFEE: \d{1,9}\] "
)


def _is_line_end_sensitive(condition: Condition) -> bool:
    """Whether a carriage return at the end of a line, which is not a part of the text, could hide the line from it."""
    return isinstance(condition, IsCeremony) or (
        isinstance(condition, MatchesPattern) and not condition.pattern.is_literal
    )


def _filter_offsets(offsets: list[int], condition: Condition, data: bytes, *, keep_matches: bool) -> list[int]:
    """Those of ``offsets`` at which a line begins of which ``condition`` holds, or does not."""
    if not offsets:
        return offsets
    if len(offsets) > _MAX_LINES_CHECKED_SINGLY:
        those = set(condition.matching_line_offsets(data))
        return [offset for offset in offsets if (offset in those) == keep_matches]
    return [offset for offset in offsets if condition.matches(line_at_offset(data, offset)) == keep_matches]


def _verified_offsets(condition: Condition, prefilter: bytes | re.Pattern[bytes] | None, data: bytes) -> Iterator[int]:
    """The lines of which ``condition`` holds among those that ``prefilter`` finds (None: all of them)."""
    if prefilter is None:
        offsets: Iterable[int] = line_offsets(data)
    else:
        offsets = (begin for begin, _ in _scan_lines(prefilter, data))
    return (offset for offset in offsets if condition.matches(line_at_offset(data, offset)))


def _scan_lines(prefilter: bytes | re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each line begins that has a match of ``prefilter``, and where its first match does."""
    pattern = re.compile(re.escape(prefilter)) if isinstance(prefilter, bytes) else prefilter
    begin = 0
    while (match := pattern.search(data, begin)) is not None:
        start = match.start()
        begin = data.rfind(b"\n", begin, start) + 1 or begin
        yield begin, start
        begin = data.find(b"\n", start) + 1
        if not begin:
            return
