"""The rules: the patterns of accesses to one key that look like a race.

Each rule gives the closest witness for each access that may be a part of it, so its time grows with the number of
accesses and not with that of the pairs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise

from threeam.core.format.times import format_exact_duration
from threeam.races.access import (
    ORDER_NOT_KNOWN,
    Access,
    Actor,
    OperationKind,
    ReadOutcome,
    distance,
    order_of_accesses,
)
from threeam.races.doubts import order_doubts, shared_actor_doubts, witness_doubts
from threeam.races.finding import Finding, KeyHistory, Rule
from threeam.races.key_pattern import PART_OF_A_WORD
from threeam.races.outcomes import NOT_DONE
from threeam.races.partners import Partners, WitnessLimits, nearest
from threeam.races.verb_reading import OTHER_THING
from threeam.timeline.instant import Order

_MAX_NEIGHBOURS = 64  # that are looked at for the last one before an access
_MAX_INTERRUPTERS = 1000  # accesses that are looked at for each pair
_NOT_ITS_ACT = frozenset((NOT_DONE, OTHER_THING, PART_OF_A_WORD))  # doubts that the act was done to the key
_CREATED_AGAIN = "it may have been created again in between"
_READS_AND_WRITES = (OperationKind.READ, OperationKind.WRITE)
_UNSERIALIZABLE = {
    (OperationKind.READ, OperationKind.WRITE, OperationKind.WRITE): Rule.LOST_UPDATE,
    (OperationKind.READ, OperationKind.WRITE, OperationKind.READ): Rule.UNEQUAL_READS,
    (OperationKind.WRITE, OperationKind.WRITE, OperationKind.READ): Rule.OVERWRITTEN,
    (OperationKind.WRITE, OperationKind.READ, OperationKind.WRITE): Rule.PARTIAL_READ,
}
# They end what an actor does with a key: its accesses before and after them are two pieces of work.
_ENDS_OF_WORK = (OperationKind.END, OperationKind.UNLOCK, OperationKind.CREATE, OperationKind.DELETE)


def find_patterns(
    history: KeyHistory, limits: WitnessLimits, rules: frozenset[Rule] = frozenset(Rule)
) -> Iterator[Finding]:
    """Yield the findings of ``rules`` on one key. `Rule.HABIT` and `Rule.LOCK_ORDER` need more than one key."""
    if len({access.actor for access in history.accesses}) < 2:
        return
    kinds = {access.kind for access in history.accesses}
    if Rule.AFTER_DELETE in rules and OperationKind.DELETE in kinds:
        yield from _find_use_after_delete(history, limits)
    if OperationKind.WRITE in kinds and not rules.isdisjoint(_UNSERIALIZABLE.values()):
        yield from (finding for finding in _find_interleaved(history, limits) if finding.rule in rules)
    if Rule.TWICE in rules and OperationKind.BEGIN in kinds:
        yield from _find_begun_twice(history, limits)
    if Rule.TWICE in rules and {OperationKind.END, OperationKind.CREATE} <= kinds:
        yield from _find_ended_twice(history, limits)
    if Rule.CHECK_THEN_ACT in rules and {OperationKind.CREATE, OperationKind.READ} <= kinds:
        yield from _find_check_then_act(history, limits)


def format_distance(first: Access, second: Access) -> str:
    """Return the true distance of two accesses as an interval: ``-0.36ms to +0.46ms``."""
    least, greatest = (
        None if limit_ns is None else "+" * (limit_ns > 0) + format_exact_duration(limit_ns)
        for limit_ns in distance(first, second)
    )
    if least is None and greatest is None:
        return "not known"
    if least is None or greatest is None:
        return f"at least {least}" if greatest is None else f"at most {greatest}"
    return f"{least} to {greatest}"


class _Interrupters:
    """The accesses that end a pattern if they are between its two accesses, in the order of their instants."""

    def __init__(self, history: KeyHistory, kinds: Sequence[OperationKind]) -> None:
        self.accesses = [access for access in history.accesses if access.kind in kinds]
        widened = [access.widened or access.interval for access in history.accesses]
        pairs = list(zip(history.accesses, widened, strict=True))
        # No interval reaches further from its instant.
        self._reach_ns = max(max(access.ns - wide.begin_ns, wide.end_ns - access.ns) for access, wide in pairs)
        self._is_bounded = all(access.bound_ns is not None for access in history.accesses)

    def doubts(
        self, first: Access, second: Access, sentence: str, counts: Callable[[Access], bool] = lambda access: True
    ) -> tuple[str, ...] | None:
        """Return why one of them that ``counts`` may be between two accesses; None if one is."""
        doubts: tuple[str, ...] = ()
        doubt = f"{ORDER_NOT_KNOWN}: {sentence}"
        near = self._near(min(first.ns, second.ns), max(first.ns, second.ns))
        if len(near) > _MAX_INTERRUPTERS:
            return (doubt,)
        for access in near:
            if access is first or access is second or not counts(access):
                continue
            after, before = order_of_accesses(first, access), order_of_accesses(access, second)
            if after is Order.BEFORE and before is Order.BEFORE and _NOT_ITS_ACT.isdisjoint(access.doubts):
                return None
            if after is not Order.AFTER and before is not Order.AFTER:
                doubts = (doubt,)
        return doubts

    def last_before(self, access: Access) -> Access | None:
        """Return the last of them that came before ``access`` for certain; None if none of the nearest did."""
        end = bisect_right(self.accesses, access.ns, key=_instant)
        nearest = reversed(self.accesses[max(0, end - _MAX_NEIGHBOURS) : end])
        return next((other for other in nearest if order_of_accesses(other, access) is Order.BEFORE), None)

    def _near(self, begin_ns: int, end_ns: int) -> Sequence[Access]:
        """Return those whose intervals may overlap the time between two instants."""
        if not self._is_bounded:
            return self.accesses
        first = bisect_left(self.accesses, begin_ns - 2 * self._reach_ns, key=_instant)
        last = bisect_right(self.accesses, end_ns + 2 * self._reach_ns, key=_instant)
        return self.accesses[first:last]


def _instant(access: Access) -> int:
    return access.ns


def _finding(
    rule: Rule,
    history: KeyHistory,
    witness: Sequence[Access],
    doubts: tuple[str, ...],
    limits: WitnessLimits,
) -> Finding:
    """Return a finding whose gap is between its last two accesses, with the doubts of its lines."""
    for access in witness:
        doubts += access.doubts
    doubts += limits.silences.between(witness[0], witness[-1])
    doubts += witness_doubts(witness)
    return Finding(
        rule, history.key_name, history.key, tuple(witness), (witness[-2], witness[-1]), tuple(dict.fromkeys(doubts))
    )


def _both_doubts(*pairs: Sequence[Access]) -> tuple[str, ...]:
    return tuple(doubt for pair in pairs for doubt in shared_actor_doubts(pair))


def _find_use_after_delete(history: KeyHistory, limits: WitnessLimits) -> Iterator[Finding]:
    """Yield each delete that is followed by an access of another actor, without a create in between."""
    creates = _Interrupters(history, (OperationKind.CREATE,))
    uses = Partners(history, _READS_AND_WRITES, limits)
    for index, delete in enumerate(history.accesses):
        if delete.kind is not OperationKind.DELETE:
            continue

        def doubts_of(use: Access, delete: Access = delete) -> tuple[str, ...] | None:
            if use.actor == delete.actor or use.outcome is ReadOutcome.NOTHING:
                return None
            doubts = order_doubts(delete, use)
            if doubts is None:
                return None
            absent = creates.doubts(delete, use, _CREATED_AGAIN)
            return None if absent is None else doubts + absent

        if (use := nearest(uses, index, doubts_of)) is not None:
            yield _finding(Rule.AFTER_DELETE, history, (delete, use[0]), use[1], limits)


def _find_interleaved(history: KeyHistory, limits: WitnessLimits) -> Iterator[Finding]:
    """Yield the accesses between two of another actor that no order of whole pieces of work explains."""
    own: _Interrupters | None = None
    partners: dict[OperationKind, Partners] = {}
    last: dict[object, int] = {}
    for index, access in enumerate(history.accesses):
        if access.kind in _ENDS_OF_WORK:
            last.pop(access.actor, None)
        if access.kind not in _READS_AND_WRITES:
            continue
        first_index = last.get(access.actor)
        last[access.actor] = index
        if first_index is None or access.ns - history.accesses[first_index].ns > limits.window_ns:
            continue
        both_write = history.accesses[first_index].kind is access.kind is OperationKind.WRITE
        kind = OperationKind.READ if both_write else OperationKind.WRITE
        if kind not in partners:
            partners[kind] = Partners(history, (kind,), limits)
        found = _find_between(history, first_index, index, partners[kind].around(first_index, index))
        if found is not None:
            rule, between, doubts = found
            first = history.accesses[first_index]
            own = own or _Interrupters(history, (*_READS_AND_WRITES, *_ENDS_OF_WORK))
            before, after = _doubts_of_own(own, first, between, first), _doubts_of_own(own, between, access, access)
            if before is not None and after is not None:
                doubts += before + after + shared_actor_doubts((first, access))
                yield _finding(rule, history, (first, between, access), doubts, limits)


def _doubts_of_own(own: _Interrupters, first: Access, second: Access, access: Access) -> tuple[str, ...] | None:
    """Return why the actor of ``access`` may have done anything but the same between two accesses; None if it did."""

    def counts(other: Access) -> bool:
        return other.actor == access.actor and other.kind is not access.kind  # the same again makes the same pattern

    return own.doubts(first, second, "the actor may have accessed it in between", counts)


def _find_between(
    history: KeyHistory, first_index: int, second_index: int, partners: Iterable[Access]
) -> tuple[Rule, Access, tuple[str, ...]] | None:
    """Return the best of ``partners`` between two accesses of another actor, and the rule that it breaks.

    None if none of them does.
    """
    first, second = history.accesses[first_index], history.accesses[second_index]
    own_doubts = order_doubts(first, second)
    if own_doubts is None:
        return None
    best = None
    for other in partners:
        rule = _UNSERIALIZABLE.get((first.kind, other.kind, second.kind))  # type: ignore[arg-type]
        if rule is None or other.actor == first.actor:
            continue
        after, before = order_doubts(first, other), order_doubts(other, second)
        if after is None or before is None:
            continue
        doubts = own_doubts + after + before
        if best is None or len(doubts) < len(best[2]):
            best = rule, other, doubts
            if not doubts:
                break
    return best


def _find_begun_twice(history: KeyHistory, limits: WitnessLimits) -> Iterator[Finding]:
    """Yield each piece of work that a second actor begins before the first one has ended it."""
    ends = _Interrupters(history, _ENDS_OF_WORK)
    begins = Partners(history, (OperationKind.BEGIN,), limits)
    for index, begin in enumerate(history.accesses):
        if begin.kind is not OperationKind.BEGIN:
            continue

        def is_end(end: Access, begin: Access = begin) -> bool:
            return end.actor == begin.actor or end.kind is OperationKind.CREATE  # what is created is another one

        def doubts_of(again: Access, begin: Access = begin) -> tuple[str, ...] | None:
            if again.actor == begin.actor:
                return None
            doubts = order_doubts(begin, again)
            if doubts is None:
                return None
            absent = ends.doubts(begin, again, "it may have ended, or been created again, in between", is_end)
            return None if absent is None else doubts + absent

        if (again := nearest(begins, index, doubts_of)) is not None:
            yield _finding(Rule.TWICE, history, (begin, again[0]), again[1], limits)


def _find_ended_twice(history: KeyHistory, limits: WitnessLimits) -> Iterator[Finding]:
    """Yield each create that two actors have ended."""
    creates = _Interrupters(history, (OperationKind.CREATE,))
    ends = Partners(history, (OperationKind.END,), limits)
    for index, end in enumerate(history.accesses):
        if end.kind is not OperationKind.END:
            continue
        create = creates.last_before(end)
        if create is None or end.ns - create.ns > limits.window_ns:
            continue

        def doubts_of(again: Access, end: Access = end) -> tuple[str, ...] | None:
            if again.actor == end.actor:
                return None
            doubts = order_doubts(end, again)
            if doubts is None:
                return None
            absent = creates.doubts(end, again, _CREATED_AGAIN)
            return None if absent is None else doubts + absent

        if (again := nearest(ends, index, doubts_of)) is not None:
            yield _finding(Rule.TWICE, history, (create, end, again[0]), again[1], limits)


def _find_check_then_act(history: KeyHistory, limits: WitnessLimits) -> Iterator[Finding]:
    """Yield two creates whose actors have both looked before either of them has created."""
    deletes = _Interrupters(history, (OperationKind.DELETE,))
    creates = [index for index, access in enumerate(history.accesses) if access.kind is OperationKind.CREATE]
    previous = list(_previous_of_actors(history))
    for index, following in pairwise(creates):
        first, second = history.accesses[index], history.accesses[following]
        if first.actor == second.actor or second.ns - first.ns > limits.window_ns:
            continue
        own_read, other_read = (
            _read_before(first, previous[index], limits),
            _read_before(second, previous[following], limits),
        )
        if own_read is None or other_read is None or ReadOutcome.FOUND in (own_read.outcome, other_read.outcome):
            continue
        absent = deletes.doubts(first, second, "it may have been deleted in between")
        orders = [order_doubts(read, create) for read in (own_read, other_read) for create in (first, second)]
        known = [doubts for doubts in orders if doubts is not None]
        if absent is None or len(known) < len(orders):
            continue
        doubts = absent + tuple(chain(*known)) + _both_doubts((own_read, first), (other_read, second))
        reads = sorted((own_read, other_read), key=lambda access: access.ns)
        yield _finding(Rule.CHECK_THEN_ACT, history, (*reads, first, second), doubts, limits)


def _read_before(create: Access, previous: Access | None, limits: WitnessLimits) -> Access | None:
    """Return what an actor did before a create, if that was a read."""
    if previous is None or create.ns - previous.ns > limits.window_ns:
        return None
    return previous if previous.kind is OperationKind.READ else None


def _previous_of_actors(history: KeyHistory) -> Iterator[Access | None]:
    """Yield for each access the one before it by the same actor."""
    last: dict[Actor, Access] = {}
    for access in history.accesses:
        yield last.get(access.actor)
        last[access.actor] = access
