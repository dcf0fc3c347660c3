"""The accesses to a key that the lines of logs show, and what may be claimed of the order of two.

The line is not the act. A program may write it before the act or after it, so the interval of an access is only as good
as the meaning of the timestamp.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S
from threeam.timeline.instant import Interval, Order
from threeam.timeline.order import ClockRange
from threeam.timeline.source import Source
from threeam.timeline.timestamp_format import Meaning

_UNLIMITED_NS = 2**62  # the begin or the end of an access is not known

LONGEST_RECEIPT_NS = 5 * NS_PER_S
"""The longest time from an act to the receipt of its line that makes a possible finding."""
LONGEST_ACT_NS = 60 * NS_PER_S
"""The longest duration of an act without a known begin, or end, that makes a possible finding."""

ORDER_NOT_KNOWN = "order not known"


class OperationKind(StrEnum):
    """The kind of an operation; the letter is that of ``--op W=touch``."""

    READ = "R"
    WRITE = "W"
    CREATE = "C"
    DELETE = "D"
    LOCK = "L"
    UNLOCK = "U"
    BEGIN = "B"
    END = "E"


class ReadOutcome(StrEnum):
    """The outcome of a read, as its line says it."""

    FOUND = "found"
    NOTHING = "nothing"


class ActorKind(StrEnum):
    """The text that tells the actors of a log apart, the best one first."""

    NAMED = "named group"
    REQUEST = "request id"
    TRACE = "trace id"
    TRANSACTION = "transaction id"
    THREAD = "thread"
    PID = "pid"
    SOURCE = "source"


EVERYWHERE = frozenset((ActorKind.REQUEST, ActorKind.TRACE, ActorKind.TRANSACTION))
"""The kinds of ids that programs pass on to each other: an id means the same actor in all sources."""


class Actor(NamedTuple):
    """The actor of an access. ``scope``: the number of the source within which ``name`` is unique; -1: everywhere."""

    kind: ActorKind
    name: bytes
    scope: int


class Access(NamedTuple):
    """An access to a key.

    ``operation``: the word of the line, in lower case. ``kind``: None if the word is unknown. ``offset``: of the line
    that names the key, and ``entry_offset`` of its entry, which has the timestamp. ``ns``: the corrected instant by
    which the entry is placed. ``interval``: the time of the act by the clock of the source, without the error of that
    clock: [ns, ns + resolution), and longer if the timestamp is that of a begin or an end. ``bound_ns``: how wrong the
    clock may be against others; None: not known. ``doubts``: why the line may mean something else.
    ``resolution_ns``: the unit of the last digit of the timestamp. ``meaning``: why the interval has no begin or no
    end; "" if it has both. That is not a doubt if the order is known all the same. ``about``: the table, or another
    noun that the line has for the key; b"" without a noun. ``outcome``: of a read; None: not known.
    """

    source: Source
    offset: int
    entry_offset: int
    actor: Actor
    operation: str
    kind: OperationKind | None
    ns: int
    interval: Interval
    bound_ns: int | None
    clock_range: ClockRange
    doubts: tuple[str, ...] = ()
    resolution_ns: int = 1
    meaning: str = ""
    about: bytes = b""
    outcome: ReadOutcome | None = None

    @property
    def widened(self) -> Interval | None:
        """The time of the act by the clocks of others; None: not known."""
        if self.bound_ns is None:
            return None
        return Interval(self.interval.begin_ns - self.bound_ns, self.interval.end_ns + self.bound_ns)


def order_of_accesses(access: Access, other: Access) -> Order:
    """Return the order of ``access`` to ``other``.

    Within one source and one actor the order of the file is the order of the program, unless the timestamps contradict
    it. Two actors of one source are in order if their intervals are disjoint, in the order of the file: lines of one
    timestamp may have been written in another order. Between sources the errors of the clocks widen the intervals.
    """
    if access.source is other.source:
        return _order_within_source(access, other)
    own, others = access.widened, other.widened
    return Order.UNKNOWN if own is None or others is None else own.order_to(others)


class Distance(NamedTuple):
    """The time from one access to another, with the errors of their clocks, in ns; None: a limit that is not known."""

    least_ns: int | None
    greatest_ns: int | None

    @property
    def error_ns(self) -> int | None:
        """The possible error of the middle of the two limits; None if a limit is not known."""
        if self.least_ns is None or self.greatest_ns is None:
            return None
        return (self.greatest_ns - self.least_ns + 1) // 2

    @property
    def longest_ns(self) -> int:
        """The longest time in either direction, as far as the limits are known."""
        return max(abs(self.least_ns or 0), abs(self.greatest_ns or 0))


def distance(first: Access, second: Access) -> Distance:
    """Return the least and the greatest time from ``first`` to ``second``.

    A limit is not known if a clock has no bound, or was stepped between them, or if an act has no begin or no end that
    is known.
    """
    if first.source is not second.source:
        own, other = first.widened, second.widened
    elif first.clock_range[:2] != second.clock_range[:2]:
        own = other = None  # the clock was stepped, or the program has begun a new file
    else:
        own, other = first.interval, second.interval
    if own is None or other is None:
        return Distance(None, None)
    least_ns, greatest_ns = other.begin_ns - own.end_ns, other.end_ns - own.begin_ns
    return Distance(
        None if least_ns < -_UNLIMITED_NS else least_ns, None if greatest_ns > _UNLIMITED_NS else greatest_ns
    )


def contradicts_file_order(access: Access, other: Access) -> bool:
    """Return whether a source has the lines of two accesses in an order that their timestamps deny.

    The clock may have been set back between them, or the earlier line was written late.
    """
    if access.source is not other.source or access.clock_range != other.clock_range:
        return False
    return (access.offset - other.offset) * (access.ns - other.ns) < 0


def is_plausible(first: Access, second: Access) -> bool:
    """Return whether ``first`` may have come before ``second``, with what is assumed of acts without a known begin.

    Such a line may have been received late, or end a long request. That alone would make any order possible, even that
    of two lines with minutes between them.
    """
    if first.source is not second.source:
        own, other = first.widened, second.widened
    elif first.clock_range[:2] != second.clock_range[:2]:
        own = other = None
    else:
        own, other = first.interval, second.interval
    if own is None or other is None:
        return True
    return _assumed(first, own).order_to(_assumed(second, other)) is not Order.AFTER


def _assumed(access: Access, interval: Interval) -> Interval:
    """Return the time of an act; if its begin or its end is not known, the assumed one."""
    detection = access.source.detection
    is_receipt = detection is not None and detection.format.meaning is Meaning.RECEIPT
    longest_ns = LONGEST_RECEIPT_NS if is_receipt else LONGEST_ACT_NS
    begin_ns, end_ns = interval
    return Interval(
        begin_ns if begin_ns > -_UNLIMITED_NS else access.ns - longest_ns,
        end_ns if end_ns < _UNLIMITED_NS else access.ns + longest_ns,
    )


def _order_within_source(access: Access, other: Access) -> Order:
    own, others = access.clock_range, other.clock_range
    if own.file != others.file and (own.has_steps or others.has_steps):
        return Order.UNKNOWN
    if own.file == others.file and own.part != others.part:
        return Order.BEFORE if own.part < others.part else Order.AFTER
    if access.actor == other.actor and own.file == others.file:
        if contradicts_file_order(access, other) or access.offset == other.offset:
            return Order.UNKNOWN
        return Order.BEFORE if access.offset < other.offset else Order.AFTER
    return Order.UNKNOWN if contradicts_file_order(access, other) else access.interval.order_to(other.interval)
