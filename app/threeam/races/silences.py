"""Times in which a log may lack lines: gaps, and lines that say that messages were suppressed."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Iterator

from threeam.core.format.entry import escape_unprintable
from threeam.core.store.reader import Chunk, Line
from threeam.races.access import Access
from threeam.timeline.source import Source

_SUPPRESSED = re.compile(
    rb"suppress(?:ed|ing) \d+|\d+ (?:\S+ ){0,2}(?:suppressed|dropped|discarded)|message repeated \d+"
    rb"|(?:dropped|discarded|lost) \d+ (?:log )?(?:messages|lines|entries|events)",
    re.IGNORECASE,
)
_MARKS = (b"uppress", b"ropped", b"iscarded", b"epeated", b"lost ")  # one of them is in each match


class Silences:
    """The silences of each source: the begin and the end of each, in nanoseconds, with a reason."""

    def __init__(self) -> None:
        self._by_source: dict[int, list[tuple[int, int, str]]] = {}

    def add_gaps(self, source: Source) -> None:
        """Add the gaps that the index of ``source`` knows."""
        if source.index is not None:
            shift_ns = source.correction.shift_ns
            name = escape_unprintable(source.name)
            gaps = [(gap.begin_ns + shift_ns, gap.end_ns + shift_ns, f"{name} has a gap") for gap in source.index.gaps]
            self._by_source.setdefault(source.number, []).extend(sorted(gaps))

    def add(self, source: Source, instants: Iterable[int]) -> None:
        """Add the instants at which ``source`` says that messages were suppressed."""
        for ns in instants:
            reason = f"{escape_unprintable(source.name)} has suppressed messages"
            insort(self._by_source.setdefault(source.number, []), (ns, ns, reason))

    def between(self, first: Access, last: Access) -> tuple[str, ...]:
        """Return why lines of the sources of two accesses may be missing between them."""
        reasons = []
        begin_ns, end_ns = min(first.ns, last.ns), max(first.ns, last.ns)
        for source in dict.fromkeys((first.source, last.source)):
            for begin, end, reason in self._by_source.get(source.number, ()):
                if begin > end_ns:
                    break
                if end >= begin_ns:
                    reasons.append(f"{reason} in between")
                    break
        return tuple(reasons)


def find_silences(source: Source, chunk: Chunk) -> Iterator[int]:
    """Yield the instant of each line of ``chunk`` that says that messages were suppressed."""
    data = chunk.data
    if not any(mark in data for mark in _MARKS):
        return
    for match in _SUPPRESSED.finditer(data):
        begin = data.rfind(b"\n", 0, match.start()) + 1
        end = data.find(b"\n", begin)
        timestamp = source.read_timestamp(
            Line(source.segment, chunk.start + begin, data[begin : end if end >= 0 else None])
        )
        if timestamp is not None:
            yield timestamp.ns + source.correction.shift_ns
