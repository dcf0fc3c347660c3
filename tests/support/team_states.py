"""What the journals of three hosts add up to, made by hand, and what a host makes of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from support.hypotheses import hypothesis_entry, line, state_after
from threeam.core.format.entry import Author, Entry
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.host_state import HostStamp, HostState
from threeam.hypotheses.team_fold import IsBefore, TeamHypothesis, team_hypotheses

HOSTS = {"db1": "d" * 32, "web1": "a" * 32, "web2": "b" * 32}  # the ids of their journals


def author_on(host: str, user: str = "alice") -> Author:
    return Author(user, host, 4121)


def remote(host: str, number: int = 1, opened: Entry | None = None) -> RemoteHypothesis:
    """Return H1 of ``host``, whose claim was written at the beginning of the night."""
    claim = hypothesis_entry(number, "") if opened is None else opened
    return RemoteHypothesis(host, HOSTS[host], number, claim.stamp)


def verdict_on(subject: RemoteHypothesis, state: str, why: str, seconds: float, by: Author) -> Entry:
    kind = "Reopened" if state == "open" else "Conclusion"
    return line(seconds, by, f"{kind}: {why}", *subject.tags(state))


def seen_from(viewer: str, journals: Mapping[str, Sequence[Entry]]) -> list[HostState]:
    """Return the states of ``journals`` as ``viewer`` has them: its own log and mirrors."""
    return [HostState(HOSTS[host], host, state_after(*said), host == viewer) for host, said in journals.items()]


def order_not_known(first: HostStamp, second: HostStamp) -> bool:
    return False


def order_of_stamps(first: HostStamp, second: HostStamp) -> bool:
    """All clocks are right."""
    return first.ns < second.ns


def board(
    viewer: str, journals: Mapping[str, Sequence[Entry]], is_before: IsBefore = order_not_known
) -> dict[str, TeamHypothesis]:
    """Return the hypotheses as ``viewer`` has them, by the names that another host has for them."""
    found = team_hypotheses(seen_from(viewer, journals), is_before)
    return {known.name if known.host else f"{viewer}/{known.name}": known for known in found}


def facts_of(known: TeamHypothesis) -> tuple[object, ...]:
    """Return what every host must see of a hypothesis."""
    verdicts = [(verdict.host.origin_id, verdict.event.stamp.ns, verdict.event.state) for verdict in known.standing]
    return known.claim, known.states, sorted(verdicts), len(known.supports), len(known.contradicts)
