"""The noun that a message has for what its verb is about: ``cart deleted``, ``delete the cart``, ``cart.deleted``."""

from __future__ import annotations

import re
from typing import NamedTuple

WORD = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")  # `deleteCart`, `cart_delete`, `DELETE`
LEVELS = frozenset((b"trace", b"debug", b"info", b"notice", b"warn", b"warning", b"error", b"log", b"critical"))
NO_OBJECTS = frozenset(  # words between a verb and its key that are no other thing
    b"the a an of for on to from in at old stale idle whole entire all one single ok done success successful "
    b"successfully succeeded went well completed finished was were has have been got now then just".split()
)
NEVER_OBJECTS = frozenset(b"of from to in into on for with at by within inside under the a an is was has been".split())
_BEFORE_NOUN = frozenset(b"the a an old stale idle whole entire".split())
_BYTES_BEFORE = 64
_SUBJECT = re.compile(  # `cart deleted`, `cart was deleted`, `cart.deleted`, `cart_delete`, `cartDeleted`
    rb"(?P<noun>[A-Za-z]+)(?:[._-]|(?P<blank>\s(?:(?:was|were|has|have|been|got|successfully)\s){0,3}))?\Z"
)
_OBJECT = re.compile(rb"(?:\.(?=[A-Za-z]))?(?P<words>[A-Za-z_\s-]*)(?P<is_field>[\"']?[=:])?")
_NAME_OF_FIELD = re.compile(rb"[\w.-]+\s?[=:].*", re.DOTALL)


class Phrase(NamedTuple):
    """The words ``before`` and ``after`` a verb: those of its message, up to a quote or to the name of a field."""

    before: bytes
    after: bytes
    is_participle: bool

    @property
    def noun(self) -> bytes:
        """The noun of what the verb is about, the last of ``cart item``; b"" if the message does not say it."""
        return self._object or self._subject

    @property
    def words(self) -> frozenset[bytes]:
        """The words of the message."""
        before, after = self.before.rpartition(b"=")[2], _NAME_OF_FIELD.sub(b"", self.after)
        return frozenset(singular(word) for part in (before, after) for word in WORD.findall(part))

    @property
    def _object(self) -> bytes:
        match = _OBJECT.match(self.after)
        assert match is not None
        words = [word.lower() for word in WORD.findall(match["words"])]
        if match["is_field"]:  # the last word is its name
            del words[-1:]
        while words and words[0] in _BEFORE_NOUN:
            del words[0]
        noun = b""
        for word in words:
            if word in NO_OBJECTS or word in NEVER_OBJECTS:
                break
            noun = word
        return singular(noun)

    @property
    def _subject(self) -> bytes:
        match = _SUBJECT.search(self.before)
        if match is None or (match["blank"] and not self.is_participle):
            return b""
        noun = WORD.findall(match["noun"])[-1].lower()
        return b"" if noun in NO_OBJECTS or noun in NEVER_OBJECTS or noun in LEVELS else singular(noun)


def phrase_of(text: bytes, begin: int, end: int, limit: int, is_participle: bool) -> Phrase:
    """Return the phrase of the verb from ``begin`` to ``end``. ``limit``: where its text ends."""
    before = text[max(0, begin - _BYTES_BEFORE) : begin].rpartition(b'"')[2]
    after = text[end:limit].partition(b'"')[0]
    equals = after.find(b"=")
    return Phrase(before, after if equals < 0 else after[: equals + 1], is_participle)


def singular(noun: bytes) -> bytes:
    """Return a noun, such as the name of a table, in lower case and without a plural's s."""
    return noun.lower().removesuffix(b"s")
