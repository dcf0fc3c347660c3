"""The generated parts of the manual: each is Markdown, made from a table of the program."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

from support.parsers import command_parsers, examples, option_names, own_arguments, usage
from threeam.actions import ACTIONS, GROUPS, Action, format_keys
from threeam.cli.commands import COMMANDS, FAMILIES
from threeam.cli.parser import Parser
from threeam.cli.path import format_toml
from threeam.core.config.settings import SETTINGS, Settings
from threeam.core.format.kinds import KINDS, TAGS
from threeam.manual.pages import TOPICS
from threeam.timeline.format_table import FORMATS
from threeam.timeline.timestamp_format import TimestampFormat

_EXAMPLE_WIDTH = 60  # characters of a line
LOG_DEFAULT = "~/.local/state/3am/sanity.log"


def topics() -> str:
    """Return the pages with their summaries."""
    return table(("page", "about"), ((f"[{topic}]({topic}.md)", about) for topic, about in TOPICS.items()))


def keys() -> str:
    """Return the keys of the screen, a table for each group of actions."""
    return "\n\n".join(
        f"## {group.capitalize()}\n\n{table(('key', 'does', 'id'), _key_rows(group))}"
        for group in GROUPS
        if any(action.keys for action in ACTIONS if action.group == group)
    )


def _key_rows(group: str) -> Iterable[tuple[str, str, str]]:
    for action in ACTIONS:
        if action.group != group or not action.keys or action.id in {f"pick-{n}" for n in range(2, 10)}:
            continue
        if action.id == "pick-1":
            yield "`1` … `9`", "Pick a hypothesis by its number", "`pick-1` …"
        else:
            yield " ".join(f"`{key}`" for key in shown_keys(action)), action.description, f"`{action.id}`"


def shown_keys(action: Action) -> list[str]:
    """Return the keys of an action as a person reads them."""
    return format_keys(action.keys).split(" ")


def line_commands() -> str:
    """Return the commands of the `:` line."""

    def row(action: Action) -> tuple[str, str]:
        return f"`:{action.command} {action.argument}`".replace(" `", "`"), action.description

    return table(("command", "does"), (row(action) for action in ACTIONS if action.command))


def commands() -> str:
    """Return a list of the commands, and a section for each."""
    rows = (
        (f"[`{name}`](#3am-{name})", COMMANDS[name][1], family if name == names[0] else "")
        for family, names in FAMILIES.items()
        for name in names
    )
    return "\n\n".join([table(("command", "does", "family"), rows), *map(_command_section, command_parsers())])


def _command_section(parser: Parser) -> str:
    level = "###" if parser.prog.count(" ") > 1 else "##"
    parts = [f"{level} `{parser.prog}`", parser.description or ""]
    arguments = own_arguments(parser)
    if any(argument.dest == "verb" for argument in arguments):
        return "\n\n".join(parts)
    parts.append(f"```\n{usage(parser)}\n```")
    if arguments:
        rows = ((f"`{option_names(argument)}`", help_text(argument)) for argument in arguments)
        parts.append(table(("argument", "meaning"), rows))
    if lines := examples(parser):
        parts.append("```sh\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(parts)


def help_text(argument: argparse.Action) -> str:
    """Return the help of an argument as one line."""
    return " ".join((argument.help or "").split()).replace("%(prog)s", "3am").replace("%%", "%")


def settings() -> str:
    """Return the settings with their defaults."""
    rows = [("`log`", "the log file", "a path, in quotes", f"`{LOG_DEFAULT}`")]
    for name, setting in SETTINGS.items():
        rows.append((f"`{name}`", setting.description, setting.rule.must_be, f"`{default_value(name)}`"))
    return table(("setting", "meaning", "value", "default"), rows)


def sample_settings() -> str:
    """Return a settings file in which each setting is explained and has its default."""
    blocks = [f"# the log file; {_as_root()}\n# log = {format_toml(LOG_DEFAULT)}"]
    blocks += [
        f"# {setting.description} ({setting.rule.must_be})\n# {name} = {default_value(name)}"
        for name, setting in SETTINGS.items()
    ]
    return "```toml\n" + "\n\n".join(blocks) + "\n```"


def _as_root() -> str:
    return "root's default is /var/log/sysadmin_sanity.log"


def default_value(name: str) -> str:
    """Return the default of a setting, as a settings file has it."""
    return format_toml(Settings()._asdict()[name])


def kinds() -> str:
    """Return the kinds of lines with their signs and tags."""
    return table(
        ("kind", "sign", "tag", "meaning"),
        (
            (f"`{kind.name}`", f"`{kind.icon}`", f"`{kind.tag}`" if kind.tag else "", kind.doc)
            for kind in KINDS.values()
        ),
    )


def tags() -> str:
    """Return the tags with their meanings."""
    numbered: Mapping[str, str] = {"H": "H7", "R": "R12"}
    return table(("tag", "meaning"), ((f"`{numbered.get(tag, tag)}`", about) for tag, about in TAGS.items()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def timestamp_formats() -> str:
    """Return the formats of timestamps, each with an example and what it means."""

    def row(timestamp_format: TimestampFormat) -> tuple[str, str, str, str]:
        example = timestamp_format.examples[0].line.decode()
        begin = example if len(example) <= _EXAMPLE_WIDTH else f"{example[:_EXAMPLE_WIDTH]}…"
        code = f"`{begin}`".replace("\t", " ")
        return f"`{timestamp_format.name}`", timestamp_format.title, timestamp_format.meaning.value, code

    return table(("name", "written by", "means", "example"), map(row, FORMATS))


BLOCKS = {
    "timestamp-formats": timestamp_formats,
    "topics": topics,
    "keys": keys,
    "line-commands": line_commands,
    "commands": commands,
    "settings": settings,
    "sample-settings": sample_settings,
    "kinds": kinds,
    "tags": tags,
}
"""The generated parts, by the name that their marker in a page has."""
