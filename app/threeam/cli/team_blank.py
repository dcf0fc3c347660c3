"""``3am team blank``: take lines out of what an engine and the mirrors of the other hosts keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from threeam.cli.console import print_err, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.team_engine import Connect, add_credentials_option, engine
from threeam.core.errors import PreconditionFailed
from threeam.core.format.escape import escape_unprintable
from threeam.core.store.journal import Journal
from threeam.core.store.stamp_ref import read_stamp_ref
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.blanking.blank_question import ask_host
from threeam.team.blanking.blanking import blank_in_store, find_lines
from threeam.team.carrier import Carrier, CarrierAway, CarrierFull, CarrierRefused, Store
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import read_mirrors
from threeam.team.nats.nats_target import Target
from threeam.team.origin import host_name, read_origin
from threeam.team.ssh.known_mirrors import KnownMirrors
from threeam.team.team_status import read_all_statuses

_WARNING = "this log keeps the words (3am fork --blank); change the secret"
_BLANKED = "blanked"
_AWAY = "not blanked, no answer; its 3am team blanks them when it runs again"
_NOT_NAMED = "not blanked, and not asked: repeat this with its address"
_PATIENCE_S = 10.0  # s; for mirrors that ssh feeds
_PAUSE_S = 0.05  # s; between two looks at what they have done


class _Mirror(NamedTuple):
    """The mirror of another host, and whether it has blanked the lines."""

    name: str
    state: str


class _Result(NamedTuple):
    messages: int
    mirrors: list[_Mirror]


def run(parser: Parser, argv: Sequence[str]) -> int:
    """Run ``3am team blank``."""
    parser.add_argument("stamp", metavar="@STAMP", help="the entry; lines that quote it are blanked, too")
    parser.add_argument("url", metavar="URL", nargs="?", help="the engine; without it only mirrors by ssh are reached")
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
    lines = find_lines(ctx.journal, stamp)
    if not lines:
        raise PreconditionFailed("no line of this file was sent, since its first 64 KiB have no entry")
    blank_list = BlankList(ctx.journal)
    blank_list.add(lines)  # first: from now on no process sends the words
    mirrors = list[_Mirror]()
    if reached is not None:
        mirrors += _blank_in_engine(*reached, ctx.journal, origin, lines)
    else:
        print_out(f"{_count(len(lines), 'line')} blanked")
    named = str(reached[0]) if reached is not None else ""
    mirrors += (_Mirror(address, _NOT_NAMED) for address in _engines(ctx.journal) if address != named)
    mirrors += _ask_ssh_mirrors(ctx.journal, blank_list.digest())
    for mirror in mirrors:
        print_out(escape_unprintable(f"  {mirror.name}: {mirror.state}"))
    print_err(f"{_WARNING}. Watchers of an engine are not asked")
    return ExitCode.OK if all(mirror.state == _BLANKED for mirror in mirrors) else ExitCode.NEGATIVE


def _engines(journal: Journal) -> list[str]:
    """Return the engines to which this user has sent lines of ``journal``."""
    return [status.address for status, _ in read_all_statuses(journal) if status.own is not None and status.own.sent]


def _ask_ssh_mirrors(journal: Journal, digest: str) -> list[_Mirror]:
    """Return the mirrors that ssh has fed. Waits for those that are fed now."""
    known, deadline_s = KnownMirrors(journal), time.monotonic() + _PATIENCE_S
    while True:
        mirrors = known.read()
        are_waiting = any(digest not in digests for digests in mirrors.values())
        if not are_waiting or not known.are_fed() or time.monotonic() > deadline_s:
            break
        time.sleep(_PAUSE_S)
    return [
        _Mirror(unquote(name), _BLANKED if digest in digests else _AWAY) for name, digests in sorted(mirrors.items())
    ]


def _blank_in_engine(
    target: Target, connect: Connect, journal: Journal, origin: Origin, lines: list[BlankedLine]
) -> list[_Mirror]:
    """Blank ``lines`` in what the engine keeps, and return the mirrors of the hosts that use it."""

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
    return result.mirrors


async def _ask_all(store: Store, journal: Journal, origin: Origin, lines: Sequence[BlankedLine]) -> list[_Mirror]:
    hosts = {files.origin.id: files.host for files in read_mirrors(journal)}
    for origin_id in await store.origins():
        if origin_id not in hosts:
            hosts[origin_id] = await _host_of(store, origin_id)
    hosts.pop(origin.id, None)
    counts = await asyncio.gather(*(ask_host(store, asked_id, origin.id, lines) for asked_id in hosts))
    return sorted(_Mirror(host, _state(count)) for host, count in zip(hosts.values(), counts, strict=True))


async def _host_of(carrier: Carrier, origin_id: str) -> str:
    last, _ = await carrier.last(origin_id)
    return last.host if last is not None else origin_id[:8]


def _state(lines_with_words: int | None) -> str:
    if lines_with_words is None:
        return _AWAY
    return f"{_count(lines_with_words, 'line')} not blanked yet" if lines_with_words else _BLANKED


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
