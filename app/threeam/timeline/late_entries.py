"""The late entries of one file: in file order, and in the order of their timestamps."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class LateEntry(NamedTuple):
    """An entry that was written after one with a later timestamp: by ``lateness_ns`` later."""

    ns: int
    offset: int
    lateness_ns: int


class _Columns(NamedTuple):
    """The table by columns, which takes 24 bytes for an entry. Entries are only added; a shorter table is a new one."""

    ns: array[int]
    offsets: array[int]
    latenesses: array[int]

    def entry(self, index: int) -> LateEntry:
        """Return the entry at ``index``."""
        return LateEntry(self.ns[index], self.offsets[index], self.latenesses[index])


class LateEntries:
    """A table of late entries. One thread adds to it, and others may read it meanwhile."""

    def __init__(self) -> None:
        self._columns = _Columns(array("q"), array("q"), array("q"))
        self._by_ns: tuple[_Columns, list[int]] = (self._columns, [])  # indexes by time, of a table of that length

    def __len__(self) -> int:
        return len(self._columns.latenesses)

    def snapshot(self) -> LateEntries:
        """Return a copy to which nothing is added."""
        taken = LateEntries()
        taken._columns = _Columns(*(column[:] for column in self._columns))
        return taken

    def add(self, entry: LateEntry) -> None:
        """Add an entry that is behind the others in the file."""
        for column, value in zip(self._columns, entry, strict=True):
            column.append(value)

    def from_index(self, index: int) -> list[LateEntry]:
        """Return the entries from ``index`` on, in file order."""
        return [self._columns.entry(position) for position in range(index, len(self))]

    def cut(self, count: int) -> None:
        """Keep the first ``count`` entries."""
        self._columns = _Columns(*(column[:count] for column in self._columns))

    def lateness_at(self, offset: int) -> int:
        """Return how late the entry at ``offset`` is, in ns; 0 if it is not late."""
        columns = self._columns
        index = bisect_left(columns.offsets, offset, 0, len(columns.latenesses))
        is_late = index < len(columns.latenesses) and columns.offsets[index] == offset
        return columns.latenesses[index] if is_late else 0

    def since(self, ns: int, begin: int, end: int) -> Iterator[LateEntry]:
        """Yield the entries between two offsets that are stamped ``ns`` or later, by time."""
        columns, by_ns = self._sorted()
        first = bisect_left(by_ns, ns, key=columns.ns.__getitem__)
        return _between(columns, (by_ns[index] for index in range(first, len(by_ns))), begin, end)

    def until(self, ns: int, begin: int, end: int) -> Iterator[LateEntry]:
        """Yield the entries between two offsets that are stamped ``ns`` or earlier, the latest first."""
        columns, by_ns = self._sorted()
        last = bisect_right(by_ns, ns, key=columns.ns.__getitem__)
        return _between(columns, (by_ns[index] for index in range(last - 1, -1, -1)), begin, end)

    def _sorted(self) -> tuple[_Columns, list[int]]:
        """Return the table as it is now, and its indexes by time."""
        columns, (sorted_columns, by_ns) = self._columns, self._by_ns
        count = len(columns.latenesses)
        if sorted_columns is not columns or len(by_ns) != count:
            by_ns = sorted(range(count), key=columns.ns.__getitem__)
            self._by_ns = columns, by_ns
        return columns, by_ns


def _between(columns: _Columns, indexes: Iterable[int], begin: int, end: int) -> Iterator[LateEntry]:
    return (columns.entry(index) for index in indexes if begin <= columns.offsets[index] < end)
