"""``3am preflight``: what is needed before the hunt, with a verdict each and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.format.entry import escape_unprintable
from threeam.host.check import RED, CheckGroup, format_verdict_counts, worst_verdict
from threeam.host.preflight import all_checks, preflight_draft
from threeam.host.system import this_system
from threeam.reports.preflight_checks import run_preflight_checks


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am preflight``."""
    parser = Parser(
        "3am preflight",
        "Looks at what the hunt needs: tracing tools and whether they may trace, the clock, the log's disk and who "
        "rotates the log, tmux, a baseline, the topology. Every check has a verdict (ok, yellow, red, unknown) and the "
        "command that mends it. Writes one Preflight: block. Exit 1 if anything is red.",
        "example:\n  3am preflight --json | jq -r 'select(.verdict == \"red\") | .mend'",
    )
    parser.add_argument("--json", action="store_true", help="one object a check, one a line")
    args = parser.parse_args(argv)
    at = context(args)
    groups = _looked_at(at)
    checks = all_checks(groups)
    for group in groups:
        if not args.json:
            print_out(group.title.upper())
        for one in group.checks:
            if args.json:
                print_json(
                    {"group": group.title, **{key: escape_unprintable(text) for key, text in one.to_json().items()}}
                )
                continue
            print_out(escape_unprintable(f"  {one.verdict:<7}  {one.name}: {one.detail}"))
            if one.fix:
                print_out(escape_unprintable(f"           $ {one.fix}"))
    if not args.json:
        print_out(f"{format_verdict_counts(checks)}.")
    code = ExitCode.NEGATIVE if worst_verdict(checks) == RED else ExitCode.OK
    return submit(lambda: at, lambda _: preflight_draft(groups), "", quiet=True, exit_code=code)


def _looked_at(at: Context) -> list[CheckGroup]:
    return run_preflight_checks(this_system(), at.journal, at.load_state(), at.settings, at.author.user, at.clock())
