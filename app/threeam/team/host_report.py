"""The facts about each host of a team, in words, from files alone: for ``3am team status`` and the screen."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S
from threeam.core.format.times import format_age, format_duration, format_exact_duration
from threeam.core.store.journal import Journal
from threeam.team.hosts import host_names, own_claim, read_hosts
from threeam.team.team_status import HostStatus, OwnStatus, TeamStatus, read_statuses

_THIS_HOST = "this host"
_FRESH_NS = 60 * NS_PER_S  # ns; the age of an older measurement is told


class HostReport(NamedTuple):
    """One host. ``lines``, ``last_line``, ``clock``: in words, empty if nothing is known. ``problems``: sentences."""

    name: str
    state: str
    lines: str = ""
    last_line: str = ""
    clock: str = ""
    problems: tuple[str, ...] = ()

    @property
    def is_own(self) -> bool:
        """True for this host."""
        return self.state == _THIS_HOST


class TeamReport(NamedTuple):
    """One ``3am team``, and the hosts that it knows; this host first. ``address`` is empty for mirrors without one."""

    address: str
    state: str
    is_connected: bool
    hosts: list[HostReport]
    notices: list[str]


def read_team_reports(journal: Journal, now_ns: int) -> list[TeamReport]:
    """Return the report of each ``3am team`` of this user, and of mirrors that none of them keeps.

    Raises OSError or `FileUnusable`.
    """
    statuses = read_statuses(journal)
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
    is_connected = is_running and not status.away
    state = f"connected (pid {status.pid})" if is_connected else status.away if is_running else "not running"
    hosts = [_host_report(host, names[host.origin.id], is_connected, now_ns) for host in status.hosts.values()]
    hosts.sort(key=lambda host: host.name)
    if status.own is not None:
        hosts.insert(0, _own_report(status.own, names.get(status.own.origin.id, status.own.host)))
    return TeamReport(status.address, state, is_connected, hosts, status.notices)


def _own_report(own: OwnStatus, name: str) -> HostReport:
    lines = _lines_text(own.unsent_lines, own.unheld_lines) if own.publishes else "sends nothing from here"
    clock = "clock not synchronised" if own.utc_bound_ns is None else ""
    return HostReport(name, _THIS_HOST, lines, clock=clock)


def _host_report(host: HostStatus, name: str, is_connected: bool, now_ns: int) -> HostReport:
    is_here = is_connected and host.is_announced(now_ns)
    problems = [*host.gaps]
    if host.origin.epoch > 1:
        problems.append(f"it has lost lines that it had sent: {name}·{host.origin.epoch - 1} is what it had before")
    return HostReport(
        name,
        "connected" if is_here else "not connected",
        _lines_text(host.unsent_lines, host.unheld_lines),
        f"last line {_ago(now_ns - host.last_line_ns)}" if host.last_line_ns else "",
        _clock_text(host, now_ns) if host.clock is not None or is_here else "",
        tuple(problems),
    )


def _clock_text(host: HostStatus, now_ns: int) -> str:
    """Return how far the clock of a host is ahead, and what makes that doubtful."""
    clock, facts = host.clock, []
    if clock is None:
        facts.append("not measured yet")
    else:
        side = "ahead" if clock.offset_ns >= 0 else "behind"
        facts.append(f"{format_exact_duration(abs(clock.offset_ns))} {side} ±{format_exact_duration(clock.bound_ns)}")
        if now_ns - clock.measured_ns > _FRESH_NS:
            facts.append(f"measured {_ago(now_ns - clock.measured_ns)}")
        if clock.steps:
            which = "this host's clock" if clock.is_step_ours else "it"
            step = format_duration(abs(clock.step_ns))
            facts.append(f"{which} was stepped by about {step} {_ago(now_ns - clock.stepped_ns)}")
    if host.utc_bound_ns is None:
        facts.append("not synchronised")
    return f"clock {', '.join(facts)}"


def _ago(age_ns: int) -> str:
    age = format_age(max(0, age_ns))
    return age if age == "now" else f"{age} ago"


def _lines_text(unsent: int, unheld: int) -> str:
    return f"{unsent:,} lines not sent, {unheld:,} that no other host holds"
