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
from threeam.team.team_status import ENDED, HostStatus, OwnStatus, StatusFile, TeamStatus, read_trouble

S = 10**9
WEB1, WEB2, TWIN = Origin("1" * 32), Origin("2" * 32), Origin("e" * 32)
ADDRESS = "nats://db1:4222/night"


def note_state(journal: Journal, *hosts: HostStatus, away: str = "", written_ns: int | None = None) -> StatusFile:
    """Write the status of a process that runs. ``written_ns``: None: now."""
    file = StatusFile(journal, ADDRESS)
    written_ns = time.time_ns() if written_ns is None else written_ns
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=3, unheld_sent_lines=9, utc_bound_ns=S)
    file.write(
        TeamStatus(ADDRESS, 4121, written_ns, away, own, {host.origin.id: host for host in hosts}, ["a notice"]), None
    )
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
    away = ENDED if ends else "db1:4222 does not answer"
    file = note_state(journal, HostStatus(DB1, "db1", time.time_ns()), away=away)
    if ends:
        file.close()
    done = run("team", "status")
    assert done.returncode == 1
    state = "not running: it ended now; the rest is as of then" if ends else "db1:4222 does not answer"
    assert done.stdout.decode().startswith(f"{ADDRESS}: {state}\n")
    assert "  db1: not connected" in done.stdout.decode()
    if not ends:
        file.close()


def test_numbers_that_may_have_changed_have_their_age(run: Run, journal: Journal) -> None:
    now_ns = time.time_ns()
    file = StatusFile(journal, ADDRESS)
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=1)
    db1 = HostStatus(DB1, "db1", now_ns - 420 * S)
    file.write(TeamStatus(ADDRESS, 4121, now_ns, f"{ADDRESS} does not answer", own, {DB1.id: db1}), None)
    lost = run("team", "status").stdout.decode().splitlines()
    assert lost[0] == f"{ADDRESS}: does not answer"
    assert lost[1] == "  web1: this host, 1 line not sent, 1 that no other host holds"
    assert lost[3].startswith("  db1: not connected, heard 7m ago, 0 lines not sent")
    file.write(TeamStatus(ADDRESS, 4121, now_ns - 180 * S, "", own, {DB1.id: db1}), None)
    still = run("team", "status")
    assert still.returncode == 1
    assert still.stdout.decode().startswith(f"{ADDRESS}: stands still (pid 4121) since 3m; the rest is as of then\n")
    assert read_trouble(journal, now_ns) == "team away, 1 unsent"
    file.close()
    ended = run("team", "status").stdout.decode().splitlines()
    assert ended[0] == f"{ADDRESS}: not running: it was killed 3m ago; the rest is as of then"


def test_an_address_that_is_not_used_any_more_is_left_out_beside_a_later_one(run: Run, journal: Journal) -> None:
    OtherHost(journal).send(line(0, "note: first"))
    now_ns, day_ns = time.time_ns(), 86_400 * S
    note_state(journal, HostStatus(DB1, "db1"), away=ENDED, written_ns=now_ns - 40 * day_ns).close()
    alone = run("team", "status").stdout.decode().splitlines()
    assert alone[0] == f"{ADDRESS}: not running: it ended 40d ago; the rest is as of then"
    other = StatusFile(journal, "nats://web2:4222/night")
    for days in (40, 39):
        other.write(TeamStatus("nats://web2:4222/night", 7, now_ns - days * day_ns + S, ""), None)
        printed = run("team", "status").stdout.decode().splitlines()
        assert [text for text in printed if text.startswith(("nats://", "no "))] == [
            *([alone[0]] if days == 40 else []),
            f"nats://web2:4222/night: stands still (pid 7) since {days - 1}d23h; the rest is as of then",
            *(["no 3am team follows these"] if days == 39 else []),
        ]
    other.close()


@pytest.mark.parametrize("killed_publishes", [True, False])
@pytest.mark.parametrize("running", ["publisher", "follower", "nobody"])
def test_the_end_of_a_process_is_told_unless_another_one_does_its_work(
    killed_publishes: bool, running: str, journal: Journal
) -> None:
    now_ns = time.time_ns()
    killed, other = StatusFile(journal, ADDRESS), StatusFile(journal, "ssh://db1")
    for file, publishes in ((killed, killed_publishes), (other, running == "publisher")):
        own = OwnStatus(WEB1, "web1", publishes, unsent_lines=3) if publishes else None
        file.write(TeamStatus("", 1, now_ns, "", own), None)
    killed.close()
    if running == "nobody":
        other.close()
    is_told = running == "nobody" or (killed_publishes and running == "follower")
    expected = ("team ended, 3 unsent" if killed_publishes else "team ended") if is_told else ""
    assert read_trouble(journal, now_ns) == expected
    if running != "nobody":
        other.close()
