"""Lines of the night that the screens show: what bob has written about hypotheses and changes."""

from __future__ import annotations

from pathlib import Path

from pilots import line

from support.journals import entries
from support.lines import NIGHT
from threeam.core.format.entry import Entry, Stamp

MS = 1_000_000


def stamp_at(ms: int) -> Stamp:
    """The stamp of a line of `line` or `notes`, so many milliseconds into the night."""
    return Stamp(NIGHT.ns + ms * MS, 0)


def hypothesis_line(text: str, ms: int, state: str = "open", *, number: int = 1, user: str = "bob") -> bytes:
    """A line about a hypothesis."""
    return line(text, ms * MS, user=user, tags=((f"H{number}", state),))


def claim_line(number: int, text: str = "", ms: int = 0) -> bytes:
    """A hypothesis of bob's, open."""
    return hypothesis_line(f"Hypothesis: {text or f'claim {number}'}", ms or 100 + number, number=number)


def evidence_line(kind: str, number: int, ms: int, after: int) -> bytes:
    """Evidence of bob's: it cites ``note ms``."""
    return hypothesis_line(f"{kind}: @{stamp_at(ms)} note {ms}", after, number=number)


def last_entry(log: Path) -> Entry:
    """The last line, without the ceremony."""
    return [entry for entry in entries(log) if entry.kind != "ceremony"][-1]


def change_line(text: str, ms: int) -> bytes:
    """A change of bob's."""
    return line(f"Changed: {text}", ms * MS, tags=(("CHANGE", "open"),))
