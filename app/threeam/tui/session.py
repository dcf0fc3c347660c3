"""What the screen works with, handed in."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.config.settings import Settings
from threeam.core.format.clock import Clock, Zone, utc_offset
from threeam.core.format.entry import Author
from threeam.core.state.fold import Fold
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer


class Session(NamedTuple):
    """A journal and all that is needed to show it and write to it.

    ``writer`` None: read-only by construction. ``emoji``: whether signs are drawn as they are, and not in
    ASCII. ``notice``: a sentence to begin with. ``zone``: the rules of the zone of the times that are typed and shown.
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
