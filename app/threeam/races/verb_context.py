"""The words around a verb and its key: what the verb may be about instead of the key."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from threeam.races.access import OperationKind
from threeam.races.phrase import LEVELS, NEVER_OBJECTS, NO_OBJECTS, WORD, Phrase, singular

_INTO = re.compile(rb"\s+(?:from|to|into|in(?! \d))\s", re.IGNORECASE)  # `add to cart=42` creates no cart
_OTHER_FIELD = re.compile(rb"(?<![\w.-])[\"']?(?P<name>[A-Za-z][\w.-]*)[\"']?\s?[=:]\s?[\"']?[\w.-]*\d")
_CONTEXT_FIELD = re.compile(  # it says when, where or how often, and not what
    rb"(?:x[-_])?(?:req|request|corr|correlation|trace|span|parent|tx|txn|trx|transaction)\w*|pid|tid|thread\w*|worker\w*"
    rb"|goroutine|conn\w*|ip|host\w*|port|remote\w*|addr\w*|node\w*|pod|shard\w*|region|status\w*|code|level|logger"
    rb"|took|dur|durations?\w*|elapsed\w*|latency\w*|\w*time\w*|ts|\w*_?ms|\w+_us|\w+_ns|bytes|size|len\w*|line"
    rb"|attempts?|retr\w*|v|ver|version|rev|seq\w*|offset|partition|rows?|count|n|ttl|age|rc|qty|price|amount|total"
    rb"|process_?id|ppid|cpu|caller|func\w*|severity|priority|depth|lsn|hash|etag|method|path|ur[il]|proto\w*",
    re.IGNORECASE,
)
_PART_FIELD = re.compile(  # of `delete cart=42 item=7`
    rb"[\s,;:\"']{0,4}(?:in_?)?(?:item|line|row|field|entry|product|sku|coupon|tag|image|file|member|part|position|child"
    rb"|comment|note|attachment|element|column)"
    rb"(?:_?(?:id|no|number|name))?[\"']?\s?[=:]",
    re.IGNORECASE,
)
_STATE = re.compile(rb"\b(?:is|are|still)\b", re.IGNORECASE)  # `cart=42 is deleted`
_QUOTED_VALUE = re.compile(rb"(?<=[=:])\s?\"[^\"\n]*\"")
_NUMBER = re.compile(
    rb"[\s(/](?<![\w\"'][=:][\s(/])#?\d+(?![\w.:%-])(?!\s?(?:[num]?s|secs?|seconds|bytes|times)\b)"
)  # `item 7 of cart=42`
_ANY_FIELD = re.compile(rb"[\w.-]+[\"']?\s?[=:]\s?[\"']?[^\s\"',;}]*|\bin \d[\d.]*\s?[a-z\xc2\xb5]+", re.IGNORECASE)
_NOT_DONE_BEFORE = re.compile(  # the word before a verb that was not done: `found deleted`, `on delete`
    rb"\b(?:found|finds?|finding|list(?:s|ed|ing)?|show(?:s|ing)?|saw|seen|count(?:s|ed|ing)?|on|to|rule|policy|hook"
    rb"|trigger|permission)[\s:=]{1,2}\Z"
    rb"|\bscopes?[=:]\S*\Z",
    re.IGNORECASE,
)
_QUESTION = re.compile(rb"\?(?!\w)")
_PATH = re.compile(rb"\s?[^\s/]*/\S*\Z")  # up to the key: `DELETE /users/7/cart/42`
_SAYS_NOTHING = frozenset(b"id key pk uuid guid no nr num number ref".split())
_NAMELESS = re.compile(rb"\W*(?:id|key|pk|uuid|guid|no|nr|num|number|ref)?\W*", re.IGNORECASE)  # `id=` of anything
_NOUN = re.compile(rb"(?:^|[\s/(\"'\[.,])(?P<noun>[A-Za-z][A-Za-z_-]*)[\s/._:-]+\Z")
ACTS = (OperationKind.READ, OperationKind.WRITE, OperationKind.CREATE, OperationKind.DELETE)


class Surroundings(NamedTuple):
    """The text ``before`` a key, with the name of the key from ``name_begin`` on, and the text ``after`` it.

    ``has_more``: the word before it may belong to the first word.
    """

    before: bytes
    name_begin: int
    after: bytes
    has_more: bool = False


def is_about_another(
    between: bytes, kind: OperationKind | None, around: Surroundings, phrase: Callable[[], Phrase], is_before: bool
) -> bool:
    """Return whether a verb may be that of another thing than the key, by the text ``between`` them.

    ``phrase``: how to get that of the verb.
    """
    if kind is OperationKind.DELETE and _PART_FIELD.match(around.after):
        return True
    if not between or between.isspace():
        return False
    if is_before and b"/" in between:
        between = _PATH.sub(b"", between)
    fields = tuple(_OTHER_FIELD.findall(between))
    if fields and not _are_context(fields):
        if not _names_the_key(phrase(), around.before[around.name_begin :], fields):
            return True
        between = _QUOTED_VALUE.sub(b'""', between)
    if b"}" in between or b";" in between or _NUMBER.search(between):
        return True
    if kind not in ACTS:
        return False
    if _has_another_noun(between, around) or (not is_before and _STATE.search(between)):
        return True
    return is_before and kind in (OperationKind.CREATE, OperationKind.DELETE) and _INTO.match(between) is not None


@lru_cache
def _are_context(fields: tuple[bytes, ...]) -> bool:
    """Return whether fields of these names say when, where or how often."""
    return all(_CONTEXT_FIELD.fullmatch(name) for name in fields)


@lru_cache(maxsize=1024)
def _names_the_key(phrase: Phrase, name: bytes, fields: tuple[bytes, ...]) -> bool:
    """Return whether a message says that its verb is about the key of that ``name``, and about no field between them.

    ``{"msg":"cart deleted","user":7,"cart":42}`` deletes a cart; with ``"old_cart":7`` it may be another one.
    """
    names = [singular(word) for word in WORD.findall(name)]
    names = [word for word in names if word not in _SAYS_NOTHING]
    if not names or phrase.noun != names[-1]:
        return False
    named = phrase.words.union(names)
    return not any(
        _PART_FIELD.match(field + b"=") or any(singular(word) in named for word in WORD.findall(field))
        for field in fields
    )


def _has_another_noun(between: bytes, around: Surroundings) -> bool:
    """Return whether a word between a verb and its key may be what the verb is about.

    The name of the key does not count, nor the noun before a key whose name says nothing.
    """
    words = [word.lower() for word in WORD.findall(_ANY_FIELD.sub(b" ", between))]
    if not words:
        return False
    names = {singular(word) for word in WORD.findall(around.before, around.name_begin)}
    others = [word for word in words if word not in NO_OBJECTS and singular(word) not in names]
    return len(others) > (_NAMELESS.fullmatch(around.before, around.name_begin) is not None)


def is_no_act(text: bytes, begin: int, after: bytes) -> bool:
    """Return whether a verb at ``begin`` is that of a list, of a rule, or of a question."""
    return _NOT_DONE_BEFORE.search(text, max(0, begin - 16), begin) is not None or _QUESTION.match(after) is not None


def words_of(text: bytes) -> bytes:
    """Return the words of a text in lower case, without those that name no thing."""
    words = (word.lower() for word in WORD.findall(text))
    return b" ".join(word for word in words if word not in NEVER_OBJECTS)


def noun_before(around: Surroundings, verb_begin: int = -1, phrase: Callable[[], Phrase] | None = None) -> bytes:
    """Return the noun of a key whose own name says nothing: ``session`` of ``session id=42``.

    ``phrase``: how to get that of a verb at ``verb_begin`` before the key: it has that of ``session deleted id=42``.
    """
    if _NAMELESS.fullmatch(around.before, around.name_begin) is None:
        return b""
    match = _NOUN.search(around.before[: around.name_begin] + b" ")
    noun = b"" if match is None else match["noun"].lower()
    is_verb = match is not None and match.start("noun") <= verb_begin < match.end("noun")
    if phrase is not None and (is_verb or not noun or noun in NEVER_OBJECTS):
        return phrase().noun
    return b"" if noun in LEVELS or noun in NEVER_OBJECTS else singular(noun)
