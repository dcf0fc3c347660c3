"""The sign of each kind of line, and its plain twin for terminals that cannot draw it."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.entry import Entry
from threeam.experiments.runs import outcome_of


class Sign(NamedTuple):
    """A sign one cell wide, the same in ASCII, the style class that it has, and what it stands for."""

    sign: str
    plain: str
    style: str
    about: str


SIGNS = {
    "note": Sign("·", ".", "note", "a note"),
    "Hypothesis": Sign("◇", "?", "hypothesis", "a hypothesis"),
    "confirmed": Sign("✓", "v", "hypothesis", "a hypothesis confirmed"),
    "refuted": Sign("✗", "x", "refuted", "a hypothesis refuted"),
    "parked": Sign("~", "~", "parked", "a hypothesis parked"),
    "Reopened": Sign("↺", "o", "hypothesis", "a hypothesis opened again"),
    "Prediction": Sign("→", ">", "hypothesis", "a prediction: what is to be seen if it is true"),
    "Supports": Sign("+", "+", "hypothesis", "evidence for a hypothesis"),
    "Contradicts": Sign("−", "-", "hypothesis", "evidence against a hypothesis"),
    "Stamp": Sign("◌", "@", "note", "a stamp, and its words"),
    "Words": Sign("“", '"', "note", "the words for a stamp"),
    "Correction": Sign("≠", "%", "note", "other words for an entry, which are read there now"),
    "Changed": Sign("Δ", "d", "coffee", "something that was changed and must be undone"),
    "Undone": Sign("∇", "D", "note", "a change undone"),
    "Next": Sign("»", "&", "hypothesis", "what comes next; it stands in the hand-off"),
    "Topology": Sign("»", "&", "note", "how things are connected; it stands in the hand-off"),
    "Shared": Sign("»", "&", "note", "what is shared; it stands in the hand-off"),
    "Taken": Sign("⚑", "P", "hypothesis", "somebody holds the journal now"),
    "Coffee": Sign("∪", "u", "coffee", "a coffee"),
    "Water": Sign("≈", "=", "water", "a glass of water"),
    "Handoff": Sign("⚑", "P", "hypothesis", "what is still open, as somebody goes to sleep"),
    "Preflight": Sign("☑", "c", "note", "what the hunt needs, looked at"),
    "Baseline": Sign("≡", "b", "note", "a snapshot of normal"),
    "Compared": Sign("≢", "B", "coffee", "what is not normal now"),
    "Stable": Sign("⊙", "g", "note", "the last known stable commit"),
    "Terminated": Sign("†", "k", "toxic", "a blocking query that was terminated"),
    "Restore": Sign("↶", "r", "note", "the runbook of a restore"),
    "Plan": Sign("▷", "#", "hypothesis", "an experiment: how far it is stands behind it; r opens it"),
    "Run": Sign("▸", "r", "note", "a command that was run, and what it printed is kept"),
    "failed": Sign("✗", "x", "toxic", "a run that failed"),
    "timed-out": Sign("◷", "o", "coffee", "a run that was ended for taking too long"),
    "inconclusive": Sign("?", "?", "coffee", "a run that neither failed nor passed: it ended in another way"),
    "Observer": Sign("◉", "o", "coffee", "a tracer attached or detached; beside a time: one was attached then"),
    "Captured": Sign("▣", "p", "note", "the last lines of a pane of tmux"),
    "Verdict": Sign("∴", "V", "hypothesis", "what an experiment has shown"),
    "Sleep": Sign("☾", "z", "water", "the end of a night"),
    "Mark": Sign("◆", "*", "hypothesis", "a mark on a line, and the line that sets it"),
    "ok": Sign("✓", "v", "fine", "as it should be"),
    "yellow": Sign("▲", "!", "coffee", "not as it should be"),
    "red": Sign("✗", "x", "toxic", "in the way of the hunt"),
    "unknown": Sign("?", "?", "note", "nobody here can say"),
    "WARNING": Sign("▲", "!", "toxic", "a warning"),
    "Continued": Sign("↑", "^", "dim", "the journal goes on from the file before"),
    "Forked": Sign("⑂", "Y", "dim", "the journal was copied up to here from another one"),
    "ceremony": Sign("┆", "|", "dim", "the lock taken or released (shown by z)"),
    "foreign": Sign("¿", "?", "foreign", "not a line of the log: torn, or from another tool"),
    "unfinished": Sign("…", ">", "foreign", "a last line that has no newline yet"),
}


def sign_of(entry: Entry | None, *, finished: bool = True) -> Sign:
    """The sign of a line."""
    if not finished:
        return SIGNS["unfinished"]
    if entry is None:
        return SIGNS["foreign"]
    kind = entry.kind
    if kind == "Run" and (outcome := outcome_of(entry)) in SIGNS:
        return SIGNS[outcome]
    if kind == "Conclusion" and (hypothesis := entry.hypothesis):
        return SIGNS.get(hypothesis[1], SIGNS["Hypothesis"])
    return SIGNS.get(kind, SIGNS["Hypothesis"])
