"""`3am blockers` against a real PostgreSQL: who blocks whom, and the end of one of them as a line in the journal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.commands import Run, command, refused
from support.journals import entries, texts
from support.postgres import PASSWORD, Cluster, Sessions, cluster, eventually

USERS = ("app", "seer", "boss")  # an ordinary one, one who sees all and may end nothing, one who may end app's
HOLDS = "UPDATE orders SET amount = 2 WHERE id = 1"
WAITS = "UPDATE orders SET amount = 3 WHERE id = 1"
LINE = re.compile(r"^(?P<lead>[ └]*)(?P<pid>\d+) (?P<who>\S+) · (?P<rest>.*)$")
AGE = r"\d+(\.\d+)?(ms|s|m)"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """One for all tests of this module, with a table that no test changes for good."""
    with cluster({"track_activity_query_size": "1MB", "max_prepared_transactions": "4"}) as server:
        with server.connect() as admin:
            admin.execute("CREATE TABLE orders (id int PRIMARY KEY, amount int)")
            admin.execute("INSERT INTO orders SELECT g, 1 FROM generate_series(1, 9) AS g")
            admin.execute("CREATE TABLE numbers (id int)")
            for user in USERS:
                admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'".encode())
                admin.execute(f"GRANT ALL ON orders TO {user}".encode())
            admin.execute("GRANT pg_monitor TO seer")
            admin.execute("GRANT app TO boss")
        yield server


@pytest.fixture
def night(server: Cluster) -> Iterator[Sessions]:
    """Sessions on it, ended after the test."""
    sessions = Sessions(server)
    yield sessions
    sessions.close()


def rows(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    """The objects of --json."""
    assert (done.returncode, done.stderr) == (0, b""), done
    return [json.loads(line) for line in done.stdout.splitlines()]


def lines(done: subprocess.CompletedProcess[bytes]) -> list[tuple[int, int, str]]:
    """The processes of the text: how far indented, pid, and what is said after ``user@database``."""
    assert (done.returncode, done.stderr) == (0, b""), done
    matched = [match for line in done.stdout.decode().splitlines() if (match := LINE.match(line))]
    return [(len(match["lead"]), int(match["pid"]), match["rest"]) for match in matched]


def nowhere(secret: str, done: subprocess.CompletedProcess[bytes], log: Path) -> None:
    """``secret`` is not in what was said, and not in what was written."""
    written = log.read_bytes() if log.exists() else b""
    for where, what in (("stdout", done.stdout), ("stderr", done.stderr), ("the log", written)):
        assert secret.encode() not in what, f"{secret!r} is in {where}: {what!r}"


def test_a_row_lock_held_idle_in_transaction(server: Cluster, night: Sessions, run: Run) -> None:
    blocker, waiter = night.holds(HOLDS), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn())
    (first, pid, rest), (below, other, waits) = lines(done)
    assert (pid, other) == (blocker, waiter)
    assert (first, below > 0) == (0, True)
    assert re.fullmatch(f"idle in transaction {AGE}", rest)
    assert re.search(rf"active {AGE}.* waits {AGE} for ShareLock on transactionid", waits)
    assert HOLDS in done.stdout.decode()
    assert WAITS in done.stdout.decode()


def test_json_says_the_same_in_numbers(server: Cluster, night: Sessions, run: Run) -> None:
    blocker, waiter = night.holds(HOLDS), night.waits(WAITS)
    first, second = rows(run("blockers", "--json", "--dsn", server.dsn()))
    who = {"user": "postgres", "database": "postgres", "application": "", "client": "127.0.0.1"}
    idle = {**who, "pid": blocker, "state": "idle in transaction", "query": HOLDS, "waits_for": None, "waits_s": None}
    assert {**first, **idle, "blocked_by": [], "blocks": [waiter], "depth": 0} == first
    active = {**who, "pid": waiter, "state": "active", "query": WAITS, "waits_for": "ShareLock on transactionid"}
    assert {**second, **active, "blocked_by": [blocker], "blocks": [], "depth": 1} == second
    assert isinstance(first["state_s"], float)
    assert 0 < second["waits_s"] < 60


def test_a_chain_is_indented_link_by_link(server: Cluster, night: Sessions, run: Run) -> None:
    a = night.holds(HOLDS)
    b = night.waits(WAITS, "UPDATE orders SET amount = 3 WHERE id = 2")
    c = night.waits("UPDATE orders SET amount = 4 WHERE id = 2")
    shown = lines(run("blockers", "--dsn", server.dsn()))
    assert [pid for _, pid, _ in shown] == [a, b, c]
    assert shown[0][0] < shown[1][0] < shown[2][0]
    assert [record["depth"] for record in rows(run("blockers", "--json", "--dsn", server.dsn()))] == [0, 1, 2]


def test_a_table_lock_is_named_with_the_table(server: Cluster, night: Sessions, run: Run) -> None:
    night.holds("LOCK TABLE orders")
    night.waits(WAITS)
    assert "for RowExclusiveLock on orders" in lines(run("blockers", "--dsn", server.dsn()))[1][2]


def test_two_that_wait_for_nobody_have_their_own_below_them(server: Cluster, night: Sessions, run: Run) -> None:
    a, b = night.holds(HOLDS), night.holds("UPDATE orders SET amount = 2 WHERE id = 2")
    under_a, under_b = night.waits(WAITS), night.waits("UPDATE orders SET amount = 3 WHERE id = 2")
    night.holds("UPDATE orders SET amount = 2 WHERE id = 3")  # blocks nobody, waits for nobody: is not there
    shown = [(pid, lead > 0) for lead, pid, _ in lines(run("blockers", "--dsn", server.dsn()))]
    assert shown in (
        [(a, False), (under_a, True), (b, False), (under_b, True)],
        [(b, False), (under_b, True), (a, False), (under_a, True)],
    )


def test_one_that_waits_for_two_stands_once_and_names_the_other(server: Cluster, night: Sessions, run: Run) -> None:
    a, b = night.holds("LOCK TABLE orders IN SHARE MODE"), night.holds("LOCK TABLE orders IN SHARE MODE")
    waiter = night.waits("LOCK TABLE orders")
    shown = lines(run("blockers", "--dsn", server.dsn()))
    pids = [pid for _, pid, _ in shown]
    assert sorted(pids) == sorted([a, b, waiter])
    index = pids.index(waiter)
    above, other = pids[index - 1], ({a, b} - {pids[index - 1]}).pop()
    assert above in (a, b)
    assert str(other) in shown[index][2], f"it is below {above}, and nothing says that it waits for {other} too"
    assert str(above) not in shown[index][2]
    at_waiter = next(row for row in rows(run("blockers", "--json", "--dsn", server.dsn())) if row["pid"] == waiter)
    assert sorted(at_waiter["blocked_by"]) == sorted([a, b])


def test_a_prepared_transaction_is_named_and_ended_by_the_statement_that_is_offered(
    server: Cluster, night: Sessions, run: Run
) -> None:
    gids = ["left behind", "it's the \\ other", "holds nothing in the way"]
    night.holds(HOLDS, f"PREPARE TRANSACTION '{gids[0]}'")
    night.holds("LOCK TABLE numbers IN SHARE MODE", "PREPARE TRANSACTION 'it''s the \\ other'")
    night.holds("INSERT INTO orders VALUES (99, 1)", f"PREPARE TRANSACTION '{gids[2]}'")
    try:
        waiters = [night.waits(WAITS), night.waits("INSERT INTO numbers VALUES (1)")]
        shown = run("blockers", "--dsn", server.dsn()).stdout.decode()
        listed = rows(run("blockers", "--json", "--dsn", server.dsn()))
        by_gid = {row["prepared"]: row for row in listed if row["prepared"] is not None}
        assert {gid: row["blocks"] for gid, row in by_gid.items()} == dict(
            zip(gids, [[pid] for pid in waiters], strict=False)
        )
        assert {row["pid"] for row in listed} == {None, *waiters}
        assert [row["blocked_by_prepared"] for row in listed if row["pid"] == waiters[0]] == [[by_gid[gids[0]]["xid"]]]
        assert "pg_terminate_backend" not in shown
        statements = re.findall(r"^ *(ROLLBACK PREPARED .*)$", shown, re.MULTILINE)
        assert len(statements) == 2, shown
        for pid in (0, -by_gid[gids[0]]["xid"]):
            sentence = refused(run("blockers", f"--terminate={pid}", "--yes", "--dsn", server.dsn()), 1)
            assert "nothing was terminated" in sentence
        for statement in statements:
            night.admin.execute(statement.encode())
        eventually(lambda: not run("blockers", "--dsn", server.dsn()).stdout, "nobody waits any more")
    finally:
        for gid in server.fact("SELECT coalesce(array_agg(gid::text), '{}') FROM pg_prepared_xacts"):
            night.admin.execute(f"ROLLBACK PREPARED $q${gid}$q$".encode())


def test_nobody_blocked(server: Cluster, night: Sessions, run: Run, log: Path) -> None:
    night.holds(HOLDS)
    assert "no backend waits for another" in refused(run("blockers", "--dsn", server.dsn()), 0)
    assert run("blockers", "--json", "--dsn", server.dsn()).stdout == b""
    assert not log.exists()


def test_without_a_dsn_libpq_is_asked(server: Cluster, night: Sessions, run: Run) -> None:
    blocker, _ = night.holds(HOLDS), night.waits(WAITS)
    known = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
    assert lines(run("blockers", **known, PGPASSWORD=PASSWORD))[0][1] == blocker
    refused(run("blockers", **known, PGPASSWORD="wrong-3am"), 3)


def test_an_ordinary_role_is_served_with_what_it_may_see(server: Cluster, night: Sessions, run: Run) -> None:
    blocker, waiter = night.holds(HOLDS), night.waits(WAITS)
    done = run("blockers", "--json", "--dsn", server.dsn("app"))
    assert done.returncode == 0
    assert b"2 of 2 sessions are hidden from this user: GRANT pg_monitor" in done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert [first["pid"], second["pid"]] == [blocker, waiter]
    assert HOLDS not in first["query"]
    assert first["client"] != "local", "the role may not see where it comes from: then nothing is said of it"


@pytest.mark.parametrize("query", ["SELECT 1,\n\t2\r\n", "SELECT '\x1b]0;x\x07\x1b[2J'", "SELECT '‮x'"])
def test_a_query_is_one_safe_line(server: Cluster, night: Sessions, run: Run, log: Path, query: str) -> None:
    blocker, _ = night.holds(HOLDS, query), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn())
    assert len(done.stdout.splitlines()) == 4
    for bad in (b"\x1b", b"\x07", b"\r", b"\t", "‮".encode()):
        assert bad not in done.stdout
    assert run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), "--yes").returncode == 0
    assert len(entries(log)) >= 1  # every line is whole


def test_a_query_of_200_kb_is_cut(server: Cluster, night: Sessions, run: Run, log: Path) -> None:
    blocker, _ = night.holds(HOLDS, f"SELECT '{'x' * 200_000}'"), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn())
    assert all(len(line) < 300 for line in done.stdout.decode().splitlines())
    assert run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), "--yes").returncode == 0
    assert log.stat().st_size < 4_000


@pytest.mark.parametrize(("more", "answer"), [(("--yes",), b""), ((), b"y\n"), ((), b"YES\n"), ((), b" Yes ")])
def test_a_backend_is_terminated_and_the_journal_says_so(
    server: Cluster, night: Sessions, run: Run, log: Path, more: tuple[str, ...], answer: bytes
) -> None:
    blocker = night.holds(HOLDS)
    night.waits(WAITS, "UPDATE orders SET amount = 3 WHERE id = 2")
    night.waits("UPDATE orders SET amount = 4 WHERE id = 2")
    done = run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), *more, stdin=answer)
    assert done.returncode == 0, done
    assert not night.there(blocker)
    (entry,) = [entry for entry in entries(log) if entry.kind != "ceremony"]
    assert done.stdout == log.read_bytes()
    assert ("TERMINATED", str(blocker)) in entry.tags
    assert entry.text.startswith("Terminated: ")
    for piece in (str(blocker), "postgres@postgres", "127.0.0.1", "idle in transaction", " 2 waited", HOLDS):
        assert piece in entry.text
    assert (b"?" in done.stderr) == (not more)
    if not more:
        assert b"2 wait" in done.stderr
        assert str(blocker).encode() in done.stderr
    nowhere(PASSWORD, done, log)


def test_ctrl_c_after_the_server_was_asked_is_in_the_journal(server: Cluster, night: Sessions, log: Path) -> None:
    blocker = night.holds(HOLDS)
    os.kill(blocker, signal.SIGSTOP)  # it is told to end, and does not
    argv = [command(), "blockers", "--dsn", server.dsn(), "--terminate", str(blocker), "--yes"]
    try:
        with (
            subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ended,
            server.connect() as admin,
        ):
            seen = b"SELECT 1 FROM pg_stat_activity WHERE application_name = '3am' AND query LIKE 'SELECT 1 FROM pg_%'"
            eventually(lambda: admin.execute(seen).fetchone() is not None, "its end is awaited")
            ended.send_signal(signal.SIGINT)
            out, err = ended.communicate(timeout=60)
    finally:
        os.kill(blocker, signal.SIGCONT)
    assert (ended.returncode, err) == (130, b"")
    (entry,) = entries(log)
    assert out == log.read_bytes()
    assert ("TERMINATED", str(blocker)) in entry.tags
    assert entry.text.startswith("Terminated: asked for, and interrupted before its end was seen, so look whether")


@pytest.mark.parametrize("answer", [b"n\n", b"no\n", b"", b"\n", b"yup\n", b"\xff\xfe\n"])
def test_anything_but_yes_leaves_it_alone(server: Cluster, night: Sessions, run: Run, log: Path, answer: bytes) -> None:
    blocker, _ = night.holds(HOLDS), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), stdin=answer)
    assert (done.returncode, done.stdout) == (1, b""), done
    assert b"Traceback" not in done.stderr
    assert night.there(blocker)
    assert not log.exists()


@pytest.mark.parametrize("meanwhile", ["gone", "at other work"])
def test_who_blocks_nobody_any_more_when_the_answer_comes_is_left_alone(
    server: Cluster, night: Sessions, log: Path, meanwhile: str
) -> None:
    """A session of a pool has long committed, and is in somebody else's transaction: that one must not be lost."""
    blocker, _ = night.holds(HOLDS), night.waits(WAITS)
    argv = [command(), "blockers", "--dsn", server.dsn(), "--terminate", str(blocker)]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as asks:
        assert asks.stderr is not None
        stderr = b""
        while b"?" not in stderr and (more := asks.stderr.read(1)):  # the question has no end of line
            stderr += more
        if meanwhile == "gone":
            night.admin.execute("SELECT pg_terminate_backend(%s, 5000)", (blocker,))
        else:
            night.goes_on(blocker, "ROLLBACK", "BEGIN", "UPDATE orders SET amount = 5 WHERE id = 5")
        out, _ = asks.communicate(b"y\n", timeout=60)
    assert (asks.returncode, out) == (1, b"")
    assert night.there(blocker) == (meanwhile != "gone")
    assert not log.exists()


