"""The kinds of lines and the tags that 3am writes: parser, filters, icons and colours derive from these two tables."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of line.

    ``name``: what `Entry.kind` returns. ``tag``: the key of the tag that a line of this kind must have: without it the
    word is only a word. None: the word is enough, because such a line changes nothing. ``icon``: one cell wide.
    ``ascii_icon``: the same for terminals that cannot draw it. ``style``: the style class of its icon and word.
    ``doc``: what it means, as the help screen shows it. ``has_word``: the line begins with the name and a colon; False
    if it is recognized in another way, see `Entry.kind`.
    """

    name: str
    tag: str | None
    icon: str
    ascii_icon: str
    style: str
    doc: str
    has_word: bool = True


HYPOTHESIS_TAG = "H"  # H1, H2, …: the number is part of the key
NOTED_TAG = "NOTED"
NOTE, CEREMONY, CONTINUED, FOREIGN = "note", "ceremony", "Continued", "foreign"

_TABLE = (  # in the order of the help screen
    Kind(NOTE, None, "·", ".", "note", "a note", has_word=False),
    Kind("Hypothesis", HYPOTHESIS_TAG, "◇", "?", "hypothesis", "a hypothesis"),
    Kind("Conclusion", HYPOTHESIS_TAG, "◇", "?", "hypothesis", "the verdict on a hypothesis"),
    Kind("Reopened", HYPOTHESIS_TAG, "↺", "R", "hypothesis", "a hypothesis opened again"),
    Kind("Prediction", HYPOTHESIS_TAG, "→", ">", "hypothesis", "a prediction: what will be seen if it is true"),
    Kind("Supports", HYPOTHESIS_TAG, "+", "+", "hypothesis", "evidence for a hypothesis"),
    Kind("Contradicts", HYPOTHESIS_TAG, "−", "-", "hypothesis", "evidence against a hypothesis"),
    Kind("Stamp", "STAMP", "◌", "@", "note", "a stamp, and its words"),
    Kind("Words", "STAMP", "“", '"', "note", "the words for a stamp"),
    Kind("Correction", "CORRECTION", "≠", "%", "note", "new words for an entry, shown in its place"),
    Kind("Changed", "CHANGE", "Δ", "d", "coffee", "something that was changed and must be undone"),
    Kind("Undone", "CHANGE", "∇", "D", "note", "a change undone"),
    Kind("Next", NOTED_TAG, "»", "&", "hypothesis", "what comes next; it stands in the hand-off"),
    Kind("Topology", NOTED_TAG, "»", "&", "note", "how things are connected; it stands in the hand-off"),
    Kind("Shared", NOTED_TAG, "»", "&", "note", "what is shared; it stands in the hand-off"),
    Kind("Taken", "HOLDS", "⚑", "P", "hypothesis", "a person holds the journal now"),
    Kind("Coffee", "MG", "∪", "u", "coffee", "a coffee"),
    Kind("Water", "WATER", "∿", "W", "water", "a glass of water"),
    Kind("Handoff", "HANDOFF", "⇥", "S", "hypothesis", "what was still open when a person went to sleep"),
    Kind("Preflight", "PREFLIGHT", "☑", "c", "note", "the checks of what the hunt needs"),
    Kind("Baseline", "BASELINE", "≡", "b", "note", "a snapshot of normal"),
    Kind("Compared", "BASELINE", "≢", "B", "coffee", "what is not normal now"),
    Kind("Stable", "STABLE", "⊙", "g", "note", "the last known stable commit"),
    Kind("Terminated", "TERMINATED", "†", "k", "toxic", "a blocking query that was terminated"),
    Kind("Restore", "RESTORE", "↶", "<", "note", "the runbook of a restore"),
    Kind("Plan", "PLAN", "▷", "#", "experiment", "an experiment, with its progress; r opens it"),
    Kind("Run", "RUN", "▸", "r", "note", "a command that was run; its output is saved"),
    Kind("Kind", "KIND", "⊛", "K", "toxic", "a kind of failure that an experiment has not seen before"),
    Kind(
        "Observer",
        "OBSERVER",
        "◉",
        "o",
        "coffee",
        "a tracer attached or detached; beside a time: one was attached then",
    ),
    Kind("Clock", "CLOCK", "⇄", "T", "note", "the shift of the clock of another log, and how far it may be wrong"),
    Kind("Captured", "CAPTURED", "▣", "p", "note", "the last lines of a pane of tmux"),
    Kind("Verdict", "VERDICT", "∴", "V", "experiment", "what an experiment has shown"),
    Kind("Bisect", "BISECT", "⊢", "{", "experiment", "a search for the commit that has introduced a bug"),
    Kind("Bisected", "BISECTED", "⊨", "}", "experiment", "the commit that was found, or how likely each is"),
    Kind("Sleep", "NIGHT", "☾", "z", "water", "the end of a night"),
    Kind("Mark", "MARK", "◆", "*", "hypothesis", "a mark on a line, and the line that sets it"),
    Kind("WARNING", None, "▲", "!", "toxic", "a warning"),
    Kind(CONTINUED, "AT", "↑", "^", "dim", "the journal continues the previous file", has_word=False),
    Kind("Carried", "AT", "↑", "^", "dim", "cups, or the steps of the clock, repeated from the previous file"),
    Kind("Doses", "DOSES", "↑", "^", "dim", "the doses of a person, repeated from the previous file"),
    Kind("Forked", "FORK", "⑂", "Y", "dim", "the journal was copied up to here from another one"),
    Kind(CEREMONY, None, "┆", "|", "dim", "the lock taken or released (shown by z)", has_word=False),
    Kind(FOREIGN, None, "¿", "/", "foreign", "not a line of the log: torn, or from another tool", has_word=False),
)
KINDS = {kind.name: kind for kind in _TABLE}
WORDS = {kind.name: kind for kind in _TABLE if kind.has_word}  # by the word before the first colon

