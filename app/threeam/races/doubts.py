"""The reasons to doubt a finding that follow from its accesses together: their order, their actors, their things."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.races.access import (
    EVERYWHERE,
    ORDER_NOT_KNOWN,
    Access,
    ActorKind,
    contradicts_file_order,
    is_plausible,
    order_of_accesses,
)
from threeam.timeline.instant import Order

_ONE_REQUEST = "the lines of the two logs may be of one request"
_REMEDY = "a group (?P<actor>…) in each --key settles that"
_MAX_COUNTED_DIGITS = 9  # of an id that each program may count for itself
_SHARED_ACTORS = {
    ActorKind.THREAD: "one thread may serve several requests",
    ActorKind.PID: "one process may serve several requests",
    ActorKind.SOURCE: "one source may have the lines of several requests",
}


def order_doubts(first: Access, second: Access) -> tuple[str, ...] | None:
    """Return why ``first`` may not have come before ``second``: empty if it did; None if it cannot have."""
    order = order_of_accesses(first, second)
    if order is Order.BEFORE:
        return ()
    if order is Order.AFTER or not is_plausible(first, second):
        return None
    return (_unknown_order(first, second),)


def _unknown_order(first: Access, second: Access) -> str:
    """Return the sentence for two accesses in an order that is not known."""
    if contradicts_file_order(first, second):
        return f"{ORDER_NOT_KNOWN}: the timestamps contradict the order of the lines in {first.source.name}"
    if first.source is not second.source and (first.bound_ns is None or second.bound_ns is None):
        source = first.source if first.bound_ns is None else second.source
        return f"{ORDER_NOT_KNOWN}: how wrong the clock of {source.name} is was not measured"
    if meanings := dict.fromkeys(access.meaning for access in (first, second) if access.meaning):
        return f"{ORDER_NOT_KNOWN}: {'; '.join(meanings)}"
    return ORDER_NOT_KNOWN


def shared_actor_doubts(accesses: Sequence[Access]) -> tuple[str, ...]:
    """Return why accesses of one actor may belong to two pieces of work."""
    actor = accesses[0].actor
    if (doubt := _SHARED_ACTORS.get(actor.kind)) is not None:
        return (f"{doubt} ({_REMEDY})",)
    is_counted = actor.name.isdigit() and len(actor.name) <= _MAX_COUNTED_DIGITS
    if actor.kind in EVERYWHERE and is_counted and len({access.source.number for access in accesses}) > 1:
        return (f"{actor.kind} {actor.name.decode()} may mean another request in each log",)
    return ()


def one_actor_doubts(accesses: Sequence[Access]) -> tuple[str, ...]:
    """Return why the actors of accesses may be one: two programs may write of one request."""
    kinds = dict.fromkeys(access.actor.kind for access in accesses)
    if len(kinds) > 1:
        return (f"the actors are known by different texts: {', '.join(kinds)} ({_REMEDY})",)
    (kind,) = kinds
    if kind not in _SHARED_ACTORS or len({access.actor.scope for access in accesses}) == 1:
        return ()
    doubt = _ONE_REQUEST if kind is ActorKind.SOURCE else f"a {kind} in each log, but maybe one request"
    return (f"{doubt} ({_REMEDY})",)


def witness_doubts(accesses: Sequence[Access]) -> tuple[str, ...]:
    """Return why accesses that look like those of several actors to one key may be of one actor, or of several keys."""
    doubts = one_actor_doubts(accesses)
    things = dict.fromkeys(escape_unprintable(decode_utf8(access.about)) for access in accesses if access.about)
    if len(things) > 1:
        doubts += (f"the lines may be about different things: {', '.join(things)}",)
    return doubts
