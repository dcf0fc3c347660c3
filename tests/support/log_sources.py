"""Log files of other programs for tests of the timeline: lines with RFC 3339 timestamps, and sources of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from threeam.core.format.entry import Stamp
from threeam.timeline.arguments import SourceName, SourceOptions, open_source
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.source import Source

BASE_NS = 1_795_490_047_000_000_000  # 2026-11-24T03:14:07Z


def stamped(ns: int, text: str = "line", digits: int = 9) -> str:
    """Return a line with a timestamp of ``digits`` digits, in UTC, without its newline."""
    return f"{str(Stamp(ns, 0))[: 20 + digits]}Z {text}"


def write_log(path: Path, lines: Iterable[str]) -> Path:
    """Write ``lines`` to the file ``path`` and return it."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def source_of(path: Path, number: int = 0, correction: ClockCorrection | None = None) -> Source:
    """Return the file at ``path`` as a source with the name of the file."""
    shifts = {} if correction is None else {path.stem: correction}
    source, problem = open_source(SourceName(path.stem, str(path)), number, SourceOptions({}, shifts, {}, {}))
    assert not problem
    return source
