"""``3am path``: which files, which settings, and why those."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence

from threeam.cli.console import print_err, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.disk import network_fs_warning
from threeam.core.store.attachments import attachment_dirs, memory_dir
from threeam.core.store.journal import Journal


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am path``."""
    parser = Parser(
        "3am path", "Prints the log, the lock and the settings file, and why those.", "example:\n  3am path --settings"
    )
    parser.add_argument(
        "--settings", action="store_true", help="the settings in force, as TOML, and where each comes from"
    )
    args = parser.parse_args(argv)
    at = context(args)
    why = at.resolved_config.origins
    if args.settings:
        values = {"log": at.journal.log_path, **at.settings._asdict()}
        rows = [(f"{name} = {_toml(value)}", f"# {why[name]}") for name, value in values.items()]
    else:
        files = (
            ("log", at.journal.log_path),
            ("lock", at.journal.lock_path),
            ("settings", at.resolved_config.config_path),
        )
        reasons = [(f"{name:<9} {path}", why[name]) for name, path in files]
        reasons[2:2] = [
            (f"{'lock':<9} {path}", "taken as well: a /tmp may be private") for path in at.journal.lock_paths[1:]
        ]
        rows = [(left, f"({reason})") for left, reason in (*reasons, *_folders(at.journal))]
    width = max(len(escape_unprintable(left)) for left, _ in rows)
    for left, reason in rows:
        print_out(f"{escape_unprintable(left):<{width}}  {escape_unprintable(reason)}")
    if (warning := network_fs_warning(at.journal.log_path)) is not None:
        print_err(warning)
    return ExitCode.OK


def _folders(journal: Journal) -> Iterator[tuple[str, str]]:
    """Yield each folder that may hold copies of what was written, run or shown, and why it is that one."""
    first, *others = attachment_dirs(journal)
    why = "beside the log" if first == journal.attachments_dir else "private, in your state folder"
    yield f"{'folder':<9} {first}", f"drafts, history, outputs, plans and baselines; {why}"
    for folder in (*others, memory_dir(journal)):
        if os.path.isdir(folder):
            what = (
                "drafts and history while the disk was full" if folder not in others else "what was kept there before"
            )
            yield f"{'also':<9} {folder}", what


def _toml(value: object) -> str:
    """A setting as it stands in a settings file."""
    match value:
        case None:  # of ``keep``
            return _toml("all")
        case ():  # of ``reminders``
            return _toml(["none"])
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case tuple() | list():
            return f"[{', '.join(map(_toml, value))}]"
        case Mapping():
            pairs = ", ".join(f"{_toml(key)} = {_toml(one)}" for key, one in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return str(value)
