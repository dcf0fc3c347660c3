"""The words of a line that say that its act failed, is still to come, or was done again: reasons to doubt a finding."""

from __future__ import annotations

import re
from functools import cache

from threeam.core.store.regex import Regex
from threeam.races.access import OperationKind

NOT_DONE = "a line says that it failed, or is to come"
RETRIED = "a retry"

_RETRY = re.compile(rb"\bretr(?:y|ies|ied|ying)\b|\battempt|\bredeliver|\brequeue|\breplay|\bresend", re.IGNORECASE)
_FIRST_ATTEMPT = re.compile(
    rb"\b(?:attempt[s ]?(?:no\.?)?[\"']?\s*[=:#]?\s*[01]|retr(?:y|ies)[\"']?\s*[=:#]?\s*0)\b", re.IGNORECASE
)
_FAILED = re.compile(
    rb"\b(?:fail\w*|errors?|fatal|den(?:y|ied)|refus\w+|reject\w*|cannot|can't|could(?:n't| not)|unable|abort\w*"
    rb"|rolled back|time[d -]?out|conflict\w*|forbidden|unauthori[sz]ed|cancel\w*|interrupted|ignor\w+|skip\w*"
    rb"|will|would|won't|shall|should|going to|about to|trying|tries|tried|wants?|scheduled|queued|pending|planned"
    rb"|dry[- ]run|before|if|unless)\b(?![\"']?\s*[=:]\s*[\"']?(?:0|no|none|nil|null|false)\b)"
    rb"|\b(?:status|code)[\"']?\s*[=:]\s*[\"']?[45]\d\d\b|\" [45]\d\d ",
    re.IGNORECASE,
)
# They say that there was nothing to change; a read that finds nothing is done.
_NOTHING = re.compile(
    rb"\b(?:not|\w+n't|never|no such|nothing|missing|already|invalid|(?:0|no|zero) (?:rows?|records?|items?|keys?)"
    rb"|(?:DELETE|UPDATE|affected|rows)[\"']?\s?[=:]?\s?0)\b",
    re.IGNORECASE,
)
# One of these is in each match of the patterns above. RE2 finds in a tenth of the time that a line has none.
_MARKS = (
    r"retr|attempt|redeliver|requeue|replay|resend|fail|error|fatal|den[yi]|refus|reject|can'?n?o?t|could|unable|abort"
    r"|rolled|time[d -]?out|conflict|forbid|unauthori|cancel|interrupt|ignor|skip|will|would|won't|shall|should|going"
    r"|about to|try|tri|want|schedul|queued|pending|planned|dry|before|\bif\b|unless|not|n't|never|no |nothing|missing"
    r"|already|invalid|zero|\b0\b|status|code|\" [45]\d\d "
)


def outcome_doubts(text: bytes, kind: OperationKind | None) -> tuple[str, ...]:
    """Return the reasons that the words of an entry give to doubt that it did its operation, or did it first."""
    if not _marks().has_match(text):
        return ()
    doubts: tuple[str, ...] = ()
    if _RETRY.search(text) and not _FIRST_ATTEMPT.search(text):
        doubts = (RETRIED,)
    if _FAILED.search(text) or (kind is not OperationKind.READ and _NOTHING.search(text)):
        doubts += (NOT_DONE,)
    return doubts


@cache
def _marks() -> Regex:
    return Regex(_MARKS, ignore_case=True)
