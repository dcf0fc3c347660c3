"""``3am blockers``: who blocks whom in a PostgreSQL, and the end of one of them."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from threeam.cli.console import print_err, print_json, print_report_lines
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, submit
from threeam.core.errors import FileUnusable, PreconditionFailed
from threeam.restore.blockers import (
    NOBODY_WAITS,
    Backend,
    build_blocker_tree,
    format_backend,
    format_query,
    hidden_sessions_warning,
    interrupted_termination_draft,
    list_backends,
    node_line,
    terminate_backend,
    waiting_pids,
)
from threeam.restore.postgres import connect


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am blockers``."""
    parser = Parser(
        "3am blockers",
        "Prints the backends of a PostgreSQL that wait for a lock, each below those that hold it: pid, user, state and "
        "age, lock, query. --terminate ends one after a question, and logs it. Without --dsn libpq's environment "
        "variables apply (PGHOST, PGSERVICE, …). Needs psycopg: the extra [postgres].",
        "example:\n  3am blockers --dsn postgresql://postgres@db1/shop --terminate 4711",
    )
    parser.add_argument("--dsn", default="", metavar="DSN", help="the server; its password is not saved or logged")
    parser.add_argument("--json", action="store_true", help="one object a backend, one a line")
    parser.add_argument("--terminate", type=int, metavar="PID", help="end this backend")
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    args = parser.parse_args(argv)
    if args.yes and args.terminate is None:
        parser.error("--yes goes with --terminate PID")
    return _print_tree(args) if args.terminate is None else _terminate(args)


def _print_tree(args: Namespace) -> int:
    with connect(args.dsn) as connection:
        nodes = build_blocker_tree(list_backends(connection))
    if not nodes:
        print_err(NOBODY_WAITS)
    if args.json:
        for node in nodes:
            print_json(node.to_json())
    else:
        print_report_lines(map(node_line, nodes), details_below=True)
    if warning := hidden_sessions_warning(nodes):
        print_err(warning)
    return ExitCode.OK


def _terminate(args: Namespace) -> int:
    ctx = context(args)
    if (obstacle := ctx.journal.write_obstacle()) is not None:  # a termination that cannot be logged is not made
        raise FileUnusable(f"nothing was terminated: {obstacle}")
    with connect(args.dsn) as connection:
        backends = list_backends(connection)
        backend = next((backend for backend in backends if backend.pid == args.terminate and backend.pid > 0), None)
        if backend is None:
            raise PreconditionFailed(f"{args.terminate} is not a backend of that server: nothing was terminated")
        waiting_count = len(list(waiting_pids(build_blocker_tree(backends), backend.pid)))
        if not args.yes:
            _confirm(backend, waiting_count)
        interrupt: KeyboardInterrupt | None = None
        try:
            draft = terminate_backend(connection, backend, waiting_count)
        except KeyboardInterrupt as error:  # the backend may be terminated: that is logged first
            interrupt, draft = error, interrupted_termination_draft(connection, backend, waiting_count)
        done = "may be" if interrupt is not None else "is"
        not_logged = f"{backend.pid} {done} terminated, and that is not in the log"
        exit_code = ExitCode.OK if interrupt is None else None
        # Inside the with: closing the connection waits for the server.
        code = submit(lambda: ctx, lambda _: draft, not_logged, Receipt(quiet=False, exit_code=exit_code))
    if interrupt is not None:
        raise interrupt
    return code


def _confirm(backend: Backend, waiting_count: int) -> None:
    """Ask whether to terminate ``backend``. Raises `PreconditionFailed` unless the answer is yes."""
    print_err(f"{format_backend(backend)}: {format_query(backend)}")
    sys.stderr.write(f"3am: {waiting_count} wait for it. Terminate {backend.pid}? [y]es, [N]o: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise PreconditionFailed("nothing was terminated")
