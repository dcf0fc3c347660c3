"""Keys that are worth a search: names whose values appear in two sources, or under two actors.

Programs spell one name in several ways: ``cart=8812``, ``"cart": 8812``, ``cart id=8812``, ``cart_id = 8812``. The
values of all spellings are counted together, and the pattern finds all that were seen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from threeam.races.access import EVERYWHERE
from threeam.races.actors import actor_of, find_actor_kind
from threeam.races.copies import without_copies
from threeam.races.scan import DEFAULT_WINDOW_NS
from threeam.timeline.source import Key, PlacedLine, Source

MAX_CANDIDATES = 5
_MAX_LINES = 20_000  # of each source; of a longer one, from the time on from which all of them have lines
_MAX_SAMPLES = 200
_MIN_VALUES = 2
_UUID, _DIGITS, _HEX = r"[0-9a-fA-F-]{36}", r"\d+", r"[0-9a-fA-F]+"
_VALUE = {
    _UUID: rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    _DIGITS: rb"\d{1,19}",
    _HEX: rb"[0-9a-fA-F]{8,64}",
}
_MIN_HEX_DIGITS = 8
_NAMED_VALUE = re.compile(
    rb"(?<![\w.-])(?:(?P<owner>[A-Za-z_][A-Za-z0-9_-]{0,40}) (?=[Ii][Dd]\b))?"
    rb"(?P<name>[A-Za-z_][A-Za-z0-9_.-]{0,40})(?P<between>[\"']?\s?[=:]\s?[\"']?|[ /#])(?P<value>"
    + b"|".join(b"(" + value + b")" for value in _VALUE.values())
    + rb")(?![\w-])(?!\.\d)"
)
_NAME_OF_ID = re.compile(r"(?P<stem>.*[A-Za-z0-9])[_.-](?:id|Id|ID)|(?P<camel>.*[a-z0-9])(?:Id|ID)")
_NO_OWNERS = frozenset((*b"where and or on by the with of for its a an not set select this same has".split(), b"in"))


class KeyCandidate(NamedTuple):
    """A name that may be a key, and the pattern that finds its values.

    ``values``: how many were seen. ``shared_by_actors``: under two actors or more, ``shared_by_sources``: in two
    sources or more. ``is_complete``: all lines were read; else these are the least numbers.
    """

    name: str
    pattern: str
    values: int
    shared_by_actors: int
    shared_by_sources: int
    is_complete: bool = True


class _Named:
    """The values of a name in all its spellings: of each value the sources and the actors."""

    def __init__(self) -> None:
        self.owners: dict[bytes, set[tuple[int, bytes]]] = {}
        self.names: set[str] = set()
        self.separators: set[str] = set()
        self.seen = self.seen_as_actor = 0

    def add(self, name: str, match: re.Match[bytes], source_number: int, actor: bytes, scope: int) -> None:
        """Add a value, whose name is written ``name``."""
        self.names.add(name)
        self.separators.add(match["between"].decode("ascii"))
        self.seen += 1
        self.seen_as_actor += bool(actor) and match["value"] == actor
        self.owners.setdefault(match["value"], set()).add((source_number, b"%d %s" % (scope, actor)))


def find_key_candidates(sources: Sequence[Source]) -> list[KeyCandidate]:
    """Return at most five candidates, the best first, from the first lines that all sources have. Raises OSError."""
    placed_sources, _ = without_copies(
        [source for source in sources if source.index is not None and source.index.first_ns is not None]
    )
    begin_ns = max((_first_ns(source) for source in placed_sources), default=0) - DEFAULT_WINDOW_NS
    found: dict[tuple[str, str], _Named] = {}
    is_complete = True
    for source in placed_sources:
        lines = [placed.line.raw for placed in _first_lines(source, _first_ns(source))]
        if len(lines) > _MAX_LINES:
            is_complete = False
            lines = [placed.line.raw for placed in _first_lines(source, begin_ns)]
        kind = find_actor_kind(lines[:_MAX_SAMPLES])
        scope = -1 if kind in EVERYWHERE else source.number
        for raw in lines[:_MAX_LINES]:
            actor = actor_of(raw, kind) or b""
            for match in _NAMED_VALUE.finditer(raw):
                shape = next(shape for shape, group in zip(_VALUE, match.groups()[4:], strict=True) if group)
                for stem, name in _spellings(match):
                    found.setdefault((stem, shape), _Named()).add(name, match, source.number, actor, scope)
    _join_shapes(found)
    candidates = [
        candidate
        for (stem, shape), named in found.items()
        if named.seen_as_actor * 2 < named.seen  # a key may equal a pid by chance
        and (candidate := _candidate(stem, shape, named, is_complete=is_complete)) is not None
    ]
    candidates.sort(key=lambda each: (-each.shared_by_actors, -each.shared_by_sources, each.name == "id", each.name))
    return candidates[:MAX_CANDIDATES]


def _first_ns(source: Source) -> int:
    assert source.index is not None
    assert source.index.first_ns is not None
    return source.index.first_ns + source.correction.shift_ns


def _first_lines(source: Source, begin_ns: int) -> Iterator[PlacedLine]:
    """Yield the lines of a source from a time on, one more than are read."""
    return islice(source.lines_after(Key(begin_ns - 1)), _MAX_LINES + 1)


def _spellings(match: re.Match[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the names that a value may have, without ``id`` at the end, and as they are written."""
    name = match["name"].decode("ascii")
    owner = match["owner"]
    if owner is not None and owner.lower() not in _NO_OWNERS:
        yield owner.decode("ascii"), f"{owner.decode('ascii')} {name}"
    of_id = _NAME_OF_ID.fullmatch(name)
    yield (of_id["stem"] or of_id["camel"] if of_id is not None else name), name


def _join_shapes(found: dict[tuple[str, str], _Named]) -> None:
    """Count the values that happen to have no letter among the hexadecimal ones of their name."""
    for stem, shape in list(found):
        named, others = found[stem, shape], found.get((stem, _DIGITS))
        if shape != _HEX or others is None:
            continue
        for value in [value for value in others.owners if len(value) >= _MIN_HEX_DIGITS]:
            named.owners.setdefault(value, set()).update(others.owners.pop(value))


def _candidate(stem: str, shape: str, named: _Named, *, is_complete: bool) -> KeyCandidate | None:
    by_actors = sum(len({actor for _, actor in owners}) > 1 for owners in named.owners.values())
    by_sources = sum(len({source for source, _ in owners}) > 1 for owners in named.owners.values())
    if len(named.owners) < _MIN_VALUES or not (by_actors or by_sources):
        return None
    name = stem
    pattern = re.escape(stem) + "(?:[ _.-]?[iI][dD])?"
    if len(named.names) == 1:
        (written,) = named.names
        name = stem if " " in written else written
        pattern = " ".join(map(re.escape, written.split(" ")))
    pattern += f"{_separator(named.separators)}(?P<key>{shape})"
    return KeyCandidate(name, pattern, len(named.owners), by_actors, by_sources, is_complete)


def _separator(separators: Collection[str]) -> str:
    """Return a pattern for the text between a name and its value."""
    if len(separators) > 1:
        longest = max(map(len, separators))
        return rf"\W{{1,{longest}}}" if longest > 1 else r"\W"
    (text,) = separators
    if len(text) == 1:
        return text if text in "=:/ " else re.escape(text)
    return "".join(r"\s?" if char.isspace() else char for char in text)
