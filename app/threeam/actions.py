"""The one table of actions: it feeds the keys, the palette, the `:` line, the help and the manual.

A key is listed here when its capability exists, and not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple


class Action(NamedTuple):
    """One thing that a person can do on the screen.

    ``id`` is the id of its bindings, for remapping in the settings, and names its handler. ``keys`` are separated by
    commas, as Textual names them. ``scope`` says where the keys act: ``log`` (while the log or the sidebar has the
    focus), ``box`` (the input box), ``anywhere``; with ``log_only`` they do not act in the sidebar. An action that
    ``writes`` is absent from a read-only screen. ``opens_box``: text that follows its key is meant for the input box.
    ``command`` is its word on the `:` line, and ``argument`` describes what may follow it there. ``is_shell_command``:
    the command of the shell is run as it is, and its output is shown.
    """

    id: str
    keys: str
    label: str
    description: str
    group: str
    scope: str = "log"
    log_only: bool = False
    writes: bool = False
    opens_box: bool = False
    footer: bool = False
    command: str = ""
    argument: str = ""
    is_shell_command: bool = False

    @property
    def binding(self) -> str:
        """Return the binding of a key of this action, as Textual names it."""
        return f"screen.do('{self.id}')"


GROUPS = ("write", "hypotheses", "experiments", "before and after", "find", "move", "look", "leave")

ACTIONS = (
    Action("coffee", "c", "coffee", "One coffee: a line in the log, and the count in the header", "write", writes=True, footer=True, command="coffee", argument="N --mg MG"),
    Action("note", "i", "note", "Write a note; a paste of several lines stays one block", "write", writes=True, opens_box=True, footer=True, command="note", argument="TEXT"),
    Action("hypothesis", "H", "hypothesis", "Open a hypothesis; it gets its number under the lock", "write", writes=True, opens_box=True, footer=True, command="hyp", argument="TEXT"),
    Action("stamp", "s", "stamp now", "Take a stamp now; the words for it come after", "write", writes=True, opens_box=True, command="stamp"),
    Action("words", "", "words", "The words for a stamp; for your last one, if none is named", "write", writes=True, opens_box=True, command="words", argument="@STAMP TEXT"),
    Action("correct", "", "correct", "Replace the words of the selected entry, by a new line", "write", writes=True, opens_box=True, command="correct", argument="@STAMP TEXT"),
    Action("changed", "", "changed", "Note what was changed, and how it is undone", "write", writes=True, opens_box=True, command="changed", argument="[-H H7] TEXT (undo: TEXT)"),
    Action("undone", "", "undone", "Tick off a change: the selected one, or the only one left", "write", writes=True, command="undone", argument="@STAMP WORDS"),
    Action("take", "", "take", "Say that you hold the journal now", "write", writes=True, command="take"),
    Action("water", "", "water", "One glass of water", "write", writes=True, command="water"),
    Action("coffee-panel", "C", "coffee panel", "Tonight's cups, and take the last one back", "write", command="cups"),
    Action("undo-coffee", "", "take a cup back", "Take the last cup back, by a new line", "write", writes=True, command="uncoffee"),
    Action("kind-hypothesis", "alt+h", "hypothesis", "In the input box: make it a hypothesis", "write", scope="box", writes=True),
    Action("kind-note", "alt+n", "note", "In the input box: make it a note", "write", scope="box", writes=True),
    Action("box-coffee", "alt+c", "coffee", "In the input box: one coffee, without leaving it", "write", scope="box", writes=True),
    Action("board", "h", "hypotheses", "The hypotheses: j k pick, enter opens one, f is full screen", "hypotheses", command="board"),
    *(
        Action(f"pick-{n}", str(n), f"pick H{n}", f"Pick hypothesis {n}", "hypotheses")
        for n in range(1, 10)
    ),
    Action("predict", "p", "predict", "Predict what the picked one implies, before you look", "hypotheses", writes=True, opens_box=True, command="predict", argument="H7 TEXT"),
    Action("support", "plus", "supports", "The selected line supports the picked one; words if you like", "hypotheses", writes=True, opens_box=True, command="support", argument="H7 @STAMP WORDS"),
    Action("contradict", "minus", "contradicts", "The selected line contradicts the picked one", "hypotheses", writes=True, opens_box=True, command="contradict", argument="H7 @STAMP WORDS"),
    Action("confirm", "V", "confirm", "Confirm the picked hypothesis, with a reason", "hypotheses", writes=True, opens_box=True, command="confirm", argument="H7 WHY"),
    Action("refute", "x", "refute", "Refute the picked hypothesis, with a reason", "hypotheses", writes=True, opens_box=True, command="refute", argument="H7 WHY"),
    Action("park", "tilde", "park", "Park the picked hypothesis, with a reason", "hypotheses", writes=True, opens_box=True, command="park", argument="H7 WHY"),
    Action("reopen", "", "reopen", "Open the picked hypothesis again, with a reason", "hypotheses", writes=True, opens_box=True, command="reopen", argument="H7 WHY"),
    Action("thread", "", "thread", "The thread of the picked one: claim, predictions, evidence", "hypotheses", command="thread", argument="H7"),
    Action("run", "exclamation_mark", "run", "Run a command; its output is shown, and saved with the journal", "experiments", writes=True, opens_box=True, command="run", argument="-n 200 --arm ARM -- CMD"),
    Action("runs", "r", "runs", "Experiments, arm beside arm, and every command that was run", "experiments", command="runs", argument="R12"),
    Action("capture", "P", "capture a pane", "Save the last lines of another tmux pane with the journal", "experiments", writes=True, command="capture", argument="%PANE"),
    Action("fixed", "", "call it fixed?", "May the picked one be called fixed? Runs before a change, and since", "experiments", command="fixed", argument="H7"),
    Action("preflight", "", "preflight", "What the hunt needs: tools, clock, disk, tmux, topology", "before and after", command="preflight"),
    Action("baseline", "B", "baseline", "What is not normal now; :baseline save takes a snapshot of normal", "before and after", command="baseline", argument="save|diff NAME"),
    Action("restore", "R", "restore", "What must be undone, and the code since the stable commit", "before and after", command="restore", argument="data @STAMP"),
    Action("stable", "", "stable", "Note the last known stable commit of the work tree here", "before and after", writes=True, command="stable", argument="REV"),
    Action("blockers", "", "blocked queries", "Who blocks whom in a PostgreSQL, live; x terminates one", "before and after", command="blockers", argument="DSN"),
    Action("sleep", "", "sleep", "Restore the sysadmin: what is open is handed over, and lights out", "before and after", writes=True, command="sleep"),
    Action("search", "slash", "search", "Search (regex); empty repeats the last one", "find", footer=True, command="search", argument="RE"),
    Action("next-match", "n", "next match", "The next match, the way the search went", "find"),
    Action("previous-match", "N", "previous match", "The match before, the other way", "find"),
    Action("filter", "ampersand", "filter", "Show only what matches; !RE leaves out; kind:note, by:alice, H7", "find", command="filter", argument="RE"),
    Action("unfilter", "", "show all", "Remove all filters", "find", command="unfilter"),
    Action("goto", "", "go to a time", "Go to a time: 03:14, -15m, @stamp", "find", command="goto", argument="TIME"),
    Action("mark", "m", "mark", "Mark the selected line for everyone, or remove its mark", "find"),
    Action("last-mark", "apostrophe", "last mark", "Go to the mark that was set last", "find", log_only=True),
    Action("mark-before", "left_square_bracket", "previous mark", "Go to the previous mark", "find", log_only=True),
    Action("next-mark", "right_square_bracket", "next mark", "Go to the next mark", "find", log_only=True),
    Action("as-of", "less_than_sign", "as of then", "Journal, board and cups as they were 1ms before this line", "find", command="as-of", argument="TIME"),
    Action("now", "greater_than_sign", "now", "Return from there to now", "find", command="now"),
    Action("t0", "T", "set T0", "Take the selected line as T0, and show times since then", "find", log_only=True),
    Action("file-order", "o", "file order", "One log alone, as it was written; once more: all by time", "find", log_only=True),
    Action("align", "a", "align", "Two lines of one event: a on each sets the clock of the second log", "find", log_only=True),
    Action("races", "X", "races", "Races on a key, in the logs that are open: groups, and their lines", "find", command="races", argument="--key RE --op W=WORDS --window D --shuffle N"),
    Action("near", "M", "near misses", "How close two operations on one key came to each other", "find", command="near", argument="A->B --key RE --window D"),
    Action("time-column", "t", "time column", "Times: full, since the previous row, since T0, local", "find", log_only=True),
    Action("down", "j,down", "down", "One line down", "move", log_only=True),
    Action("up", "k,up", "up", "One line up; the tail pauses, and never yanks you back", "move", log_only=True),
    Action("half-down", "d", "half a page down", "Half a page down", "move", log_only=True),
    Action("half-up", "u", "half a page up", "Half a page up", "move", log_only=True),
    Action("page-down", "space,pagedown", "page down", "A page down", "move", log_only=True),
    Action("page-up", "b,pageup", "page up", "A page up", "move", log_only=True),
    Action("top", "g,home", "first line", "The first line", "move", log_only=True),
    Action("bottom", "G,end", "last line", "The last line, and follow", "move", log_only=True),
    Action("follow", "F", "follow", "Follow again after a pause", "move", log_only=True, command="follow"),
    Action("open-entry", "enter", "entry", "Open the entry: all of it, its block, its neighbours in time", "look"),
    Action("handoff", "S", "hand-off", "What the next person has to know, the most important first", "look", command="handoff"),
    Action("sources", "L", "sources", "Legend: format, clock, first and last, late lines of each log", "look", command="sources"),
    Action("open", "", "open a log", "Show another log, or the journal of a host, beside this one", "look", command="open", argument="FILE"),
    Action("close", "", "close a log", "Show that log no more", "look", command="close", argument="NAME"),
    Action("hosts", "", "hosts", "The hosts of the team: connected, lines not sent or not held, clock", "look", command="hosts"),
    Action("team", "", "team", "Start 3am team, which goes on when this screen ends", "look", command="team", argument="nats://HOST --read-only --credentials FILE"),
    Action("select", "v", "select", "Select rows: j k extend, y copies, esc ends", "look", log_only=True),
    Action("copy-entry", "y", "copy", "Copy the entry with all its lines, or the selected rows", "look"),
    Action("copy-stamp", "Y", "copy @stamp", "Copy the @stamp of the selected line, to cite it", "look"),
    Action("wrap", "w", "wrap", "Wrap long lines, or cut them", "look", log_only=True, command="wrap"),
    Action("raw", "z", "raw ceremony", "Show the lines of the lock itself, or fold them", "look", log_only=True, command="raw"),
    Action("command", "colon", "command", "The command line: commands of the shell, and of the screen alone", "look"),
    Action("palette", "ctrl+p", "palette", "The palette: find an action or a journal by its words", "look", scope="anywhere"),
    Action("status", "", "status", "Print the status line: cups, milligrams, open hypotheses, lock", "look", command="status", argument="--json|--tmux|--footprint", is_shell_command=True),
    Action("tail", "", "tail", "Print the last lines of the log, or those that match", "look", command="tail", argument="OPTIONS", is_shell_command=True),
    Action("merge", "", "merge logs", "Print the lines of several logs by their timestamps", "look", command="merge", argument="OPTIONS FILE FILE", is_shell_command=True),
    Action("measure-shift", "", "align logs", "Measure how far the clocks of two logs differ", "look", writes=True, command="align", argument="A B --key RE", is_shell_command=True),
    Action("export", "", "export", "Print the journal as a document; > FILE at the end saves it", "look", command="export", argument="md|html|jsonl|csv OPTIONS > FILE", is_shell_command=True),
    Action("doctor", "", "doctor", "Check every file of the journal for damage", "look", command="doctor", argument="--json", is_shell_command=True),
    Action("path", "", "path", "Print which files and settings are used, and why", "look", command="path", argument="--settings", is_shell_command=True),
    Action("rotate", "", "rotate", "Start a new log now", "look", writes=True, command="rotate", is_shell_command=True),
    Action("fork", "", "fork", "Copy the journal up to a moment into a new one", "look", command="fork", argument="--at TIME --to FILE", is_shell_command=True),
    Action("observe", "", "observe", "Attach strace, perf, lsof or tcpdump to a process", "experiments", writes=True, command="observe", argument="PID --with strace|perf|lsof|tcpdump", is_shell_command=True),
    Action("provoke", "", "provoke", "Find what makes a command fail more often, and where", "experiments", writes=True, command="provoke", argument="--budget 5m -- CMD", is_shell_command=True),
    Action("bisect", "", "bisect", "Find the commit that has introduced a bug that fails only sometimes", "experiments", writes=True, command="bisect", argument="GOOD BAD -- CMD", is_shell_command=True),
    Action("journal", "", "change journal", "Show another journal of the state folder", "look", command="journal", argument="NAME"),
    Action("theme", "", "theme", "Change the theme", "look", command="theme", argument="NAME"),
    Action("help", "question_mark,f1", "help", "All the keys and signs; with a topic, a page of the manual", "look", footer=True, command="help", argument="TOPIC"),
    Action("leave", "escape", "leave", "Cancel a waiting write, or leave the box (draft is kept)", "leave", scope="anywhere"),
    Action("suspend", "ctrl+z", "suspend", "Go to the shell; its fg comes back here", "leave", scope="anywhere", command="suspend"),
    Action("quit", "q", "quit", "Quit", "leave", footer=True, command="q"),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
BY_COMMAND = {action.command: action for action in ACTIONS if action.command}

_SCOPES_TOGETHER = (("log", "anywhere"), ("box", "anywhere"))  # their keys act at the same time


def key_problems(keys: Mapping[str, str]) -> list[str]:
    """Return a sentence for each id in ``keys`` that names no action, and for each key that two actions would have."""
    problems = [f"there is no action {name}{_suggestion(name)}" for name in keys if name not in BY_ID]
    owners: dict[tuple[str, ...], dict[str, list[str]]] = {scopes: {} for scopes in _SCOPES_TOGETHER}
    for action in ACTIONS:
        for key in filter(None, keys.get(action.id, action.keys).split(",")):
            for scopes, by_key in owners.items():
                if action.scope in scopes:
                    by_key.setdefault(key.strip(), []).append(action.id)
    clashes = {(key, *ids): None for by_key in owners.values() for key, ids in by_key.items() if len(ids) > 1}
    return problems + [
        f"{format_keys(key)} is the key of {' and '.join(ids)}: one of them lost it" for key, *ids in clashes
    ]


def _suggestion(name: str) -> str:
    near = get_close_matches(name, BY_ID, 1)
    return f"; did you mean {near[0]}?" if near else "; 3am help keys has the ids"


_SHOWN = {
    "question_mark": "?", "tilde": "~", "plus": "+", "minus": "-", "less_than_sign": "<", "greater_than_sign": ">", "colon": ":", "slash": "/", "ampersand": "&", "exclamation_mark": "!", "apostrophe": "'", "left_square_bracket": "[", "right_square_bracket": "]", "space": "space", "escape": "esc",
    "pagedown": "pgdn", "pageup": "pgup", "down": "↓", "up": "↑",
}  # fmt: skip


def format_keys(keys: str) -> str:
    """``keys`` as a person reads them: ``? f1``."""
    return " ".join(_SHOWN.get(key, key) for key in keys.split(",") if key)
