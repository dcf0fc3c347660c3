"""Deadlocks of a real PostgreSQL and a real MariaDB: fifty of one shape are one row."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.database_clients import deadlock_in_maria, deadlock_in_postgres, make_carts, maria_clients
from support.deadlocks import deadlocks_in, rows
from support.mariadb import maria
from support.postgres import cluster, eventually
from threeam.races.deadlocks.group_text import deadlock_json

TIMES = 50
SHAPE = "UPDATE carts SET qty = qty + ?, note = ? WHERE id = ?"
COLLECTED = {
    "logging_collector": "on",
    "log_directory": "{folder}/logs",
    "log_filename": "pg.log",
    "log_destination": "stderr,csvlog,jsonlog",
    "log_statement": "all",
    "log_lock_waits": "on",
    "deadlock_timeout": "20ms",
}


@pytest.mark.parametrize("prefix", ["%m [%p] ", "%t:%r:%u@%d:[%p]: ", "%n %q%a/%c/%l "])
def test_fifty_deadlocks_of_a_real_postgresql_are_one_row(prefix: str) -> None:
    with cluster({**COLLECTED, "log_line_prefix": prefix}) as server:
        with server.connect() as admin:
            admin.execute(make_carts(2 * TIMES).encode())
        first, second = (server.connect(autocommit=False) for _ in range(2))
        for number in range(TIMES):
            deadlock_in_postgres(server, first, second, (2 * number + 1, 2 * number + 2))
        pids = {session.info.backend_pid for session in (first, second)}
        for session in (first, second):
            session.close()
        logs = [server.folder / "logs" / f"pg.{kind}" for kind in ("log", "csv", "json")]
        eventually(
            lambda: all(
                log.read_text().count("40P01" if log.suffix != ".log" else "ERROR:  deadlock") == TIMES for log in logs
            ),
            "the collector has written all",
        )
        for chosen in ([logs[0]], [logs[1]], [logs[2]], logs if "%t" not in prefix else logs[1:]):
            (group,) = deadlocks_in(*chosen).groups
            assert (group.count, sum(group.stopped.values()), dict(group.missing)) == (TIMES, TIMES, {})
            assert [member.statement for member in group.shape.members] == [SHAPE, SHAPE]
            assert [member.blocked_by for member in group.shape.members] == [(1,), (0,)]
            assert {member.waits_for for member in group.shape.members} == {"ShareLock on transaction ?"}
            assert dict(group.places) == {'while updating tuple in relation "carts"': TIMES}
            assert {each.name for each in group.first.participants} == {f"process {pid}" for pid in pids}
            assert group.first.ns is not None
            assert group.last.ns is not None
            assert 0 < group.last.ns - group.first.ns < 600 * 10**9
            assert "secret" not in json.dumps(deadlock_json(group)) + "".join(rows(group))


def test_fifty_deadlocks_of_a_real_mariadb_are_one_row(tmp_path: Path) -> None:
    with maria("--innodb-print-all-deadlocks=1") as server:
        server.sql("CREATE DATABASE shop")
        server.sql(make_carts(2 * TIMES), "shop")
        with maria_clients(server, "shop") as (first, second):
            for number in range(TIMES):
                deadlock_in_maria(server, first, second, (2 * number + 1, 2 * number + 2))
        log, status, line = (tmp_path / name for name in ("maria.log", "status.txt", "line.txt"))
        log.write_text(server.log)
        show = ["mariadb", *server.options, "-e", "SHOW ENGINE INNODB STATUS"]
        for path, layout in ((status, "--vertical"), (line, "--batch")):
            path.write_bytes(subprocess.run([*show, layout], capture_output=True, check=True, timeout=60).stdout)
    (group,) = deadlocks_in(log, status, line).groups
    row = "X (rec but not gap) on index PRIMARY of table `shop`.`carts`"
    assert (group.count, sum(group.stopped.values()), dict(group.missing)) == (TIMES, TIMES, {})
    assert [member.statement for member in group.shape.members] == [SHAPE, SHAPE]
    assert [member.waits_for for member in group.shape.members] == [row, row]
    assert [member.holds for member in group.shape.members] == [(row,), (row,)]
    assert [member.blocked_by for member in group.shape.members] == [(1,), (0,)]
    one, other = group.first.participants
    assert one.waits_for is not None
    assert other.waits_for is not None
    assert [lock.target for lock in one.holds] == [other.waits_for.target]
    assert [lock.target for lock in other.holds] == [one.waits_for.target]
    assert "secret" not in json.dumps(deadlock_json(group)) + "".join(rows(group))
    for path in (status, line):
        (latest,) = deadlocks_in(path).groups
        assert latest.shape == group.shape
        assert latest.first.participants == group.last.participants
