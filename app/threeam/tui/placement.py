"""The place of a row among the lines of several logs: its source, its stamp, and what is known of its order."""

from __future__ import annotations

from typing import NamedTuple

from threeam.timeline.instant import ClockCorrection, Interval, Order, Timestamp
from threeam.timeline.order import ClockRange, OrderFacts, order_of


class RowSource(NamedTuple):
    """The source of a row as it is drawn: ``number`` 0 is the journal."""

    number: int
    name: str


JOURNAL_SOURCE = RowSource(0, "journal")


class Placement(NamedTuple):
    """The place of one row.

    ``timestamp``: what the line, or the entry that it continues, says; None: the file has no timestamps, or the line
    stands before the first one. ``stamp_span``: where in the bytes of the line its stamp stands, which is not drawn
    again. ``lateness_ns``: how much later lines were written before it. ``ended_then``: the stamp is the end of what
    the line tells. ``continues``: the line has no stamp, and belongs to the entry before it.
    ``clock_range``: the part of the source in which its clock only went on.
    """

    source: RowSource
    timestamp: Timestamp | None
    correction: ClockCorrection = ClockCorrection()
    lateness_ns: int = 0
    stamp_span: tuple[int, int] = (0, 0)
    ended_then: bool = False
    continues: bool = False
    clock_range: ClockRange = ClockRange()

    @property
    def ns(self) -> int | None:
        """The corrected time of the stamp; None without one."""
        return None if self.timestamp is None else self.timestamp.ns + self.correction.shift_ns

    @property
    def interval(self) -> Interval | None:
        """The time in which the event happened; None if it is not known."""
        return None if self.timestamp is None else self.correction.interval_of(self.timestamp)

    def order_to(self, above: Placement) -> Order:
        """Return the order of a row to the one that is drawn above it; see `order_of`."""
        return order_of(self._order_facts, above._order_facts)

    @property
    def _order_facts(self) -> OrderFacts:
        return OrderFacts(self.source.number, self.ns or 0, self.clock_range, self.interval, self.continues)
