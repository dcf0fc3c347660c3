"""Keys that are worth a search: names whose values appear in two sources, or under two actors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from threeam.races.access import EVERYWHERE
from threeam.races.actors import actor_of, find_actor_kind
from threeam.races.copies import without_copies
from threeam.timeline.source import Key, Source

MAX_CANDIDATES = 5
_MAX_LINES = 20_000  # of each source, from the time on from which all of them have lines
_MAX_SAMPLES = 200
_MIN_VALUES = 2
_VALUE = {
    r"\d+": rb"\d{1,19}",
    r"[0-9a-fA-F-]{36}": rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    r"[0-9a-fA-F]+": rb"[0-9a-fA-F]{8,64}",
}
_NAMED_VALUE = re.compile(
    rb"(?<![\w.-])(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,40})(?P<between>[\"']?\s?[=:]\s?[\"']?|[ /#])(?P<value>"
    + b"|".join(b"(" + value + b")" for value in (_VALUE[r"[0-9a-fA-F-]{36}"], _VALUE[r"\d+"], _VALUE[r"[0-9a-fA-F]+"]))
    + rb")(?![\w-])(?!\.\d)"
)
_SHAPES = (r"[0-9a-fA-F-]{36}", r"\d+", r"[0-9a-fA-F]+")  # in the order of the groups


class KeyCandidate(NamedTuple):
    """A name that may be a key, and the pattern that finds its values.

    ``values``: how many were seen. ``shared_by_actors``: under two actors or more, ``shared_by_sources``: in two
    sources or more.
    """

    name: str
    pattern: str
    values: int
    shared_by_actors: int
    shared_by_sources: int


def find_key_candidates(sources: Sequence[Source]) -> list[KeyCandidate]:
    """Return at most five candidates, the best first, from the first lines that all sources have. Raises OSError."""
    placed_sources, _ = without_copies(
        [source for source in sources if source.index is not None and source.index.first_ns is not None]
    )
    begin_ns = max((_first_ns(source) for source in placed_sources), default=0)
    owners: dict[tuple[str, str], dict[bytes, set[tuple[int, bytes]]]] = {}
    seen, seen_as_actor = Counter[str](), Counter[str]()
    for source in placed_sources:
        lines = [placed.line.raw for placed in islice(source.lines_after(Key(begin_ns - 1)), _MAX_LINES)]
        kind = find_actor_kind(lines[:_MAX_SAMPLES])
        scope = -1 if kind in EVERYWHERE else source.number
        for raw in lines:
            actor = actor_of(raw, kind) or b""
            for match in _NAMED_VALUE.finditer(raw):
                name = match["name"].decode("ascii")
                seen[name] += 1
                seen_as_actor[name] += bool(actor) and match["value"] == actor
                shape = next(shape for shape, group in zip(_SHAPES, match.groups()[3:], strict=True) if group)
                pattern = f"{re.escape(name)}{_separator(match['between'])}(?P<key>{shape})"
                values = owners.setdefault((name, pattern), {})
                values.setdefault(match["value"], set()).add((source.number, b"%d %s" % (scope, actor)))
    candidates = [
        candidate
        for (name, pattern), values in owners.items()
        if seen_as_actor[name] * 2 < seen[name] and len(values) >= _MIN_VALUES  # a key may equal a pid by chance
        if (candidate := _candidate(name, pattern, values)) is not None
    ]
    candidates.sort(key=lambda each: (-each.shared_by_actors, -each.shared_by_sources, each.name))
    return candidates[:MAX_CANDIDATES]


def _first_ns(source: Source) -> int:
    assert source.index is not None
    assert source.index.first_ns is not None
    return source.index.first_ns + source.correction.shift_ns


def _candidate(name: str, pattern: str, values: dict[bytes, set[tuple[int, bytes]]]) -> KeyCandidate | None:
    by_actors = sum(len({actor for _, actor in owners}) > 1 for owners in values.values())
    by_sources = sum(len({source for source, _ in owners}) > 1 for owners in values.values())
    return KeyCandidate(name, pattern, len(values), by_actors, by_sources) if by_actors or by_sources else None


def _separator(between: bytes) -> str:
    """Return a pattern for the text between a name and its value."""
    text = between.decode("ascii")
    if len(text) == 1:
        return text if text in "=:/ " else re.escape(text)
    return "".join(r"\s?" if char.isspace() else char for char in text)
