"""The lines whose operation is not known: where most are, a search without findings says little."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from threeam.races.access import Access

_MAX_WORDS = 1000  # that are counted


class UnknownOperations(NamedTuple):
    """The number of ``lines``, of those whose operation is ``unknown``, and the ``word`` of most of these, or ""."""

    lines: int = 0
    unknown: int = 0
    word: str = ""


class OperationCounts:
    """Counts the lines whose operation is not known, and the words of these."""

    def __init__(self) -> None:
        self._lines, self._words = 0, Counter[str]()

    def add(self, access: Access) -> None:
        """Count the line of an access."""
        self._lines += 1
        if access.kind is None:
            word = access.operation
            self._words[word if word in self._words or len(self._words) < _MAX_WORDS else ""] += 1

    def result(self) -> UnknownOperations:
        """Return the counts of all lines so far."""
        named = [(count, word) for word, count in self._words.items() if word]
        return UnknownOperations(self._lines, self._words.total(), max(named)[1] if named else "")
