"""``3am journals``: the journals there are, one for each bug."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_err, print_json, print_out, stamp_json
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import format_when
from threeam.core.platform.disk import format_bytes
from threeam.core.state.catalog import JournalSummary, journal_name, list_own_journals, summarize_journal
from threeam.projections import FOLD


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am journals``."""
    parser = Parser(
        "3am journals",
        "Lists the journals of the state folder, and the one that is in force: last entry, open hypotheses, size. "
        "Any name begins a new one. On the screen ctrl+p changes between them.",
        "example:\n  3am -j checkout log 'the cart was somebody else's'\n  3am journals",
    )
    parser.add_argument("--json", action="store_true", help="one object a journal")
    args = parser.parse_args(argv)
    at = context(args)
    found = list_own_journals(os.environ)
    if at.journal.open_live() is not None and at.journal.log_path not in {one.log_path for one in found}:
        found.insert(0, at.journal)
    if not found:
        print_err("no journals yet: 3am log TEXT begins one, and 3am -j NAME log TEXT one of another name")
    for one in found:
        told = summarize_journal(one, FOLD)
        if args.json:
            print_json(_json(at, told))
        else:
            print_out(_line(at, told))
    return ExitCode.OK


def _line(at: Context, one: JournalSummary) -> str:
    here = "*" if one.journal.log_path == at.journal.log_path else " "
    home = one.journal.state_dir
    mine = home is not None and os.path.dirname(one.journal.log_path) == os.path.realpath(home)
    name = f"{here} {escape_unprintable(journal_name(one.journal) if mine else one.journal.log_path):<16}"  # -j knows no others
    if one.problem:
        return f"{name} {escape_unprintable(one.problem)}"
    last = "no entry yet" if one.newest_entry is None else f"last {format_when(one.newest_entry.stamp, at.clock())}"
    return f"{name} {one.open_count:>3} open  {format_bytes(one.size_bytes):>9}  {last}"


def _json(at: Context, one: JournalSummary) -> dict[str, Any]:
    return {
        "name": escape_unprintable(journal_name(one.journal)),
        "log": escape_unprintable(one.journal.log_path),
        "current": one.journal.log_path == at.journal.log_path,
        "open": one.open_count,
        "size": one.size_bytes,
        "problem": escape_unprintable(one.problem) or None,
        **(stamp_json(one.newest_entry.stamp) if one.newest_entry is not None else {"ts": None, "ts_ns": None}),
    }