# What each tag means. ``H`` and ``R`` stand for H1, H2, … and R1, R2, …
TAGS = {
    "H": "the hypothesis that the line belongs to, and its state after the line",
    "ON": "the hypothesis of another host that the line is about, as db1/H7",
    "CLAIM": "which hypothesis that is: the id of its journal, and the stamp of its claim",
    "STATE": "the state of that hypothesis after a verdict",
    "R": "the experiment or the command that was run, and the run, as 37/400",
    "BY": "the author: user, host, process, and pane of tmux",
    "VIA": "the program that wrote the line, if no person typed it: stdin, run, observe",
    "AT": "in a line that a rotation repeats: the stamp of the original",
    "ORDER": "in a repeated line: its place in the order of the lines, if the stamp does not say it",
    "REPEATED": "the number of lines after this one that a rotation repeats",
    "NIGHT": "over: the end of a person's night; new: the first line of another one",
    "MG": "the caffeine of a cup in mg; negative: taken back",
    "WATER": "the glasses of water this night",
    "DOSES": "the doses of a person, as mg@ns",
    "MARK": "on or off: whether the line that it cites is marked",
    "STAMP": "now: a stamp without words; words: the words for one",
    "CORRECTION": "how often the line that it cites has been corrected",
    "RECHECK": "toxic: the author of this verdict had too many cups",
    "CHANGE": "open: something was changed; undone: it was undone",
    "NOTED": "what the next person has to know: next, topology, shared or holder",
    "HOLDS": "who holds the journal",
    "FORK": "the SHA-256 of the lines that were copied up to here",
    "HANDOFF": "how much was open when a person went to sleep",
    "PREFLIGHT": "the worst result of the checks",
    "BASELINE": "the name of a baseline",
    "STABLE": "a commit",
    "TREE": "the work tree of that commit",
    "TERMINATED": "a backend of a database",
    "RESTORE": "the engine and the target of a runbook",
    "PLAN": "the plan of an experiment, or of a search for an arm",
    "IDENTITY": "what two experiments have in common if their runs can be compared",
    "BUILD": "what an experiment runs: the SHA-256 of files, the commit, versions, the load",
    "RUN": "a run: its arm, its outcome, and what it took",
    "RUNS": "in a repeated line: one letter for each run of an experiment",
    "LETTERS": "in a repeated line: the kind of failure of each run",
    "SPENT": "in a repeated line: what the runs took",
    "CUTS": "in a repeated line: the first run after each change",
    "LAST": "in a repeated line: the place of the last run",
    "KIND": "a kind of failure: its letter, and a hash of what its runs print",
    "KINDS": "for each kind of failure the number of its runs in each arm",
    "VERDICT": "the result of an experiment or a search",
    "STOPPED": "the blocks after which an experiment, or each of its arms, stopped early",
    "BISECT": "the plan of a bisection: the number of commits after the good one",
    "COMMIT": "the position of the commit that a run was of; cannot: it cannot be tested",
    "TALLY": "in a repeated line: the runs of each commit, as position:failed/passed/inconclusive",
    "BISECTED": "the result of a bisection: the probability of its commit",
    "OBSERVER": "a tracer, its process, and when it was attached and detached (ns)",
    "CLOCK": "the name of another log, what is added to its timestamps, and the bound of the error (ns)",
    "CAPTURED": "a pane of tmux",
    "CITED": "a line of another log that is evidence: file, line number, stamp, SHA-256 of its attachment",
    "FILE": "the attachment of the line",
    "DISK": "the free bytes of the disk",
}
_NUMBERED = ("H", "R")


def is_own_tag(key: str) -> bool:
    """Return whether 3am writes a tag of this key; False for one of a later version or of another tool."""
    if key[:1] in _NUMBERED and key[1:].isascii() and key[1:].isdecimal():
        return True
    return key in TAGS and key not in _NUMBERED
