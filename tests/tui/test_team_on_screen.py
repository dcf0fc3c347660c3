"""The hosts of a team on the screen: what is known of them, their journals, and a 3am team that is started there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pilots import SMALL, WIDE, Night, night

from support.lines import NIGHT, line
from support.log_sources import stamped, write_log
from support.team import DB1, LATER_SEGMENT, OtherHost
from threeam.core.format.entry import ACQUIRED, RELEASING
from threeam.core.store.journal import Journal
from threeam.team.messages.position import Origin
from threeam.team.team_status import ClockStatus, HostStatus, OwnStatus, StatusFile, TeamStatus
from threeam.timeline import live

pytestmark = pytest.mark.usefixtures("utc")

MS, S = 10**6, 10**9
WEB1, WEB2 = Origin("1" * 32), Origin("2" * 32)
ADDRESS = "nats://db1:4222/night"


@pytest.fixture
def db1(journal: Journal) -> OtherHost:
    host = OtherHost(journal)
    host.send(line(0, "note: cart 42 is empty") + line(2 * MS, "note: pool \x1b[2J exhausted"))
    return host


@pytest.fixture
def status_file(journal: Journal) -> Iterator[StatusFile]:
    """The state of a 3am team that runs."""
    file = StatusFile(journal, ADDRESS)
    write_status(file)
    yield file
    file.close()


def write_status(file: StatusFile, unsent: int = 3) -> None:
    now_ns = time.time_ns()
    clock = ClockStatus(3_200_000, 410_000, now_ns, 1, now_ns - 600 * S, 5 * S)
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=unsent, unheld_sent_lines=2)
    hosts = {
        DB1.id: HostStatus(DB1, "db1", now_ns, 0, 12, now_ns - 300 * S, utc_bound_ns=MS, clock=clock),
        WEB2.id: HostStatus(WEB2, "web2", now_ns - 60 * S, 7, 7, now_ns - 7200 * S),
    }
    file.write(TeamStatus(ADDRESS, 4121, now_ns, "", own, hosts, ["web2 has another clock"]), None)


def told(it: Night) -> str:
    """All of a dialog as one line, so that it does not matter where it was wrapped."""
    return " ".join(it.shown.replace("│", " ").replace("┃", " ").split())


async def test_without_a_team_hosts_says_how_one_begins(journal: Journal) -> None:
    async with night(journal) as it:
        await it.command("hosts")
        await it.says("no 3am team has run for this journal: :team nats://db1:4222 starts one")


async def test_hosts_shows_each_host(journal: Journal, db1: OtherHost, status_file: StatusFile) -> None:
    async with night(journal, size=SMALL) as it:
        await it.command("hosts")
        for words in (
            f"{ADDRESS} connected (pid 4121)",
            "notice web2 has another clock",
            "web1 this host lines 3 lines not sent, 5 that no other host holds clock not synchronised",
            "db1 connected lines 0 lines not sent, 12 that no other host holds last line 5m ago",
            "clock 3.2ms ahead ±",
            "web2 not connected, heard 1m ago lines 7 lines not sent, 7 that no other host holds last line 2h ago",
        ):
            await it.eventually(lambda words=words: words in told(it), f"{words!r} in {told(it)!r}")
        write_status(status_file, unsent=0)
        await it.eventually(lambda: "0 lines not sent, 2 that no other" in told(it), "the file is read again")
        await it.press("escape")
        assert it.in_the_log


async def test_the_header_says_that_the_team_is_away_and_how_much_is_not_sent(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.tui.controllers.mirrors.REFRESH_S", 0.05)
    status_file = StatusFile(journal, ADDRESS)
    write_status(status_file)
    own = OwnStatus(WEB1, "web1", publishes=True, unsent_lines=12)
    async with night(journal, size=SMALL) as it:
        assert "team" not in it.header
        status_file.write(TeamStatus(ADDRESS, 4121, 1, "nats://db1:4222 cannot be reached", own, {}, []), None)
        await it.eventually(lambda: "○ team away, 12 unsent" in it.header, "the engine is away")
        write_status(status_file)
        await it.eventually(lambda: "team" not in it.header, "it is back")
        status_file.close()  # without a last status, as a kill -9 does it
        await it.eventually(lambda: "○ team ended, 3 unsent" in it.header, "nobody sends")


async def test_the_legend_ends_with_the_hosts(journal: Journal, db1: OtherHost, status_file: StatusFile) -> None:
    async with night(journal, size=WIDE) as it:
        await it.press("L")
        await it.shows("5 that no other host holds")
        await it.press("slash")
        await it.type("db1\n")
        assert "12 that no other host holds" in it.shown
        assert "7 that no other host holds" not in it.shown


async def test_the_hosts_can_be_read_in_a_small_window(journal: Journal, status_file: StatusFile) -> None:
    async with night(journal, size=(40, 10)) as it:
        await it.command("hosts")
        await it.eventually(lambda: "connected (pid 4121)" in told(it), "the state of the process")
        await it.press("slash")
        await it.type("db1\n")
        await it.press("g", "j", "j", "j", "j", "j", "j")
        await it.shows("5m ago")


async def test_the_journal_of_a_host_is_opened_and_followed(journal: Journal, db1: OtherHost) -> None:
    async with night(journal, size=SMALL) as it:
        await it.press("colon")
        await it.type("open d")
        await it.press("tab", "enter")
        await it.shows("1 db1")
        await it.shows("pool \\x1b[2J exhausted")
        db1.send(line(4 * MS, "note: restarted"), LATER_SEGMENT)
        await it.shows("note: restarted")
        OtherHost(journal, origin=DB1._replace(epoch=2)).send(line(0, "note: cart 42 is empty"))
        await it.says("db1 has lost lines that it had sent: open it again")
        await it.press("L")
        await it.eventually(lambda: "no order to other clocks is claimed" in told(it), "the clock is not known")


async def test_a_line_of_another_host_is_not_held(
    journal: Journal, log: Path, db1: OtherHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of other programs are. One that comes later than a line of a host has its place above it."""
    monkeypatch.setattr(live, "MIN_HOLD_NS", 3600 * S)
    monkeypatch.setattr(live, "MAX_HOLD_NS", 3600 * S)
    app = log.with_name("app.log")
    write_log(app, [stamped(NIGHT.ns, "start", 6)])
    async with night(journal, size=SMALL) as it:
        await it.command("open db1")
        await it.command(f"open {app}")
        await it.shows("2 app")
        with app.open("a") as file:
            file.write(stamped(NIGHT.ns + S, "update cart=42", 6) + "\n")
        db1.send(line(2 * S, "note: restarted"))
        await it.shows("note: restarted")
        db1.send(line(3 * S, "note: restarted again"))
        await it.shows("note: restarted again")
        assert "update cart=42" not in it.shown
        monkeypatch.setattr(live, "MIN_HOLD_NS", 0)
        with app.open("a") as file:
            file.write(stamped(NIGHT.ns + 4 * S, "delete cart=42", 6) + "\n")
        await it.shows("delete cart=42")
        words = ("update", "restarted", "again", "delete")
        last_words = [row.replace("cart=42", "").split()[-1] for row in it.rows if row.strip()]
        assert [word for word in last_words if word in words] == [*words]
        assert "late" not in it.shown


