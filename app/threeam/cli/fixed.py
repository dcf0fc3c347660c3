"""``3am fixed``: whether a bug may be called fixed."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import print_json, print_report
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.hyp_of_hosts import find_team_hypothesis
from threeam.cli.parser import Parser
from threeam.cli.team_hosts import read_hosts_if_possible, read_hypothesis_name
from threeam.core.format.remote_hypothesis import RemoteHypothesis, bound_json
from threeam.core.format.times import parse_time
from threeam.core.state.fold import Hypothesis
from threeam.core.state.host_state import HostState
from threeam.core.store.stamp_ref import expand_stamp_ref
from threeam.experiments.fixes.fix_confidence_report import fix_confidence_json
from threeam.experiments.fixes.fix_control_report import control_json
from threeam.experiments.fixes.fixed_options import parse_fixed_options
from threeam.hypotheses.amendments import claim_of
from threeam.hypotheses.drafts import require_hypothesis
from threeam.hypotheses.team_fold import TeamHypothesis
from threeam.reports.elsewhere import check_fix_is_here, elsewhere_report
from threeam.reports.fix_assessment import FixAnswer, assess_occurrences, assess_runs, assess_versions
from threeam.reports.fix_change import Subject
from threeam.reports.fixed_report import fix_report, versions_report
from threeam.reports.occurrences import find_occurrences


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am fixed``."""
    parser = Parser(
        "3am fixed",
        "Says after how many clean runs a bug may be called fixed, given how often it failed before the change, "
        "and how many there are. Weak assumes that the observed rate is the true one; fair is Fisher's test against "
        "the recorded runs; strong assumes the lowest rate that the record allows. The change is the oldest one that "
        "was made for the hypothesis (3am changed -H H7) and was not undone; every failure since counts, and a kind "
        "of failure that did not exist before is a new failure. Only runs of the same program with the same "
        "arguments, folder, rule and arm are compared. With --seen it is about a bug that depends on time and not on "
        "runs. With --old and --new it is about two arms of one experiment, which run the version before the fix and "
        "the one with it in turns: yes if the old one failed and the new one never did. "
        "Exit 0 at the strong level, 1 below it.",
        "examples:\n"
        "  3am fixed H7\n"
        "  3am fixed H7 --kind a\n"
        "  3am fixed H7 --old old --new new --kind a\n"
        "  3am fixed H7 --seen 'deadlock detected' --watched-since yesterday",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parse_fixed_options(parser, argv)
    ctx = context(args)
    live, now, state = ctx.require_log(), ctx.clock(), ctx.load_state()
    hosts = read_hosts_if_possible(ctx, state)
    hypothesis, known = _find(ctx, hosts, args.hypothesis)
    elsewhere = [] if known is None else elsewhere_report(known, hosts, now)
    claim = claim_of(state, hypothesis) if isinstance(hypothesis, Hypothesis) else known.claim if known else ""
    since_ns = None if args.since is None else parse_time(expand_stamp_ref(ctx.journal, args.since), now, ctx.zone)
    if args.versions is not None:
        controlled = assess_versions(state, hypothesis, args.versions, since_ns, args.kind)
        if args.json:
            print_json({"hypothesis": bound_json(hypothesis.bound), **control_json(controlled)})
        else:
            print_report([*versions_report(hypothesis, claim, controlled), *elsewhere])
        return ExitCode.OK if controlled.is_fixed else ExitCode.NEGATIVE
    if known is not None and args.since is None:
        check_fix_is_here(state, hypothesis, known, hosts)
    if args.seen is None:
        change, answer = assess_runs(state, hypothesis, since_ns, args.arm, args.kind)
    else:
        start_ns = None if args.start is None else parse_time(expand_stamp_ref(ctx.journal, args.start), now, ctx.zone)
        occurrences = find_occurrences(ctx.journal, live, args.seen, start_ns)
        change, answer = assess_occurrences(state, hypothesis, args.seen, occurrences, since_ns, now)
    if args.json:
        facts = {"hypothesis": bound_json(hypothesis.bound), "change": str(change.stamp)}
        print_json(facts | fix_confidence_json(answer))
    else:
        print_report([*fix_report(state, FixAnswer(hypothesis, change, answer), claim, now), *elsewhere])
    return ExitCode.OK if answer.is_fixed else ExitCode.NEGATIVE


def _find(ctx: Context, hosts: Sequence[HostState], name: str) -> tuple[Subject, TeamHypothesis | None]:
    """Return the hypothesis that ``name`` names, and what all hosts say about it; None if there are no others."""
    named = read_hypothesis_name(ctx, name)
    known = find_team_hypothesis(ctx, hosts, named) if len(hosts) > 1 else None
    if isinstance(named, RemoteHypothesis):
        return named, known
    (own,) = (host for host in hosts if host.is_own)
    return require_hypothesis(own.state, named), known
