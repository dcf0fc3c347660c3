"""The words of a line that say that its act failed, is still to come, or was done again: reasons to doubt a finding."""

from __future__ import annotations

import re
from functools import cache

from threeam.core.store.regex import Regex
from threeam.races.access import OperationKind, ReadOutcome

NOT_DONE = "a line says that it failed, or is to come"
RETRIED = "a retry"

_RETRY_WORDS = r"retr(?:y|ies|ied|ying) attempt[a-z]* redeliver[a-z]* requeue[a-z]* replay[a-z]* resend[a-z]*"
_FIRST_ATTEMPT = re.compile(
    rb"\b(?:attempt[s ]?(?:no\.?)?[\"']?\s*[=:#]?\s*[01]|retr(?:y|ies)[\"']?\s*[=:#]?\s*0)\b", re.IGNORECASE
)
_FAILED_WORDS = (
    r"fail[a-z]* err(?:ors?|no)? exceptions? fatal den(?:y|ied) refus[a-z]+ reject[a-z]* cannot can't "
    r"could(?:n't|[\s_]not) unable unsuccessful[a-z]* abort[a-z]* rolled[\s_]back undo undone revert[a-z]* "
    r"restor[a-z]+ timed[\s_-]?out conflict[a-z]* duplicate[a-z]* violat[a-z]+ mismatch stale deadlock[a-z]* forbidden "
    r"disallow[a-z]* unauthori[sz]ed unavailable permission cancel[a-z]* interrupted ignor[a-z]+ skip[a-z]* "
    r"prevent[a-z]* block(?:ed|ing) noop no-op locked[\s_]out lost rollback rolling[\s_]back "
    r"throttl[a-z]+ exceed[a-z]* overload[a-z]* connection[\s_](?:reset|closed|lost) reset[\s_]by "
    r"broken[\s_]pipe unreachable crash[a-z]* panic[a-z]* too[\s_]many rate[\s_-]?limit[a-z]* dry[-\s_]?run "
    r"simulat[a-z]+ preview"
)
_TO_COME_WORDS = (
    r"will would won't shall should going[\s_]to about[\s_]to to[\s_]be try trying tries tried wants? wait[a-z]* "
    r"request(?:ed|ing) schedul[a-z]+ queued enqueu[a-z]+ pending postponed deferred planned explain "
    r"prepar[a-z]+ before pre if unless can might must allow[a-z]* check(?:s|ing) mark(?:s|ed)?[\s_]for "
    r"without acquiring locking time-?out"
)
# `errors=0` says that it worked, and `wait_ms=5` is a measurement.
_UNSET = r"(?!\w*[\"']?\s*[=:]\s*(?:[\"']?<?(?:0|no|ok|none|nil|null|false)\b|\"\"|''|\[\]|-(?!\w)))"
_MEASURED = r"(?!\w*[\"']?\s*[=:]\s*[\"']?(?:-?\d|no\b|none\b|nil\b|null\b|false\b|\"|'))"
_STATES = (
    r"\b(?:ok|result|outcome|success|succeeded|deleted|removed|updated|created|acquired|locked)[\"']?\s*[=:]\s*[\"']?(?:false|no|0)\b",
    r"(?:status|response|returned|http|code)(?:_?code)?[\"']?\s*[=:]?\s*[\"']?[45]\d\d\b",
    r"\b(?:grpc[._]?)?(?:code|errno|error_?number)[\"']?\s*[=:]\s*[\"']?[1-9]\d?\b",  # of gRPC; 200 is one of HTTP
    r"(?:->|=>|\breturn(?:s|ed)|\bresult:?)\s?[\"'(]?(?:false|nil|null|none|err)\b",
    r"\bp?expire(?:at|s)?\b[^\n]{1,100}?(?:\s\d+\b|\b(?:ttl|in|at|after)\b)",  # it will
    r"\b(?:code|rc|exit|exit[\s_]?code|result|returned)[\"']?\s*[=:]?\s*[\"']?-\d",
    r"\b(?:rc|exit|exit[\s_]?code|exit[\s_]status)[\"']?\s*[=:]?\s*[\"']?[1-9]",
    r"(?:GET|HEAD|POST|PUT|PATCH|DELETE) \S+(?: HTTP/[\d.]+)?[\"']?:? (?:-> |=> |\[|\()?[45]\d\d\b",
    r"\" [45]\d\d ",  # of an access log
    r"\bE(?:PERM|ACCES|NOENT|EXIST|AGAIN|BUSY|IO|INTR|TIMEDOUT|INVAL|ROFS|NOSPC)\b",
)
# They say that there was nothing to change; a read that finds nothing is done.
_NOTHING_WORDS = (
    r"not [a-z]+n't never no[\s_]such nothing missing already invalid gone (?:no|zero)\s(?:rows?|records?|items?|keys?)"
)
_READ_NOTHING = (
    r"not[\s_-]?found|no[\s_]such|not[\s_]exist|n't[\s_]exist|\bmiss(?:ing|ed)?\b|\bnothing\b|\babsent\b"
    r"|(?:->|=>|[=:]|\breturn(?:s|ed))\s?[\"'(]?(?:nil|null|none|false|empty|404)\b|\b(?:0|no) (?:rows?|records?)\b"
    r"|\b(?:rows|count|found|hits?)[\"']?\s?[=:]\s?0\b"
)
_READ_FOUND = (
    r"\b(?:found|hit|present)\b|\b(?:exists|found|hit)[\"']?\s?[=:]\s?[\"']?(?:true|yes|1)\b|\b[1-9]\d* rows?\b"
    r"|\b(?:rows|count|hits?)[\"']?\s?[=:]\s?[1-9]"
)
_NOTHING_STATES = (
    r"(?:^|[^\w.])0 (?:rows?|records?|items?|keys?)\b",
    r"\b(?:DELETE|UPDATE|INSERT 0) 0\b",
    r"(?:affected|rows|count|result|modified|removed)[\"']?\s?[=:]\s?[\"']?0\b",
)


