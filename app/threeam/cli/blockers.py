"""``3am blockers``: who blocks whom in a PostgreSQL, and the end of one of them."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.restore.blockers import (
    HIDDEN_QUERY,
    HIDDEN_SESSIONS_WARNING,
    BlockerNode,
    build_blocker_tree,
    format_backend,
    format_other_blockers,
    format_query,
    interrupted_termination_draft,
    list_backends,
    terminate_backend,
    termination_sql,
    waiting_pids,
)
from threeam.restore.postgres import connect


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am blockers``."""
    parser = Parser(
        "3am blockers",
        "The backends of a PostgreSQL that wait for a lock, below those that they wait for: pid, user, state and age, "
        "lock, query. --terminate ends one after a question, and says so in the journal. Without --dsn what libpq's "
        "environment says (PGHOST, PGSERVICE, …). Needs psycopg: pip install '3am[postgres]'.",
        "example:\n  3am blockers --dsn postgresql://postgres@db1/shop --terminate 4711",
    )
    parser.add_argument("--dsn", default="", metavar="DSN", help="the server; its password is written nowhere")
    parser.add_argument("--json", action="store_true", help="one object a backend, one a line")
    parser.add_argument("--terminate", type=int, metavar="PID", help="end this backend")
    parser.add_argument("--yes", action="store_true", help="without a question")
    args = parser.parse_args(argv)
    if args.yes and args.terminate is None:
        parser.error("--yes goes with --terminate PID")
    return _shown(args) if args.terminate is None else _terminated(args)


def _shown(args: Namespace) -> int:
    with connect(args.dsn) as connection:
        nodes = build_blocker_tree(list_backends(connection))
    if not nodes:
        print_err("nobody waits for anybody")
    for node in nodes:
        if args.json:
            print_json(_json(node))
            continue
        lead = "    " * node.depth
        print_out(f"{lead}{format_backend(node.backend)}{format_other_blockers(node)}")
        if query := format_query(node.backend):
            print_out(f"{lead}  {query}")
        if node.backend.pid <= 0:
            print_out(f"{lead}  {termination_sql(node.backend)}")
    if hidden := [node for node in nodes if node.backend.query == HIDDEN_QUERY]:
        print_err(HIDDEN_SESSIONS_WARNING.format(len(hidden), len(nodes)))
    return ExitCode.OK


def _terminated(args: Namespace) -> int:
    at = context(args)
    if (why := at.journal.write_obstacle()) is not None:  # before anything is ended that could not be noted
        raise FileUnusable(f"nothing was terminated: {why}")
    with connect(args.dsn) as connection:
        every = list_backends(connection)
        one = next((one for one in every if one.pid == args.terminate and one.pid > 0), None)
        if one is None:
            raise PreconditionFailed(f"{args.terminate} is no backend of that server: nothing was terminated")
        waits = len(list(waiting_pids(build_blocker_tree(every), one.pid)))
        if not args.yes:
            print_err(f"{format_backend(one)}: {format_query(one)}")
            sys.stderr.write(f"3am: {waits} wait for it. Terminate {one.pid}? [y]es, [N]o: ")
            sys.stderr.flush()
            if sys.stdin.readline().strip().lower() not in ("y", "yes"):
                raise PreconditionFailed("nothing was terminated")
        interrupt: KeyboardInterrupt | None = None
        try:
            draft = terminate_backend(connection, one, waits)
        except KeyboardInterrupt as error:  # what may have been done is noted first
            interrupt, draft = error, interrupted_termination_draft(connection, one, waits)
        done = "may be" if interrupt is not None else "is"
        not_noted = f"{one.pid} {done} terminated, and that is not in the log"
        answer = ExitCode.OK if interrupt is None else None
        # before the server is waited for again
        code = submit(lambda: at, lambda _: draft, not_noted, quiet=False, exit_code=answer)
    if interrupt is not None:
        raise interrupt
    return code


def _json(node: BlockerNode) -> dict[str, Any]:
    one = node.backend
    xid = one.prepared.xid if one.prepared is not None else None
    return {
        "pid": one.pid if one.pid > 0 else None,
        "prepared": escape_unprintable(one.prepared.gid) if one.prepared is not None else None,
        "xid": xid,
        "user": escape_unprintable(one.user),
        "database": escape_unprintable(one.database),
        "application": escape_unprintable(one.application),
        "client": escape_unprintable(one.client),
        "state": one.state,
        "state_s": one.state_s,
        "transaction_s": one.transaction_s,
        "query": escape_unprintable(one.query),
        "waits_for": one.waits_for,
        "waits_s": one.waits_s,
        "blocked_by": [pid for pid in one.blocked_by if pid > 0],
        "blocked_by_prepared": [-pid for pid in one.blocked_by if pid < 0],
        "blocks": list(node.blocked_pids),
        "depth": node.depth,
    }
