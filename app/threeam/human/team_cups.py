"""The cups of a person on all hosts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.state.fold import Person, State
from threeam.core.state.host_state import HostState
from threeam.human.intake import PROJECTION as HUMAN
from threeam.human.intake import Intake, intake_of

SamePerson = Sequence[Sequence[str]]  # names of one person on different hosts, as ("alice@db1", "al@web2")


class TeamCups(NamedTuple):
    """The cups of a person this night: in the journal of this host as it counts them, and in those of the others.

    ``by_host``: (name of the host, cups) of the others that have any, in the order of the names.
    """

    own: int
    by_host: tuple[tuple[str, int], ...] = ()

    @property
    def elsewhere(self) -> int:
        """Return the cups that the journal of this host does not have."""
        return sum(cups for _, cups in self.by_host)

    @property
    def total(self) -> int:
        """Return the cups on all hosts."""
        return self.own + self.elsewhere

    def elsewhere_text(self) -> str:
        """Return ``2 on db1, 1 on web2``."""
        return ", ".join(f"{cups} on {host}" for host, cups in self.by_host)


class _Presence(NamedTuple):
    """A person in one journal: when they last typed, and their doses as (ns, mg)."""

    host: HostState
    person: Person
    doses: tuple[tuple[int, int], ...]


def team_cups(
    hosts: Sequence[HostState], user: str, now_ns: int, gap_ns: int, same_person: SamePerson = ()
) -> TeamCups:
    """Return the cups this night, on all ``hosts``, of the person who is ``user`` on this host.

    The night began after the last gap in which the person, on every host, has had no cup and has typed nothing for
    longer than ``gap_ns``. Sleep on any host ends it; the journal of this host counts on as it always did. A cup is
    one line of one journal, and so counts once.
    """
    known = _presences(hosts, user, same_person)
    began_ns = _night_began_ns(known, now_ns, gap_ns)
    own, by_host = 0, dict[str, int]()
    for host, _, doses in known:
        cups = sum(ns >= began_ns for ns, _ in doses)
        if host.is_own:
            own += cups
        elif cups:
            by_host[host.host] = by_host.get(host.host, 0) + cups
    counted_here = max((host.state.cups(user, now_ns, gap_ns) for host in hosts if host.is_own), default=0)
    return TeamCups(max(own, counted_here), tuple(sorted(by_host.items())))


def with_team_cups(
    hosts: Sequence[HostState], user: str, now_ns: int, gap_ns: int, same_person: SamePerson = ()
) -> State:
    """Return the state of this host's journal to show: ``user`` has the cups and doses of all ``hosts`` in it.

    It is not for a draft: the number in a line is what its log knows.
    """
    (own,) = (host for host in hosts if host.is_own)
    cups = team_cups(hosts, user, now_ns, gap_ns, same_person)
    known = _presences(hosts, user, same_person)
    doses = tuple(sorted(dose for presence in known for dose in presence.doses))
    intake = intake_of(own.state, user)
    if not known or (cups.elsewhere == 0 and doses == intake.doses):
        return own.state
    last = max((presence.person for presence in known), key=lambda person: person.last_active_ns)
    person = Person(cups.total, last.last_active_ns, last.author, last.asleep and cups.total == 0)
    drinks = {**HUMAN.of(own.state), user: Intake(intake.glasses, doses, intake.author)}
    return own.state._replace(
        people={**own.state.people, user: person}, projections={**own.state.projections, HUMAN.name: drinks}
    )


def with_cups_of_everybody(hosts: Sequence[HostState], now_ns: int, gap_ns: int, same_person: SamePerson = ()) -> State:
    """Return the state of this host's journal to show: all people have the cups and doses of all ``hosts`` in it."""
    (own,) = (host for host in hosts if host.is_own)
    others = [host for host in hosts if not host.is_own]
    state = own.state
    for user in sorted({user for host in hosts for user in host.state.people}):
        state = with_team_cups([own._replace(state=state), *others], user, now_ns, gap_ns, same_person)
    return state


def _presences(hosts: Sequence[HostState], user: str, same_person: SamePerson) -> list[_Presence]:
    own_names = {f"{user}@{host.host}" for host in hosts if host.is_own}
    names = [name.rpartition("@") for group in same_person if own_names & {*group} for name in group]
    return [
        _Presence(host, person, intake_of(host.state, name).doses)
        for host in hosts
        for name in sorted({user, *(other for other, _, at in names if at == host.host)})
        if (person := host.state.people.get(name)) is not None
    ]


def _night_began_ns(known: Sequence[_Presence], now_ns: int, gap_ns: int) -> int:
    slept_ns = max((person.last_active_ns for _, person, _ in known if person.asleep), default=None)
    times = [ns for _, person, doses in known for ns in (person.last_active_ns, *(ns for ns, _ in doses))]
    began_ns = now_ns
    for ns in sorted(times, reverse=True):
        if began_ns - ns > gap_ns or (slept_ns is not None and ns <= slept_ns):
            break
        began_ns = min(began_ns, ns)
    return began_ns
