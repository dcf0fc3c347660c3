"""The candidates for a word of a command line: what the parsers and the journal know."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import NamedTuple

from threeam.cli.commands import COMMANDS
from threeam.cli.parser import Parser, built_parser
from threeam.cli.split import split_command
from threeam.core.errors import JournalError
from threeam.core.format.entry import Entry, Stamp, escape_unprintable
from threeam.core.store.segment import Segment

_MAX_STAMPS = 20
_UNIQUE_DIGITS = len("03:14:07.123")  # of the time of a stamp: fewer may be ambiguous in the whole journal
_MAX_ABOUT = 60  # characters of a text beside its name
_ABBREVIATED_TIMES = ("-15m", "-1h", "today", "yesterday")


class Candidate(NamedTuple):
    """A word that could stand there, and what it is."""

    value: str
    about: str = ""


FILES = Candidate(":files")
"""The only candidate where a file is meant: the shell completes those."""


def find_candidates(words: Sequence[str]) -> list[Candidate]:
    """Return the candidates for the last of ``words``, which follow ``3am`` on a command line."""
    *before, prefix = words
    try:
        candidates = _candidates(before, prefix)
    except (JournalError, OSError):  # a setting or a journal that cannot be read: the command itself reports it
        return []
    if candidates == [FILES]:
        return candidates
    return [_one_line(candidate) for candidate in candidates if candidate.value.startswith(prefix)]


def _one_line(candidate: Candidate) -> Candidate:
    about = escape_unprintable(candidate.about)
    return Candidate(candidate.value, about if len(about) <= _MAX_ABOUT else about[: _MAX_ABOUT - 1] + "…")


def _candidates(before: Sequence[str], prefix: str) -> list[Candidate]:
    command, rest = split_command(before)
    parser = _parser_of(command, rest)
    if parser is None or "--" in before:
        return []
    option, *value = prefix.split("=", 1)
    action = _option(parser, option) if value else _option(parser, before[-1]) if before else None
    if action is not None and action.nargs is None:
        values = _values(action, before, command)
        return [Candidate(f"{option}={name}", about) for name, about in values] if value else values
    if prefix.startswith("-") and not prefix[1:2].isdigit():
        return list(_options(parser))
    if command is None:
        return [Candidate(name, about) for name, (_, about) in COMMANDS.items()]
    positional, index = _positional(parser, rest)
    if positional is None or (index and "@stamp" in (positional.help or "")):  # the words after a stamp
        return []
    verbs = [] if rest else [Candidate(verb) for verb in parser.verbs]
    return [*verbs, *_values(positional, before, command)]


def _parser_of(command: str | None, words: Sequence[str]) -> Parser | None:
    if command is None:
        from threeam.cli import screen

        return built_parser(lambda _, argv: screen.run(argv), "", words)
    if command not in COMMANDS:
        return None
    return built_parser(import_module(f"threeam.cli.{COMMANDS[command][0]}").run, command, words)


def _option(parser: Parser, word: str) -> argparse.Action | None:
    return parser._option_string_actions.get(word) if word.startswith("-") else None


def _options(parser: Parser) -> Iterator[Candidate]:
    for action in parser._actions:
        if action.option_strings and action.help != argparse.SUPPRESS:
            yield Candidate(action.option_strings[-1], action.help or "")


def _positional(parser: Parser, words: Sequence[str]) -> tuple[argparse.Action | None, int]:
    """Return the positional argument that a word after ``words`` would be, and how many words it has already."""
    if len(parser.prog.split()) > 2:  # 3am hyp VERB: the parser is that of the verb
        _, words = split_command(words)
    count, is_value = 0, False
    for word in words:
        action = None if is_value else _option(parser, word.partition("=")[0])
        count += not is_value and action is None
        is_value = action is not None and action.nargs is None and "=" not in word
    for action in parser._positionals._group_actions:
        if action.nargs not in (None, "?"):
            return action, count
        if not count:
            return action, 0
        count -= 1
    return None, 0


def _values(action: argparse.Action, before: Sequence[str], command: str | None) -> list[Candidate]:
    """Return the values that an option or a positional argument may have."""
    if action.choices is not None:
        return [Candidate(str(choice)) for choice in action.choices]
    if "-j" in action.option_strings:
        return _journals()
    if isinstance(action.metavar, str) and (source := _SOURCES.get(action.metavar)) is not None:
        return source(_Typed(before, command))
    return _stamps(_Typed(before, command)) if "@stamp" in (action.help or "") else []


class _Typed(NamedTuple):
    """The words before the one to complete, and the command among them."""

    before: Sequence[str]
    command: str | None

    def journal_options(self) -> argparse.Namespace:
        """Return the options that choose the journal."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        for names in (("--log",), ("--lock",), ("-j", "--journal")):
            parser.add_argument(*names)
        try:
            return parser.parse_known_args(list(self.before))[0]
        except argparse.ArgumentError:
            return argparse.Namespace(log=None, lock=None, journal=None)


