"""The cups of a person on all hosts: each once, as long as the night goes on anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.hypotheses import line, state_after
from support.lines import HOUR_NS, at_second
from support.team_states import HOSTS, author_on
from threeam.core.format.entry import Entry
from threeam.core.state.host_state import HostState
from threeam.human.team_cups import TeamCups, team_cups

GAP_NS = 8 * HOUR_NS
HOUR = 3600.0


def drank(host: str, count: int, hours: float, user: str = "alice") -> Entry:
    return line(hours * HOUR, author_on(host, user), f"Coffee: cup {count} of the night.", ("MG", "95"), cups=count)


def typed(host: str, cups: int, hours: float, *tags: tuple[str, str]) -> Entry:
    return line(hours * HOUR, author_on(host), "x", *tags, cups=cups)


def cups_at(hours: float, own: Sequence[Entry], db1: Sequence[Entry] = (), web2: Sequence[Entry] = ()) -> TeamCups:
    journals = {"web1": own, "db1": db1, "web2": web2}
    hosts = [HostState(HOSTS[host], host, state_after(*said), host == "web1") for host, said in journals.items()]
    return team_cups(hosts, "alice", at_second(hours * HOUR).ns, GAP_NS)


def test_the_cups_of_all_hosts_are_added() -> None:
    cups = cups_at(
        3,
        [drank("web1", 1, 0.1), drank("web1", 2, 0.2)],
        [drank("db1", 1, 1), drank("db1", 1, 1.5, "bob")],
        [drank("web2", 1, 2), drank("web2", 2, 2.1), drank("web2", 3, 2.2)],
    )
    assert cups == TeamCups(2, (("db1", 1), ("web2", 3)))
    assert (cups.elsewhere, cups.total) == (4, 6)


def test_the_night_goes_on_while_the_person_is_awake_on_any_host() -> None:
    assert cups_at(14, [typed("web1", 0, 13)], [drank("db1", 1, 0), typed("db1", 1, 6)]).total == 1
    assert cups_at(16, [typed("web1", 0, 15)], [drank("db1", 1, 0), typed("db1", 1, 6)]).total == 0


def test_cups_of_the_own_log_count_while_the_night_goes_on_elsewhere() -> None:
    """Its own night is over for this log, which gives the next cup the number 1."""
    own, db1 = [drank("web1", 1, 0)], [drank("db1", 1, 6), typed("db1", 1, 9)]
    assert cups_at(9, own, db1).total == 2
    assert cups_at(9, own).total == 0


def test_sleep_on_another_host_ends_its_night_and_that_of_the_others() -> None:
    slept = typed("db1", 0, 2, ("NIGHT", "over"))
    assert cups_at(3, [], [drank("db1", 1, 1), slept], [drank("web2", 1, 1.5)]).elsewhere == 0
    assert cups_at(3, [], [drank("db1", 1, 1), slept], [drank("web2", 1, 1.5), drank("web2", 2, 2.5)]).elsewhere == 1


def test_a_cup_that_was_taken_back_does_not_count() -> None:
    back = line(2 * HOUR, author_on("db1"), "Coffee: cup 1 taken back.", ("MG", "-95"))
    assert cups_at(3, [], [drank("db1", 1, 1), back]).total == 0


@pytest.mark.parametrize("count", [0, 3])
def test_the_own_log_counts_as_it_always_did(count: int) -> None:
    assert cups_at(1, [typed("web1", count, 0.5)]) == TeamCups(count)
