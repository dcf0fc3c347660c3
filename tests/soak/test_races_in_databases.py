"""The races of two clients of a real database are found in its log and in theirs. The rows tell which there were."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from racing_client import THINKING_S

from support.commands import Run
from support.mariadb import maria
from support.postgres import Sessions, cluster
from support.race_reports import Report, races
from support.racing_clients import (
    DELETED_ROW,
    KEY,
    LOST_UPDATE_ROW,
    interleave,
    race,
    racing_clients,
)
from threeam.races.finding import Rule

pytestmark = pytest.mark.slow

ROWS = 8
CREATE = (
    "CREATE TABLE carts (id int PRIMARY KEY, n int)",
    f"INSERT INTO carts VALUES {', '.join(f'({key}, 0)' for key in range(1, ROWS + 1))}",
)
PREFIX = {"log_line_prefix": "%m [%p] "}
EACH_STATEMENT = {**PREFIX, "log_statement": "all"}
EACH_DURATION = {**PREFIX, "log_min_duration_statement": "0"}


def found(report: Report) -> dict[tuple[str, str], bool]:
    """Return which races were found, and whether one of each is certain."""
    certain = {(group.rule, group.key) for group in report.certain}
    return {race: race in certain for race in ((group.rule, group.key) for group in report.groups)}


EXPECTED = {(Rule.LOST_UPDATE, str(LOST_UPDATE_ROW)), (Rule.AFTER_DELETE, str(DELETED_ROW))}


@pytest.mark.parametrize("settings", [EACH_STATEMENT, EACH_DURATION], ids=["statements", "durations"])
def test_two_races_are_in_each_log_of_postgresql_and_its_clients(
    run: Run, tmp_path: Path, settings: dict[str, str]
) -> None:
    with cluster(settings) as server:
        with server.connect() as session:
            for statement in CREATE:
                session.execute(statement.encode())
        with racing_clients("postgres", server.dsn(), tmp_path) as clients:
            interleave(clients)
        shutil.copy(server.folder / "server.log", tmp_path / "server.log")
    has_durations = settings is EACH_DURATION  # else the server's log has a statement before it is executed
    for logs, is_certain in (
        (("server.log",), has_durations),
        (("a.log", "b.log"), True),
        (("server.log", "a.log", "b.log"), has_durations),
    ):
        report = found(races(run, "--key", KEY, *logs))
        assert report.keys() >= EXPECTED, (logs, report)
        assert not is_certain or all(report[race] for race in EXPECTED), (logs, report)
        assert is_certain or len(logs) > 1 or not any(report.values()), (logs, report)


@pytest.mark.parametrize("settings", [EACH_STATEMENT, EACH_DURATION], ids=["statements", "durations"])
def test_a_delete_that_waits_for_a_lock_is_not_before_what_is_read_meanwhile(
    run: Run, tmp_path: Path, settings: dict[str, str]
) -> None:
    with cluster(settings) as server:
        with server.connect() as session:
            for statement in CREATE:
                session.execute(statement.encode())
        sessions = Sessions(server)
        holder = sessions.holds("/* request_id=r1 */ SELECT n FROM carts WHERE id = 1 FOR UPDATE")
        sessions.waits("/* request_id=r2 */ DELETE FROM carts WHERE id = 1")
        time.sleep(THINKING_S)  # so that the timestamps differ
        assert server.fact("/* request_id=r3 */ SELECT n FROM carts WHERE id = 1") == 0
        sessions.goes_on(holder, "COMMIT")
        sessions.close()
        shutil.copy(server.folder / "server.log", tmp_path / "server.log")
    report = races(run, "--key", KEY, "server.log")
    assert Rule.AFTER_DELETE not in {group.rule for group in report.certain}


def test_two_races_are_in_each_log_of_mariadb_and_its_clients(run: Run, tmp_path: Path) -> None:
    """The server's general log has whole seconds, and the starts of the statements: so they are possible there."""
    with maria("--general-log=1", "--general-log-file=general.log") as server:
        server.sql("CREATE DATABASE shop")
        server.sql("; ".join(CREATE), "shop")
        server.sql("DO SLEEP(1.1); DO SLEEP(1.1)", "shop")  # the log has a time only if it is another one
        with racing_clients("maria", str(server.folder / "socket"), tmp_path) as clients:
            interleave(clients)
        shutil.copy(server.data / "general.log", tmp_path / "general.log")
    report = found(races(run, "--key", KEY, "a.log", "b.log"))
    assert {race for race in EXPECTED if report.get(race)} == EXPECTED, report
    report = found(races(run, "--key", KEY, "general.log"))
    assert report.keys() >= EXPECTED, report
    assert not any(report.values()), report


def rows_after_race(tmp_path: Path) -> tuple[Counter[int], dict[int, int]]:
    """Let two clients race, and return how often they incremented each row, and what the rows have."""
    with cluster(EACH_DURATION) as server, server.connect() as session:
        for statement in CREATE:
            session.execute(statement.encode())
        with racing_clients("postgres", server.dsn(), tmp_path) as clients:
            increments = race(clients, 150, ROWS)
        rows = {int(key): int(n) for key, n in session.execute(b"SELECT id, n FROM carts")}
        shutil.copy(server.folder / "server.log", tmp_path / "server.log")
    return increments, rows


def test_the_rows_confirm_each_lost_update_that_is_certain(run: Run, tmp_path: Path) -> None:
    """And each row that has lost an update has one in the report."""
    increments, rows = rows_after_race(tmp_path)
    lost = {key for key in rows if increments[key] > rows[key]}
    assert lost, "the clients did not race"
    patterns = [word for key in rows for word in ("--key", KEY.replace(r"(?P<id>\d+)", f"(?P<id{key}>{key})"))]
    for logs in (("server.log",), ("a.log", "b.log"), ("server.log", "a.log", "b.log")):
        report = races(run, *patterns, *logs)
        groups = [group for group in report.groups if group.rule == Rule.LOST_UPDATE]
        assert {int(group.key) for group in groups if group.is_certain} <= lost, logs
        assert {int(group.key) for group in groups} >= lost, logs
