"""The options of a capability, declared once for the command line and for the `:` line of the screen."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from typing import Any, NoReturn

from threeam.core.errors import BadInput

_RELATIVE_TIME = re.compile(r"-\d")  # -15m


class OptionParser(argparse.ArgumentParser):
    """A parser of words that were typed on the `:` line. Where argparse exits, it raises `BadInput`."""

    def __init__(self, prog: str, *, add_help: bool = False, **keywords: Any) -> None:
        super().__init__(prog=prog, add_help=add_help, allow_abbrev=False, **keywords)

    def add_time_argument(
        self, *names: str, about: str, dest: str | None = None, group: argparse._ActionsContainer | None = None
    ) -> None:
        """Add an argument ``names`` (or an option of ``group``) whose value is a time, such as ``-15m``.

        argparse takes ``-15`` for a value and ``-15m`` for an option. With a time argument it takes both for values.
        """
        self._negative_number_matcher = _RELATIVE_TIME
        argument = (group or self).add_argument(*names, metavar="T", help=about)
        argument.dest = dest or argument.dest

    def error(self, message: str) -> NoReturn:
        """Raise `BadInput` with ``message``."""
        raise BadInput(f"{self.prog}: {self.explain(message)}")

    def explain(self, message: str) -> str:
        """Return a message of argparse; one about an unknown word as a sentence that suggests the nearest valid one."""
        match = re.match(r"unrecognized arguments: (\S+)", message)
        if match is None:
            return message
        word = match[1]
        if not word.startswith("-"):
            return f"{word} is one word too many: write quotes around a text with blanks"
        hint = did_you_mean(word, list(self._option_string_actions))
        has_free_text = any(action.nargs for action in self._positionals._group_actions)
        return f"there is no option {word}{hint}{'; a text that begins so comes after --' if has_free_text else ''}"


def parse_hypothesis_number(text: str) -> int:
    """Return the number of a hypothesis: 7 for ``H7``. Raises `ValueError`."""
    digits = text[1:] if text[:1] in ("H", "h") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise ValueError(text)
    return int(digits)


parse_hypothesis_number.__name__ = "hypothesis such as H7"  # argparse prints it in its message


def split_line(line: str) -> list[str]:
    """Return the words of a `:` line. Quotes group words, and a backslash is one, as in ``\\d``. Raise `BadInput`."""
    words = shlex.shlex(line, posix=True, punctuation_chars=False)
    words.whitespace_split, words.commenters, words.escape = True, "", ""
    try:
        return list(words)
    except ValueError as error:
        raise BadInput(f"{line!r}: {error}") from None


def did_you_mean(word: str, candidates: Sequence[str]) -> str:
    """Return ``; did you mean X?`` for the nearest of ``candidates``, or an empty string."""
    from difflib import get_close_matches  # only after a mistake

    nearest = get_close_matches(word, candidates, 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""
