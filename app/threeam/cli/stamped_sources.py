"""The sources of a command that needs the time of each line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from threeam.cli.console import print_err
from threeam.timeline.source import Source

_HEAD_BYTES = 4096


def stamped_sources(sources: Sequence[Source]) -> list[Source]:
    """Return the sources whose lines have a place in time, with their indexes; print which others are left out."""
    stamped = []
    for source in sources:
        source.make_index()
        if source.detection is None:
            print_err(f"{source.name}: no timestamp found, so its lines have no order: they are not searched for keys")
        else:
            stamped.append(source)
    return stamped


def are_all_searched(sources: Sequence[Source], read_otherwise: Collection[str] = ()) -> bool:
    """Return whether each of ``sources`` with lines has timestamps, or was ``read_otherwise``: those have its name."""
    return all(source.detection is not None or not source.end or source.name in read_otherwise for source in sources)


def heads_of(sources: Sequence[Source]) -> list[bytes]:
    """Return the first bytes of each source, from which `report_lost` sees that it was overwritten. Raises OSError."""
    return [source.segment.read(0, min(source.end, _HEAD_BYTES)) for source in sources]


def report_lost(sources: Sequence[Source], heads: Sequence[bytes]) -> bool:
    """Print which of ``sources`` were truncated or overwritten since they had these ``heads``; return whether any was.

    Raises OSError.
    """
    is_any_lost = False
    for source, head in zip(sources, heads, strict=True):
        is_overwritten = source.segment.read(0, len(head)) != head
        if source.is_truncated or is_overwritten:
            happened = "truncated" if source.is_truncated else "overwritten"
            print_err(f"{source.name} was {happened} while it was read: lines are missing")
            is_any_lost = True
    return is_any_lost