async def test_lock_lines_of_another_host_are_hidden_as_those_of_this_one(journal: Journal, db1: OtherHost) -> None:
    db1.send(line(S, ACQUIRED) + line(2 * S, "Hypothesis: the sweeper", ("H1", "open")) + line(3 * S, RELEASING))
    async with night(journal, size=SMALL) as it:
        await it.command("open db1")
        await it.shows("the sweeper")
        db1.send(
            line(4 * S, ACQUIRED) + line(5 * S, "Hypothesis: the cron job", ("H2", "open")) + line(6 * S, RELEASING)
        )
        await it.shows("the cron job")
        assert "sanity lock" not in it.shown
        await it.press("z")
        await it.eventually(lambda: it.shown.count("Acquired sanity lock.") == 2, "z shows them")
        await it.press("z")
        await it.eventually(lambda: "sanity lock" not in it.shown, "z hides them again")


async def test_a_host_that_is_not_known_is_told(journal: Journal, db1: OtherHost) -> None:
    async with night(journal, size=SMALL) as it:
        await it.command("open db2")
        await it.says("there is no such file, and there is no host db2; did you mean db1?")


async def test_a_team_that_ends_at_once_is_told_in_its_own_words(journal: Journal, log: Path) -> None:
    log.write_bytes(line(0, "note: first"))
    async with night(journal, size=SMALL) as it:
        await it.command("team")
        await it.says(":team needs the address of an engine")
        await it.command("team nats://db1:4222 --credentials /absent.toml")
        await it.says("/absent.toml cannot be opened: No such file or directory")


@pytest.mark.parametrize("read_only", [False, True])
async def test_a_password_is_refused_and_not_kept(journal: Journal, log: Path, read_only: bool) -> None:
    log.write_bytes(line(0, "note: first"))
    async with night(journal, size=SMALL, read_only=read_only) as it:
        await it.command("team nats://web1:hunter2secret@db1:4222")
        await it.says("leave user and password out of the address")
        await it.press("colon", "up")
        assert "team nats://web1:" in it.shown
        assert "hunter2secret" not in it.shown
    assert not any(b"hunter2secret" in path.read_bytes() for path in log.parent.rglob("*") if path.is_file())
