"""The man page 3am(1), made from the parsers, the settings and the table of exit codes."""

from __future__ import annotations

from collections.abc import Iterator

from support.manual_tables import LOG_DEFAULT, default_value, help_text
from support.parsers import command_parsers, examples, option_names, own_arguments, usage
from threeam.cli.exits import ExitCode
from threeam.core.config.settings import SETTINGS
from threeam.manual.pages import TOPICS

_EXITS = {
    ExitCode.OK: "Done.",
    ExitCode.NEGATIVE: "The answer is no, or nothing was found.",
    ExitCode.USAGE: "The command line is wrong.",
    ExitCode.IO_ERROR: "Input or output failed, or it is not sure whether the line was written.",
    ExitCode.LOCK_TIMEOUT: "The lock was not granted in time.",
    ExitCode.DAMAGED: "doctor found damage.",
    ExitCode.INTERRUPTED: "Interrupted. 143, 129 and 131: ended by SIGTERM, SIGHUP or SIGQUIT.",
}
_VARIABLES = {
    "SANITY_LOG": "The log file.",
    "SANITY_JOURNAL": "The name of the journal, as -j has it.",
    "SANITY_LOCK": "The lock file.",
    "SANITY_CONFIG": "The settings file.",
    "SANITY_<NAME>": "A setting, for example SANITY_TOXIC_CUPS.",
    "NO_COLOR": "No colour is printed.",
    "PAGER": "The pager of 3am help.",
}
_FILES = {
    LOG_DEFAULT: "The log. The lock is beside it, with .lock behind its name.",
    "/var/log/sysadmin_sanity.log": "The log of root. Its locks are /tmp/sanity.lock and the one beside the log.",
    "~/.config/3am/config.toml": "The settings.",
    "<log>.d/": "Drafts, saved output, plans and baselines. Only their owner can read them.",
}


def man_page() -> str:
    """Return the page in the language of man(7)."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    first, *parsers = command_parsers()
    yield '.\\" Written by tests/generate_manual.py. Do not edit.'
    yield from (".TH 3AM 1", ".nh", ".ad l")  # options are not hyphenated
    yield from _section("NAME")
    yield "3am \\- debugging journal for bugs that happen rarely"
    yield from _section("SYNOPSIS")
    yield _escape(usage(first))
    yield ".br"
    yield _escape("3am [-j NAME] [--log FILE] [--lock FILE] COMMAND …")
    yield from _section("DESCRIPTION")
    yield _escape(
        "3am keeps the journal of a debugging session: notes, hypotheses with their evidence, experiments, changes and "
        "coffee. The journal is one text file to which lines are only appended. Any number of processes may write it "
        "at once, under one flock(2) lock. Without a command, 3am shows the journal full screen."
    )
    yield from _section("OPTIONS")
    for argument in first._actions:
        yield from _item(option_names(argument), help_text(argument))
    yield from _section("COMMANDS")
    for parser in parsers:
        yield ".SS " + _escape(parser.prog.removeprefix("3am "))
        yield ".B " + _escape(usage(parser))
        yield ".PP"
        yield _escape(parser.description or "")
        for argument in own_arguments(parser):
            if argument.dest != "verb":
                yield from _item(option_names(argument), help_text(argument))
        verbs = any(argument.dest == "verb" for argument in parser._actions)
        if not verbs and (lines := examples(parser)):
            yield from (".PP", "Examples:", ".PP", ".RS", ".nf", *map(_escape, lines), ".fi", ".RE")
    for title, items in (
        ("EXIT STATUS", {str(int(code)): about for code, about in _EXITS.items()}),
        ("ENVIRONMENT", _VARIABLES),
        ("FILES", _FILES),
        ("SETTINGS", {f"{name} = {default_value(name)}": _sentence(name) for name in SETTINGS}),
    ):
        yield from _section(title)
        for name, about in items.items():
            yield from _item(name, about)
    yield from _section("SEE ALSO")
    yield ".BR flock (1),"
    yield ".BR tmux (1)"
    yield ".PP"
    yield _escape("3am help TOPIC shows the pages of the manual: " + ", ".join(TOPICS) + ".")


def _sentence(name: str) -> str:
    about = SETTINGS[name].description
    return f"{about[0].upper()}{about[1:]}: {SETTINGS[name].rule.must_be}."


def _section(title: str) -> list[str]:
    return [f".SH {title}"]


def _item(name: str, about: str) -> list[str]:
    return [".TP", ".B " + _escape(name), _escape(about)]


def _escape(text: str) -> str:
    """Return ``text`` so that roff prints it as it is."""
    text = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq").replace("…", "...")
    text = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in text)
    return "\\&" + text if text[:1] in (".", "'") else text
