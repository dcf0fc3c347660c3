"""The actors of a log: who does what its lines say, by the best text that they have for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from threeam.races.access import ActorKind

# A word such as `request` may have a method or a state as its value: only one with a digit is an id.
_ID_NAME = (
    rb"(?:(?:x[-_])?(?:request|req|trace|correlation|transaction|txn|trx|tx)[-_. ]?id|traceparent|req|rid|trace|txn|trx"
    rb"|(?:request|transaction)(?=[\"']?\s?[=:]\s?[\"']?[\w.@-]*\d))"
)
_NO_ID = rb"(?:null|none|nil|undefined|unknown|false|true|0+|-+)(?![\w.@-])"
_PATTERNS: dict[ActorKind, re.Pattern[bytes]] = {
    ActorKind.REQUEST: re.compile(
        rb"(?<![\w-])" + _ID_NAME + rb"[\"']?(?:=|:\s?|\s=\s)[\"']?(?!" + _NO_ID + rb")"
        rb"(?P<actor>[\w.@-]{0,63}\w)(?![\w.@=-])",
        re.IGNORECASE,
    ),
    ActorKind.THREAD: re.compile(
        rb"(?<![\w-])(?:thread|tid|goroutine|worker)(?:[-_ ]?(?:id|name))?[\"']?(?:\s?[=:#]\s?|[ -])[\"']?"
        rb"(?P<actor>[\w.-]{0,32}\d[\w.-]{0,32})"
        rb"|\[(?P<name>[\w. #-]{0,48}(?:thread|exec|worker|pool)[\w. #-]{0,48})\]",
        re.IGNORECASE,
    ),
    ActorKind.PID: re.compile(
        rb"(?<![\w-])pid[\"']?\s?[=:]\s?[\"']?(?P<actor>\d+)|(?<=[\w.-])\[(?P<name>\d+)\](?=[:\s])"
        rb"|(?:^|(?<=\s))\[(?P<bare>\d+)\](?=[:\s])",
        re.IGNORECASE,
    ),
}
_MIN_SHARE = 0.9  # of the sampled lines that must show an actor of a kind


def find_actor_kind(entries: Sequence[bytes]) -> ActorKind:
    """Return the best kind of actor that nearly all of these entries show; `ActorKind.SOURCE` if there is no other."""
    for kind in _PATTERNS:
        shown = sum(actor_of(entry, kind) is not None for entry in entries)
        if entries and shown >= _MIN_SHARE * len(entries):
            return kind
    return ActorKind.SOURCE


def actor_of(entry: bytes, kind: ActorKind, key_begin: int = -1) -> bytes | None:
    """Return the actor of this kind that an entry names, or None. The key, at ``key_begin``, is not an actor."""
    pattern = _PATTERNS.get(kind)
    if pattern is None:
        return None
    for match in pattern.finditer(entry):
        group = match.lastgroup
        if group is not None and match.start(group) != key_begin:
            return match[group]
    return None
