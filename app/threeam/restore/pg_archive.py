"""Facts about a PostgreSQL: its archive, its base backup, and the transactions around T."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.core.format.markdown import inline_code
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import redact
from threeam.restore.pitr import RESTORED_PORT, RecoveryTarget, ServerReport, format_postgres_time
from threeam.restore.postgres import connection_strings

if TYPE_CHECKING:
    from threeam.restore.postgres import Connection

_WINDOW_NS = NS_PER_S  # on either side of T
_TRANSACTIONS_PER_QUERY = 10_000
_MAX_TRANSACTIONS_SCANNED = 2_000_000  # back from the newest: a busy hour
_MAX_TRANSACTIONS_LISTED = 20

_COMMIT_TIMES_SQL = """
SELECT x::text, (extract(epoch FROM t) * 1000000)::int8
  FROM (SELECT x, pg_xact_commit_timestamp((x %% 4294967296)::text::xid) AS t
          FROM generate_series(%s::int8, %s::int8) AS x WHERE x %% 4294967296 > 2) AS y
 WHERE t IS NOT NULL
"""


class Commit(NamedTuple):
    """A transaction and the time of its commit (ns, in whole microseconds)."""

    xid: int
    ns: int


def commit_time(connection: Connection, xid: int) -> int:
    """Return when ``xid`` was committed (ns). Raise `PreconditionFailed` if the server does not know it."""
    if not _tracks_commit_times(connection):
        raise PreconditionFailed("track_commit_timestamp is off on that server: name the time with --at")
    row, short_xid = None, xid % 2**32
    next_xid = _next_xid(connection)
    full_xid = next_xid - (next_xid - short_xid) % 2**32  # the last transaction with this number
    if short_xid > 2 and xid in (short_xid, full_xid):
        query = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(%s::text::xid)) * 1000000)::int8"
        row = connection.execute(query, (short_xid,)).fetchone()
    if row is None or row[0] is None:
        raise PreconditionFailed(f"no transaction {xid} was committed there, as far as the server remembers")
    return int(row[0]) * 1_000


def inspect_postgres(connection: Connection, target: RecoveryTarget, clock: Callable[[], int]) -> ServerReport:
    """Return facts about the server, and the obstacles to a restore to ``target``.

    What this user may not query is named among the facts.
    """
    facts, obstacles = [_describe_version(connection), _describe_clock_offset(connection, clock)], []
    mode, command = _read_setting(connection, "archive_mode"), _read_setting(connection, "archive_command")
    if mode == "off":
        obstacles.append("archive_mode is off: there is nothing to replay beyond the base backup")
    else:
        shown_command = inline_code(redact(command)) if command else "empty"
        facts.append(f"archive_mode is {inline_code(mode)}, archive_command {shown_command}")
        facts += _describe_archiver(connection)
    oldest_backup = _result_or_reason(
        lambda: _oldest_backup_end(connection), "the oldest restorable point is not known"
    )
    if isinstance(oldest_backup, str):
        facts.append(oldest_backup)
    else:
        stop_ns, label = oldest_backup
        end = format_postgres_time(stop_ns)
        backup = f"the end of its last base backup, {inline_code(label)}"
        facts.append(f"the oldest restorable point that it knows of: {end}, {backup}")
        if target.ns < stop_ns:
            obstacles.append(
                f"the target is before the end of the last base backup, {end}: "
                "it needs an older backup, which the server does not know of"
            )
    facts += _describe_transactions(connection, target)
    live, restored = connection_strings(connection, RESTORED_PORT)
    if escape_unprintable(live) != live:  # a newline could end the code block and begin another, which a user pastes
        facts.append(f"its address, {inline_code(live)}, cannot stand in a shell block: set LIVE and THEN by hand")
        live = restored = ""
    return ServerReport(facts, obstacles, redact(command) if mode != "off" else "", live, restored)


def _describe_version(connection: Connection) -> str:
    version, zone = (_read_setting(connection, name) for name in ("server_version", "TimeZone"))
    return f"PostgreSQL {inline_code(version)}, time zone {inline_code(zone)}"


def _describe_clock_offset(connection: Connection, clock: Callable[[], int]) -> str:
    """Return how far the server's clock is from ours. It is taken to have answered in the middle of the query."""
    before_ns, start_ns = clock(), time.monotonic_ns()
    row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8").fetchone()
    took_ns = time.monotonic_ns() - start_ns
    assert row is not None
    offset_ns = int(row[0]) * 1_000 - (before_ns + took_ns // 2)
    if abs(offset_ns) <= took_ns:
        return f"its clock agrees with this machine's, within {format_duration(took_ns)}"
    offset = f"{format_duration(abs(offset_ns))} {'ahead of' if offset_ns > 0 else 'behind'}"
    return f"its clock is {offset} this machine's (± {format_duration(took_ns // 2)}): T must be a time of its clock"


def _describe_archiver(connection: Connection) -> list[str]:
    row = connection.execute(
        "SELECT last_archived_wal, last_archived_time::text, last_failed_wal, last_failed_time::text,"
        " last_failed_time > last_archived_time FROM pg_stat_archiver"
    ).fetchone()
    assert row is not None
    wal, archived_at, failed_wal, failed_at, has_failed_since = row
    archived = f"the last segment that was archived: {inline_code(wal)}, {inline_code(archived_at or '?')}"
    facts = [archived if wal else "nothing has been archived yet"]
    if failed_wal:
        failure = "archiving FAILS" if has_failed_since or not wal else "archiving failed once"
        facts.append(f"{failure}: {inline_code(failed_wal)}, {inline_code(failed_at or '?')}")
    return facts


def _oldest_backup_end(connection: Connection) -> tuple[int, str]:
    """Return when the oldest base backup with a history file in pg_wal was finished (ns), and its label.

    STOP TIME in the file is in whole seconds, so the end of that second is taken. The server deletes the history files
    of backups before the last one.
    """
    names = [row[0] for row in connection.execute("SELECT name FROM pg_ls_waldir() WHERE name LIKE '%.backup'")]
    backups = []
    for name in sorted(names):
        row = connection.execute(
            # Zone abbreviations are ambiguous (CST, IST), so the setting log_timezone is used.
            "SELECT (extract(epoch FROM left(substring(t FROM 'STOP TIME: ([^\\n]+)'), 19)::timestamp"
            " AT TIME ZONE current_setting('log_timezone')))::int8,"
            " substring(t FROM 'LABEL: ([^\\n]+)') FROM pg_read_file('pg_wal/' || %s) AS t",
            (name,),
        ).fetchone()
        if row is not None and row[0] is not None:
            backups.append(((int(row[0]) + 1) * NS_PER_S, row[1] or name))
    if not backups:
        raise PreconditionFailed("no base backup has left its history file in pg_wal; it needs one from before T")
    return min(backups)


def _describe_transactions(connection: Connection, target: RecoveryTarget) -> list[str]:
    if not _tracks_commit_times(connection):
        return ["track_commit_timestamp is off: it cannot say which transaction was committed when"]
    t_ns = target.t.ns
    commits = _commits_around(connection, t_ns)
    if not commits:
        return [f"no transaction was committed within {format_duration(_WINDOW_NS)} of T"]
    nearest = sorted(commits, key=lambda commit: (abs(commit.ns - t_ns), commit.xid))[:_MAX_TRANSACTIONS_LISTED]
    facts = [f"committed within {format_duration(_WINDOW_NS)} of T: {len(commits)}, the nearest of them:"]
    for commit in sorted(nearest, key=lambda commit: (commit.ns, commit.xid)):
        distance = format_duration(abs(commit.ns - t_ns))
        position = "at T" if commit.ns == t_ns else f"{distance} {'before' if commit.ns < t_ns else 'after'} T"
        fate = "is replayed" if commit.ns <= target.ns else "is not replayed"
        facts.append(f"xid {commit.xid}, {format_postgres_time(commit.ns)}, {position}: {fate}")
    return facts


def _commits_around(connection: Connection, t_ns: int) -> list[Commit]:
    """Return the transactions that were committed within a second of ``t_ns``, scanned from the newest backward."""
    end, nearby = _next_xid(connection), []
    for high in range(end, max(3, end - _MAX_TRANSACTIONS_SCANNED), -_TRANSACTIONS_PER_QUERY):
        rows: list[Any] = connection.execute(
            _COMMIT_TIMES_SQL, (max(3, high - _TRANSACTIONS_PER_QUERY + 1), high)
        ).fetchall()
        commits = [Commit(int(xid), us * 1_000) for xid, us in rows]
        nearby += [commit for commit in commits if abs(commit.ns - t_ns) <= _WINDOW_NS]
        if not commits or max(commit.ns for commit in commits) < t_ns - _WINDOW_NS:
            break
    return nearby


def _next_xid(connection: Connection) -> int:
    """Return the number of the next transaction, with its epoch."""
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8").fetchone()
    assert row is not None
    return int(row[0])


def _tracks_commit_times(connection: Connection) -> bool:
    return _read_setting(connection, "track_commit_timestamp") == "on"


def _read_setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
    return str(row[0]) if row is not None and row[0] is not None else ""


def _result_or_reason(query: Callable[[], tuple[int, str]], unknown: str) -> tuple[int, str] | str:
    """Return what ``query`` returns, or a sentence why it failed, if rights are missing or there is nothing to find."""
    import psycopg

    try:
        return query()
    except PreconditionFailed as error:
        return f"{unknown}: {error}"
    except psycopg.errors.InsufficientPrivilege:
        return f"{unknown}: that needs a superuser, or pg_monitor and EXECUTE on pg_read_file(text)"
