"""Parts of the logs that a search has left out: copies, and keys whose search a limit has cut."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from threeam.core.format.entry import decode_utf8, escape_unprintable
from threeam.races.copies import Copy

_MAX_NAMED = 3

CutKeys = dict[tuple[str, bytes], None]
"""The name and the value of each key whose search was cut, in the order in which that was found."""


class Omissions(NamedTuple):
    """The parts that a search has left out.

    The sources ``unstamped``, which have no timestamps, and the ``copies`` are not searched. Of ``cut_keys`` findings
    may be missing: they have too many lines.
    """

    unstamped: Sequence[str] = ()
    copies: Sequence[Copy] = ()
    cut_keys: Collection[tuple[str, bytes]] = ()

    def sentences(self) -> Iterator[str]:
        """Yield what was left out, for a reader."""
        for name in self.unstamped:
            yield f"left out: {escape_unprintable(name)}, since its lines have no timestamps"
        for name, original in self.copies:
            names = escape_unprintable(name), escape_unprintable(original)
            yield f"left out: {names[0]}, since its lines are those of {names[1]}"
        if self.cut_keys:
            named = ", ".join(self._key_texts()[:_MAX_NAMED])
            more = len(self.cut_keys) - _MAX_NAMED
            named += f" and {more:,} more" if more > 0 else ""
            yield f"not searched to the end: {named}; findings may be missing, a smaller --window takes less at a time"

    def to_json(self) -> dict[str, Any]:
        """Return an object for scripts."""
        return {
            "without_timestamps": list(self.unstamped),
            "left_out": [copy._asdict() for copy in self.copies],
            "not_searched_to_the_end": self._key_texts(),
        }

    def _key_texts(self) -> list[str]:
        return [f"{name} {escape_unprintable(decode_utf8(key))}".rstrip() for name, key in self.cut_keys]
