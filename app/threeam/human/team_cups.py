"""The cups of a person on all hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from threeam.core.state.fold import Person
from threeam.core.state.host_state import HostState
from threeam.human.intake import intake_of


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


def team_cups(hosts: Sequence[HostState], user: str, now_ns: int, gap_ns: int) -> TeamCups:
    """Return the cups of ``user`` this night on all ``hosts``.

    The night began after the last gap in which the person, on every host, has had no cup and has typed nothing for
    longer than ``gap_ns``. Sleep on one host ends it on all. A cup is one line of one journal, and so counts once.
    """
    people = [(host, person) for host in hosts if (person := host.state.people.get(user)) is not None]
    slept_ns = max((person.last_active_ns for _, person in people if person.asleep), default=None)
    began_ns = now_ns
    for ns in sorted(_active_times(people, user), reverse=True):
        if began_ns - ns > gap_ns or (slept_ns is not None and ns <= slept_ns):
            break
        began_ns = min(began_ns, ns)
    cups = [(host, sum(ns >= began_ns for ns, _ in intake_of(host.state, user).doses)) for host in hosts]
    counted_here = max((host.state.cups(user, now_ns, gap_ns) for host in hosts if host.is_own), default=0)
    own = max([counted_here, *(count for host, count in cups if host.is_own)])
    return TeamCups(own, tuple(sorted((host.host, count) for host, count in cups if count and not host.is_own)))


def _active_times(people: Iterable[tuple[HostState, Person]], user: str) -> list[int]:
    times: list[int] = []
    for host, person in people:
        times += [person.last_active_ns, *(ns for ns, _ in intake_of(host.state, user).doses)]
    return times
