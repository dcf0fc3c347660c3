"""``3am team``: send this journal's lines to the other hosts of a team, and keep mirrors of theirs."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from threeam.cli import team_blank
from threeam.cli.console import print_err, print_json, print_out
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import HelpText, Parser
from threeam.cli.split import split_command
from threeam.cli.team_engine import add_credentials_option, add_engine_arguments, engine
from threeam.cli.team_loop import run_until_signal
from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.escape import escape_unprintable
from threeam.team.follow_process import FollowProcess
from threeam.team.host_report import TeamReport, read_team_reports
from threeam.team.nats.nats_target import Target
from threeam.team.origin import OriginFile, host_name
from threeam.team.ssh.ssh_source import SshSource
from threeam.team.ssh.ssh_source import connect as connect_ssh
from threeam.team.ssh.ssh_target import SCHEME, parse_ssh_target
from threeam.team.team_process import TeamProcess
from threeam.team.team_status import ENDED, TeamStatus, read_statuses

_HELP = {
    "URL": HelpText(
        "Sends every line of this journal to an engine (NATS JetStream), and keeps the journals of the other hosts of "
        "the team as mirrors, until it is ended. Nothing local waits for it, and it writes nothing into this journal. "
        "With ssh://HOST it keeps the mirror of that host, where only 3am has to be installed, and sends nothing. "
        "In place of the URL: status, id, create, blank or new-origin; 3am team VERB --help describes each.",
        "3am team nats://db1:4222\n3am team tls://db1:4222/NIGHT --read-only\n3am team ssh://db1 ssh://web2\n"
        "3am team status",
    ),
    "status": HelpText(
        "Prints for each host: connected or not, lines not yet sent, lines that no other host holds, age of its last "
        "line, its clock and the bound of that. It needs no network. The exit code is 1 if no 3am team runs or is "
        "connected.",
        "3am team status --json",
    ),
    "id": HelpText(
        "Prints the id of this journal, by which an engine with users knows this host. It makes the id if the journal "
        "has none. It needs no network.",
        "3am team id",
    ),
    "create": HelpText(
        "Makes the store of a night on an engine with users, who may not make it. It is needed once, and by the "
        "administrator of the engine. A store that exists stays as it is.",
        "3am team create tls://db1:4222/night --credentials admin.toml",
    ),
    "blank": HelpText(
        "Takes the words of an entry, and of lines that quote it, out of what the engine keeps, and has each mirror "
        "blank them; prints which mirrors have. A host that is away does it at its return. This log keeps the words. "
        "With an engine it needs the right to delete messages. The exit code is 1 if a mirror has not done it.",
        "3am team blank @03:14:07.123 tls://db1:4222/night --credentials admin.toml\n"
        "3am team blank @03:14:07.123    # the mirrors by ssh alone",
    ),
    "new-origin": HelpText(
        "Gives this journal a new id, because it is a copy of another one, or lies on a copy of a machine. Its lines "
        "are sent again under the new id.",
        "3am team new-origin",
    ),
}


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am team``."""
    verb, rest = split_command(argv)
    if verb in _VERBS:
        return _VERBS[verb](rest)
    return _run_team(argv)


def _parser(verb: str, prog: str) -> Parser:
    return Parser(prog, _HELP[verb].description, _HELP[verb].epilog())


def _run_team(argv: Sequence[str]) -> int:
    parser = _parser("URL", "3am team")
    parser.verbs = list(_VERBS)
    parser.add_argument(
        "urls",
        metavar="URL",
        nargs="+",
        help="the engine, nats://HOST[:PORT][/NIGHT] or tls://…; or hosts, each as ssh://[USER@]HOST[:PORT][/FILE]",
    )
    add_credentials_option(parser)
    parser.add_argument("--read-only", action="store_true", help="follow the others, and send nothing")
    args = parser.parse_args(argv)
    if any(url.startswith(SCHEME) for url in args.urls):
        return _follow_hosts(args)
    if len(args.urls) > 1:
        raise BadInput("3am team uses one engine: run it once for each")
    target, connect = engine(args.urls[0], args.credentials, may_create=not args.read_only)
    ctx = context(args)
    ctx.require_log()
    process = TeamProcess(ctx.journal, str(target), host_name(), connect, read_only=args.read_only)
    try:
        what = "nothing is sent" if args.read_only else _what_is_sent(ctx, target, is_now=process.publishes)
        print_err(f"{what}. ctrl+c ends this, 3am team status shows it")
        process.tell = partial(_tell_with_time, ctx)
        run_until_signal(process.run())
    finally:
        process.close()
    return ExitCode.OK


