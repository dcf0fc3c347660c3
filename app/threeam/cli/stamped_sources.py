"""The sources of a command that needs the time of each line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from threeam.cli.console import print_err
from threeam.timeline.source import Source


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


def report_truncated(sources: Sequence[Source]) -> bool:
    """Print which of ``sources`` have become shorter since they were opened; return whether any has."""
    truncated = [source for source in sources if source.is_truncated]
    for source in truncated:
        print_err(f"{source.name} was truncated while it was read: lines are missing")
    return bool(truncated)
