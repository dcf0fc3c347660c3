"""Deadlock reports are read as the servers wrote them; of a torn one, what is left, and what is missing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.deadlocks import RECORDED, deadlocks_in, recorded, reports_in, rows, without_numbers
from threeam.races.deadlocks.group_text import deadlock_json
from threeam.races.deadlocks.report import Server

LOGS = sorted(path.name for path in RECORDED.iterdir())
BUMP = "UPDATE carts SET qty = qty + 1 WHERE id = "
MULTI_LINE = "UPDATE carts\n  SET qty = 5,\n      note = 'DETAIL:  it''s a \"secret\"'\nWHERE id = 3 -- three\n"


def test_postgresql_says_who_waits_for_which_lock_of_whom() -> None:
    report = recorded("postgresql.log")[0]
    victim, other = report.participants
    assert (report.server, report.victim, report.line_number) == (Server.POSTGRESQL, 0, 1)
    assert report.stated_time == ""
    assert report.resolution_ns == 1_000_000
    assert (victim.name, victim.statement, victim.blocked_by) == ("process 23459", f"{BUMP}2", ("process 23460",))
    assert victim.waits_for is not None
    assert victim.waits_for.text == "ShareLock on transaction 730"
    assert (other.name, other.statement, other.blocked_by) == ("process 23460", f"{BUMP}1", ("process 23459",))
    assert report.places == ('while updating tuple in relation "carts"',)
    assert not report.missing


def test_postgresql_names_locks_of_all_kinds_and_statements_of_several_lines() -> None:
    reports = recorded("postgresql.log")
    wanted = [[each.waits_for.text for each in report.participants if each.waits_for] for report in reports]
    assert wanted[1] == [f"ExclusiveLock on advisory lock [5,0,{key},1]" for key in (2, 1)]
    assert wanted[2] == [
        "ExclusiveLock on relation 16391 of database 5",
        "RowExclusiveLock on relation 16384 of database 5",
    ]
    assert reports[2].participants[1].statement == MULTI_LINE
    assert reports[3].places[1] == "PL/pgSQL function bump(integer) line 2 at SQL statement"
    assert [each.blocked_by for each in reports[5].participants] == [
        ("process 23480",),
        ("process 23481",),
        ("process 23479",),
    ]


@pytest.mark.parametrize("name", ["postgresql-verbose.log", "postgresql-all.log", "postgresql.csv", "postgresql.json"])
def test_each_form_of_postgresqls_log_says_the_same(name: str) -> None:
    assert list(map(without_numbers, recorded(name))) == list(map(without_numbers, recorded("postgresql.log")))


@pytest.mark.parametrize("name", ["postgresql-prefix.log", "postgresql-epoch.log"])
def test_any_prefix_will_do(name: str) -> None:
    assert without_numbers(recorded(name)[0]) == without_numbers(recorded("postgresql.log")[0])


def test_a_prefix_without_a_pid_or_a_time_will_do(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^2026-\S+ \S+ UTC \[\d+\] ", "shop ", (RECORDED / "postgresql.log").read_text())
    reports = reports_in(tmp_path / "pg.log", text)
    assert list(map(without_numbers, reports)) == list(map(without_numbers, recorded("postgresql.log")))
    assert {report.ns for report in reports} == {None}


@pytest.mark.parametrize("envelope", ["Nov 30 03:29:58 db1 postgres[812]: ", "2026-11-30T03:29:58.897Z stderr F "])
def test_syslog_or_a_container_runtime_may_precede_each_line(envelope: str, tmp_path: Path) -> None:
    lines = (RECORDED / "postgresql.log").read_text().splitlines()
    text = "".join(f"{envelope}{line}\n" for line in lines).replace("\t", "#011" if "db1" in envelope else "\t")
    reports = reports_in(tmp_path / "pg.log", text)
    assert list(map(without_numbers, reports)) == list(map(without_numbers, recorded("postgresql.log")))


def test_docker_may_put_each_line_into_an_object(tmp_path: Path) -> None:
    lines = (RECORDED / "postgresql.log").read_text().splitlines(keepends=True)
    objects = [{"log": line, "stream": "stderr", "time": "2026-11-30T03:29:58.897Z"} for line in lines]
    reports = reports_in(tmp_path / "pg.log", "".join(f"{json.dumps(each)}\n" for each in objects))
    assert list(map(without_numbers, reports)) == list(map(without_numbers, recorded("postgresql.log")))


def test_lines_of_two_reports_may_stand_between_each_other(tmp_path: Path) -> None:
    lines = (RECORDED / "postgresql.log").read_text().splitlines(keepends=True)
    entries = re.split(r"(?m)^(?=2026)", "".join(lines))[1:]
    reports, current = list[list[str]](), list[str]()
    for entry in entries:
        if "deadlock detected" in entry:
            reports.append(current := [])
        current.append(entry)
    mixed = [entry for pair in zip(reports[0], reports[4], strict=True) for entry in pair]
    found = reports_in(tmp_path / "pg.log", "".join(mixed))
    expected = recorded("postgresql.log")
    assert [report.participants for report in found] == [expected[0].participants, expected[4].participants]


@pytest.mark.parametrize("head", ["psql:x.sql:3: ", "2026-11-30 03:29:58.897 web1 PG::TRDeadlockDetected: ", ""])
@pytest.mark.parametrize("has_detail", [True, False])
def test_the_copy_that_a_client_got_is_not_a_report(head: str, has_detail: bool, tmp_path: Path) -> None:
    text = f"{head}ERROR:  deadlock detected\n"
    if has_detail:
        text += (
            "DETAIL:  Process 7 waits for ShareLock on transaction 730; blocked by process 8.\n"
            "Process 8 waits for ShareLock on transaction 729; blocked by process 7.\n"
            "HINT:  See server log for query details.\n"
        )
    assert reports_in(tmp_path / "client.log", text) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-30 03:29:58.897 UTC [7] LOG:  statement: SELECT 'ERROR:  deadlock detected",
        "2026-11-30 03:29:58.897 UTC [7] ERROR:  deadlock detected by the shop",
        "\tERROR:  deadlock detected",
        'web {"state_code":"40P01"}',
        '{"note":"\\"state_code\\":\\"40P01\\""}',
    ],
)
def test_words_of_a_report_are_not_a_report(line: str, tmp_path: Path) -> None:
    assert reports_in(tmp_path / "pg.log", f"2026-11-30 03:29:58.800 UTC [7] LOG:  x\n{line}\n") == []


def test_a_terse_report_says_what_it_lacks() -> None:
    (report,) = recorded("postgresql-terse.log")
    assert [each.statement for each in report.participants] == [f"{BUMP}2"]
    assert report.missing == ("who waited for whom: the report has no DETAIL, as with log_error_verbosity = terse",)


def test_a_statement_that_the_server_hides_is_missing(tmp_path: Path) -> None:
    text = (
        (RECORDED / "postgresql.log")
        .read_text()
        .replace(f"Process 23460: {BUMP}1", "Process 23460: <insufficient privilege>")
    )
    report = reports_in(tmp_path / "pg.log", text)[0]
    assert report.missing == ("the statement of process 23460: <insufficient privilege>",)
    assert report.participants[1].statement is None


def test_innodb_says_who_holds_what() -> None:
    report = recorded("mariadb.log")[0]
    victim, other = report.participants
    row = "X (rec but not gap) on index PRIMARY of table `shop`.`carts` (space 5 page 3, record {})"
    assert (report.server, report.victim, report.line_number, report.missing) == (Server.INNODB, 0, 1, ())
    assert (victim.name, victim.statement) == ("transaction 40", f"{BUMP}1")
    assert victim.waits_for is not None
    assert victim.waits_for.text == row.format(2)
    assert [lock.text for lock in victim.holds] == [row.format(3)]
    assert other.waits_for is not None
    assert other.waits_for.text == row.format(3)
    assert [lock.text for lock in other.holds] == [row.format(2)]
    assert (victim.blocked_by, other.blocked_by) == (("transaction 39",), ("transaction 40",))
    assert "thread id 5," in victim.session


def test_a_statement_may_look_like_a_part_of_the_report() -> None:
    report = recorded("mariadb.log")[1]
    assert [each.statement for each in report.participants] == [
        "UPDATE carts\n SET qty = 3,\n note = '*** (2) TRANSACTION:\n2026-11-30  3:37:00 0 [Note] InnoDB: x'\n"
        "WHERE note = 'n5'",
        "update orders set st = 'paid' where id = 7",
    ]
    assert not report.missing


def test_innodb_reports_odd_names_shared_locks_and_three_transactions() -> None:
    reports = recorded("mariadb.log")
    assert reports[2].participants[0].waits_for is not None
    assert reports[2].participants[0].waits_for.kind == "index PRIMARY of table `odd``db`.`my table`"
    assert [[lock.mode for lock in each.holds] for each in reports[3].participants] == [["S (rec but not gap)"]] * 2
    assert (len(reports[4].participants), reports[4].victim) == (3, 2)
    assert [each.blocked_by for each in reports[4].participants] == [
        ("transaction 55",),
        ("transaction 56",),
        ("transaction 54",),
    ]
    assert reports[5].participants[0].waits_for is not None
    assert reports[5].participants[0].waits_for.mode == "X (insert intention)"


@pytest.mark.parametrize("name", ["mariadb-status.txt", "mariadb-status-line.txt"])
def test_the_status_has_the_latest_deadlock(name: str) -> None:
    (report,) = recorded(name)
    assert report.participants == recorded("mariadb.log")[0].participants
    assert (report.ns, report.stated_time) == (None, "2026-11-30 03:32:39")
    assert not report.missing


def test_a_status_in_a_log_has_the_time_of_that_log() -> None:
    status = recorded("mariadb.log")[-1]
    assert status.stated_time == "2026-11-30 03:32:39"
    assert status.ns == recorded("mariadb.log")[5].ns


MYSQL_8 = """\
2026-11-30T03:32:39.100200Z 12 [Note] [MY-012468] [InnoDB] Transactions deadlock detected, dumping detailed information.
2026-11-30T03:32:39.100201Z 12 [Note] [MY-012469] [InnoDB] *** (1) TRANSACTION:
TRANSACTION 2101, ACTIVE 3 sec inserting
mysql tables in use 1, locked 1
LOCK WAIT 3 lock struct(s), heap size 1128, 2 row lock(s)
MySQL thread id 12, OS thread handle 1403, query id 88 10.0.0.9 shop update
INSERT INTO `carts` VALUES (1)
2026-11-30T03:32:39.100202Z 12 [Note] [MY-012469] [InnoDB] *** (1) HOLDS THE LOCK(S):
TABLE LOCK table `shop`.`orders` trx id 2101 lock mode AUTO-INC
2026-11-30T03:32:39.100203Z 12 [Note] [MY-012469] [InnoDB] *** (1) WAITING FOR THIS LOCK TO BE GRANTED:
RECORD LOCKS space id 2 page no 4 n bits 72 index PRIMARY of table `shop`.`carts` trx id 2101 lock_mode X waiting
Record lock, heap no 1 PHYSICAL RECORD: n_fields 1; compact format; info bits 0
2026-11-30T03:32:39.100204Z 12 [Note] [MY-012469] [InnoDB] *** (2) TRANSACTION:
TRANSACTION 2102, ACTIVE 2 sec inserting
MySQL thread id 13, OS thread handle 1404, query id 89 10.0.0.9 shop update
INSERT INTO `orders` VALUES (1)
2026-11-30T03:32:39.100205Z 13 [Warning] [MY-010055] [Server] between them
2026-11-30T03:32:39.100206Z 12 [Note] [MY-012469] [InnoDB] *** (2) HOLDS THE LOCK(S):
RECORD LOCKS space id 2 page no 4 n bits 72 index `PRIMARY` of table `shop`.`carts` trx id 2102 lock_mode X
Record lock, heap no 1 PHYSICAL RECORD: n_fields 1; compact format; info bits 0
2026-11-30T03:32:39.100207Z 12 [Note] [MY-012469] [InnoDB] *** (2) WAITING FOR THIS LOCK TO BE GRANTED:
TABLE LOCK table `shop`.`orders` trx id 2102 lock mode AUTO-INC waiting
2026-11-30T03:32:39.100208Z 12 [Note] [MY-012469] [InnoDB] *** WE ROLL BACK TRANSACTION (2)
"""


def test_mysql_lists_the_locks_of_each_transaction(tmp_path: Path) -> None:
    (report,) = reports_in(tmp_path / "mysql.log", MYSQL_8)
    first, second = report.participants
    row = "X on index PRIMARY of table `shop`.`carts` (space 2 page 4, record 1)"
    assert (report.victim, report.missing) == (1, ())
    assert [lock.text for lock in first.holds] == ["AUTO-INC on table `shop`.`orders`"]
    assert first.waits_for is not None
    assert first.waits_for.text == row
    assert [lock.text for lock in second.holds] == [row]
    assert (first.blocked_by, second.blocked_by) == (("transaction 2102",), ("transaction 2101",))
    assert second.statement == "INSERT INTO `orders` VALUES (1)"


def test_a_report_that_ends_early_says_what_is_missing(tmp_path: Path) -> None:
    whole = (RECORDED / "postgresql.log").read_bytes()
    cut = reports_in(tmp_path / "pg.log", whole[: whole.index(b"Process 23460: ")])
    assert cut[0].missing == (
        "the statement of process 23460",
        "the end of the report: the log ends before it, or lines are lost",
    )
    whole = (RECORDED / "mariadb.log").read_bytes()
    cut = reports_in(tmp_path / "maria.log", whole[: whole.index(b"TRANSACTION 39,")])
    assert (
        cut[0].missing
        == (
            "the other transactions",
            "which transaction was rolled back",
            "the end of the report: the log ends before it",
        )[: len(cut[0].missing)]
    )
    assert "the other transactions" in cut[0].missing


def test_a_csv_record_that_was_cut_does_not_hide_the_next_one(tmp_path: Path) -> None:
    whole = (RECORDED / "postgresql.csv").read_bytes()
    second = whole.index(b"2026-11-30 03:30:02.679")
    cut, following = reports_in(tmp_path / "pg.csv", whole[: whole.index(b"Process 23623: ")] + whole[second:])[:2]
    assert cut.missing[0] == "the statement of process 23623"
    assert following.participants == recorded("postgresql.csv")[1].participants


def test_a_comment_may_look_like_a_title(tmp_path: Path) -> None:
    statement = "/*\n*** (2) TRANSACTION:\n\n*** WE ROLL BACK TRANSACTION (2)\n*/ UPDATE carts SET qty = 1"
    text = (RECORDED / "mariadb-status.txt").read_text().replace(f"{BUMP}1", statement)
    (report,) = reports_in(tmp_path / "status.txt", text)
    assert [each.statement for each in report.participants] == [statement, f"{BUMP}2"]
    assert (report.victim, report.missing) == (0, ())


@pytest.mark.parametrize("name", LOGS)
def test_a_log_may_end_at_any_byte(name: str, tmp_path: Path) -> None:
    whole = (RECORDED / name).read_bytes()
    complete = recorded(name)
    step = max(1, len(whole) // 25)
    for end in range(len(whole) % step, len(whole), step):
        reports = reports_in(tmp_path / name, whole[:end])
        assert len(reports) <= len(complete)
        for report, expected in zip(reports[:-1], complete, strict=False):
            assert report.participants == expected.participants
        if reports and not reports[-1].missing:
            assert without_numbers(reports[-1])[0] == without_numbers(complete[len(reports) - 1])[0]


@pytest.mark.parametrize("name", LOGS)
def test_reports_are_found_across_the_chunks_of_a_large_log(name: str, tmp_path: Path) -> None:
    whole = (RECORDED / name).read_bytes()
    first = whole[: whole.index(b"\n") + 1] if "status" not in name else b"x\n"
    filler = b"".join([first] if b"deadlock" not in first else []) or b"2026-11-30 03:29:58.000 UTC [1] LOG:  idle\n"
    path = tmp_path / name
    path.write_bytes(filler * (300_000 // len(filler)) + whole)
    (found,), (expected,) = ([deadlocks_in(each)] for each in (path, RECORDED / name))
    assert [group.shape for group in found.groups] == [group.shape for group in expected.groups]
    assert [group.count for group in found.groups] == [group.count for group in expected.groups]
    assert all(rows(group) for group in found.groups)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(LOGS),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=6),
)
def test_a_damaged_report_is_no_error(tmp_path: Path, name: str, edits: list[tuple[float, int, bytes]]) -> None:
    raw = (RECORDED / name).read_bytes()
    for place, count, inserted in edits:
        offset = int(place * len(raw))
        raw = raw[:offset] + inserted + raw[offset + count :]
    path = tmp_path / name
    path.write_bytes(raw)
    for group in deadlocks_in(path).groups:
        assert rows(group)
        assert json.dumps(deadlock_json(group))
