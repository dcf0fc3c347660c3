"""The facts about each host of a team, in words, from files alone: for ``3am team status`` and the screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.times import format_age
from threeam.core.store.journal import Journal
from threeam.team.clocks.clock_report import clock_sentences, own_clock_sentence
from threeam.team.mirrors.hosts import host_names, own_claim, read_hosts
from threeam.team.team_status import ENDED, HostStatus, OwnStatus, TeamStatus


class HostReport(NamedTuple):
    """One host. ``lines``, ``last_line``: sentences, empty if nothing is known. ``clock``, ``problems``: sentences."""

    name: str
    state: str
    lines: str = ""
    last_line: str = ""
    clock: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class TeamReport(NamedTuple):
    """One ``3am team``, and the hosts that it knows; this host first. ``address`` is empty for mirrors without one."""

    address: str
    state: str
    is_connected: bool
    hosts: list[HostReport]
    notices: list[str]


def read_team_reports(journal: Journal, statuses: Sequence[tuple[TeamStatus, bool]], now_ns: int) -> list[TeamReport]:
    """Return the report of each ``3am team`` in ``statuses``, and of the mirrors that none of them keeps.

    ``statuses``: see `read_statuses`. Raises OSError or `FileUnusable`.
    """
    claims = {host.origin.id: host.files.host for host in read_hosts(journal)}
    followed = {origin_id: host.host for status, _ in statuses for origin_id, host in status.hosts.items()}
    names = host_names(claims | followed | own_claim(journal))
    reports = [_team_report(status, is_running, names, now_ns) for status, is_running in statuses]
    others = sorted(names[origin_id] for origin_id in claims if origin_id not in followed)
    if others:
        hosts = [HostReport(name, "not followed") for name in others]
        reports.append(TeamReport("", "no 3am team follows these", False, hosts, []))
    return reports


def _team_report(status: TeamStatus, is_running: bool, names: dict[str, str], now_ns: int) -> TeamReport:
    is_still = is_running and status.stands_still(now_ns)
    is_connected = is_running and not status.away and not is_still
    if is_connected:
        state = f"connected (pid {status.pid})"
    elif is_still:
        age = format_age(max(0, now_ns - status.written_ns))
        state = f"stands still (pid {status.pid}) since {age}; the rest is as of then"
    elif is_running:
        state = status.away.removeprefix(f"{status.address} ")
    else:
        state = _ended_text(status, now_ns)
    hosts = [_host_report(host, names[host.origin.id], is_connected, now_ns) for host in status.hosts.values()]
    hosts.sort(key=lambda host: host.name)
    if status.own is not None:
        hosts.insert(0, _own_report(status.own, names.get(status.own.origin.id, status.own.host)))
    return TeamReport(status.address, state, is_connected, hosts, status.notices)


def _ended_text(status: TeamStatus, now_ns: int) -> str:
    """Return how a process has ended, and when."""
    age = format_age(max(0, now_ns - status.written_ns))
    how = f"it ended {age}" if status.away == ENDED else f"it was killed {age}"
    return f"not running: {how}{'' if age == 'now' else ' ago'}; the rest is as of then"


def _own_report(own: OwnStatus, name: str) -> HostReport:
    if own.publishes:
        lines = _lines_text(own.unsent_lines, own.unheld_lines)
    else:
        lines = "sends nothing from here" if own.refusal else "another 3am team sends its lines"
    problems = (own.refusal,) if own.refusal else ()
    return HostReport(name, "this host", lines, clock=(own_clock_sentence(own),), problems=problems)


def _host_report(host: HostStatus, name: str, is_connected: bool, now_ns: int) -> HostReport:
    is_here = is_connected and host.is_announced(now_ns)
    age = format_age(max(0, now_ns - host.last_line_ns)) if host.last_line_ns else ""
    problems = [*host.gaps]
    if host.origin.epoch > 1:
        problems.append(f"it has lost lines that it had sent: {name}·{host.origin.epoch - 1} is what it had before")
    return HostReport(
        name,
        "connected" if is_here else f"not connected{_minutes_ago(', heard', host.seen_ns, now_ns)}",
        _lines_text(host.unsent_lines, host.unheld_lines),
        f"last line {age}{' ago' if age != 'now' else ''}" if age else "",
        tuple(clock_sentences(host, now_ns)),
        tuple(problems),
    )


def _lines_text(unsent: int, unheld: int) -> str:
    return f"{unsent:,} line{'' if unsent == 1 else 's'} not sent, {unheld:,} that no other host holds"


def _minutes_ago(words: str, then_ns: int, now_ns: int) -> str:
    """Return ``words`` and the age of ``then_ns``; nothing if that is not known or less than a minute ago."""
    age = format_age(max(0, now_ns - then_ns))
    return f"{words} {age} ago" if then_ns and age != "now" else ""