_NOT_IN_SQL = re.compile(rb"\bnot (?=(?:null|in|exists|like|between)\b)", re.IGNORECASE)
_SQL = re.compile(rb"\b(?:set\s+[\w.`\"\[\]]+\s*=|values\s*\(|where\s)", re.IGNORECASE)
_SQL_VALUE = re.compile(rb"[=(,]\s?'[^'\n]*'")  # of `SET status = 'pending'`
_STATE_DATA = re.compile(  # what the key became, as in `update order=42 status=cancelled`
    rb"(?:status|state|phase|stage)[\"']?\s?[=:]\s?[\"']?(?:pending|cancell?ed)\b", re.IGNORECASE
)
_STALE_THING = re.compile(  # what was removed, as in `removed stale cart=42`, and no stale read
    rb"\b(?:delet|remov|purg|evict|expir|clean|clear|sweep|swept|prun|releas|refresh|replac|reap)\w*"
    rb"\s(?:(?:up|out|the|an?|all|\d+)\s){0,2}stale(?=\s(?!update|write|read|version|event|message|request|data))",
    re.IGNORECASE,
)
_ZERO_FAILURES = re.compile(
    rb"(?:err(?:or)?s?|fail[a-z]*|retr(?:y|ies)|attempts?|conflicts?|timeouts?)_?count[\"']?\s?[=:]\s?[\"']?0\b",
    re.IGNORECASE,
)
_STATE_PARTS = (b"ending", b"ENDING", b"ancel", b"ANCEL")  # to look for them is faster than the pattern
_SETTING_STATES = (OperationKind.READ, OperationKind.WRITE, OperationKind.CREATE)
_CAMEL = re.compile(rb"(?<=[a-z])(?=[A-Z])")  # `deleteFailed` is read as `delete_Failed`


def _words(words: str, after: str = "", before: str = "") -> re.Pattern[bytes]:
    """Return the pattern of words that no letters are next to: it finds `failed` in `delete_failed`."""
    text = rf"(?<![a-zA-Z]){before}(?:{'|'.join(words.split(' '))})(?![a-zA-Z]){after}"
    return re.compile(text.encode(), re.IGNORECASE)


_LIMIT_BEFORE = r"(?<!max[_ -])"  # `max_retries=3`
_LIMIT_AFTER = r"(?![_-](?:limit|max|delay|after|interval|polic|backoff|left|remaining))"
_RETRY = _words(_RETRY_WORDS, _LIMIT_AFTER + _UNSET, _LIMIT_BEFORE)
_NOTHING = _words(_NOTHING_WORDS)
_FAILED = _words(_FAILED_WORDS, _UNSET)
_TO_COME = _words(_TO_COME_WORDS, _MEASURED)
_FAILED_STATE = re.compile("|".join(_STATES).encode(), re.IGNORECASE)
_NOTHING_STATE = re.compile("|".join(_NOTHING_STATES).encode(), re.IGNORECASE)


