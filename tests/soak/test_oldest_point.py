"""What the oldest restorable point really is: the file in pg_wal says it in whole seconds, and in the log's zone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.commands import Run
from support.postgres import PASSWORD, Cluster, cluster, eventually
from threeam.core.format.entry import Stamp

pytestmark = pytest.mark.slow

ARCHIVED = {"archive_mode": "on", "archive_command": "true", "track_commit_timestamp": "on"}
ASKED = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(%s::text::xid)) * 1000000)::int8"
STOP = """SELECT (extract(epoch FROM substring(pg_read_file('pg_wal/' || name) FROM 'STOP TIME: (.{19})')::timestamp
 AT TIME ZONE current_setting('log_timezone')) * 1000000)::int8 FROM pg_ls_waldir() WHERE name LIKE '%%.backup'"""


def commit(live: Cluster) -> int:
    """A transaction: when it was committed, in microseconds."""
    with live.connect(autocommit=False) as session:
        session.execute("SELECT pg_logical_emit_message(true, '3am', 'x')")
        xid = session.execute("SELECT pg_current_xact_id()::text::int8").fetchall()[0][0]
        session.commit()
    return int(live.fact(ASKED, xid))


def later(live: Cluster) -> int:
    """One whose second is after that of the base backup, so that nothing depends on rounding."""
    stop = live.fact(STOP)
    eventually(lambda: live.fact("SELECT extract(epoch FROM now()) * 1000000 > %s + 1100000", stop), "the next second")
    return commit(live)


def asked(live: Cluster, run: Run, us: int, user: str = "postgres", code: int = 0) -> str:
    """The runbook for T."""
    done = run("restore", "data", "--at", f"@{Stamp(us * 1_000)}", "--engine", "postgres", "--dsn", live.dsn(user))
    assert done.returncode == code, done.stderr.decode()
    return str(done.stdout.decode())


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Asia/Kolkata", "America/Sao_Paulo"])
def test_the_zone_of_the_log_does_not_move_the_oldest_point(run: Run, zone: str) -> None:
    """CST is also Chicago and IST is also Israel: the abbreviation in the file must not be trusted."""
    with cluster({**ARCHIVED, "log_timezone": zone}) as live:
        live.base_backup(live.folder / "base")
        asked(live, run, later(live))


def test_a_commit_in_the_second_in_which_the_backup_ended_is_not_promised(run: Run) -> None:
    """It is in the backup already: a restore to the moment before it gives the corrupted row, and no error."""
    with cluster(ARCHIVED) as live:
        for n in range(20):
            t = commit(live)
            live.base_backup(live.folder / f"base{n}")
            if t - 1_000 > live.fact(STOP):  # both in one second: nearly always the first or the second time
                break
        else:
            pytest.fail("no commit and backup within one second")
        asked(live, run, t, code=1)


def test_what_it_asks_a_role_to_be_given_is_enough(run: Run) -> None:
    with cluster(ARCHIVED) as live, live.connect() as admin:
        admin.execute(f"CREATE ROLE m LOGIN PASSWORD '{PASSWORD}'".encode())
        live.base_backup(live.folder / "base")
        t = later(live)
        printed = asked(live, run, t, "m")
        for right in ("pg_monitor", "pg_read_server_files"):
            if right in printed:
                admin.execute(f"GRANT {right} TO m".encode())
        if "pg_read_file" in printed:
            admin.execute("GRANT EXECUTE ON FUNCTION pg_read_file(text) TO m")
        assert "is not known" not in asked(live, run, t, "m")


def test_the_pid_of_another_program_is_not_a_backend(run: Run, log: Path) -> None:
    with cluster() as live:
        done = run("blockers", "--dsn", live.dsn(), "--terminate", str(os.getpid()), "--yes")
    assert (done.returncode, done.stdout, log.exists()) == (1, b"", False)


def test_without_a_moment_it_is_a_usage_error(run: Run) -> None:
    assert run("restore", "data", "--engine", "postgres").returncode == 2
    assert run("restore", "data", "--engine", "postgres", "--xid", "800").returncode == 2
