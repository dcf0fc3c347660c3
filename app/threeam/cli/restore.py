"""``3am restore``, ``3am stable``: the application and the data as they were before the night."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_report, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import HelpText, Parser, parse_verb
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.hypotheses.changes import Change, open_changes, undone_draft
from threeam.reports.restore_report import application_report, inspect_trees, remaining_work
from threeam.restore.git import stable_commit_draft
from threeam.restore.options import parse_data_options, restore_request
from threeam.restore.pitr_plan import plan_restore, save_runbook
from threeam.restore.stable_commit import stable_commits

_HELP = {
    "application": HelpText(
        "Prints the changes to undo, the newest first; on a terminal it asks about each, and ticks it off by a line. "
        "Then what has changed since the commit of 3am stable, and every sleep that was added. Exit 1 if anything is "
        "left.",
        "3am restore application",
    ),
    "data": HelpText(
        "Writes the runbook for a restore to the moment before a corrupted commit: recovery settings, the old rows "
        "beside the live ones, the comparison, the patch. With --dsn it asks the server whether that is possible.",
        "3am restore data --at 03:14:07.123456 --engine postgres --dsn postgresql://db1/shop",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Run ``3am restore`` or ``3am stable``."""
    if command == "stable":
        return _note_stable(argv)
    verb, parser, rest = parse_verb("3am restore", "Restores, and 3am sleep restores you", _HELP, argv)
    if verb == "application":
        return _restore_application(parser.parse_args(rest))
    return _restore_data(parse_data_options(parser, rest))


def _note_stable(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am stable",
        "Notes the last known stable commit of the git work tree around you; 3am restore application shows what has "
        "changed since.",
        "example:\n  3am stable v2.31.0",
    )
    parser.add_argument("rev", nargs="?", default="HEAD", metavar="REV", help="a commit, a tag or a branch (HEAD)")
    parser.add_quiet_option()
    args = parser.parse_args(argv)
    draft = stable_commit_draft(args.rev, os.getcwd())
    ctx = context(args)
    earlier_commits = {commit.tree: commit for commit in stable_commits(ctx.load_state())}
    code = submit(lambda: ctx, lambda _: draft, "", Receipt(quiet=args.quiet))
    try:
        commits = stable_commits(ctx.load_state())
    except (JournalError, OSError) as error:  # the line is written all the same
        print_err(f"the commit before that is not known: {error}")
        return code
    if commits:
        earlier = earlier_commits.get(commits[-1].tree)
        if earlier is not None and earlier.commit != commits[-1].commit:
            print_err(f"before that it was {earlier.text}; 3am stable {earlier.commit[:12]} notes that one again")
    return code


def _restore_application(args: Namespace) -> int:
    ctx = context(args)
    ctx.require_log()
    state = ctx.load_state()
    tree_changes = inspect_trees(state)
    print_report(application_report(state, ctx.clock(), tree_changes))
    if sys.stdin.isatty():
        for change in reversed(open_changes(state)):
            if not _ask_undone(ctx, change):
                break
        state = ctx.load_state()
    remaining = remaining_work(state, tree_changes)
    if remaining:
        print_err(f"left: {'; '.join(remaining)}")
    return ExitCode.NEGATIVE if remaining else ExitCode.OK


def _ask_undone(ctx: Context, change: Change) -> bool:
    """Ask whether ``change`` is undone, and write that it is. Return False to ask no further questions."""
    while True:
        undo = escape_unprintable(change.undo or change.text)
        sys.stderr.write(f"\nTick off as undone, nothing is run: {undo}? [y]es, [n]ot yet, [q]uit: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        answer = typed.strip().lower()
        if not typed or answer in ("q", "quit"):  # an empty read is the end of stdin
            return False
        if answer in ("n", "no", ""):
            return True
        if answer in ("y", "yes"):
            break
    try:
        submit(lambda: ctx, lambda _: undone_draft(change.stamp, ""), "", Receipt(quiet=False, exit_code=None))
    except PreconditionFailed as error:  # meanwhile another process wrote it
        print_err(str(error))
    return True


def _restore_data(args: Namespace) -> int:
    ctx = context(args)
    now = ctx.clock()
    plan = plan_restore(restore_request(args, ctx.journal, now, ctx.zone), ctx.clock, ctx.zone)
    write_bytes(plan.text.encode("utf-8", "backslashreplace"))
    saved = save_runbook(ctx.journal, plan, now)
    receipt = Receipt(quiet=True, exit_code=ExitCode.NEGATIVE if plan.obstacles else ExitCode.OK)
    code = submit(lambda: ctx, lambda _: saved.draft, "", receipt, attachment_path=saved.path)
    print_err(f"saved as {saved.path}")
    for obstacle in plan.obstacles:
        print_err(obstacle)
    return code
