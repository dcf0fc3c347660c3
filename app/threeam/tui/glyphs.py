"""The sign of each kind of line, and an ASCII sign for terminals that cannot draw it."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.experiments.runs import run_outcome


class Glyph(NamedTuple):
    """A sign one cell wide, its ASCII replacement, its style class, and its meaning."""

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
    "Prediction": Glyph("→", ">", "hypothesis", "a prediction: what will be seen if it is true"),
    "Supports": Glyph("+", "+", "hypothesis", "evidence for a hypothesis"),
    "Contradicts": Glyph("−", "-", "hypothesis", "evidence against a hypothesis"),
    "Stamp": Glyph("◌", "@", "note", "a stamp, whose text may come later"),
    "Words": Glyph("“", '"', "note", "the text for a stamp"),
    "Correction": Glyph("≠", "%", "note", "a corrected text for an entry, shown in its place"),
    "Changed": Glyph("Δ", "d", "coffee", "something that was changed and must be undone"),
    "Undone": Glyph("∇", "D", "note", "a change undone"),
    "Next": Glyph("»", "&", "hypothesis", "what comes next; shown in the hand-off"),
    "Topology": Glyph("»", "&", "note", "how things are connected; shown in the hand-off"),
    "Shared": Glyph("»", "&", "note", "what is shared; shown in the hand-off"),
    "Taken": Glyph("⚑", "P", "hypothesis", "a person holds the journal now"),
    "Coffee": Glyph("∪", "u", "coffee", "a coffee"),
    "Water": Glyph("≈", "=", "water", "a glass of water"),
    "Handoff": Glyph("⚑", "P", "hypothesis", "what is still open when a person goes to sleep"),
    "Preflight": Glyph("☑", "c", "note", "a check of what the hunt needs"),
    "Baseline": Glyph("≡", "b", "note", "a snapshot of normal"),
    "Compared": Glyph("≢", "B", "coffee", "what is not normal now"),
    "Stable": Glyph("⊙", "g", "note", "the last known stable commit"),
    "Terminated": Glyph("†", "k", "toxic", "a blocking query that was terminated"),
    "Restore": Glyph("↶", "r", "note", "the runbook of a restore"),
    "Plan": Glyph("▷", "#", "hypothesis", "an experiment, with its progress; r opens it"),
    "Run": Glyph("▸", "r", "note", "a command that was run; its output is saved"),
    "failed": Glyph("✗", "x", "toxic", "a run that failed"),
    "timed-out": Glyph("◷", "o", "coffee", "a run that was ended for taking too long"),
    "inconclusive": Glyph("?", "?", "coffee", "a run that neither failed nor passed"),
    "Observer": Glyph("◉", "o", "coffee", "a tracer attached or detached; next to a time: one was attached then"),
    "Captured": Glyph("▣", "p", "note", "the last lines of a pane of tmux"),
    "Verdict": Glyph("∴", "V", "hypothesis", "what an experiment has shown"),
    "Sleep": Glyph("☾", "z", "water", "the end of a night"),
    "Mark": Glyph("◆", "*", "hypothesis", "a mark on a line, and the line that sets it"),
    "ok": Glyph("✓", "v", "fine", "as it should be"),
    "yellow": Glyph("▲", "!", "coffee", "not as it should be"),
    "red": Glyph("✗", "x", "toxic", "in the way of the hunt"),
    "unknown": Glyph("?", "?", "note", "cannot be determined here"),
    "WARNING": Glyph("▲", "!", "toxic", "a warning"),
    "Continued": Glyph("↑", "^", "dim", "the journal continues the previous file"),
    "Forked": Glyph("⑂", "Y", "dim", "the journal was copied up to here from another one"),
    "ceremony": Glyph("┆", "|", "dim", "the lock taken or released (shown by z)"),
    "foreign": Glyph("¿", "?", "foreign", "not a line of the log: torn, or from another tool"),
    "unfinished": Glyph("…", ">", "foreign", "a last line that has no newline yet"),
}


def glyph_of(entry: Entry | None, *, finished: bool = True) -> Glyph:
    """Return the sign of a line; ``entry`` is None for a line that is not an entry."""
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
