"""Reading the verb that a line has for a key, and the reasons why it may be the verb of something else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8
from threeam.races.access import OperationKind
from threeam.races.phrase import WORD, phrase_of
from threeam.races.verb_context import ACTS, Surroundings, is_about_another, is_no_act, noun_before, words_of
from threeam.races.verbs import Operation

OTHER_THING = "the verb may be about something else in the line"
SHARED_LOCK = "the lock may be shared"

_FIELD = re.compile(
    rb"\w*+(?:\s?+=(?!=)|[\"']\s?+:)\s?+[\"']?+(?![{[])"
)  # of `updated_by=bob`, `deleted = 1`, `"deleted":false`
_IN_A_ROW = re.compile(rb"[\s_-]{0,2}(?:(?:the|an?|its|to|of)\s)?")  # between `released` and `lock`
_SHARED = re.compile(
    rb"(?<![a-z])(?:shared?|read(?:er)?s?[-_ ]?locks?|r[-_]?lock(?:ed|s)?|slock)(?![a-z])", re.IGNORECASE
)
_WORK = (OperationKind.BEGIN, OperationKind.END)
_STATES = (OperationKind.END, OperationKind.UNLOCK)  # `delete cart=42 done`
_WORDS_AROUND = 3
_DIGIT = re.compile(rb"[0-9]")


class NamedOperation(NamedTuple):
    """The operation that a line names for a key.

    ``about``: the table, or the noun, if the key has no name of its own, such as ``id``; of a begin or an end the words
    that say of what. ``doubts``: why the operation may not be that of the key. ``has_only_begun``: ``begin delete``.
    """

    operation: Operation
    about: bytes = b""
    doubts: tuple[str, ...] = ()
    has_only_begun: bool = False


class _Verb(NamedTuple):
    """A verb of a text. ``distance``: from the name of the key, or from the key."""

    operation: Operation
    form: bytes
    begin: int
    end: int
    distance: int

    @property
    def kind(self) -> OperationKind | None:
        return self.operation.kind

    @property
    def is_participle(self) -> bool:
        return self.form.endswith(b"ed") or self.form in (b"written", b"swept", b"begun")

    @property
    def is_lock(self) -> bool:
        """True if it may be the noun."""
        return self.form in (b"lock", b"locks")


def surroundings(text: bytes, begin: int, end: int, match_begin: int) -> tuple[bytes, int, bytes, bool]:
    """Return the fields of the `Surroundings` of the key between ``begin`` and ``end``, whose match is at
    ``match_begin``: a few words.

    An id before them is left out, so that many lines have the same surroundings. The begin of a message is not.
    """
    start = _blank_before(text, match_begin, _WORDS_AROUND)
    words = 0
    while start and words <= _WORDS_AROUND:
        blank = text.rfind(b" ", 0, start)
        word = text[blank + 1 : start]
        if b"=" in word or _DIGIT.search(word):
            if b'="' in word and not _DIGIT.search(word):  # the begin of a message
                start = max(0, blank)
            break
        words += 1
        if words <= _WORDS_AROUND:
            start = max(0, blank)
    has_more = words > _WORDS_AROUND
    return (text[start:begin], match_begin - start, text[end : _blank_after(text, end, _WORDS_AROUND + 1)], has_more)


def read_verb(verbs: Mapping[bytes, Operation], around: Surroundings) -> NamedOperation:
    """Return the operation that the nearest verb names; of two that are as near, the one before the key.

    Without a verb it is the word before the name of the key.
    """
    before, after = _verbs_before(verbs, around), _verbs_after(verbs, around)
    if before and not (after and after[0].distance < before[-1].distance):
        return _read(around, before, after, before[-1], is_before=True)
    if after:
        return _read(around, before, after, after[0], is_before=False)
    words = WORD.findall(around.before, 0, around.name_begin)
    return NamedOperation(Operation(decode_utf8(words[-1]).lower() if words else "", None), noun_before(around))


def read_verb_nearby(verbs: Mapping[bytes, Operation], around: Surroundings) -> NamedOperation | None:
    """Return the same as `read_verb` of the whole line, from a few words of it; None if they do not decide it.

    A verb at the end of the words may be the begin of the name of a field: ``deletedBy =``.
    """
    before, after = _verbs_before(verbs, around), _verbs_after(verbs, around)
    is_cut = around.after.endswith(b" ")
    if is_cut and after and after[-1].end > _blank_after(around.after, 0):
        return None
    if before and not (after and after[0].distance < before[-1].distance):
        first_word_end = around.before.find(b" ", 1)
        has_row = not (around.has_more and before[-1].begin < first_word_end)
        is_decided = has_row and (before[-1].distance <= len(around.after) or not is_cut)
    else:
        is_whole = not around.before.startswith(b" ")
        is_decided = bool(after) and (after[0].distance < around.name_begin or is_whole)
        if is_cut:  # a second verb may follow it, after an article
            is_decided = is_decided and after[0].end < _blank_after(around.after, 0, _WORDS_AROUND - 1)
    return read_verb(verbs, around) if is_decided else None


def _read(
    around: Surroundings, before: Sequence[_Verb], after: Sequence[_Verb], nearest: _Verb, *, is_before: bool
) -> NamedOperation:
    """Return the operation that the ``nearest`` verb names together with those around it."""
    text = around.before if is_before else around.after
    row = _row(text, before[-2:] if is_before else after[:2])
    operation = nearest.operation if len(row) < 2 else _compound(row[0], row[1], nearest)
    has_only_begun = len(row) > 1 and row[0].kind is OperationKind.BEGIN and operation.kind not in _WORK
    between = around.before[nearest.end : around.name_begin] if is_before else around.after[: nearest.begin]
    first, last = _inner(around)
    near = [verb for verb in before if verb.begin >= first] + [verb for verb in after if verb.end <= last]
    if is_before and after and after[0] in near:
        kinds = operation.kind, after[0].kind
        if kinds in ((OperationKind.BEGIN, OperationKind.END), (OperationKind.LOCK, OperationKind.UNLOCK)):
            operation, near = after[0].operation, near[:-1]  # `processing job=42 finished`
            between += around.after[: after[0].begin]
        has_only_begun = has_only_begun or (kinds[0] in ACTS and kinds[1] is OperationKind.BEGIN)
    others = {verb.kind for verb in near if verb is not nearest and verb not in row} - {operation.kind}
    if operation.kind not in _WORK:
        others -= set(_STATES)
    begin = row[0].begin if row else nearest.begin
    limit = around.name_begin if is_before else len(text)
    phrase = partial(phrase_of, text, begin, nearest.end, limit, nearest.is_participle)
    is_doubtful = bool(others) or is_about_another(between, operation.kind, around, phrase, is_before)
    is_doubtful = is_doubtful or (operation.kind in ACTS and is_no_act(text, begin, around.after))
    doubts: tuple[str, ...] = (OTHER_THING,) if is_doubtful else ()
    if operation.kind is OperationKind.LOCK and _SHARED.search(around.before + b" " + around.after):
        doubts += (SHARED_LOCK,)
    if operation.kind in _WORK:
        about = words_of(between)
    else:
        about = noun_before(around, nearest.begin, phrase) if is_before and not nearest.is_lock else noun_before(around)
    return NamedOperation(operation, about, doubts, has_only_begun)


def _row(text: bytes, verbs: Sequence[_Verb]) -> Sequence[_Verb]:
    """Return ``verbs`` if they are two in a row, else nothing."""
    if len(verbs) != 2 or not _IN_A_ROW.fullmatch(text, verbs[0].end, verbs[1].begin):
        return ()
    is_purpose = verbs[0].is_lock and b"to" in text[verbs[0].end : verbs[1].begin]  # `lock to delete`
    return () if is_purpose else verbs


def _compound(first: _Verb, second: _Verb, nearest: _Verb) -> Operation:
    """Return the operation of two verbs in a row."""
    if first.is_lock or second.is_lock:
        other, lock = (second, first) if first.is_lock else (first, second)
        if other.kind in (OperationKind.UNLOCK, OperationKind.DELETE):  # `released lock`
            return Operation(other.operation.word, OperationKind.UNLOCK)
        return lock.operation  # `acquired lock`, `read lock`
    if second.is_participle and not (first.is_participle and first.kind in _WORK):
        return first.operation  # `delete expired`
    if first.kind is OperationKind.END and second.kind is OperationKind.BEGIN:
        return first.operation  # `finished processing`
    if first.kind in _WORK:
        return second.operation  # `finished deleting`, `begin delete`
    return nearest.operation


def _verbs_before(verbs: Mapping[bytes, Operation], around: Surroundings) -> list[_Verb]:
    end = len(around.before)
    return [
        _Verb(operation, word[0].lower(), word.start(), word.end(), max(0, around.name_begin - word.end()))
        for word in WORD.finditer(around.before)
        if (operation := verbs.get(word[0])) is not None and not _is_field(around.before, word.end(), end)
    ]


def _verbs_after(verbs: Mapping[bytes, Operation], around: Surroundings) -> list[_Verb]:
    return [
        _Verb(operation, word[0].lower(), word.start(), word.end(), word.start())
        for word in WORD.finditer(around.after)
        if (operation := verbs.get(word[0])) is not None and not _is_field(around.after, word.end())
    ]


def _is_field(text: bytes, word_end: int, key_begin: int = -1) -> bool:
    """Return whether the word that ends at ``word_end`` is the name of a field whose value is not the key."""
    field = _FIELD.match(text, word_end)
    return field is not None and field.end() != key_begin


def _inner(around: Surroundings) -> tuple[int, int]:
    """Return the place in the text before the key, and that in the text after it, between which the words are near."""
    return _blank_before(around.before, around.name_begin, _WORDS_AROUND + 1), _blank_after(around.after, 0)


def _blank_before(text: bytes, end: int, words: int) -> int:
    """Return the place of the blank before the last words that end at ``end``; 0 if there are fewer."""
    place = end
    for _ in range(words):
        place = text.rfind(b" ", 0, place)
        if place <= 0:
            return 0
    return place


def _blank_after(text: bytes, begin: int, words: int = _WORDS_AROUND) -> int:
    """Return the place after the blank behind the first words from ``begin`` on; the end if there are fewer."""
    place = begin
    for _ in range(words):
        place = text.find(b" ", place) + 1
        if not place:
            return len(text)
    return place