@pytest.mark.parametrize("which", ["4194304", "0", "99999999999999999999", "checkpointer"])
def test_what_is_not_a_backend_is_not_terminated(
    server: Cluster, night: Sessions, run: Run, log: Path, which: str
) -> None:
    if which == "checkpointer":  # a process of the server's own: pg_terminate_backend does not take it
        row = night.admin.execute("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'").fetchone()
        assert row is not None
        which = str(row[0])
    assert which in refused(run("blockers", "--dsn", server.dsn(), "--terminate", which, "--yes"), 1)
    assert not log.exists()


@pytest.mark.parametrize("user", ["app", "seer"])
def test_without_the_right_to_it_nobody_is_terminated(
    server: Cluster, night: Sessions, run: Run, log: Path, user: str
) -> None:
    blocker, _ = night.holds(HOLDS), night.waits(WAITS)
    sentence = refused(run("blockers", "--dsn", server.dsn(user), "--terminate", str(blocker), "--yes"), 3)
    assert "gone" not in sentence, "it is there still"
    assert night.there(blocker)
    assert not log.exists()


@pytest.mark.parametrize("user", ["app", "boss"])
def test_a_role_may_end_what_is_its_own(server: Cluster, night: Sessions, run: Run, log: Path, user: str) -> None:
    blocker, _ = night.holds(HOLDS, user="app"), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn(user), "--terminate", str(blocker), "--yes")
    assert done.returncode == 0, done
    assert not night.there(blocker)
    assert "app@postgres" in texts(log)[-1]


