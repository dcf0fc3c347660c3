"""``3am preflight``: checks of what the hunt needs, each with a verdict and a command that fixes it."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_json, print_report
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import Receipt, submit
from threeam.cli.team_hosts import read_hosts_if_possible, with_all_cups
from threeam.host.check import RED, worst_verdict
from threeam.host.preflight import all_checks, preflight_draft, preflight_report
from threeam.host.system import this_system
from threeam.reports.preflight_checks import run_preflight_checks


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am preflight``."""
    parser = Parser(
        "3am preflight",
        "Checks what the hunt needs: tracing tools and whether they may trace, the clock, the log's disk and who "
        "rotates the log, tmux, a baseline, the topology. Every check has a verdict (ok, yellow, red, unknown) and a "
        "command that fixes it. Writes one line about it. Exit 1 if anything is red.",
        "example:\n  3am preflight --json | jq -r 'select(.verdict == \"red\") | .mend'",
    )
    parser.add_argument("--json", action="store_true", help="one object a check, one a line")
    args = parser.parse_args(argv)
    ctx = context(args)
    groups = run_preflight_checks(
        this_system(),
        ctx.journal,
        with_all_cups(ctx, read_hosts_if_possible(ctx, ctx.load_state())),
        ctx.settings,
        ctx.author.user,
        ctx.clock(),
    )
    if args.json:
        for group in groups:
            for check in group.checks:
                print_json({"group": group.title, **check.to_json()})
    else:
        print_report(preflight_report(groups), details_below=True)
    code = ExitCode.NEGATIVE if worst_verdict(all_checks(groups)) == RED else ExitCode.OK
    return submit(lambda: ctx, lambda _: preflight_draft(groups), "", Receipt(quiet=True, exit_code=code))
