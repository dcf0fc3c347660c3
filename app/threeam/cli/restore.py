"""``3am restore``, ``3am stable``: the application and the data as they were before the night."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_report, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser, parse_verb, protect_negative_times
from threeam.cli.submit import submit
from threeam.core.errors import JournalError, PreconditionFailed
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.format.times import parse_duration, parse_time
from threeam.hypotheses.changes import Change, open_changes, undone_draft
from threeam.reports.restore_report import application_report, inspect_trees, remaining_work
from threeam.restore.git import stable_commit_draft
from threeam.restore.pitr import DEFAULT_MINUS, ENGINES
from threeam.restore.pitr_plan import plan_restore_before_commit, plan_restore_to_time, save_runbook
from threeam.restore.stable_commit import stable_commits

_ABOUT = {
    "application": (
        "What must be undone, the newest first; on a terminal it is ticked off one by one, each by a line. Then what "
        "has changed since the commit of 3am stable, and every sleep that was added. Exit 1 if anything is left.",
        "3am restore application",
    ),
    "data": (
        "Writes the runbook for a restore to the moment before a corrupted commit: recovery settings, the rows of then "
        "beside the live ones, the compare, the patch. With --dsn it asks the server whether that is possible.",
        "3am restore data --at 03:14:07.123456 --engine postgres --dsn postgresql://db1/shop",
    ),
}


def run(command: str, argv: Sequence[str]) -> int:
    """Runs one of the two."""
    if command == "stable":
        return _stable(argv)
    verb, parser, rest = parse_verb("3am restore", "Restores, and 3am sleep restores you", _ABOUT, argv)
    if verb == "application":
        return _application(parser.parse_args(rest))
    moment = parser.add_mutually_exclusive_group(required=True)
    moment.add_argument("--at", metavar="T", help="when the corrupted transaction was committed: a time, or an @stamp")
    moment.add_argument("--xid", type=int, metavar="N", help="its number; needs --dsn and track_commit_timestamp")
    parser.add_argument("--minus", default=DEFAULT_MINUS, metavar="LENGTH", help="so long before it (1ms)")
    parser.add_argument("--engine", required=True, choices=ENGINES, help="which database")
    parser.add_argument("--dsn", metavar="DSN", help="ask this PostgreSQL or MariaDB; its password is written nowhere")
    args = parser.parse_args(protect_negative_times(rest))
    if args.xid is not None and args.dsn is None:
        parser.error("--xid needs --dsn: only the server knows when that was committed")
    if args.xid is not None and args.engine != "postgres":
        parser.error("--xid is for --engine postgres")
    return _data(args)


def _stable(argv: Sequence[str]) -> int:
    parser = Parser(
        "3am stable",
        "Notes the last known stable commit of the git work tree around you; 3am restore application shows what has "
        "changed since.",
        "example:\n  3am stable v2.31.0",
    )
    parser.add_argument("rev", nargs="?", default="HEAD", metavar="REV", help="a commit, a tag or a branch (HEAD)")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not print what was written")
    args = parser.parse_args(argv)
    draft = stable_commit_draft(args.rev, os.getcwd())
    at = context(args)
    before = {one.tree: one for one in stable_commits(at.load_state())}
    code = submit(lambda: at, lambda _: draft, "", quiet=args.quiet)
    try:
        noted = next((one for one in stable_commits(at.load_state())[::-1]), None)
    except (JournalError, OSError) as error:  # the line is written all the same
        print_err(f"the commit before that is not known: {error}")
        return code
    if noted is not None and (was := before.get(noted.tree)) is not None and was.commit != noted.commit:
        print_err(f"before that it was {was.text}; 3am stable {was.commit[:12]} makes it so again")
    return code


def _application(args: Namespace) -> int:
    at = context(args)
    at.require_log()
    state = at.load_state()
    looked = inspect_trees(state)
    print_report(application_report(state, at.clock(), looked))
    if sys.stdin.isatty():
        for one in reversed(open_changes(state)):
            if not _ticked_off(at, one):
                break
        state = at.load_state()
    left = remaining_work(state, looked)
    if left:
        print_err(f"left: {'; '.join(left)}")
    return ExitCode.NEGATIVE if left else ExitCode.OK


def _ticked_off(at: Context, one: Change) -> bool:
    """Asks whether ``one`` is undone, and writes that it is; False to stop asking."""
    while True:
        sys.stderr.write(f"\nundone: {escape_unprintable(one.undo or one.text)}? [y]es, [n]ot yet, [q]uit: ")
        sys.stderr.flush()
        typed = sys.stdin.readline()
        answer = typed.strip().lower()
        if not typed or answer in ("q", "quit"):  # the end of it is an end
            return False
        if answer in ("n", "no", ""):
            return True
        if answer in ("y", "yes"):
            break
    try:
        submit(lambda: at, lambda _: undone_draft(one.stamp, ""), "", quiet=False, exit_code=None)
    except PreconditionFailed as meanwhile:  # somebody else was faster
        print_err(str(meanwhile))
    return True


def _data(args: Namespace) -> int:
    at = context(args)
    now, minus_ns = at.clock(), parse_duration(args.minus)
    if args.xid is not None:
        plan = plan_restore_before_commit(args.xid, minus_ns, args.dsn, at.clock, at.zone)
    else:
        ns = parse_time(args.at, now, at.zone)
        plan = plan_restore_to_time(args.engine, Stamp(ns, at.zone(ns)), args.at.strip(), minus_ns, args.dsn, at.clock)
    write_bytes(plan.text.encode("utf-8", "backslashreplace"))
    path, draft = save_runbook(at.journal, plan, now)
    answer = ExitCode.NEGATIVE if plan.obstacles else ExitCode.OK
    code = submit(lambda: at, lambda _: draft, "", quiet=True, beside=path, exit_code=answer)
    print_err(f"kept as {path}")
    for sentence in plan.obstacles:
        print_err(sentence)
    return code
