"""Histories of keys that are made by hand, for the tests of what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from threeam.races.access import Access, Actor, ActorKind, OperationKind
from threeam.races.finding import KeyHistory
from threeam.timeline.instant import Interval
from threeam.timeline.order import ClockRange
from threeam.timeline.source import Source

T = 1_795_490_047_000_000_000  # 2026-11-24T03:14:07Z
KINDS = {
    "read": OperationKind.READ,
    "update": OperationKind.WRITE,
    "delete": OperationKind.DELETE,
    "create": OperationKind.CREATE,
}


WEB1, WEB2 = (cast(Source, SimpleNamespace(name=name, number=number)) for number, name in enumerate(("web1", "web2")))


def access(
    ns: int,
    operation: str,
    actor: str,
    source: Source = WEB1,
    *,
    bound_ns: int | None = 0,
    unit_ns: int = 1,
    clock_range: ClockRange = ClockRange(),  # noqa: B008 - it is immutable
    doubts: tuple[str, ...] = (),
) -> Access:
    """Return an access ``ns`` after `T`; the digits of its timestamp end at ``unit_ns``."""
    return Access(
        source,
        T + ns,
        T + ns,
        Actor(ActorKind.REQUEST, actor.encode(), -1),
        operation,
        KINDS.get(operation),
        T + ns,
        Interval(T + ns, T + ns + unit_ns),
        bound_ns,
        clock_range,
        doubts,
    )


def history(*accesses: Access, key: str = "42") -> KeyHistory:
    """Return the history of a cart."""
    return KeyHistory("cart", key.encode(), tuple(sorted(accesses, key=lambda access: access.ns)))


def pairs(gaps: Sequence[int], bound_ns: int | None = 0) -> list[KeyHistory]:
    """Return a history for each gap between a delete in one source and an update in the other, a second apart."""
    return [
        history(
            access(number * 10**9, "delete", "a", bound_ns=bound_ns),
            access(number * 10**9 + gap, "update", "b", WEB2, bound_ns=bound_ns),
            key=str(number),
        )
        for number, gap in enumerate(gaps)
    ]
