"""The parsers of all commands, as the commands build them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import chain

from threeam.cli import screen
from threeam.cli.commands import COMMANDS, FAMILIES
from threeam.cli.parser import Parser, built_parser

Run = Callable[[str, Sequence[str]], object]
JOURNAL_OPTIONS = ("journal", "log", "lock", "help")


def command_parsers() -> Iterator[Parser]:
    """Yield the parser of ``3am`` itself, of each command, and of each verb of a command."""
    yield _built(lambda _, words: screen.run(words), "", [])
    for command in chain(*FAMILIES.values()):
        run: Run = import_module(f"threeam.cli.{COMMANDS[command][0]}").run
        parser = _built(run, command, [])
        yield parser
        verb = next((action for action in parser._actions if action.dest == "verb"), None)
        for name in [*parser.verbs, *((verb.choices or ()) if verb is not None else ())]:
            yield _built(run, command, [name])


def own_arguments(parser: Parser) -> list[argparse.Action]:
    """Return the arguments that ``parser`` has beside those of every command."""
    return [argument for argument in parser._actions if argument.dest not in JOURNAL_OPTIONS]


def usage(parser: Parser) -> str:
    """Return ``3am run [-n N] [--arm ARM]… [-- CMD …]``."""
    return " ".join([parser.prog, *map(_usage_word, own_arguments(parser))])


def examples(parser: Parser) -> list[str]:
    """Return the example command lines of a command."""
    if parser.prog == "3am":  # its epilog lists the commands
        return []
    _, _, lines = (parser.epilog or "").partition("\n")
    return [line.strip() for line in lines.splitlines()]


def option_names(argument: argparse.Action) -> str:
    """Return ``-n N, --lines N``, or the name of a positional argument."""
    value = _value(argument)
    if not argument.option_strings:
        return value
    return ", ".join(f"{option} {value}".rstrip() for option in argument.option_strings)


def _built(run: Run, command: str, words: list[str]) -> Parser:
    parser = built_parser(run, command, words)
    assert parser is not None, (command, words)
    return parser


def _usage_word(argument: argparse.Action) -> str:
    value = _value(argument)
    if not argument.option_strings:
        words = {"?": f"[{value}]", "*": f"[{value}…]", "+": f"{value}…", argparse.REMAINDER: f"[{value}…]"}
        return words.get(str(argument.nargs), value)
    word = f"{argument.option_strings[0]} {value}".rstrip()
    if argument.required:
        return word
    return f"[{word}]" + "…" * isinstance(argument, argparse._AppendAction)


def _value(argument: argparse.Action) -> str:
    if argument.nargs == 0:
        return ""
    if isinstance(argument.metavar, str):
        return argument.metavar
    if argument.choices is not None:
        return "|".join(map(str, argument.choices))
    return argument.dest.upper()
