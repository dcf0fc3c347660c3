"""Parsers whose errors name the nearest right word, and whose help shows an example."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn

from threeam.cli.exits import ExitCode
from threeam.cli.split import split_command
from threeam.core.format.entry import escape_unprintable


class Parser(argparse.ArgumentParser):
    """An argparse parser with the options that every command on a journal has, and an example in its help."""

    def __init__(self, prog: str, description: str, example: str, *, on_journal: bool = True) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=example,
            formatter_class=_cheap_formatter,
            allow_abbrev=False,
        )
        if not on_journal:
            return
        files = self.add_argument_group("which journal")
        files.add_argument("-j", "--journal", metavar="NAME", help="the journal NAME.log in the state folder")
        files.add_argument("--log", metavar="FILE", help="the log file (SANITY_LOG)")
        files.add_argument("--lock", metavar="FILE", help="the lock file, to join a foreign script (SANITY_LOCK)")

    def format_help(self) -> str:
        """Return the help, in colour on a terminal."""
        self.formatter_class = _help_formatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """One sentence on stderr with the nearest right word, and exit 2."""
        if found := re.match(r"unrecognized arguments: (\S+)", message):
            word = found[1]
            if word.startswith("-"):
                message = f"there is no option {word}{did_you_mean(word, list(self._option_string_actions))}"
                if any(action.nargs for action in self._positionals._group_actions):
                    message += "; a text that begins so comes after --"
            else:
                message = f"{word} is one word too many"
        self.exit(ExitCode.USAGE, escape_unprintable(f"{self.prog}: {message}; see {self.prog} --help") + "\n")


def parse_verb(
    prog: str, what: str, about: Mapping[str, tuple[str, str]], argv: Sequence[str]
) -> tuple[str, Parser, list[str]]:
    """The verb of ``3am hyp VERB …``, a parser for it, and the words that it is to parse.

    ``about``: for each verb what it does, and an example. Where there is none it says so, or helps, and ends there.
    """
    verb, rest = split_command(argv)
    if verb is not None and verb in about:
        description, example = about[verb]
        return verb, Parser(f"{prog} {verb}", description, f"example:\n  {example}"), rest
    every = "\n".join(f"  {example}" for _, example in about.values())
    parser = Parser(prog, f"{what}: {', '.join(about)}.", f"examples:\n{every}")
    if verb is not None:
        parser.error(f"there is no {prog} {verb}{did_you_mean(verb, list(about))}")
    parser.add_argument("verb", metavar="VERB", help=f"one of those; {prog} VERB --help says more")
    parser.parse_args(argv)  # which it is not there for
    return parser.error("which of them?")


def protect_negative_times(argv: Sequence[str]) -> list[str]:
    """``argv`` with a space before ``-15m``: to argparse it would look like an option."""
    return [f" {word}" if word[:1] == "-" and word[1:2].isdigit() else word for word in argv]


def did_you_mean(word: str, words: Sequence[str]) -> str:
    """``; did you mean X?`` for the nearest of ``words``, or nothing."""
    from difflib import get_close_matches  # for a mistake only

    near = get_close_matches(word, words, 1)
    return f"; did you mean {near[0]}?" if near else ""


def _cheap_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter for the one that argparse makes for each argument, to check its metavar.

    With a width it does not ask for that of the terminal, for which it would import shutil.
    """
    return argparse.HelpFormatter(prog, width=80)


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    if sys.stdout.isatty():
        from rich_argparse import RawDescriptionRichHelpFormatter  # on a terminal, and only for help

        formatter: argparse.HelpFormatter = RawDescriptionRichHelpFormatter(prog)
        return formatter
    return argparse.RawDescriptionHelpFormatter(prog)
