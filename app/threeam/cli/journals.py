"""``3am journals``: a list of the journals, one for each bug."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import format_when
from threeam.core.platform.disk import format_bytes
from threeam.core.state.catalog import JournalSummary, journal_name, list_own_journals, summarize_journal
from threeam.projections import FOLD


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am journals``."""
    parser = Parser(
        "3am journals",
        "Lists the journals of the state folder, and the current one: last entry, open hypotheses, size. "
        "Any name begins a new one. On the screen ctrl+p switches between them.",
        "examples:\n  3am -j checkout log 'the cart was somebody else's'\n  3am journals",
    )
    parser.add_argument("--json", action="store_true", help="one object a journal")
    args = parser.parse_args(argv)
    ctx = context(args)
    journals = list_own_journals(os.environ)
    paths = {journal.log_path for journal in journals}
    if ctx.journal.open_live() is not None and ctx.journal.log_path not in paths:
        journals.insert(0, ctx.journal)
    if not journals:
        print_err("no journals yet: 3am log TEXT begins one, and 3am -j NAME log TEXT one with a name")
    for journal in journals:
        summary = summarize_journal(journal, FOLD)
        if args.json:
            print_json(_summary_json(ctx, summary))
        else:
            print_out(_summary_line(ctx, summary))
    return ExitCode.OK


def _summary_line(ctx: Context, summary: JournalSummary) -> str:
    journal = summary.journal
    marker = "*" if journal.log_path == ctx.journal.log_path else " "
    state_dir = journal.state_dir
    has_name = state_dir is not None and os.path.dirname(journal.log_path) == os.path.realpath(state_dir)  # for -j
    title = f"{marker} {escape_unprintable(journal_name(journal) if has_name else journal.log_path):<16}"
    if summary.problem:
        return f"{title} {escape_unprintable(summary.problem)}"
    newest = summary.newest_entry
    last = "no entry yet" if newest is None else f"last {format_when(newest.stamp, ctx.clock())}"
    return f"{title} {summary.open_count:>3} open  {format_bytes(summary.size_bytes):>9}  {last}"


def _summary_json(ctx: Context, summary: JournalSummary) -> dict[str, Any]:
    newest = summary.newest_entry
    return {
        "name": escape_unprintable(journal_name(summary.journal)),
        "log": escape_unprintable(summary.journal.log_path),
        "current": summary.journal.log_path == ctx.journal.log_path,
        "open": summary.open_count,
        "size": summary.size_bytes,
        "problem": escape_unprintable(summary.problem) or None,
        **({"ts": None, "ts_ns": None} if newest is None else newest.stamp.to_json()),
    }
