"""The sign of each kind of line, and an ASCII sign for terminals that cannot draw it."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.core.format.kinds import FOREIGN, KINDS
from threeam.experiments.failure_rule import OUTCOME_SIGNS
from threeam.experiments.runs.run_tags import run_outcome


class Glyph(NamedTuple):
    """A sign one cell wide, its ASCII replacement, its style class, and its meaning."""

    symbol: str
    ascii_symbol: str
    style: str
    description: str


_PLAIN_SIGNS = str.maketrans({"−": "-", "…": "...", "·": "|", "×": "x", "±": "+-", "└": "`", "→": "->", "≈": "="})


def plain_signs(text: str) -> str:
    """Return the text of a report with ASCII in place of the signs that 3am puts into it."""
    return text.translate(_PLAIN_SIGNS)


# A conclusion has the sign of the state that it sets.
_STATES = {
    "confirmed": Glyph("✓", "v", "confirmed", "a hypothesis confirmed"),
    "refuted": Glyph("✗", "x", "refuted", "a hypothesis refuted"),
    "parked": Glyph("~", "~", "parked", "a hypothesis parked"),
}
# A run that passed has the sign of a command that was run: nothing is special about it.
_OUTCOMES = {
    "failed": Glyph(*OUTCOME_SIGNS["failed"], "toxic", "a run that failed"),
    "timed-out": Glyph(*OUTCOME_SIGNS["timed-out"], "coffee", "a run that was ended for taking too long"),
    "inconclusive": Glyph(*OUTCOME_SIGNS["inconclusive"], "coffee", "a run that neither failed nor passed"),
}
_CHECK_VERDICTS = {
    "ok": Glyph("⊡", "y", "fine", "as it should be"),
    "yellow": Glyph("△", "w", "coffee", "not as it should be"),
    "red": Glyph("⊠", "N", "toxic", "in the way of the hunt"),
    "unknown": Glyph("?", "q", "note", "cannot be determined here"),
}
# Kinds that mean the same to a reader, and so have one sign.
FAMILIES = {
    "»": ("what comes next, how things are connected, what is shared: in the hand-off", ("Next", "Topology", "Shared")),
    "↑": ("repeated from the previous file of the journal", ("Continued", "Carried", "Doses")),
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
    yield "unfinished", Glyph("…", "_", "foreign", "a last line that has no newline yet")


GLYPHS = dict(_glyphs())
# Beside the lines of several logs.
ORDER_UNKNOWN = Glyph("≈", "=", "toxic", "before a time: the order to the row above is not known")
LATE = Glyph("↥", "late", "toxic", "written later than its stamp says, by this much")
COARSE = Glyph("≤", "<=", "dim", "the time since the row above is less than the last digit of a stamp")
ENDED_THEN = Glyph("←", "<-", "dim", "the stamp is the end of what the line tells")
TIMELINE_GLYPHS = (ORDER_UNKNOWN, LATE, COARSE, ENDED_THEN)


def glyph_of(entry: Entry | None, *, finished: bool = True) -> Glyph:
    """Return the sign of a line; ``entry`` is None for a line that is not an entry."""
    if not finished:
        return GLYPHS["unfinished"]
    if entry is None:
        return GLYPHS[FOREIGN]
    kind = entry.kind
    if kind == "Run" and (outcome := run_outcome(entry)) in GLYPHS:
        return GLYPHS[outcome]
    if kind == "Conclusion":
        return GLYPHS.get(entry.state_after or "", GLYPHS["Hypothesis"])
    return GLYPHS[kind]


def _signs() -> Iterator[Glyph]:
    """Yield each sign once, with its meaning."""
    for name, glyph in GLYPHS.items():
        meaning, members = FAMILIES.get(glyph.symbol, (glyph.description, (name,)))
        if name == members[0]:
            yield glyph._replace(description=meaning)
    yield from TIMELINE_GLYPHS


SIGNS = tuple(_signs())


def can_draw_signs() -> bool:
    """Return whether the locale is UTF-8, so that signs can be drawn as they are."""
    name = os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""
    return "utf" in name.lower() or (not name and "utf" in locale.getpreferredencoding(False).lower())
