"""Times in which a log may lack lines: gaps, and lines that say that messages were suppressed."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.store.reader import Chunk, Line
from threeam.core.store.regex import Regex
from threeam.races.access import Access
from threeam.timeline.source import Source

_LINES = rb"(?:messages?|lines?|entr(?:y|ies)|logs?|log events?|callbacks?)\b"  # and no packets, nor carts
_SUPPRESSED = re.compile(
    rb"(?:suppress(?:ed|ing)|dropped|discarded|lost) \d{1,19} (?:\S{1,40} ){0,2}" + _LINES + rb"|message repeated \d"
    rb"|(?<![\w=])\d{1,19} (?:\S{1,40} )?" + _LINES + rb" (?:were |have been )?(?:suppressed|dropped|discarded|lost)",
    re.IGNORECASE,
)  # each repetition has a limit: a line of 250,000 digits takes no longer than others
_SUPPRESSION_NS = 30 * NS_PER_S  # the time over which journald counts, and reports at its end
_MARK = "uppress|ropped|iscarded|epeated|lost"  # in each match: most chunks have none, and RE2 is ten times as fast


class _Silence(NamedTuple):
    """A time in which a log may lack lines, in nanoseconds, and the reason."""

    begin_ns: int
    end_ns: int
    reason: str


class Silences:
    """The silences of all sources."""

    def __init__(self) -> None:
        self._gaps: dict[int, list[_Silence]] = {}
        self._suppressions: list[_Silence] = []

    def add_gaps(self, source: Source) -> None:
        """Add the gaps that the index of ``source`` knows."""
        if source.index is not None:
            shift_ns, reason = source.correction.shift_ns, f"{escape_unprintable(source.name)} has a gap in between"
            gaps = (_Silence(gap.begin_ns + shift_ns, gap.end_ns + shift_ns, reason) for gap in source.index.gaps)
            self._gaps[source.number] = sorted(gaps)

    def add_suppressions(self, source: Source, instants: Iterable[int]) -> None:
        """Add the instants at which ``source`` says that messages were suppressed: some time before."""
        reason = f"{escape_unprintable(source.name)} has suppressed messages in between"
        for ns in instants:
            insort(self._suppressions, _Silence(ns - _SUPPRESSION_NS, ns, reason))

    def between(self, first: Access, last: Access) -> tuple[str, ...]:
        """Return why lines may be missing between two accesses.

        A gap counts if it is one of their sources. A suppression counts in any source: it may have had their lines.
        """
        begin_ns, end_ns = min(first.ns, last.ns), max(first.ns, last.ns)
        reasons: dict[str, None] = {}
        for number in dict.fromkeys((first.source.number, last.source.number)):
            reasons |= dict.fromkeys(_overlapping(self._gaps.get(number, ()), begin_ns, end_ns))
        reasons |= dict.fromkeys(_overlapping(self._suppressions, begin_ns, end_ns))
        return tuple(reasons)


def _overlapping(silences: Sequence[_Silence], begin_ns: int, end_ns: int) -> Iterator[str]:
    """Yield the reasons of those that overlap a time: a silence up to its begin, or from its end on, does not."""
    for silence in silences:
        if silence.begin_ns >= end_ns:
            break
        if silence.end_ns > begin_ns:
            yield silence.reason


@cache
def _mark() -> Regex:
    return Regex(_MARK)


def find_silences(source: Source, chunk: Chunk) -> Iterator[int]:
    """Yield the instant of each line of ``chunk`` that says that messages were suppressed."""
    data = chunk.data
    if not _mark().has_match(data):
        return
    for match in _SUPPRESSED.finditer(data):
        begin = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", begin)
        timestamp = source.read_timestamp(
            Line(source.segment, chunk.start + begin, data[begin : end if end >= 0 else None])
        )
        if timestamp is not None:
            yield timestamp.ns + source.correction.shift_ns
