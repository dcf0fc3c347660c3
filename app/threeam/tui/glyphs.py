"""The sign of each kind of line, and its plain twin for terminals that cannot draw it."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.experiments.run_tags import run_outcome


class Glyph(NamedTuple):
    """A sign one cell wide, the same in ASCII, the style class that it has, and what it stands for."""

    symbol: str
    ascii_symbol: str
    style: str
    description: str


GLYPHS = {
    "note": Glyph("·", ".", "note", "a note"),
    "Hypothesis": Glyph("◇", "?", "hypothesis", "a hypothesis"),
    "confirmed": Glyph("✓", "v", "hypothesis", "a hypothesis confirmed"),
    "refuted": Glyph("✗", "x", "refuted", "a hypothesis refuted"),
    "parked": Glyph("~", "~", "parked", "a hypothesis parked"),
    "Reopened": Glyph("↺", "o", "hypothesis", "a hypothesis opened again"),
    "Prediction": Glyph("→", ">", "hypothesis", "a prediction: what is to be seen if it is true"),
    "Supports": Glyph("+", "+", "hypothesis", "evidence for a hypothesis"),
    "Contradicts": Glyph("−", "-", "hypothesis", "evidence against a hypothesis"),
    "Stamp": Glyph("◌", "@", "note", "a stamp, and its words"),
    "Words": Glyph("“", '"', "note", "the words for a stamp"),
    "Correction": Glyph("≠", "%", "note", "other words for an entry, which are read there now"),
    "Changed": Glyph("Δ", "d", "coffee", "something that was changed and must be undone"),
    "Undone": Glyph("∇", "D", "note", "a change undone"),
    "Next": Glyph("»", "&", "hypothesis", "what comes next; it stands in the hand-off"),
    "Topology": Glyph("»", "&", "note", "how things are connected; it stands in the hand-off"),
    "Shared": Glyph("»", "&", "note", "what is shared; it stands in the hand-off"),
    "Taken": Glyph("⚑", "P", "hypothesis", "somebody holds the journal now"),
    "Coffee": Glyph("∪", "u", "coffee", "a coffee"),
    "Water": Glyph("≈", "=", "water", "a glass of water"),
    "Handoff": Glyph("⚑", "P", "hypothesis", "what is still open, as somebody goes to sleep"),
    "Preflight": Glyph("☑", "c", "note", "what the hunt needs, looked at"),
    "Baseline": Glyph("≡", "b", "note", "a snapshot of normal"),
    "Compared": Glyph("≢", "B", "coffee", "what is not normal now"),
    "Stable": Glyph("⊙", "g", "note", "the last known stable commit"),
    "Terminated": Glyph("†", "k", "toxic", "a blocking query that was terminated"),
    "Restore": Glyph("↶", "r", "note", "the runbook of a restore"),
    "Plan": Glyph("▷", "#", "hypothesis", "an experiment: how far it is stands behind it; r opens it"),
    "Run": Glyph("▸", "r", "note", "a command that was run, and what it printed is kept"),
    "failed": Glyph("✗", "x", "toxic", "a run that failed"),
    "timed-out": Glyph("◷", "o", "coffee", "a run that was ended for taking too long"),
    "inconclusive": Glyph("?", "?", "coffee", "a run that neither failed nor passed: it ended in another way"),
    "Observer": Glyph("◉", "o", "coffee", "a tracer attached or detached; beside a time: one was attached then"),
    "Captured": Glyph("▣", "p", "note", "the last lines of a pane of tmux"),
    "Verdict": Glyph("∴", "V", "hypothesis", "what an experiment has shown"),
    "Sleep": Glyph("☾", "z", "water", "the end of a night"),
    "Mark": Glyph("◆", "*", "hypothesis", "a mark on a line, and the line that sets it"),
    "ok": Glyph("✓", "v", "fine", "as it should be"),
    "yellow": Glyph("▲", "!", "coffee", "not as it should be"),
    "red": Glyph("✗", "x", "toxic", "in the way of the hunt"),
    "unknown": Glyph("?", "?", "note", "nobody here can say"),
    "WARNING": Glyph("▲", "!", "toxic", "a warning"),
    "Continued": Glyph("↑", "^", "dim", "the journal goes on from the file before"),
    "Forked": Glyph("⑂", "Y", "dim", "the journal was copied up to here from another one"),
    "ceremony": Glyph("┆", "|", "dim", "the lock taken or released (shown by z)"),
    "foreign": Glyph("¿", "?", "foreign", "not a line of the log: torn, or from another tool"),
    "unfinished": Glyph("…", ">", "foreign", "a last line that has no newline yet"),
}


def glyph_of(entry: Entry | None, *, finished: bool = True) -> Glyph:
    """The sign of a line."""
    if not finished:
        return GLYPHS["unfinished"]
    if entry is None:
        return GLYPHS["foreign"]
    kind = entry.kind
    if kind == "Run" and (outcome := run_outcome(entry)) in GLYPHS:
        return GLYPHS[outcome]
    if kind == "Conclusion" and (hypothesis := entry.hypothesis):
        return GLYPHS.get(hypothesis[1], GLYPHS["Hypothesis"])
    return GLYPHS.get(kind, GLYPHS["Hypothesis"])
