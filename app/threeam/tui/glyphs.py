"""The sign of each kind of line, and an ASCII sign for terminals that cannot draw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.format.kinds import FOREIGN, KINDS
from threeam.experiments.run_tags import run_outcome


class Glyph(NamedTuple):
    """A sign one cell wide, its ASCII replacement, its style class, and its meaning."""

    symbol: str
    ascii_symbol: str
    style: str
    description: str


# A conclusion has the sign of the state that it sets.
_STATES = {
    "confirmed": Glyph("✓", "v", "hypothesis", "a hypothesis confirmed"),
    "refuted": Glyph("✗", "x", "refuted", "a hypothesis refuted"),
    "parked": Glyph("~", "~", "parked", "a hypothesis parked"),
}
_OUTCOMES = {
    "failed": Glyph("✗", "x", "toxic", "a run that failed"),
    "timed-out": Glyph("◷", "o", "coffee", "a run that was ended for taking too long"),
    "inconclusive": Glyph("?", "?", "coffee", "a run that neither failed nor passed"),
}
_CHECK_VERDICTS = {
    "ok": Glyph("✓", "v", "fine", "as it should be"),
    "yellow": Glyph("▲", "!", "coffee", "not as it should be"),
    "red": Glyph("✗", "x", "toxic", "in the way of the hunt"),
    "unknown": Glyph("?", "?", "note", "cannot be determined here"),
}


def _glyphs() -> Iterator[tuple[str, Glyph]]:
    """Yield the glyph of each kind of line, followed by those of its states or outcomes."""
    for kind in KINDS.values():
        if kind.name == "Conclusion":
            yield from _STATES.items()
        else:
            yield kind.name, Glyph(kind.icon, kind.ascii_icon, kind.style, kind.doc)
        if kind.name == "Run":
            yield from _OUTCOMES.items()
        if kind.name == "Mark":
            yield from _CHECK_VERDICTS.items()
    yield "unfinished", Glyph("…", ">", "foreign", "a last line that has no newline yet")


GLYPHS = dict(_glyphs())


def glyph_of(entry: Entry | None, *, finished: bool = True) -> Glyph:
    """Return the sign of a line; ``entry`` is None for a line that is not an entry."""
    if not finished:
        return GLYPHS["unfinished"]
    if entry is None:
        return GLYPHS[FOREIGN]
    kind = entry.kind
    if kind == "Run" and (outcome := run_outcome(entry)) in GLYPHS:
        return GLYPHS[outcome]
    if kind == "Conclusion" and (hypothesis := entry.hypothesis):
        return GLYPHS.get(hypothesis[1], GLYPHS["Hypothesis"])
    return GLYPHS[kind]


SIGNS = list(GLYPHS.values())
