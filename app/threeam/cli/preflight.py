"""``3am preflight``: what is needed before the hunt, with a verdict each and the command that mends it."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import out, out_json
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.cli.submit import submit
from threeam.core.format.entry import visible
from threeam.host.check import RED, Group, count, worst
from threeam.host.preflight import checks_of, preflight
from threeam.host.system import this_system
from threeam.reports.preflight_checks import preflight_checks


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
    checks = checks_of(groups)
    for group in groups:
        if not args.json:
            out(group.title.upper())
        for one in group.checks:
            if args.json:
                out_json({"group": group.title, **{key: visible(text) for key, text in one._asdict().items()}})
                continue
            out(visible(f"  {one.verdict:<7}  {one.name}: {one.found}"))
            if one.mend:
                out(visible(f"           $ {one.mend}"))
    if not args.json:
        out(f"{count(checks)}.")
    code = submit(lambda: at, lambda _: preflight(groups), "", quiet=True)
    return code or (Exit.NO if worst(checks) == RED else Exit.DONE)


def _looked_at(at: Context) -> list[Group]:
    return preflight_checks(this_system(), at.journal, at.state(), at.settings, at.by.user, at.clock())
