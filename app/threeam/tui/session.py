"""The objects that the screen works with."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.config.settings import Settings
from threeam.core.format.clock import Clock, Zone, utc_offset
from threeam.core.format.entry import Author, Stamp
from threeam.core.state.fold import Fold
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer
from threeam.timeline.open_logs import OpenLogs
from threeam.tui.look import Look


class Session(NamedTuple):
    """A journal, and what is needed to show it and write to it.

    ``writer``: None for a read-only screen. ``emoji``: draw Unicode signs; else ASCII. ``notice``: a sentence to show
    at the start. ``zone``: the time zone of the times that are typed and shown. ``as_of``: None for the live journal;
    else the journal is shown as it was then. ``look`` is shown at first, and is saved in ``look_path``.
    ``logs``: the logs of other programs that are shown beside the journal.
    """

    journal: Journal
    settings: Settings
    fold: Fold
    author: Author
    clock: Clock
    writer: Writer | None
    emoji: bool
    notice: str = ""
    zone: Zone = utc_offset
    as_of: PointInTime | None = None
    look: Look = Look()
    look_path: str | None = None
    logs: OpenLogs | None = None

    def at_point(self, point: PointInTime) -> Session:
        """Return this session as of ``point``: its clock stands still, and nothing is written."""
        stamp = Stamp(point.ns, self.zone(point.ns))
        return self._replace(writer=None, clock=lambda: stamp, notice="", as_of=point)
