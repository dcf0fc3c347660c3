"""Locks that are taken in two orders: a possible deadlock, even if it has never happened.

If an actor takes lock y while it holds x, there is an edge from x to y (Goodlock). A cycle is a finding if each edge of
it is of another actor, and if no two of these actors held a common lock: such a gate lock lets only one of them in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, combinations, islice, pairwise, product, zip_longest
from typing import NamedTuple

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.races.access import ORDER_NOT_KNOWN, Access, Actor, OperationKind, order_of_accesses
from threeam.races.doubts import one_actor_doubts, order_doubts, shared_actor_doubts
from threeam.races.finding import Finding, Rule
from threeam.races.outcomes import NOT_DONE
from threeam.races.partners import WitnessLimits
from threeam.timeline.instant import Order

_MAX_ACCESSES = 100_000  # that are held
_MAX_HELD = 16  # locks of one actor at a time
_MAX_PAIRS = 200_000  # of locks with an edge
_MAX_EDGES = 8  # from one lock to another
_MAX_CYCLE = 4  # edges
_MAX_CHOICES = 100  # of edges for one cycle
_MAX_STEPS_OF_LOCK, _MAX_STEPS = 10_000, 1_000_000  # of the search for cycles
_MAX_FINDINGS = 1000

_NOT_TOGETHER = "their actors did not work at the same time in these logs"
_ALL_LOCKS = ("the order of locks", b"")
_MORE_LOCKS = f"only {_MAX_ACCESSES:,} lines with locks were compared: the others may name a lock that guards both"


class _Lock(NamedTuple):
    """A lock: the name of the key, and the key."""

    name: str
    key: bytes

    @property
    def text(self) -> str:
        return f"{self.name} {escape_unprintable(decode_utf8(self.key))}"


class _Hold(NamedTuple):
    """The time in which an actor holds a lock. ``release`` None: no line names it."""

    lock: _Lock
    taken: Access
    release: Access | None


class _Edge(NamedTuple):
    """An actor takes ``then`` while it holds ``held``.

    ``guards``: all locks that it holds then. ``possible_guards``: also those of which no line names the release.
    """

    held: _Hold
    then: _Hold
    guards: frozenset[_Lock]
    possible_guards: frozenset[_Lock]
    doubts: tuple[str, ...]

    @property
    def actor(self) -> Actor:
        return self.then.taken.actor


class LockOrder:
    """The orders in which actors take locks. The accesses may be added in any order."""

    def __init__(self, limits: WitnessLimits) -> None:
        self._limits = limits
        self._accesses: dict[Actor, list[tuple[_Lock, Access]]] = {}
        self._count = 0

    def add(self, key_name: str, key: bytes, access: Access) -> None:
        """Add an access to a key. Only those that lock or unlock count."""
        if access.kind not in (OperationKind.LOCK, OperationKind.UNLOCK):
            return
        self._count += 1
        if self._count <= _MAX_ACCESSES:
            self._accesses.setdefault(access.actor, []).append((_Lock(key_name, key), access))

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each cycle of locks; for one with several witnesses the one with the fewest doubts."""
        edges, pairs = dict[_Lock, dict[_Lock, list[_Edge]]](), 0
        for accesses in self._accesses.values():
            accesses.sort(key=lambda each: _place(each[1]))
            for edge in self._edges(accesses):
                alike = edges.setdefault(edge.held.lock, {}).setdefault(edge.then.lock, [])
                alike.append(edge)
                alike.sort(key=lambda each: (len(each.doubts), len(each.guards)))
                del alike[_MAX_EDGES:]
                pairs += len(alike) == 1
            if pairs > _MAX_PAIRS:
                break
        if pairs > _MAX_PAIRS or self._count > _MAX_ACCESSES:
            self._limits.cut_keys[_ALL_LOCKS] = None
        findings = (self._finding(cycle) for cycle in _cycles(edges))
        yield from islice((finding for finding in findings if finding is not None), _MAX_FINDINGS)

    def _edges(self, accesses: Sequence[tuple[_Lock, Access]]) -> Iterator[_Edge]:
        """Yield the edges of one actor; of those between the same two locks no one that has only more guards."""
        doubts = shared_actor_doubts([access for _, access in accesses])
        if any(order_of_accesses(first, second) is not Order.BEFORE for (_, first), (_, second) in pairwise(accesses)):
            doubts += (ORDER_NOT_KNOWN,)
        holds, relocked = _holds(accesses)
        if relocked is not None:
            doubts += (f"{relocked.text} is taken again before it is released",)
        edges, held = dict[tuple[_Lock, _Lock], list[_Edge]](), list[_Hold]()
        for hold in holds:
            held = [each for each in held if self._is_held(each, hold.taken)][-_MAX_HELD:]
            possible_guards = frozenset(each.lock for each in held)
            guards = frozenset(each.lock for each in held if each.release is not None)
            for each in held:
                known = edges.setdefault((each.lock, hold.lock), [])
                if len(known) < _MAX_EDGES and not any(edge.possible_guards <= possible_guards for edge in known):
                    edge = _Edge(each, hold, guards, possible_guards, doubts + self._doubts(each, hold))
                    known[:] = [edge, *(other for other in known if not possible_guards < other.possible_guards)]
            held.append(hold)
        yield from chain.from_iterable(edges.values())

    def _is_held(self, hold: _Hold, access: Access) -> bool:
        """Return whether a lock is still held at ``access``, by the order in which the accesses of the actor stand."""
        release = hold.release
        if access.ns - hold.taken.ns > self._limits.window_ns:
            return False
        return release is None or _place(release) > _place(access)

    def _doubts(self, held: _Hold, then: _Hold) -> tuple[str, ...]:
        """Return why an actor may not have held one lock when it took another."""
        doubts = (order_doubts(held.taken, then.taken) or ()) + held.taken.doubts + then.taken.doubts
        if held.release is None:
            doubts += (f"no line says when {held.lock.text} was released",)
        return doubts + self._limits.silences.between(held.taken, then.taken)

    def _finding(self, cycle: Sequence[Sequence[_Edge]]) -> Finding | None:
        """Return the finding of a cycle, of which each step may be one of several edges; None if it is harmless."""
        best: tuple[tuple[str, ...], tuple[_Edge, ...]] | None = None
        for edges in islice(product(*cycle), _MAX_CHOICES):
            doubts = self._cycle_doubts(edges)
            if doubts is not None and (best is None or len(doubts) < len(best[0])):
                best = doubts, edges
                if not doubts:
                    break
        if best is None:
            return None
        doubts, edges = best
        if self._count > _MAX_ACCESSES:
            doubts += (_MORE_LOCKS,)
        edges = _from_earliest(edges)
        witness = tuple(access for edge in edges for access in (edge.held.taken, edge.then.taken))
        locks = [edge.held.lock for edge in edges]
        name = locks[0].name
        key = " and ".join(lock.text.removeprefix(f"{name} ") for lock in locks)
        return Finding(
            Rule.LOCK_ORDER, name, key.encode(), witness, (witness[0], witness[2]), tuple(dict.fromkeys(doubts))
        )

    def _cycle_doubts(self, edges: Sequence[_Edge]) -> tuple[str, ...] | None:
        """Return why the actors of a cycle may not block each other; None if they cannot."""
        doubts = tuple(doubt for edge in edges for doubt in edge.doubts)
        for edge, other in combinations(edges, 2):
            if edge.actor == other.actor or not edge.guards.isdisjoint(other.guards):
                return None
            doubts += one_actor_doubts((edge.then.taken, other.then.taken))
            for lock in sorted(edge.possible_guards & other.possible_guards):
                doubts += (f"both may have held {lock.text} then",)
            if not self._work_together(edge.actor, other.actor):
                if abs(edge.then.taken.ns - other.then.taken.ns) > self._limits.window_ns:
                    return None
                doubts += (_NOT_TOGETHER,)
        return doubts

    def _work_together(self, actor: Actor, other: Actor) -> bool:
        """Return whether each of two actors has begun for certain before the other one has ended."""
        own, others = self._accesses[actor], self._accesses[other]
        return (
            order_of_accesses(own[0][1], others[-1][1]) is Order.BEFORE
            and order_of_accesses(others[0][1], own[-1][1]) is Order.BEFORE
        )


