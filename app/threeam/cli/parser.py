"""Argument parsers whose errors suggest the nearest valid word, and whose help shows examples."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, NoReturn

from threeam.cli.exits import ExitCode
from threeam.cli.split import split_command
from threeam.core.config.options import OptionParser, did_you_mean
from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable


class HelpText(NamedTuple):
    """The description of a command or verb, and its example command lines, one a line."""

    description: str
    examples: str

    def epilog(self) -> str:
        """Return the examples under their title, as the help of a command ends."""
        lines = self.examples.split("\n")
        title = "example" if len(lines) == 1 else "examples"
        return "\n  ".join((f"{title}:", *lines))


class ParserBuilt(BaseException):
    """Raised in place of parsing, while `built_parser` looks for the parser of a command."""

    def __init__(self, parser: Parser) -> None:
        super().__init__(parser)
        self.parser = parser


class Parser(OptionParser):
    """A parser with the options of every command on a journal, and an example in its help. An error exits.

    ``is_inspected``: no command is to run, see `built_parser`. ``verbs``: words that may stand in place of the
    arguments, each with a parser of its own.
    """

    is_inspected: ClassVar[bool] = False
    verbs: Sequence[str] = ()

    def __init__(
        self,
        prog: str,
        description: str,
        example: str,
        *,
        with_journal_options: bool = True,
        journal_flags: Sequence[str] = ("-j", "--journal"),
    ) -> None:
        super().__init__(
            prog,
            add_help=True,
            description=description,
            epilog=example,
            formatter_class=_cheap_formatter,
        )
        if not with_journal_options:
            return
        files = self.add_argument_group("which journal")
        files.add_argument(
            *journal_flags, metavar="NAME", help="the journal NAME.log in the state folder (SANITY_JOURNAL)"
        )
        files.add_argument("--log", metavar="FILE", help="the log file (SANITY_LOG)")
        files.add_argument("--lock", metavar="FILE", help="the lock file, to join a foreign script (SANITY_LOCK)")

    def add_quiet_option(self) -> None:
        """Add ``-q``, which every command that writes has."""
        self.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")

    def parse_known_args(self, *args: Any, **keywords: Any) -> Any:
        """Parse the words; raise `ParserBuilt` if only the parser is wanted."""
        if Parser.is_inspected:
            raise ParserBuilt(self)
        return super().parse_known_args(*args, **keywords)

    def format_help(self) -> str:
        """Return the help, in colour on a terminal."""
        self.formatter_class = _help_formatter
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        """Exit with 2 after one sentence on stderr, which suggests the nearest valid word."""
        self.exit(
            ExitCode.USAGE, escape_unprintable(f"{self.prog}: {self.explain(message)}; see {self.prog} --help") + "\n"
        )


def built_parser(run: Callable[[str, Sequence[str]], object], command: str, words: Sequence[str]) -> Parser | None:
    """Return the parser with which ``run``, of a command's module, would parse ``words``; None if there is none.

    The parser is complete then, and nothing has run: a command parses its words first.
    """
    Parser.is_inspected = True
    try:
        run(command, words)
    except ParserBuilt as built:
        return built.parser
    except (JournalError, SystemExit):  # words that no parser was made for
        return None
    finally:
        Parser.is_inspected = False
    return None


def command_parser(command: str, help_texts: Mapping[str, HelpText]) -> Parser:
    """Return the parser of ``3am COMMAND``, one of several commands in a module. It has ``-q``."""
    help_text = help_texts[command]
    parser = Parser(f"3am {command}", help_text.description, help_text.epilog())
    parser.add_quiet_option()
    return parser


def parse_verb(
    prog: str, summary: str, verb_help: Mapping[str, HelpText], argv: Sequence[str]
) -> tuple[str, Parser, list[str]]:
    """Return the verb of ``3am hyp VERB …``, its parser, and the words to parse.

    If there is no valid verb, print an error or the help, and exit.
    """
    verb, rest = split_command(argv)
    if verb is not None and verb in verb_help:
        help_text = verb_help[verb]
        return verb, Parser(f"{prog} {verb}", help_text.description, help_text.epilog()), rest
    examples = "\n".join(help_text.examples for help_text in verb_help.values())
    overview = HelpText(f"{summary}: {', '.join(verb_help)}.", examples)
    parser = Parser(prog, overview.description, overview.epilog())
    if verb is not None:
        parser.error(f"there is no {prog} {verb}{did_you_mean(verb, list(verb_help))}")
    parser.add_argument("verb", choices=list(verb_help), metavar="VERB", help=f"one of these; see {prog} VERB --help")
    parser.parse_args(argv)  # exits: there is no verb
    return parser.error("a VERB is missing")


def _cheap_formatter(prog: str) -> argparse.HelpFormatter:
    """Return the formatter with which argparse checks the metavar of each argument.

    Its width is given, so that it does not import shutil to read the width of the terminal.
    """
    return argparse.HelpFormatter(prog, width=80)


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    if sys.stdout.isatty():
        from rich_argparse import RawDescriptionRichHelpFormatter  # only for help on a terminal

        formatter: argparse.HelpFormatter = RawDescriptionRichHelpFormatter(prog)
        return formatter
    return argparse.RawDescriptionHelpFormatter(prog)
