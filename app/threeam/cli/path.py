"""``3am path``: which files, which settings, and why those."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import out, talk
from threeam.cli.context import context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.disk import network_warning
from threeam.core.entry import visible


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am path``."""
    parser = Parser(
        "3am path", "Prints the log, the lock and the settings file, and why those.", "example:\n  3am path --settings"
    )
    parser.add_argument("--settings", action="store_true", help="the settings in force, and where each comes from")
    args = parser.parse_args(argv)
    at = context(args)
    why = at.setup.why
    if args.settings:
        rows = [(f"log = {at.journal.log}", why["log"])]
        rows += [(f"{name} = {value}", why[name]) for name, value in at.settings._asdict().items()]
    else:
        files = (("log", at.journal.log), ("lock", at.journal.lock), ("settings", at.setup.config))
        rows = [(f"{name:<9} {path}", why[name]) for name, path in files]
        rows[2:2] = [(f"{'lock':<9} {path}", "as well: another /tmp has another lock") for path in at.journal.locks[1:]]
        rows.append((f"{'folder':<9} {at.journal.folder}", "drafts and history, beside the log"))
    width = max(len(visible(left)) for left, _ in rows)
    for left, reason in rows:
        out(f"{visible(left):<{width}}  ({visible(reason)})")
    if (warning := network_warning(at.journal.log)) is not None:
        talk(warning)
    return Exit.DONE
