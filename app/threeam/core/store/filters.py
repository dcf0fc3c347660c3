"""Filters of lines: by text, kind, author or hypothesis.

Each condition finds its lines in a block of bytes itself. A block without such lines then costs a byte search, and a
large log is not parsed line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from threeam.core.errors import BadKind
from threeam.core.format.entry import CEREMONY_TEXTS, ON_TAG, parse_entry
from threeam.core.format.kinds import KINDS, WORDS
from threeam.core.format.remote_hypothesis import parse_remote_hypothesis
from threeam.core.store.pattern import Pattern

KIND_NAMES = {name.lower(): name for name in KINDS}


class Condition(Protocol):
    """A condition that a line meets or does not meet."""

    @property
    def name(self) -> str:
        """The condition as a user types it."""

    def matches(self, raw: bytes) -> bool:
        """Return whether a line (without its newline) meets the condition."""

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        """Yield the index of each line of ``data``, which is whole lines, that meets the condition; in their order."""


class MatchesPattern(NamedTuple):
    """The condition that a line has a match of a pattern."""

    pattern: Pattern

    @property
    def name(self) -> str:
        return self.pattern.text

    def matches(self, raw: bytes) -> bool:
        return self.pattern.matches(raw)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return self.pattern.matching_line_offsets(data)


class IsKind(NamedTuple):
    """The condition that a line is of a kind: one of `Entry.kind`, or ``foreign``."""

    kind: str

    @property
    def name(self) -> str:
        return f"kind:{self.kind.lower()}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        return self.kind == ("foreign" if entry is None else entry.kind)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, None if self.kind not in WORDS else f"] {self.kind}:".encode(), data)


class ByAuthor(NamedTuple):
    """The condition that a user wrote the line; ``script``: that the line has no author."""

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
                tag_offset = data.find(b" [BY: ", offset, end if end >= 0 else len(data))
                if 0 <= tag_offset - offset < _MAX_HEAD_BYTES:  # the first tag is an author: no need to parse
                    continue
                if self.matches(line_at_offset(data, offset)):
                    yield offset
            return
        # The host has no bracket: otherwise each of many tag beginnings in a line would be matched to the line's end.
        tag = re.compile(rb"\[BY: %s@[^\[\]\n]*:\d{1,9}(?:%%\d+)?\]" % re.escape(self.user.encode()))
        for begin, start in _scan_lines(tag, data):
            # A tag where 3am writes it needs no parsing.
            if _LINE_HEAD.fullmatch(data, begin, start) or self.matches(line_at_offset(data, begin)):
                yield begin


class InHypothesis(NamedTuple):
    """The condition that a line belongs to a hypothesis."""

    number: int

    @property
    def name(self) -> str:
        return f"H{self.number}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        return entry is not None and entry.hypothesis is not None and entry.hypothesis[0] == self.number

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, re.compile(rb"\[H0*%d: " % self.number), data)


class OnHypothesis(NamedTuple):
    """The condition that a line is about the hypothesis of another host that it calls ``name``: ``db1/H7``."""

    name: str

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        return entry is not None and entry.hypothesis is None and entry.tag(ON_TAG) == self.name

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, re.compile(re.escape(f"[{ON_TAG}: {self.name}]".encode())), data)


class InRemoteHypothesis(NamedTuple):
    """The condition that a line is about a hypothesis of another host: ``number`` of the journal ``origin_id``."""

    origin_id: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.origin_id[:8]}/H{self.number}"

    def matches(self, raw: bytes) -> bool:
        entry = parse_entry(raw)
        subject = None if entry is None else parse_remote_hypothesis(entry)
        return subject is not None and (subject.origin_id, subject.number) == self

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, re.compile(rb"\[CLAIM: %s@" % self.origin_id.encode()), data)


class IsCeremony(NamedTuple):
    """The condition that a line is of the ceremony of the lock."""

    name: str = "ceremony"

    def matches(self, raw: bytes) -> bool:
        return (
            raw.endswith(_CEREMONY_ENDINGS) and (entry := parse_entry(raw)) is not None and entry.text in CEREMONY_TEXTS
        )

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, _CEREMONY_END, data)


_CEREMONY_ENDINGS = tuple(text.encode() for text in CEREMONY_TEXTS)
_CEREMONY_END = re.compile(rb" sanity lock\.$", re.MULTILINE)


class LineFilter(NamedTuple):
    """A filter that accepts a line if it meets all of ``include`` and none of ``exclude``.

    ``skip_repeated``: do not accept lines that a rotation repeats. Their bytes do not show this, only their position
    does: see `seek.passes_filter`.
    """

    include: tuple[Condition, ...] = ()
    exclude: tuple[Condition, ...] = ()
    skip_repeated: bool = False

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude or self.skip_repeated)

    def matches(self, raw: bytes) -> bool:
        """Return whether a line (without its newline) meets ``include`` and ``exclude``."""
        is_included = all(condition.matches(raw) for condition in self.include)
        return is_included and not any(condition.matches(raw) for condition in self.exclude)

    def matching_line_offsets(self, data: bytes) -> Iterable[int]:
        """Return the index of each accepted line of ``data``, which is whole lines; in their order."""
        is_sensitive = any(map(_is_line_end_sensitive, (*self.include, *self.exclude)))
        if is_sensitive and b"\r" in data and b"\r\n" in data:
            normalized = data.replace(b"\r\n", b"\n")
            original_offsets = dict(zip(line_offsets(normalized), line_offsets(data), strict=True))
            return [original_offsets[offset] for offset in self.matching_line_offsets(normalized)]
        if not self.include:
            offsets = line_offsets(data)
        else:
            # Patterns first: searching them is fastest, and leaves the fewest lines to check.
            first, *others = sorted(self.include, key=lambda condition: not isinstance(condition, MatchesPattern))
            offsets = list(first.matching_line_offsets(data))
            for condition in others:
                offsets = _filter_offsets(offsets, condition, data, keep_matches=True)
        for condition in self.exclude:
            offsets = _filter_offsets(offsets, condition, data, keep_matches=False)
        return offsets


def parse_term(term: str, *, skip_stamp: bool = False) -> tuple[bool, Condition]:
    """Return whether a typed term excludes lines (``!kind:note``), and its condition; see `parse_condition`.

    Raises `BadPattern` or `BadKind`.
    """
    is_excluding = term.startswith("!") and len(term) > 1
    return is_excluding, parse_condition(term[1:] if is_excluding else term, skip_stamp=skip_stamp)


def parse_condition(text: str, *, case_sensitive: bool = False, skip_stamp: bool = False) -> Condition:
    """Return the condition of ``deadlock``, ``kind:note``, ``by:alice`` or ``H7``. Raises as `parse_term` does."""
    field, colon, value = text.partition(":")
    if colon and field == "kind" and value:
        return parse_kind(value)
    if colon and field == "by" and value:
        return ByAuthor(value)
    if re.fullmatch(r"H\d{1,9}", text, re.ASCII):
        return InHypothesis(int(text[1:]))
    return MatchesPattern(Pattern(text, case_sensitive=case_sensitive, skip_stamp=skip_stamp))


def parse_kind(name: str) -> IsKind:
    """Return the condition of the kind ``name``, in any case. Raises `BadKind`."""
    kind = KIND_NAMES.get(name.lower())
    if kind is None:
        raise BadKind(f"there is no kind {name!r}: the kinds are {', '.join(KIND_NAMES)}")
    return IsKind(kind)


def line_at_offset(data: bytes, begin: int) -> bytes:
    """Return the line of ``data`` that begins at ``begin``, without its newline."""
    end = data.find(b"\n", begin)
    return data[begin : end if end >= 0 else len(data)]


def line_offsets(data: bytes) -> list[int]:
    """Return the index of each line of ``data``, which is whole lines."""
    return [0, *(match.end() for match in _NEWLINE.finditer(data, 0, len(data) - 1))] if data else []


_NEWLINE = re.compile(b"\n")
_MAX_HEAD_BYTES = 60  # bytes; the stamp and the COFFEE tag are never longer
_MAX_LINES_CHECKED_SINGLY = 50  # lines; for more of them, a search of the block is faster
_LINE_HEAD = re.compile(
    rb"\[\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{9}[+-](?:[01]\d|2[0-3])[0-5]\d\]"
    rb" \[COFFEE: \d{1,9}\] "
)


def _is_line_end_sensitive(condition: Condition) -> bool:
    """Return whether a carriage return before a newline, which is not part of the text, may prevent a match."""
    return isinstance(condition, IsCeremony) or (
        isinstance(condition, MatchesPattern) and not condition.pattern.is_literal
    )


def _filter_offsets(offsets: list[int], condition: Condition, data: bytes, *, keep_matches: bool) -> list[int]:
    """Return the ``offsets`` of lines that meet ``condition``, or without ``keep_matches`` of those that do not."""
    if not offsets:
        return offsets
    if len(offsets) > _MAX_LINES_CHECKED_SINGLY:
        matching = set(condition.matching_line_offsets(data))
        return [offset for offset in offsets if (offset in matching) == keep_matches]
    return [offset for offset in offsets if condition.matches(line_at_offset(data, offset)) == keep_matches]


def verified_offsets(condition: Condition, prefilter: bytes | re.Pattern[bytes] | None, data: bytes) -> Iterator[int]:
    """Yield the index of each line that meets ``condition``, of those with a match of ``prefilter`` (None: of all)."""
    if prefilter is None:
        offsets: Iterable[int] = line_offsets(data)
    else:
        offsets = (begin for begin, _ in _scan_lines(prefilter, data))
    return (offset for offset in offsets if condition.matches(line_at_offset(data, offset)))


def _scan_lines(prefilter: bytes | re.Pattern[bytes], data: bytes) -> Iterator[tuple[int, int]]:
    """Yield for each line with a match of ``prefilter`` the index of the line and that of its first match."""
    pattern = re.compile(re.escape(prefilter)) if isinstance(prefilter, bytes) else prefilter
    begin = 0
    while (match := pattern.search(data, begin)) is not None:
        start = match.start()
        begin = data.rfind(b"\n", begin, start) + 1 or begin
        yield begin, start
        begin = data.find(b"\n", start) + 1
        if not begin:
            return