_BEGUN = re.compile(
    rb"(?<!done )(?<!finished )(?<!completed )(?<![a-z])(?:(?:start(?:s|ed|ing)?|begin(?:s|ning)?|began) to [a-z]+"
    rb"|(?:delet|remov|dropp|expir|evict|purg|sweep|updat|sett|writ|putt|sav|replac|increment|decrement|insert|creat"
    rb"|add|gett|read|fetch|load|releas|unlock|committ)ing)(?![a-z])",
    re.IGNORECASE,
)


BEGUN_MARK = r"(?i:ing\b|(?:start|beg[ia]n)[a-z]* to )"
"""A pattern for RE2: each line that `says_begun` finds has it."""


def says_begun(text: bytes) -> bool:
    """Return whether an entry says that an act has begun, as in ``deleting cart=42``, and not that it was done."""
    return _any_begun().has_match(text) and _BEGUN.search(text) is not None


@cache
def _any_begun() -> Regex:
    return Regex(BEGUN_MARK)


OUTCOME_MARK = f"(?i:{_READ_NOTHING}|{_READ_FOUND})"
"""A pattern for RE2: each line of which `read_outcome` says something has it."""


def read_outcome(text: bytes) -> ReadOutcome | None:
    """Return what the words of a read say that it found; None if they do not say it."""
    if not _any_outcome().has_match(text):
        return None
    return ReadOutcome.NOTHING if _read_nothing().has_match(text) else ReadOutcome.FOUND


@cache
def _any_outcome() -> Regex:
    return Regex(OUTCOME_MARK)


@cache
def _read_nothing() -> Regex:
    return Regex(_READ_NOTHING, ignore_case=True)


def _doubt_mark() -> str:
    words = f"{_RETRY_WORDS} {_FAILED_WORDS} {_TO_COME_WORDS} {_NOTHING_WORDS}".split(" ")
    capitals = [word[0].upper() + word[1:] for word in words if word[0].isalpha()]
    return (
        rf"(?:^|[^A-Za-z])(?i:{'|'.join(words)})(?:[^a-z]|$)|[a-z](?:{'|'.join(capitals)})(?:[^a-z]|$)"
        rf"|(?i:{'|'.join([*_STATES, *_NOTHING_STATES])})"
    )


DOUBT_MARK = _doubt_mark()
"""All patterns of `outcome_doubts` as one for RE2, which finds in a thirtieth of the time that a line has none of the
words. It has no lookaround, so it finds some more.
"""


def outcome_doubts(text: bytes, kind: OperationKind | None) -> tuple[str, ...]:
    """Return the reasons that the words of an entry give to doubt that it did its operation, or did it first."""
    if not _any_doubt().has_match(text):
        return ()
    text = _without_data(_CAMEL.sub(b"_", text), kind)
    doubts: tuple[str, ...] = ()
    if _RETRY.search(text) and not _FIRST_ATTEMPT.search(text):
        doubts = (RETRIED,)
    is_done = not (says_failed(text) or _TO_COME.search(text))
    if is_done and kind is not OperationKind.READ:
        is_done = not (_NOTHING.search(text) or _NOTHING_STATE.search(text))
    return doubts if is_done else (*doubts, NOT_DONE)


def _without_data(text: bytes, kind: OperationKind | None) -> bytes:
    """Return the text without the words that are values, or that say what a statement selects."""
    text = _NOT_IN_SQL.sub(b"", text)
    if b"ount" in text:
        text = _ZERO_FAILURES.sub(b"", text)
    if b"'" in text and _SQL.search(text):
        text = _SQL_VALUE.sub(b"", text)
    may_be_state = kind in _SETTING_STATES and any(part in text for part in _STATE_PARTS)
    return _STATE_DATA.sub(b"", text) if may_be_state else text


def says_failed(text: bytes) -> bool:
    """Return whether the words of a line say that something failed."""
    if b"stale" in text:
        text = _STALE_THING.sub(b"", text)
    return _FAILED.search(text) is not None or _FAILED_STATE.search(text) is not None


@cache
def _any_doubt() -> Regex:
    return Regex(DOUBT_MARK)