@pytest.mark.parametrize(
    ("dsn", "says"),
    [
        ("postgresql://postgres:falsch-3am@127.0.0.1:{port}/postgres", "password"),
        ("postgresql://postgres:falsch-3am@127.0.0.1:{port}/nowhere", "password"),
        ("postgresql://postgres:{right}@127.0.0.1:{port}/nowhere", "nowhere"),
        ("postgresql://postgres:falsch-3am@127.0.0.1:1/postgres", "refused"),
        ("postgresql://postgres:falsch-3am@localhost:1/postgres", "refused"),
        ("host=127.0.0.1,localhost port=1,1 user=postgres password=falsch-3am", "refused"),
        ("host=127.0.0.1 port=x password=falsch-3am", "port"),
        ("host=127.0.0.1 password='falsch-3am", "DSN"),
        ("host=127.0.0.1 password=a falsch-3am", "DSN"),
        ("postgresql://postgres:falsch-3am%zz@127.0.0.1/postgres", "DSN"),
        ("postgresql://postgres:falsch-3am@127.0.0.1:{port}/postgres?sslmode=falsch", "sslmode"),
        ("postgresql://postgres@127.0.0.1:{port}/postgres?password=falsch-3am", "password"),
        ("/nonsense/falsch-3am", "DSN"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--terminate", "1", "--yes")])
def test_a_server_that_cannot_be_asked_is_one_refused(
    server: Cluster, run: Run, log: Path, dsn: str, says: str, more: tuple[str, ...]
) -> None:
    done = run("blockers", "--dsn", dsn.format(port=server.port, right=PASSWORD), *more)
    assert says in refused(done, 3)
    for secret in ("falsch-3am", PASSWORD):
        nowhere(secret, done, log)
    assert not log.exists()


@pytest.mark.parametrize(
    "query",
    [
        "ALTER ROLE app PASSWORD 'hunter2'",
        "ALTER ROLE app PASSWORD $$hunter2$$",
        r"ALTER ROLE app PASSWORD E'o\'hunter2'",
        "SELECT 'host=db2 user=app password=hunter2 dbname=shop'",
        "SELECT 'host=db2 password=''hunter2'' dbname=shop'",
        r"SELECT E'host=db2 password=\'hunter2\' dbname=shop'",
        "SELECT 'postgresql://app:hunter2@db2/shop'",
        f"SELECT '{'x' * 3970}', 'password=hunter2'",
    ],
)
def test_a_password_in_a_query_does_not_come_into_the_log(
    server: Cluster, night: Sessions, run: Run, log: Path, query: str
) -> None:
    blocker, _ = night.holds(HOLDS, query), night.waits(WAITS)
    shown = run("blockers", "--dsn", server.dsn())
    done = run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), "--yes")
    assert done.returncode == 0, done
    assert texts(log)
    for result in (shown, done):
        nowhere("hunter2", result, log)


def test_a_termination_that_the_journal_does_not_take_is_reported(
    server: Cluster, night: Sessions, run: Run, tmp_path: Path
) -> None:
    blocker, _ = night.holds(HOLDS), night.waits(WAITS)
    done = run("blockers", "--dsn", server.dsn(), "--terminate", str(blocker), "--yes", SANITY_LOG=str(tmp_path))
    stderr = done.stderr.decode()
    if night.there(blocker):  # to look first is as good
        assert done.returncode == 3
    else:
        assert (done.returncode, done.stdout) == (3, b"")
        assert f"{blocker} is terminated" in stderr
        assert "not in the log" in stderr


def test_without_psycopg_it_says_how_to_get_it(log: Path) -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from threeam.cli.main import main; sys.exit(main(['blockers', '--dsn', 'postgresql://a:hunter2@b/c']))"
    )
    argv = [sys.executable, "-c", program]
    done = subprocess.run(argv, capture_output=True, timeout=60, env=dict(os.environ), check=False)
    assert f"this needs psycopg: {sys.executable} -m pip install 'psycopg[binary]'" in refused(done, 3)
    nowhere("hunter2", done, log)
