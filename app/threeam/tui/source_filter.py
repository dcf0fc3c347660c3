"""The filter term ``source:web1``: which sources are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.store.filters import LineFilter, line_offsets


class FromSource(NamedTuple):
    """The condition that a line is of a source. Its bytes do not say that: `TimelineWindow` selects the sources."""

    source: str

    @property
    def name(self) -> str:
        return f"source:{self.source}"

    def matches(self, raw: bytes) -> bool:
        return True

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return iter(line_offsets(data))


def split_sources(line_filter: LineFilter) -> tuple[list[str], list[str]]:
    """Return the sources that must be shown, and those that must not."""
    parts = (line_filter.include, line_filter.exclude)
    chosen, excluded = ([part.source for part in parts_of if isinstance(part, FromSource)] for parts_of in parts)
    return chosen, excluded


def without_sources(line_filter: LineFilter) -> LineFilter:
    """Return the part of ``line_filter`` that is about the bytes of a line."""
    include, exclude = (
        tuple(part for part in parts if not isinstance(part, FromSource))
        for parts in (line_filter.include, line_filter.exclude)
    )
    return LineFilter(include, exclude)