def _journals() -> list[Candidate]:
    from threeam.core.state.catalog import journal_name, list_own_journals

    return [Candidate(journal_name(journal)) for journal in list_own_journals(os.environ)]


def _hypotheses(typed: _Typed) -> list[Candidate]:
    from threeam.cli.context import context
    from threeam.cli.team_hosts import order_of_hosts, read_hosts_of
    from threeam.hypotheses.team_fold import join_states, team_hypotheses

    ctx = context(typed.journal_options())
    hosts = read_hosts_of(ctx, ctx.load_state())
    is_before = order_of_hosts(ctx, hosts).is_before if len(hosts) > 1 else lambda first, second: False
    found = team_hypotheses(hosts, is_before)
    return [Candidate(known.name, f"{join_states(known.states)}: {known.claim}") for known in found]


def _experiments(typed: _Typed) -> list[Candidate]:
    from threeam.cli.context import context
    from threeam.experiments.run_list import listed_runs

    return [Candidate(run.name, run.command) for run in listed_runs(context(typed.journal_options()).load_state())]


def _people(typed: _Typed) -> list[Candidate]:
    from threeam.cli.context import context

    return [Candidate(user) for user in (*context(typed.journal_options()).load_state().people, "script")]


def _hosts(typed: _Typed) -> list[Candidate]:
    from threeam.cli.context import context
    from threeam.team.mirrors.hosts import read_hosts

    hosts = read_hosts(context(typed.journal_options()).journal)
    return [Candidate(host.name, "" if host.is_current else "before it lost lines") for host in hosts]


def _kinds(_typed: _Typed) -> list[Candidate]:
    from threeam.core.format.kinds import KINDS

    return [Candidate(name.lower(), kind.doc) for name, kind in KINDS.items()]


def _times(typed: _Typed) -> list[Candidate]:
    return [*map(Candidate, _ABBREVIATED_TIMES), *_stamps(typed)]


def _stamps(typed: _Typed) -> list[Candidate]:
    """Return short forms of the stamps that the command is about, the newest first."""
    from threeam.cli.context import context
    from threeam.core.format.short_stamp import shortest_forms

    ctx = context(typed.journal_options())
    texts: dict[Stamp, str] = {}
    if typed.command == "undone":
        from threeam.hypotheses.changes import open_changes

        texts = {change.stamp: change.text for change in reversed(open_changes(ctx.load_state()))}
    elif typed.command == "stamp":
        from threeam.hypotheses.amendments import amendments

        pending = amendments(ctx.load_state()).pending_stamps.values()
        texts = {stamp.stamp: f"taken by {stamp.author}" for stamp in reversed(list(pending))}
    elif (live := ctx.journal.open_live()) is not None:
        texts = {
            entry.stamp: entry.text for entry in islice(_last_entries(ctx.journal.segments_backward(live)), _MAX_STAMPS)
        }
    forms = shortest_forms(list(texts), _UNIQUE_DIGITS)
    return [Candidate(form, text) for form, text in zip(forms, texts.values(), strict=True)]


def _last_entries(segments: Iterator[Segment]) -> Iterator[Entry]:
    from threeam.core.store.reader import lines_backward
    from threeam.core.store.stamp_ref import is_first_line

    for segment in segments:
        for line in lines_backward(segment, segment.size()):
            if not line.is_repeated and (entry := line.entry) is not None and is_first_line(entry):
                yield entry


def _topics(typed: _Typed) -> list[Candidate]:
    if typed.before[-1] != "help":  # the second word of a topic: hyp new
        return []
    from threeam.manual.pages import TOPICS

    commands = (Candidate(name, about) for name, (_, about) in COMMANDS.items() if name not in TOPICS)
    return [*(Candidate(topic, about) for topic, about in TOPICS.items()), *commands]


_SOURCES: dict[str, Callable[[_Typed], list[Candidate]]] = {
    "H7": _hypotheses,
    "R12": _experiments,
    "USER": _people,
    "HOST": _hosts,
    "KIND": _kinds,
    "T": _times,
    "TOPIC": _topics,
    "FILE": lambda _: [FILES],
    "-- CMD": lambda _: [FILES],
}
