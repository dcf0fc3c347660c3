"""``3am races`` lists the deadlocks that servers have reported, with and without ``--key``."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from support.commands import Run
from support.deadlocks import RECORDED
from support.race_logs import at, write_lines


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
