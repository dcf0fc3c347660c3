"""The patterns of ``--key``: they find the lines that name a key, and may name the actor and the operation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from threeam.core.errors import BadPattern
from threeam.core.store.regex import GroupRegex, Match

PART_OF_A_WORD = "the key may be a part of a longer name"

_KEY, _ACTOR, _OPERATION = "key", "actor", "op"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_LEADING_WORD = re.compile(r"\w(?![?*{])", re.ASCII)  # a pattern that begins with a letter or digit of its own
_ESCAPES = re.compile(r"\\.|\(\?P?<\w+>|\(\?[:a-z-]*|\[[^\]]*\]|\{[\d,]*\}")
_JOINERS = frozenset(b"-.@:/\\%+~#$")  # between the parts of one name: bob.smith, cart/42/items
_WORD_BYTES = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_MAYBE_WORD = _WORD_BYTES | frozenset(range(0x80, 0x100))  # a character beyond ASCII may be a letter


Mention = tuple[int, int, int]
"""A key in a text: the number of its name, and its begin and end. A scan makes millions of these plain tuples."""


class Mentioned(NamedTuple):
    """The mention of a key in a text, with what the pattern says of it.

    ``match_begin``: the begin of the whole match. ``actor``, ``operation``: None if the pattern has no such group.
    ``keys``: how many keys the text has, as far as they were counted. ``is_part``: the name goes on after the key, as
    in ``user=bob.smith`` and ``cart/42/items``.
    """

    begin: int
    end: int
    match_begin: int
    actor: bytes | None
    operation: bytes | None
    keys: int
    is_part: bool


class KeyPattern:
    """A pattern with a group for each key. ``keys``: the number of the name and the number of the group of each."""

    def __init__(self, regex: GroupRegex, keys: Sequence[tuple[int, int]]) -> None:
        self._regex = regex
        self._keys = tuple(keys)
        self._actor = regex.names.get(_ACTOR)
        self._operation = regex.names.get(_OPERATION)

    @property
    def names_actor(self) -> bool:
        """True if a group of the pattern is the actor."""
        return self._actor is not None

    def mentions(self, data: bytes) -> Iterator[Mention]:
        """Yield the keys in ``data``, which must be UTF-8, in the order of the matches.

        A part of a longer word does not match: ``cart=12`` is not in ``cart=123`` nor in ``supercart=12``.
        """
        keys = self._keys
        for match in self._regex.matches(data):
            for name, group in keys:
                begin, end = match.span(group)
                if _is_word(data, begin, end):
                    yield name, begin, end

    def find(self, text: bytes, name: int, key: bytes, max_keys: int) -> Mentioned | None:
        """Return the first mention of ``key`` in ``text``, which must be UTF-8; None if the text does not have it.

        Up to ``max_keys`` keys are counted.
        """
        found: tuple[int, int, Match] | None = None
        count = 0
        for match in self._regex.matches(text):
            for other_name, group in self._keys:
                begin, end = match.span(group)
                if not _is_word(text, begin, end):
                    continue
                count += 1
                if found is None and other_name == name and text[begin:end] == key:
                    found = begin, end, match
            if found is not None and count >= max_keys:
                break
        if found is None:
            return None
        begin, end, match = found
        actor = _group(text, match.span(self._actor)) if self._actor is not None else None
        operation = _group(text, match.span(self._operation)) if self._operation is not None else None
        is_part = end + 1 < len(text) and text[end] in _JOINERS and _is_in_word(text, end + 1)
        return Mentioned(begin, end, match.span()[0], actor, operation, count, is_part)


class KeyPatterns(NamedTuple):
    """The patterns of a search, and the names of their keys."""

    patterns: tuple[KeyPattern, ...]
    names: tuple[str, ...]


def parse_key_patterns(texts: Sequence[str]) -> KeyPatterns:
    """Return the patterns of ``texts``. Raises `BadPattern`.

    The group ``key``, or the only group without a name, is the key: that of all patterns alike. It is named after the
    word before it in the first pattern. A group of another name is a key of that name.
    """
    names: list[str] = []
    groups: list[str] = []
    patterns = []
    for text in texts:
        regex = GroupRegex(text, begins_word=bool(_LEADING_WORD.match(text)) and "|" not in text)
        named = {name: number for name, number in regex.names.items() if name not in (_ACTOR, _OPERATION)}
        if not named and regex.groups == len(regex.names) + 1:
            taken = set(regex.names.values())
            named = {_KEY: next(number for number in range(1, regex.groups + 1) if number not in taken)}
        if not named:
            raise BadPattern(f"{text!r} needs a group that is the key, such as 'cart=(?P<key>\\d+)'")
        keys = []
        for group, number in named.items():
            if group not in groups:
                groups.append(group)
                names.append(_name_before(text, number) if group == _KEY else group)
            keys.append((groups.index(group), number))
        patterns.append(KeyPattern(regex, keys))
    return KeyPatterns(tuple(patterns), tuple(names))


def _name_before(text: str, number: int) -> str:
    """Return the last word before a group of the pattern ``text``, or ``key``."""
    opening = -1
    for _ in range(number):
        opening = _next_group(text, opening + 1)
    words = _WORD.findall(_ESCAPES.sub(" ", text[:opening]))
    return words[-1].strip("_.-") if words else _KEY


def _next_group(text: str, start: int) -> int:
    """Return the index of the next ``(`` that begins a capturing group."""
    index, is_class = start, False
    while index < len(text):
        if text[index] == "\\":
            index += 1
        elif is_class:
            is_class = text[index] != "]"
        elif text[index] == "[":
            is_class = True
        elif text[index] == "(" and (text[index + 1 : index + 2] != "?" or re.match(r"\?P?<\w", text[index + 1 :])):
            return index
        index += 1
    return len(text)


def _group(text: bytes, span: tuple[int, int]) -> bytes | None:
    begin, end = span
    return text[begin:end] if 0 <= begin < end else None


def _is_word(data: bytes, begin: int, end: int) -> bool:
    """Return whether there are bytes from ``begin`` to ``end``, which are not a part of a longer word."""
    if begin >= end:
        return False
    if begin and data[begin - 1] in _MAYBE_WORD and _is_in_word(data, begin - 1) and _is_in_word(data, begin):
        return False
    return end == len(data) or not (data[end] in _MAYBE_WORD and _is_in_word(data, end) and _is_in_word(data, end - 1))


def _is_in_word(data: bytes, index: int) -> bool:
    """Return whether the character that has the byte at ``index`` of UTF-8 is a letter, a digit, or an underscore."""
    byte = data[index]
    if byte < 0x80:
        return byte in _WORD_BYTES
    begin = index
    while begin and index - begin < 3 and data[begin] & 0xC0 == 0x80:
        begin -= 1
    character = data[begin : begin + 4].decode(errors="ignore")[:1]
    return character.isalnum() or unicodedata.category(character or " ").startswith("M")
