"""Deadlocks of one shape are one row: the same statements, but for their literals, and the same kinds of locks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from support.deadlocks import RECORDED, deadlocks_in, rows
from threeam.races.deadlocks import search
from threeam.races.deadlocks.group_text import deadlock_json
from threeam.races.deadlocks.statement_shape import Dialect, ends_in_string, statement_shape

_REPORT = """\
2026-11-30 03:{minute:02}:{second:02}.897 UTC [{pid}] ERROR:  deadlock detected
2026-11-30 03:{minute:02}:{second:02}.897 UTC [{pid}] DETAIL:  Process {pid} waits for ShareLock on transaction {xid}; \
blocked by process {other}.
\tProcess {other} waits for ShareLock on transaction {xid2}; blocked by process {pid}.
\tProcess {pid}: {statement}
\tProcess {other}: {statement2}
2026-11-30 03:{minute:02}:{second:02}.897 UTC [{pid}] HINT:  See server log for query details.
2026-11-30 03:{minute:02}:{second:02}.897 UTC [{pid}] CONTEXT:  while updating tuple (0,{xid}) in relation "{relation}"
2026-11-30 03:{minute:02}:{second:02}.897 UTC [{pid}] STATEMENT:  {statement}
"""


def report(number: int, *, turned: bool = False) -> str:
    """Return a report of PostgreSQL, the ``number``-th of a shape; ``turned``: the other process is stopped."""
    statements = [
        f"UPDATE carts SET note = 'secret{number}' WHERE id = {number}",
        f"UPDATE users SET seen = {number} WHERE id IN ({', '.join(map(str, range(number + 1)))})",
    ]
    return _REPORT.format(
        minute=number // 60,
        second=number % 60,
        pid=1000 + number,
        other=2000 + number,
        xid=7000 + number,
        xid2=8000 + number,
        statement=statements[turned],
        statement2=statements[not turned],
        relation="users" if turned else "carts",
    )


def test_fifty_deadlocks_of_one_shape_are_one_row(tmp_path: Path) -> None:
    path = tmp_path / "pg.log"
    path.write_text("".join(report(number, turned=number % 5 == 0) for number in range(50)))
    (group,) = deadlocks_in(path).groups
    assert rows(group) == [
        "50 × PostgreSQL deadlocks in pg",
        "   first 2026-11-30 03:00:00.897  pg:1  1 is process 2000, 2 is process 1000",
        "   last  2026-11-30 03:00:49.897  pg:393  1 is process 1049, 2 is process 2049",
        "1  UPDATE carts SET note = ? WHERE id = ?",
        "     waits for ShareLock on transaction ?, blocked by 2",
        "     stopped by the server 40 ×",
        "2  UPDATE users SET seen = ? WHERE id IN (?…)",
        "     waits for ShareLock on transaction ?, blocked by 1",
        "     stopped by the server 10 ×",
        '   while updating tuple in relation "carts"  40 ×',
        '   while updating tuple in relation "users"  10 ×',
    ]
    shown = json.dumps(deadlock_json(group))
    assert "secret" not in shown
    fields = json.loads(shown)
    assert (fields["findings"], fields["first_ns"], fields["last_ns"]) == (50, 1796007600897000000, 1796007649897000000)
    assert [each["stopped"] for each in fields["participants"]] == [40, 10]
    assert fields["last_report"]["participants"][0]["waits_for"] == "ShareLock on transaction 7049"


def test_other_statements_are_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "pg.log"
    path.write_text(report(1) + report(2).replace("users SET", "people SET") + report(3))
    assert [group.count for group in deadlocks_in(path).groups] == [2, 1]


def test_the_logs_of_one_server_count_once() -> None:
    names = ("postgresql.csv", "postgresql.json", "postgresql-all.log")
    assert [group.count for group in deadlocks_in(*(RECORDED / name for name in names)).groups] == [1] * 6


def test_a_status_repeats_a_deadlock_of_the_log() -> None:
    groups = deadlocks_in(RECORDED / "mariadb.log", RECORDED / "mariadb-status.txt").groups
    assert [group.count for group in groups] == [1] * 6


def test_of_equal_members_the_first_is_the_victim() -> None:
    groups = deadlocks_in(RECORDED / "mariadb.log").groups
    assert [dict(group.stopped) for group in groups] == [{0: 1}] * 6
    assert groups[4].first.participants[0].name == "transaction 56"


def test_a_row_of_innodb_has_the_locks_in_their_order() -> None:
    group = deadlocks_in(RECORDED / "mariadb.log").groups[1]
    assert rows(group) == [
        "1 × InnoDB deadlock in mariadb",
        "   2026-11-30 03:32:39  mariadb:60  1 is transaction 44, 2 is transaction 43",
        "1  UPDATE carts SET qty = ?, note = ? WHERE note = ?",
        "     holds X (rec but not gap) on index PRIMARY of table `shop`.`orders`",
        "     waits for X on index note of table `shop`.`carts`, blocked by 2",
        "     stopped by the server",
        "2  update orders set st = ? where id = ?",
        "     holds X on index note of table `shop`.`carts`",
        "     waits for X (rec but not gap) on index PRIMARY of table `shop`.`orders`, blocked by 1",
    ]


def test_a_cycle_of_three_has_one_shape_wherever_it_begins(tmp_path: Path) -> None:
    whole = (RECORDED / "postgresql.log").read_text()
    whole = whole[whole.index("2026-11-30 03:29:59.227") :].replace("qty = qty + 1 WHERE id = 12", "note = 'x'")
    assert [group.count for group in deadlocks_in(_write(tmp_path / "one.log", whole)).groups] == [1]
    waits = re.findall(r"Process \d+ waits for .*?; blocked by process \d+\.", whole)
    statements = re.findall(r"\tProcess \d+: .*", whole)
    turned = whole.replace("\n\t".join(waits), "\n\t".join([*waits[1:], waits[0]]))
    turned = turned.replace("\n".join(statements), "\n".join([*statements[1:], statements[0]]))
    turned = turned.replace(
        "STATEMENT:  UPDATE carts SET qty = qty + 1 WHERE id = 11", "STATEMENT:  UPDATE carts SET note = 'x'"
    )
    assert turned != whole
    turned = turned.replace("03:29:59", "03:39:59")
    (group,) = deadlocks_in(_write(tmp_path / "two.log", whole + turned)).groups
    assert (group.count, sorted(group.stopped.values())) == (2, [1, 1])


def test_further_shapes_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_MAX_SHAPES", 2)
    texts = [report(number).replace("carts SET", f"t{number} SET") for number in range(5)]
    found = deadlocks_in(_write(tmp_path / "pg.log", "".join(texts)))
    assert (len(found.groups), found.others) == (2, 3)


@pytest.mark.parametrize(
    ("dialect", "statement", "shape"),
    [
        (Dialect.POSTGRESQL, "SELECT 'it''s' -- why\n, E'a\\'b', $$x$$, $t$ $$ $t$", "SELECT ?…"),
        (
            Dialect.POSTGRESQL,
            'UPDATE "T 1" SET a1 = -1.5e-3 WHERE b=$2 AND c<-.5;',
            'UPDATE "T 1" SET a1 = ? WHERE b=? AND c<?',
        ),
        (Dialect.POSTGRESQL, "insert into t\n values (1,'a'), (2,'b')", "insert into t values (?…)"),
        (Dialect.POSTGRESQL, "update t set a = 'cut", "update t set a = ?"),
        (Dialect.POSTGRESQL, "select a /* trace=42 */ from t2", "select a from t2"),
        (Dialect.MYSQL, "update `t``1` set a = \"it\\\"s\", b='\\'' # why", "update `t``1` set a = ?, b=?"),
        (Dialect.MYSQL, "select x'ff', 0xFF, _utf8'a' from t where a in (1)", "select ?… from t where a in (?…)"),
        (Dialect.MYSQL, "update t set a = 'cut\\", "update t set a = ?"),
    ],
)
def test_a_shape_has_no_literals(dialect: Dialect, statement: str, shape: str) -> None:
    assert statement_shape(statement, dialect) == shape


def test_literals_do_not_change_the_shape_of_a_statement_that_was_cut() -> None:
    def cut(value: int) -> str:
        columns = ", ".join(f"column_{number}" for number in range(100))
        return f"SELECT {value}, {columns} FROM t WHERE id = {value}"[:1023]

    assert statement_shape(cut(1), Dialect.POSTGRESQL) == statement_shape(cut(123456), Dialect.POSTGRESQL)


@pytest.mark.parametrize(
    ("text", "is_inside"), [("a = 'x", True), ("a = 'x'", False), ("a = 'x\\'", True), ("a", False), ("", False)]
)
def test_a_string_may_be_open_at_the_end(text: str, is_inside: bool) -> None:
    assert ends_in_string(text, Dialect.MYSQL) is is_inside


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
