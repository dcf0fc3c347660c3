"""``3am team status``: the hosts of a team in words, from files alone."""

from __future__ import annotations

import json
import time

import pytest

from support.commands import Run, good
from support.lines import line
from support.team import DB1, OtherHost
from threeam.core.store.journal import Journal
from threeam.team.messages.position import Origin
from threeam.team.team_status import HostStatus, OwnStatus, StatusFile, TeamStatus

S = 10**9
WEB1, WEB2, TWIN = Origin("1" * 32), Origin("2" * 32), Origin("e" * 32)
ADDRESS = "nats://db1:4222/night"


def note_state(journal: Journal, *hosts: HostStatus, away: str = "") -> StatusFile:
    file = StatusFile(journal, ADDRESS)
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=3, unheld_sent_lines=9, utc_bound_ns=S)
    file.write(TeamStatus(ADDRESS, 4121, 0, away, own, {host.origin.id: host for host in hosts}, ["a notice"]), None)
    return file


def test_each_host_is_a_line(run: Run, journal: Journal) -> None:
    now_ns = time.time_ns()
    file = note_state(
        journal,
        HostStatus(WEB2, "web2", now_ns - 40 * S, 7, 8, now_ns - 300 * S, ["s: bytes 1 to 2 are missing"]),
        HostStatus(DB1._replace(epoch=2), "db1", now_ns, 0, 0, now_ns, [], S),
    )
    printed = [text for text in good(run("team", "status")).splitlines() if not text.startswith("    clock ")]
    assert printed == [
        f"{ADDRESS}: connected (pid 4121)",
        "  web1: this host, 3 lines not sent, 12 that no other host holds",
        "  db1: connected, 0 lines not sent, 0 that no other host holds, last line now",
        "    it has lost lines that it had sent: db1·1 is what it had before",
        "  web2: not connected, 7 lines not sent, 8 that no other host holds, last line 5m ago",
        "    s: bytes 1 to 2 are missing",
        "  ! a notice",
    ]
    table = json.loads(good(run("team", "status", "--json")))
    assert [(host["origin"], host["connected"]) for host in table["hosts"]] == [
        (WEB2.id, False),
        (f"{DB1.id}-2", True),
    ]
    file.close()


def test_hosts_of_one_name_and_mirrors_that_are_not_followed_are_named_apart(run: Run, journal: Journal) -> None:
    OtherHost(journal).send(line(0, "note: first"))
    file = note_state(journal, HostStatus(TWIN, "db1", time.time_ns()))
    printed = good(run("team", "status")).splitlines()
    assert "  db1·eeee: connected, 0 lines not sent, 0 that no other host holds" in printed
    assert printed[-2:] == ["no 3am team follows these", "  db1·dddd: not followed"]
    file.close()


@pytest.mark.parametrize("ends", [True, False])
def test_a_team_that_has_ended_or_is_away_is_not_connected(run: Run, journal: Journal, ends: bool) -> None:
    file = note_state(journal, HostStatus(DB1, "db1", time.time_ns()), away="" if ends else "db1:4222 does not answer")
    if ends:
        file.close()
    done = run("team", "status")
    assert done.returncode == 1
    state = "not running" if ends else "db1:4222 does not answer"
    assert done.stdout.decode().startswith(f"{ADDRESS}: {state}\n")
    assert "  db1: not connected" in done.stdout.decode()
    if not ends:
        file.close()


def test_numbers_that_may_have_changed_have_their_age(run: Run, journal: Journal) -> None:
    now_ns = time.time_ns()
    file = StatusFile(journal, ADDRESS)
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=1)
    db1 = HostStatus(DB1, "db1", now_ns - 420 * S)
    file.write(TeamStatus(ADDRESS, 4121, now_ns - 180 * S, f"{ADDRESS} does not answer", own, {DB1.id: db1}), None)
    lost = run("team", "status").stdout.decode().splitlines()
    assert lost[0] == f"{ADDRESS}: does not answer"
    assert lost[1] == "  web1: this host, 1 line not sent, 1 that no other host holds"
    assert lost[3].startswith("  db1: not connected, heard 7m ago, 0 lines not sent")
    file.close()
    ended = run("team", "status").stdout.decode().splitlines()
    assert ended[0] == f"{ADDRESS}: not running; what follows was so 3m ago"
