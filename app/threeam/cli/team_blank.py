"""``3am team blank``: take lines out of what an engine and the mirrors of the other hosts keep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from threeam.cli.console import print_err, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.team_engine import Connect, add_credentials_option, engine
from threeam.core.errors import PreconditionFailed
from threeam.core.format.escape import escape_unprintable
from threeam.core.store.fork import make_blank
from threeam.core.store.journal import Journal
from threeam.core.store.seek import find_line
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.blanking.blank_question import ask_host
from threeam.team.blanking.blanking import blank_in_store, find_lines
from threeam.team.carrier import Carrier, CarrierAway, CarrierFull, CarrierRefused, Store
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import read_mirrors
from threeam.team.nats.nats_target import Target
from threeam.team.origin import host_name, read_origin

_WARNING = "this log keeps the words (3am fork --blank); change the secret"


class _Mirror(NamedTuple):
    """The mirror of another host, and how many of the lines have their words there; None if it has not answered."""

    host: str
    lines_with_words: int | None


class _Result(NamedTuple):
    messages: int
    mirrors: list[_Mirror]


def run(parser: Parser, argv: Sequence[str]) -> int:
    """Run ``3am team blank``."""
    parser.add_argument("stamp", metavar="@STAMP", help="the entry; lines that quote it are blanked, too")
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="the engine; without it only followers over ssh are reached"
    )
    add_credentials_option(parser)
    args = parser.parse_args(argv)
    reached = engine(args.url, args.credentials, may_create=False) if args.url is not None else None
    ctx = context(args)
    ctx.require_log()
    origin = read_origin(ctx.journal)
    if origin is None:
        raise PreconditionFailed("no line of this journal was sent: 3am fork --blank makes a copy without the entry")
    stamp, _ = read_stamp_ref(ctx.journal, args.stamp if args.stamp.startswith("@") else f"@{args.stamp}")
    assert stamp is not None
    lines = find_lines(ctx.journal, make_blank(ctx.journal, find_line(ctx.journal, stamp)))
    if not lines:
        raise PreconditionFailed("no line of this file was sent, since its first 64 KiB have no entry")
    BlankList(ctx.journal).add(lines)  # first: from now on no publisher sends the words
    if reached is not None:
        return _blank_in_engine(*reached, ctx.journal, origin, lines)
    count = _count(len(lines), "line")
    print_out(f"{count} blanked for followers over ssh: within ten seconds, or when they connect again")
    print_err(_WARNING)
    return ExitCode.OK


def _blank_in_engine(
    target: Target, connect: Connect, journal: Journal, origin: Origin, lines: list[BlankedLine]
) -> ExitCode:
    """Blank ``lines`` in what the engine keeps, and print which mirrors have done it."""

    async def blank() -> _Result:
        async with connect() as store:
            messages = await blank_in_store(store, journal, origin, host_name(), lines)
            return _Result(messages, await _ask_all(store, journal, origin, lines))

    try:
        result = asyncio.run(blank())
    except (CarrierAway, CarrierRefused, CarrierFull):
        print_err("the words are not sent from now on, but what was sent still has them: repeat this when it can work")
        raise
    print_out(f"{target}: {_count(len(lines), 'line')} blanked, {_count(result.messages, 'message')} replaced")
    for mirror in result.mirrors:
        print_out(escape_unprintable(f"  {mirror.host}: {_state(mirror)}"))
    print_err(f"{_WARNING}. The mirror of a watcher is not asked")
    return ExitCode.NEGATIVE if any(mirror.lines_with_words != 0 for mirror in result.mirrors) else ExitCode.OK


async def _ask_all(store: Store, journal: Journal, origin: Origin, lines: Sequence[BlankedLine]) -> list[_Mirror]:
    hosts = {files.origin.id: files.host for files in read_mirrors(journal)}
    for origin_id in await store.origins():
        if origin_id not in hosts:
            hosts[origin_id] = await _host_of(store, origin_id)
    hosts.pop(origin.id, None)
    counts = await asyncio.gather(*(ask_host(store, asked_id, origin.id, lines) for asked_id in hosts))
    return sorted(map(_Mirror, hosts.values(), counts), key=lambda mirror: mirror.host)


async def _host_of(carrier: Carrier, origin_id: str) -> str:
    last, _ = await carrier.last(origin_id)
    return last.host if last is not None else origin_id[:8]


def _state(mirror: _Mirror) -> str:
    if mirror.lines_with_words is None:
        return "no answer; its 3am team blanks them when it runs again"
    return f"{_count(mirror.lines_with_words, 'line')} not blanked yet" if mirror.lines_with_words else "blanked"


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
