"""``3am races`` lists the deadlocks that servers have reported, with and without ``--key``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from support.commands import Run
from support.deadlocks import RECORDED
from support.race_logs import at, write_lines
from threeam.timeline.source import Source
from threeam.timeline.time_index import TimeIndex


@pytest.mark.parametrize("key", [(), ("--key", r"cart=(?P<key>\d+)")])
def test_deadlocks_are_listed_first_and_the_exit_code_is_1(key: tuple[str, ...], run: Run) -> None:
    write_lines("app.log", [at(0, "req=a read cart=1"), at(1, "req=b read cart=1")])
    done = run("races", *key, "app.log", f"db={RECORDED / 'postgresql.log'}")
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "DEADLOCKS, AS THE SERVERS REPORT THEM"
    assert lines[1].strip() == "1 × PostgreSQL deadlock in db"
    assert sum("PostgreSQL deadlock in db" in line for line in lines) == 6


def test_a_status_without_timestamps_has_a_deadlock(run: Run) -> None:
    done = run("races", "--json", str(RECORDED / "mariadb-status.txt"))
    assert done.returncode == 1
    (group,) = map(json.loads, done.stdout.splitlines())
    assert (group["rule"], group["certain"], group["server"], group["first_ns"]) == ("deadlock", True, "InnoDB", None)
    assert group["first_report"]["stated_time"] == "2026-11-30 03:32:39"
    assert [each["blocked_by"] for each in group["participants"]] == [[2], [1]]


def test_a_log_may_be_compressed_or_come_from_a_pipe(run: Run) -> None:
    raw = (RECORDED / "postgresql.json").read_bytes()
    Path("pg.json.gz").write_bytes(gzip.compress(raw))
    compressed = run("races", "--json", "pg.json.gz")
    piped = run("races", "--json", "-", stdin=raw)
    assert (compressed.returncode, piped.returncode) == (1, 1)
    for done in (compressed, piped):
        groups = [group for line in done.stdout.splitlines() if (group := json.loads(line)).get("rule") == "deadlock"]
        assert [group["findings"] for group in groups] == [1] * 6


def test_without_deadlocks_nothing_is_said_of_them(run: Run) -> None:
    write_lines("app.log", [at(0, "req=a read cart=1"), at(1, "req=b read cart=1")])
    done = run("races", "--key", r"cart=(?P<key>\d+)", "app.log")
    assert done.returncode == 0
    assert b"deadlock" not in done.stdout


SERVER = """\
{p}2026-11-24 03:00:00.123 UTC [123] ERROR:  deadlock detected
{p}2026-11-24 03:00:00.123 UTC [123] DETAIL:  Process 123 waits for ShareLock on transaction 51; blocked by process 124.
{p}\tProcess 124 waits for ShareLock on transaction 502; blocked by process 123.
{p}\tProcess 123: UPDATE carts SET v = 1 WHERE id = 1
{p}\tProcess 124: UPDATE users SET x = 1 WHERE id = 2
{p}2026-11-24 03:00:00.123 UTC [123] HINT:  See server log for query details.
{p}2026-11-24 03:00:00.123 UTC [123] STATEMENT:  UPDATE carts SET v = 1 WHERE id = 1
"""
CLIENT = """\
{p}{q}ERROR:  deadlock detected
{p}DETAIL:  Process 123 waits for ShareLock on transaction 501; blocked by process 124.
{p}Process 124 waits for ShareLock on transaction 502; blocked by process 123.
{p}HINT:  See server log for query details.
"""
PREFIXES = ["2026-11-24T03:00:00.125Z stderr F ", "2026-11-24 03:00:00 ", "worker-7  | 2026-11-24T03:00:00.125Z "]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("program", ["", "psql:m.sql:3: "])
def test_what_a_client_was_sent_does_not_count_whatever_stands_before_each_line(
    run: Run, prefix: str, program: str
) -> None:
    Path("client.log").write_text(CLIENT.format(p=prefix, q=program))
    assert run("races", "client.log").returncode == 0
    Path("db.log").write_text(SERVER.format(p=prefix))
    done = run("races", "--json", "client.log", "db.log")
    groups = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(group["findings"], group["sources"]) for group in groups if group.get("rule") == "deadlock"] == [
        (1, {"db": 1})
    ]


@pytest.mark.parametrize("command", [("races",), ("near", "read->read")])
def test_a_log_that_is_overwritten_while_it_is_read_is_trouble(
    run: Run, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_lines("app.log", [at(0, "req=a read cart=1"), at(1, "req=b read cart=1")])
    make_index = Source.make_index

    def overwrite(source: Source) -> TimeIndex | None:
        path.write_bytes(b"x" * path.stat().st_size)
        return make_index(source)

    monkeypatch.setattr(Source, "make_index", overwrite)
    done = run(*command, "--key", r"cart=(?P<key>\d+)", "app.log")
    assert done.returncode == 3
    assert b"app was overwritten while it was read: lines are missing" in done.stderr
