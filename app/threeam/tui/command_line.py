"""The `:` line: an action by its command, which is the one of the shell."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import takewhile

from threeam.actions import BY_COMMAND, Action
from threeam.hypotheses.drafts import EVIDENCE_VERBS
from threeam.tui.prompts import HYPOTHESIS_VERBS

ALIASES = {"journals": "journal", "hypothesis": "hyp", "quit": "q", "coffee --undo": "uncoffee"}
_HYP = (*HYPOTHESIS_VERBS, *EVIDENCE_VERBS, "list", "show")


class UnknownCommand(Exception):
    """A word that is not a command of the `:` line; the message names the nearest one."""


def parse_command(text: str) -> tuple[Action, str]:
    """Return the action that a `:` line names, and what follows. Raise `UnknownCommand`.

    The words are the shell's: ``hyp refute H7 why`` and ``refute H7 why`` are the same.
    """
    text = text.strip().removeprefix(":").removeprefix("3am ").strip()
    for long, short in ALIASES.items():
        if text == long or text.startswith(long + " "):
            text = short + text[len(long) :]
    word, _, rest = text.partition(" ")
    if word == "hyp":
        verb, _, words = rest.strip().partition(" ")
        if verb == "new":  # what follows is a claim, whatever its first word is
            rest = words
        elif verb in _HYP:
            word, rest = {"list": "board", "show": "thread"}.get(verb, verb), words
    if word == "log":
        word = "note"
    if word not in BY_COMMAND:
        near = get_close_matches(word, list(BY_COMMAND), 1)
        raise UnknownCommand(f"there is no :{word}" + (f"; did you mean :{near[0]}?" if near else "; ? lists them"))
    return BY_COMMAND[word], rest.strip()


def complete_command(text: str) -> tuple[str, list[str]]:
    """Return what Tab adds to a `:` line, and the words that begin with it: Tab adds all that these have in common."""
    words = [word for word in BY_COMMAND if text and word.startswith(text)]
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    rest = "".join(column[0] for column in letters)[len(text) :]
    return (rest + " " if len(words) == 1 and BY_COMMAND[words[0]].argument else rest), words
