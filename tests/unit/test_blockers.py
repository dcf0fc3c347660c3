"""The tree of who blocks whom, as a pure function; and that no password comes through `redacted_sql`."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import psycopg
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.commands import Run
from support.journals import entries
from threeam.cli import blockers as cli
from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.redact.redact import redact_sql
from threeam.core.write.draft import WriteContext
from threeam.core.write.writer import Writer
from threeam.projections import FOLD
from threeam.restore.blockers import (
    NOBODY_WAITS,
    Backend,
    BlockerNode,
    _backend_of_prepared,
    blockers_report,
    build_blocker_tree,
    format_backend,
    format_other_blockers,
    format_query,
    hidden_sessions_warning,
    node_line,
    terminate_backend,
    termination_sql,
    waiting_pids,
)
from threeam.restore.postgres import ServerUnreachable, connect
from threeam.restore.prepared_transactions import PreparedTransaction


def backend(pid: int, *blocked_by: int, query: str = "SELECT 1") -> Backend:
    lock, since = ("ShareLock on transactionid", 3.2) if blocked_by else (None, None)
    started = f"start of {pid}"
    return Backend(pid, "app", "shop", "psql", "10.0.0.9", "active", 3.2, 4.0, query, blocked_by, lock, since, started)


def shape(nodes: Sequence[BlockerNode]) -> list[tuple[int, int]]:
    return [(node.depth, node.backend.pid) for node in nodes]


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ([], []),
        ([backend(1), backend(2)], []),
        ([backend(1), backend(2, 1)], [(0, 1), (1, 2)]),
        ([backend(2, 1), backend(1)], [(0, 1), (1, 2)]),
        ([backend(1), backend(2, 1), backend(3, 2)], [(0, 1), (1, 2), (2, 3)]),
        ([backend(3), backend(2, 3), backend(1, 2)], [(0, 3), (1, 2), (2, 1)]),
        (
            [backend(1), backend(2, 1), backend(3), backend(4, 3), backend(5, 3)],
            [(0, 3), (1, 4), (1, 5), (0, 1), (1, 2)],
        ),
        ([backend(1), backend(2, 1), backend(3, 2, 1)], [(0, 1), (1, 2), (2, 3)]),
        ([backend(7, 0)], [(0, 0), (1, 7)]),  # a prepared transaction has no process
        ([backend(7, 99)], [(0, 99), (1, 7)]),  # one that has gone between the two questions
        ([backend(1, 1)], [(0, 1)]),
    ],
)
def test_whoever_waits_stands_below_whom_it_waits_for(every: list[Backend], expected: list[tuple[int, int]]) -> None:
    assert shape(build_blocker_tree(every)) == expected


def test_a_circle_is_reported_once_and_comes_to_an_end() -> None:
    nodes = build_blocker_tree([backend(1, 3), backend(2, 1), backend(3, 2), backend(4, 2), backend(5)])
    assert sorted(node.backend.pid for node in nodes) == [1, 2, 3, 4]
    assert [node.depth for node in nodes if node.depth == 0] == [0]
    assert set(waiting_pids(nodes, 1)) == {2, 3, 4}


def test_what_hangs_on_a_circle_stands_below_it() -> None:
    nodes = build_blocker_tree([backend(1, 2), backend(2, 1), backend(3, 2), *(backend(pid, 3) for pid in (4, 5, 6))])
    assert next(node.depth for node in nodes if node.backend.pid == 3) > 0, shape(nodes)


def prepared(xid: int, gid: str) -> Backend:
    return _backend_of_prepared(PreparedTransaction(xid, gid, "app", "shop", 3.2))


def test_a_prepared_transaction_says_what_it_is_and_what_ends_it() -> None:
    first, second = build_blocker_tree([backend(7, -775), prepared(775, "it's\n1")])
    assert format_backend(first.backend) == 'prepared transaction 775 "it\'s\\n1" app@shop · prepared 3.2s ago'
    assert first.blocked_pids == (7,)
    assert node_line(first).command == termination_sql(first.backend) == "ROLLBACK PREPARED E'it''s\\U0000000A1'"
    assert node_line(second).command == "SELECT pg_terminate_backend(7)"


def test_the_report_ends_with_how_many_sessions_are_hidden() -> None:
    nodes = build_blocker_tree([backend(1)._replace(query="<insufficient privilege>"), backend(2, 1)])
    first, second, warning = blockers_report(nodes)
    assert [first, second] == [node_line(node) for node in nodes]
    assert warning.text == hidden_sessions_warning(nodes)
    assert warning.text.startswith("1 of 2 sessions are hidden from this user")
    assert [line.text for line in blockers_report([])] == [NOBODY_WAITS]
    assert hidden_sessions_warning(build_blocker_tree([backend(1), backend(2, 1)])) == ""


@pytest.mark.parametrize("one", [prepared(775, "a"), build_blocker_tree([backend(7, 0)])[0].backend])
def test_what_is_not_a_process_is_never_terminated(one: Backend) -> None:
    assert "terminate" not in termination_sql(one)
    with pytest.raises(PreconditionFailed, match="no process"):
        terminate_backend(cast(Any, None), one, 1)


class LosesTheConnection:
    """A connection that answers ``answers`` questions, and then fails with ``error``."""

    info = SimpleNamespace(host="db1", port=5432, dbname="shop", password="hunter2")

    def __init__(self, answers: int, error: BaseException) -> None:
        self._answers = answers
        self._error = error

    def execute(self, _statement: str, _values: object) -> SimpleNamespace:
        self._answers -= 1
        if self._answers < 0:
            raise self._error
        return SimpleNamespace(fetchone=lambda: (True,))


LOST = [
    (0, psycopg.OperationalError("server closed the connection\n hunter2 unexpectedly"), "the answer was lost"),
    (0, psycopg.errors.QueryCanceled("canceling statement due to statement timeout"), "the answer was lost"),
    (0, psycopg.errors.AdminShutdown("terminating connection due to administrator command"), "the answer was lost"),
    (1, psycopg.OperationalError("hunter2 is closed"), "the connection was lost"),
]


@pytest.mark.parametrize(("answers", "error", "sentence"), LOST)
def test_a_termination_whose_answer_is_lost_is_noted_as_one_that_was_asked_for(
    answers: int, error: psycopg.Error, sentence: str
) -> None:
    draft = terminate_backend(cast(Any, LosesTheConnection(answers, error)), backend(7), 2)
    (line,) = draft.make_lines(FOLD.empty_state, WriteContext("alice", 1), Stamp(1, 0))
    assert line.text.startswith("Terminated: asked for")
    assert sentence in line.text
    assert "look whether it has ended: 7 app@shop" in line.text
    assert "hunter2" not in line.text
    assert line.tags == (("TERMINATED", "7"),)


@pytest.mark.parametrize("answers", [0, 1])  # while the server is asked, and while its end is awaited
def test_a_termination_that_is_interrupted_is_noted(
    run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    connection = LosesTheConnection(answers, KeyboardInterrupt())
    monkeypatch.setattr(cli, "connect", lambda dsn: nullcontext(connection))
    monkeypatch.setattr(cli, "list_backends", lambda connection: [backend(7), backend(8, 7)])
    done = run_here("blockers", "--terminate", "7", "--yes")
    assert done.returncode == 130
    (line,) = entries(log)
    assert line.text.startswith("Terminated: asked for, and interrupted before its end was seen, so look whether it")
    assert line.tag("TERMINATED") == "7"
    assert done.stdout == log.read_bytes()


def test_a_termination_that_is_interrupted_and_cannot_be_noted_is_reported(
    run_here: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = LosesTheConnection(0, KeyboardInterrupt())
    monkeypatch.setattr(cli, "connect", lambda dsn: nullcontext(connection))
    monkeypatch.setattr(cli, "list_backends", lambda connection: [backend(7), backend(8, 7)])
    monkeypatch.setattr(Writer, "write", Mock(side_effect=KeyboardInterrupt))
    done = run_here("blockers", "--terminate", "7", "--yes")
    assert (done.returncode, log.exists()) == (130, False)
    assert b"3am: not written: 7 may be terminated, and that is not in the log" in done.stderr


def test_a_termination_that_the_server_refuses_is_not_noted() -> None:
    refused = psycopg.errors.InsufficientPrivilege("permission denied to terminate process")
    with pytest.raises(psycopg.Error, match="permission denied"):
        terminate_backend(cast(Any, LosesTheConnection(0, refused)), backend(7), 2)


def test_it_is_named_also_if_it_stands_elsewhere() -> None:
    nodes = build_blocker_tree([backend(7, -775, -776), prepared(775, "a"), prepared(776, "b"), backend(8, 7, 0)])
    assert ["prepared transaction 775" in format_other_blockers(node) for node in nodes if node.backend.pid == 7] == [
        True
    ]


@pytest.mark.parametrize(("pid", "found"), [(1, {2, 3, 4}), (2, {3, 4}), (5, {4}), (4, set()), (99, set())])
def test_who_waits_also_through_others(pid: int, found: set[int]) -> None:
    nodes = build_blocker_tree([backend(1), backend(5), backend(2, 1), backend(3, 2), backend(4, 3, 5)])
    assert set(waiting_pids(nodes, pid)) == found


PIDS = st.integers(0, 8)
GRAPHS = st.dictionaries(st.integers(1, 8), st.lists(PIDS, max_size=3, unique=True).map(tuple), max_size=8)


@given(GRAPHS)
@example({1: (2,), 2: (1,)})
def test_each_that_blocks_or_waits_is_there_once(graph: dict[int, tuple[int, ...]]) -> None:
    nodes = build_blocker_tree([backend(pid, *by) for pid, by in graph.items()])
    concerned = {pid for pid, by in graph.items() if by} | {pid for by in graph.values() for pid in by}
    assert sorted(node.backend.pid for node in nodes) == sorted(concerned)
    depth, above = {node.backend.pid: node.depth for node in nodes}, list[int]()
    for node in nodes:
        pid = node.backend.pid
        del above[node.depth :]
        assert len(above) == node.depth, "one that is deeper than the one before by more than one"
        if above:
            assert above[-1] in node.backend.blocked_by, f"{pid} is below one that it does not wait for"
        above.append(pid)
        assert set(node.blocked_pids) == {other for other, by in graph.items() if pid in by}
    free = [pid for pid in concerned if not graph.get(pid)]
    assert all(depth[pid] == 0 for pid in free)
    reached = set(free).union(*(waiting_pids(nodes, pid) for pid in free))
    assert all(depth[pid] > 0 for pid in reached - set(free)), "who waits for one that waits for nobody hangs on it"


@given(st.text())
def test_a_query_is_one_line_of_120_characters_at_most(query: str) -> None:
    shown = format_query(backend(1, query=query))
    assert len(shown) <= 120
    assert len(shown.splitlines()) <= 1


def quoted(secret: str) -> str:
    return "'" + secret.replace("'", "''") + "'"


def escaped(secret: str) -> str:
    return "E'" + secret.replace("\\", "\\\\").replace("'", "\\'") + "'"


def libpq(secret: str) -> str:
    return "'" + secret.replace("\\", "\\\\").replace("'", "\\'") + "'"


def url(secret: str) -> str:
    return "".join(word if word.isalnum() else f"%{ord(word):02X}" for word in secret)


FORMS: dict[str, Callable[[str], str]] = {
    "quoted": lambda secret: f"ALTER ROLE app PASSWORD {quoted(secret)}",
    "next line": lambda secret: f"create user app with encrypted password\n\t{quoted(secret)} valid until 'infinity'",
    "E''": lambda secret: f"ALTER ROLE app PASSWORD {escaped(secret)}",
    "U&''": lambda secret: f"ALTER ROLE app PASSWORD U&{quoted(secret)}",
    "comment": lambda secret: f"ALTER ROLE app PASSWORD /* it's new */ {quoted(secret)}",
    "line comment": lambda secret: f"ALTER ROLE app PASSWORD -- new\n {quoted(secret)}",
    "$$": lambda secret: f"ALTER ROLE app PASSWORD $${secret.replace('$', '')}$$",
    "$tag$": lambda secret: f"ALTER ROLE app PASSWORD $tag${secret.replace('$', '')}$tag$",
    "inside of EXECUTE": lambda secret: (
        f"DO $do$ BEGIN EXECUTE {quoted(f'ALTER ROLE app PASSWORD {quoted(secret)}')}; END $do$"
    ),
    "user mapping": lambda secret: (
        f"CREATE USER MAPPING FOR app SERVER db2 OPTIONS (user 'app', password {quoted(secret)})"
    ),
    "column": lambda secret: f"UPDATE users SET password = {quoted(secret)} WHERE id = 1",
    "argument": lambda secret: f"SELECT sign_in('app', password => {quoted(secret)})",
    "dblink": lambda secret: f"SELECT dblink_connect({quoted(f'host=db2 password={libpq(secret)} dbname=shop')})",
    "dblink, E''": lambda secret: f"SELECT dblink_connect({escaped(f'host=db2 password={libpq(secret)}')})",
    "subscription": lambda secret: (
        f"CREATE SUBSCRIPTION s CONNECTION {quoted(f'host=db2 password={libpq(secret)}')} PUBLICATION p"
    ),
    "url": lambda secret: f"SELECT dblink_connect('postgresql://app:{url(secret)}@db2/shop')",
    "url parameter": lambda secret: f"SELECT dblink_connect('postgresql://db2/shop?user=app&password={url(secret)}')",
    "mysql": lambda secret: f"ALTER USER app IDENTIFIED BY {quoted(secret)}",
}
SEPARATORS = st.text("'\"\\ @&=$:/;,)xé", min_size=0, max_size=3)


@pytest.mark.parametrize("form", FORMS)
@given(between=SEPARATORS)
@example(between="")
def test_no_password_comes_through(form: str, between: str) -> None:
    """Neither half of it, whatever stands between them."""
    shown = redact_sql(FORMS[form](f"hunter{between}geheim"))
    assert "hunter" not in shown
    assert "geheim" not in shown


@pytest.mark.parametrize("form", FORMS)
@given(st.data())
def test_no_password_comes_through_that_is_cut(form: str, data: st.DataObject) -> None:
    """The server cuts a long query, anywhere; the first half of the password must not be left."""
    complete = FORMS[form]("huntergeheim")
    until = data.draw(st.integers(complete.index("hunter") + 6, len(complete)))
    assert "hunter" not in redact_sql(complete[:until])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "UPDATE orders SET amount = 2 WHERE id = 1",
        "SELECT * FROM users WHERE note = 'a:b@c'",
        "SELECT 'https://db2:5432/shop', 'a@b'",
    ],
)
def test_what_is_not_a_password_is_left_as_it_is(query: str) -> None:
    assert redact_sql(query) == query


@given(st.text("abc '\"\\$@:/=\n", max_size=40))
def test_what_has_no_password_in_it_is_never_mangled(text: str) -> None:
    assert redact_sql(text) == text or "://" in text


def test_a_long_query_is_made_safe_in_no_time() -> None:
    """Four thousand characters that look like the beginning of a secret, again and again."""
    for piece in ("password ", "password $a$", "://a:", "password='\\", "password E'", "identified by "):
        assert len(redact_sql(piece * (4_000 // len(piece)))) <= 8_000


@pytest.mark.parametrize(
    ("has_pip", "command"),
    [
        (True, f"{shlex.quote(sys.executable)} -m pip install 'psycopg[binary]'"),
        (False, "uv tool install --force '.[postgres]' in the checkout"),
    ],
)
def test_without_psycopg_the_command_of_this_python_is_named(
    monkeypatch: pytest.MonkeyPatch, has_pip: bool, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: Mock() if has_pip else None)
    with pytest.raises(ServerUnreachable) as refusal, connect(""):
        pass
    assert str(refusal.value) == f"this needs psycopg: {command}"
