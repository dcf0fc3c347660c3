"""The table of verbs: which kind of operation each of them names, in all of its forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from threeam.races.access import OperationKind

VERBS: Mapping[OperationKind, tuple[str, ...]] = {
    OperationKind.READ: ("select", "get", "read", "fetch", "load", "exists"),
    OperationKind.WRITE: ("update", "set", "write", "put", "save", "replace", "incr", "increment", "decr", "decrement"),
    OperationKind.CREATE: ("insert", "create", "add", "recreate", "restore", "upsert", "undelete"),
    OperationKind.DELETE: ("delete", "remove", "drop", "expire", "evict", "purge", "sweep"),
    OperationKind.LOCK: ("lock", "acquire"),
    OperationKind.UNLOCK: ("unlock", "release", "commit", "rollback"),
    OperationKind.BEGIN: ("start", "begin", "process", "dequeue"),
    OperationKind.END: ("done", "finish", "complete", "ack"),
}
_IRREGULAR = {
    "got": "get",
    "wrote": "write",
    "written": "write",
    "began": "begin",
    "begun": "begin",
    "swept": "sweep",
    "processing": "process",
}


class Operation(NamedTuple):
    """An operation: the verb, as the table has it, or a word of the line; ``kind`` is None if it is unknown."""

    word: str
    kind: OperationKind | None


def known_verbs(extra: Mapping[str, OperationKind]) -> dict[str, Operation]:
    """Return the operations by the forms of their verbs. ``extra``: more verbs, which replace those of the table."""
    known = {}
    for kind, verbs in VERBS.items():
        for verb in verbs:
            for form in _forms(verb):
                known[form] = Operation(verb, kind)
    for form, verb in _IRREGULAR.items():
        known[form] = known[verb]
    for word, kind in extra.items():
        known[word.lower()] = Operation(word.lower(), kind)
    return known


def _forms(verb: str) -> Iterator[str]:
    """Yield a verb and its regular forms: delete, deletes, deleted, deleting; drop, dropped, dropping."""
    yield verb
    stem = verb.removesuffix("e")
    doubled = stem + stem[-1]
    yield from (verb + "s", verb + "es", stem + "ed", stem + "ing", verb + "ed", verb + "ing")
    yield from (doubled + "ed", doubled + "ing")