def _holds(accesses: Sequence[tuple[_Lock, Access]]) -> tuple[list[_Hold], _Lock | None]:
    """Return when an actor holds which lock, in the order in which it takes them.

    The second value: a lock that it takes again while it holds it, so that it is not known which release is the last.
    An attempt, as in ``acquiring lock cart=1``, and the line that it was taken are one taking, at the later line.
    """
    holds, open_holds, relocked = list[_Hold](), dict[_Lock, int](), None
    for (lock, access), after in zip_longest(accesses, accesses[1:]):
        if after is not None and after[0] == lock and _is_attempt(access, after[1]):
            continue
        if access.kind is OperationKind.UNLOCK:
            if (index := open_holds.pop(lock, None)) is not None:
                holds[index] = holds[index]._replace(release=access)
        elif lock in open_holds:
            relocked = lock
        else:
            open_holds[lock] = len(holds)
            holds.append(_Hold(lock, access, None))
    return holds, relocked


def _is_attempt(access: Access, after: Access) -> bool:
    """Return whether a line only says that a lock is wanted, and the next line of its actor that it was taken."""
    return access.kind is OperationKind.LOCK and after.kind is OperationKind.LOCK and NOT_DONE in access.doubts


def _place(access: Access) -> tuple[int, int, int]:
    return access.ns, access.source.number, access.offset


def _cycles(edges: dict[_Lock, dict[_Lock, list[_Edge]]]) -> Iterator[list[list[_Edge]]]:
    """Yield the edges of each cycle of at most `_MAX_CYCLE` locks, from its least lock on."""
    all_steps = 0
    for first in sorted(edges):
        paths, steps = deque[tuple[_Lock, ...]]([(first,)]), 0
        while paths and steps < _MAX_STEPS_OF_LOCK and all_steps < _MAX_STEPS:
            path = paths.popleft()
            for lock in edges.get(path[-1], ()):
                steps, all_steps = steps + 1, all_steps + 1
                if lock == first:
                    yield [edges[held][then] for held, then in pairwise((*path, first))]
                elif lock > first and lock not in path and len(path) < _MAX_CYCLE:
                    paths.append((*path, lock))


def _from_earliest(edges: tuple[_Edge, ...]) -> tuple[_Edge, ...]:
    """Return a cycle from its earliest edge on."""
    first = min(range(len(edges)), key=lambda index: edges[index].held.taken.ns)
    return edges[first:] + edges[:first]