def _what_is_sent(ctx: Context, target: Target, *, is_now: bool) -> str:
    log = ctx.journal.log_path
    if is_now:
        return f"every line of {log} is sent to {target}; only 3am team blank reaches what was sent"
    return f"another 3am team sends the lines of {log}: when it ends, this one sends every line to {target}"


def _print_id(argv: Sequence[str]) -> int:
    ctx = context(_parser("id", "3am team id").parse_args(argv))
    ctx.require_log()
    file = OriginFile(ctx.journal)
    file.close()
    print_out(file.origin.id)
    return ExitCode.OK


def _create_store(argv: Sequence[str]) -> int:
    parser = _parser("create", "3am team create")
    add_engine_arguments(parser)
    args = parser.parse_args(argv)
    target, connect = engine(args.url, args.credentials, may_create=True)

    async def create() -> None:
        async with connect():
            print_out(f"{target} has a store for the lines of the hosts")

    asyncio.run(create())
    return ExitCode.OK


def _follow_hosts(args: Namespace) -> int:
    """Keep the mirrors of hosts that ssh reaches, and send nothing."""
    targets = list(dict.fromkeys(map(parse_ssh_target, args.urls)))
    if args.credentials is not None:
        raise BadInput("--credentials are for an engine: ssh uses your keys and ~/.ssh/config")
    ctx = context(args)
    processes: list[FollowProcess[SshSource]] = []
    try:
        for target in targets:
            connect = partial(connect_ssh, target, ctx.journal)
            processes.append(FollowProcess(ctx.journal, str(target), connect))
            processes[-1].tell = partial(_tell_with_time, ctx)
        print_err("nothing is sent. ctrl+c ends this, 3am team status shows it")
        run_until_signal(_run_all(processes))
    finally:
        for process in processes:
            process.close()
    return ExitCode.OK


def _tell_with_time(ctx: Context, sentence: str) -> None:
    print_err(f"{ctx.clock().time_of_day[:8]} {sentence}")


async def _run_all(processes: list[FollowProcess[SshSource]]) -> None:
    async with asyncio.TaskGroup() as group:
        for process in processes:
            group.create_task(process.run())


def _take_new_origin(argv: Sequence[str]) -> int:
    args = _parser("new-origin", "3am team new-origin").parse_args(argv)
    ctx = context(args)
    ctx.require_log()
    file = OriginFile(ctx.journal)
    try:
        if not file.lock():
            raise PreconditionFailed("a 3am team publishes this journal: end it first, then repeat this")
        origin = file.take_new_id()
    finally:
        file.close()
    print_out(f"this journal is {origin.id} now; start 3am team again")
    return ExitCode.OK


def _print_status(argv: Sequence[str]) -> int:
    parser = _parser("status", "3am team status")
    parser.add_argument("--json", action="store_true", help="one object for each 3am team")
    args = parser.parse_args(argv)
    ctx = context(args)
    statuses, now_ns = read_statuses(ctx.journal), ctx.clock().ns
    reports = read_team_reports(ctx.journal, statuses, now_ns)
    if args.json:
        for status, is_running in statuses:
            print_json(_status_json(status, now_ns, is_running=is_running))
    else:
        for report in reports:
            for line in _report_lines(report):
                print_out(escape_unprintable(line))
    if not reports:
        print_err("no 3am team has run for this journal: 3am team nats://HOST or ssh://HOST begins one")
    return ExitCode.OK if any(report.is_connected for report in reports) else ExitCode.NEGATIVE


def _status_json(status: TeamStatus, now_ns: int, *, is_running: bool) -> dict[str, Any]:
    if not is_running:
        status.away = ENDED
    values = asdict(status)
    values["connected"] = not status.away
    values["hosts"] = [
        {"connected": not status.away and host.is_announced(now_ns), **asdict(host)} for host in status.hosts.values()
    ]
    for key in ("own", "hosts"):
        rows = [values[key]] if isinstance(values[key], dict) else values[key] or []
        for row in rows:
            row["origin"] = row["origin"][0] if row["origin"][1] == 1 else f"{row['origin'][0]}-{row['origin'][1]}"
    return values


def _report_lines(report: TeamReport) -> Iterator[str]:
    yield f"{report.address}: {report.state}" if report.address else report.state
    for host in report.hosts:
        yield f"  {host.name}: {', '.join(filter(None, (host.state, host.lines, host.last_line)))}"
        for sentence in (*host.clock, *host.problems):
            yield f"    {sentence}"
    for notice in report.notices:
        yield f"  ! {notice}"


_VERBS = {
    "status": _print_status,
    "id": _print_id,
    "create": _create_store,
    "blank": lambda argv: team_blank.run(_parser("blank", "3am team blank"), argv),
    "new-origin": _take_new_origin,
}
