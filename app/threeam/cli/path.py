"""``3am path``: which files and settings are used, and why."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from threeam.actions import key_problems
from threeam.cli.console import print_err, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.disk import network_fs_warning
from threeam.core.store.attachments import attachment_dirs, memory_dir
from threeam.core.store.journal import Journal

_COMMENT_COLUMN = 40  # of the origin of a setting, unless its value is longer


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am path``."""
    parser = Parser(
        "3am path",
        "Prints the log, the lock, the settings file and the folders, and why these are used.",
        "example:\n  3am path --settings",
    )
    parser.add_argument("--settings", action="store_true", help="the settings in force, as TOML, with their origins")
    args = parser.parse_args(argv)
    ctx = context(args)
    rows = [(escape_unprintable(left), escape_unprintable(reason)) for left, reason in _rows(ctx, args.settings)]
    width = max(len(left) for left, _ in rows)
    if args.settings:
        width = min(width, _COMMENT_COLUMN)
    for left, reason in rows:
        print_out(f"{left:<{width}}  {reason}")
    for problem in key_problems(ctx.settings.keys):
        print_err(f"keys in the settings: {problem}")
    if (warning := network_fs_warning(ctx.journal.log_path)) is not None:
        print_err(warning)
    return ExitCode.OK


def _rows(ctx: Context, with_settings: bool) -> Iterator[tuple[str, str]]:
    """Yield each path, or each setting, and its reason."""
    journal, origins = ctx.journal, ctx.resolved_config.origins
    if with_settings:
        for name, value in {"log": journal.log_path, **ctx.settings._asdict()}.items():
            yield f"{name} = {format_toml(value)}", f"# {origins[name]}"
        return
    yield f"{'log':<9} {journal.log_path}", f"({origins['log']})"
    yield f"{'lock':<9} {journal.lock_path}", f"({origins['lock']})"
    for path in journal.lock_paths[1:]:
        yield f"{'lock':<9} {path}", "(also taken, because /tmp may be private)"
    yield f"{'settings':<9} {ctx.resolved_config.config_path}", f"({origins['settings']})"
    for name, folder, purpose in _folders(journal):
        yield f"{name:<9} {folder}", f"({purpose})"


def _folders(journal: Journal) -> Iterator[tuple[str, str, str]]:
    """Yield each folder that may hold copies of what was written, run or shown: its label, path and purpose."""
    first, *older = attachment_dirs(journal)
    reason = "beside the log" if first == journal.folder_beside_log else "private, in your state folder"
    yield "folder", first, f"drafts, history, outputs, plans and baselines; {reason}"
    for folder in filter(os.path.isdir, older):
        yield "also", folder, "where they were before"
    if os.path.isdir(memory_dir(journal)):
        yield "also", memory_dir(journal), "drafts and history while the disk was full"


def format_toml(value: object) -> str:
    """Return a setting as it is written in a settings file."""
    match value:
        case None:  # of ``keep``
            return format_toml("all")
        case ():  # of ``reminders``
            return format_toml(["none"])
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return f"[{', '.join(map(format_toml, value))}]"
        case Mapping():
            pairs = ", ".join(f"{format_toml(key)} = {format_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return str(value)
