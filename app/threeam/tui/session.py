"""The objects that the screen works with."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.config.settings import Settings
from threeam.core.format.clock import Clock, Zone, utc_offset
from threeam.core.format.entry import Author
from threeam.core.state.fold import Fold
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer


class Session(NamedTuple):
    """A journal, and what is needed to show it and write to it.

    ``writer``: None for a read-only screen. ``emoji``: draw Unicode signs; else ASCII. ``notice``: a sentence to show
    at the start. ``zone``: the time zone of the times that are typed and shown.
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
