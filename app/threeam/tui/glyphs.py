"""The sign of each kind of line, and its plain twin for terminals that cannot draw it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.format.kinds import FOREIGN, KINDS
from threeam.experiments.run_tags import run_outcome


class Glyph(NamedTuple):
    """A sign one cell wide, the same in ASCII, the style class that it has, and what it stands for."""

    symbol: str
    ascii_symbol: str
    style: str
    description: str


# A conclusion is drawn as the state that it gives its hypothesis.
_STATES = {
    "confirmed": Glyph("✓", "v", "hypothesis", "a hypothesis confirmed"),
    "refuted": Glyph("✗", "x", "refuted", "a hypothesis refuted"),
    "parked": Glyph("~", "~", "parked", "a hypothesis parked"),
}
_OUTCOMES = {
    "failed": Glyph("✗", "x", "toxic", "a run that failed"),
    "timed-out": Glyph("◷", "o", "coffee", "a run that was ended for taking too long"),
    "inconclusive": Glyph("?", "?", "coffee", "a run that neither failed nor passed: it ended in another way"),
}
_CHECK_VERDICTS = {
    "ok": Glyph("✓", "v", "fine", "as it should be"),
    "yellow": Glyph("▲", "!", "coffee", "not as it should be"),
    "red": Glyph("✗", "x", "toxic", "in the way of the hunt"),
    "unknown": Glyph("?", "?", "note", "nobody here can say"),
}


def _glyphs() -> Iterator[tuple[str, Glyph]]:
    """Yield the glyphs of the kinds, and after some of them those of what such a line can say."""
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
    """The sign of a line."""
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
