"""The actors of a log: who does what its lines say, by the best text that they have for it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from threeam.races.access import ActorKind

_NO_ID = rb"(?:null|none|nil|undefined|unknown|false|true|0+|-+)(?![\w.@-])"

# The id of a trace, without what follows it: a span, which differs in each program.
_TRACE = rb"[0-9a-f]{32}(?=[-:/;])|[0-9a-f]{16}(?=[-:][0-9a-f]{16}(?![\w@.]))"  # of W3C, B3, Jaeger, Google
_GOOGLE_PROJECT = rb"projects/[\w.:-]{1,64}/traces/"


def _id_pattern(names: bytes, bare: bytes, plain: bytes) -> re.Pattern[bytes]:
    """Return the pattern of an id: of ``names`` with ``id`` after them, ``bare`` ones, or a ``plain`` word.

    A plain word such as `request` may have a method or a state as its value: only one with a digit is an id. A part
    of an id would be that of several actors: so a character that does not end it makes it no id.
    """
    return re.compile(
        rb"(?<![\w-])(?:(?:x[-_])?(?:" + names + rb")[-_. ]?id|" + bare + rb"|(?:" + plain + rb")"
        rb"(?=[\"']?\s?[=:]\s?[\"']?[\w.@-]*\d))[\"']?(?:=|:\s?|\s=\s)[\"']?\{?(?!" + _NO_ID + rb")"
        rb"(?:" + _GOOGLE_PROJECT + rb")?(?:[0-9a-f]{2}-(?=[0-9a-f]{32}-[0-9a-f]{16}-))?"
        rb"(?P<actor>" + _TRACE + rb"|\w(?:[\w.@/+~-]{0,126}[\w+/])?={0,2}(?=[\s\"',;|&.)\]}>\\]|:(?!\w)|\Z))",
        re.IGNORECASE,
    )


_HEX_ID = re.compile(rb"[0-9a-f]{16,32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


_PATTERNS: dict[ActorKind, re.Pattern[bytes]] = {
    ActorKind.REQUEST: _id_pattern(rb"request|req|correlation", rb"req|rid", rb"request"),
    ActorKind.TRACE: _id_pattern(rb"trace", rb"trace|traceparent", rb"trace"),
    ActorKind.TRANSACTION: _id_pattern(rb"transaction|txn|trx|tx", rb"txn|trx", rb"transaction"),
    ActorKind.THREAD: re.compile(
        rb"(?<![\w-])(?:thread|tid|goroutine|worker)(?:[-_ ]?(?:id|name))?[\"']?(?:\s?[=:#]\s?|[ -])[\"']?"
        rb"(?P<actor>[\w.-]{0,32}\d[\w.-]{0,32})(?![/@+#:.-]*\w)"
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
    match = pattern.search(entry)
    while match is not None and (match.lastgroup is None or match.start(match.lastgroup) == key_begin):
        match = pattern.search(entry, match.end())
    if match is None or match.lastgroup is None:
        return None
    name = match[match.lastgroup]
    # A program may write an id in capitals, or a UUID without its dashes.
    return name.replace(b"-", b"").lower() if len(name) >= 16 and _HEX_ID.fullmatch(name) else name
