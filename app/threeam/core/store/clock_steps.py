"""Recognizing the line which says that the clock was stepped back before it: `LockedLog` writes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import CLOCK_STEPPED_PREFIX, Entry, parse_entry
from threeam.core.store.filters import verified_offsets

_PREFIX = CLOCK_STEPPED_PREFIX.encode()


def is_clock_step(entry: Entry) -> bool:
    """Return whether ``entry`` says that the clock was stepped back before it."""
    return entry.kind == "WARNING" and entry.text.startswith(CLOCK_STEPPED_PREFIX)


class IsClockStep(NamedTuple):
    """The condition that a line says that the clock was stepped back before it."""

    name: str = "stepped back"

    def matches(self, raw: bytes) -> bool:
        return _PREFIX in raw and (entry := parse_entry(raw)) is not None and is_clock_step(entry)

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return verified_offsets(self, _PREFIX, data)
