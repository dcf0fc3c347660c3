"""The `:` line: an action by its command, which is the one of the shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from itertools import takewhile

from threeam.actions import BY_COMMAND, Action
from threeam.hypotheses.drafts import EVIDENCE_VERBS
from threeam.tui.prompts import HYPOTHESIS_VERBS

ALIASES = {"journals": "journal", "hypothesis": "hyp", "quit": "q", "coffee --undo": "uncoffee"}
_HYP = (*HYPOTHESIS_VERBS, *EVIDENCE_VERBS, "list", "show")

Names = Callable[[str], Sequence[str]]
"""Returns the names that an argument could be, by the id of its action and its description: ``refute H7``."""
_NEARLY = 0.8  # how close a mistyped verb is to the real one


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
        elif words and (near := get_close_matches(verb, ["new", *_HYP], 1, _NEARLY)):  # not the first word of a claim
            raise UnknownCommand(f"there is no :hyp {verb}; did you mean :hyp {near[0]}?")
    if word == "log":
        word = "note"
    if word not in BY_COMMAND:
        near = get_close_matches(word, list(BY_COMMAND), 1)
        raise UnknownCommand(f"there is no :{word}" + (f"; did you mean :{near[0]}?" if near else "; ? lists them"))
    return BY_COMMAND[word], rest.strip()


def complete_command(text: str, names: Names = lambda _: ()) -> tuple[str, list[str]]:
    """Return what Tab adds to a `:` line, and the words that could stand at its end.

    Tab adds all that these have in common, and a space behind a word that is the only one. ``names``: see `Names`.
    """
    *before, prefix = re.split(" +", text.lstrip())
    words = [word for word in _candidates(before, names) if word.startswith(prefix)] if text.strip() else []
    letters = takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    rest = "".join(column[0] for column in letters)[len(prefix) :]
    takes_more = bool(before) or (len(words) == 1 and _takes_argument(words[0]))
    return (rest + " " if len(words) == 1 and takes_more else rest), words


def _takes_argument(word: str) -> bool:
    return word not in BY_COMMAND or bool(BY_COMMAND[word].argument)


def _candidates(before: list[str], names: Names) -> list[str]:
    """Return the words that may follow ``before``: commands, verbs, options, or names."""
    if not before:
        return sorted({*BY_COMMAND, *(alias for alias in ALIASES if " " not in alias)})
    if before == ["hyp"]:
        return ["new", *_HYP]
    try:
        action, rest = parse_command(" ".join(before))
    except UnknownCommand:
        return []
    parts = action.argument.split()
    options = [option for part in parts for option in part.split("|") if option.startswith("--")]
    if before[-1] in options:
        index = next(number for number, part in enumerate(parts) if before[-1] in part.split("|"))
        value = parts[index + 1] if index + 1 < len(parts) else ""
        return value.split("|") if "|" in value and not value.startswith("-") else []
    typed = [word for word in rest.split() if not word.startswith("-")]
    positional = [part for number, part in enumerate(parts) if part[:1] not in "-[>" and parts[number - 1][:2] != "--"]
    if len(typed) >= len(positional):
        return options
    part = positional[len(typed)]
    return [*(part.split("|") if part.islower() and "|" in part else names(f"{action.id} {part}")), *options]
