"""What a PostgreSQL says of its archive, of its base backup, and of the transactions around a moment."""

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
_TRANSACTIONS_PER_QUERY = 10_000  # transactions that are looked at in one question
_MAX_TRANSACTIONS_SCANNED = 2_000_000  # and in all, back from the newest: a busy hour
_MAX_TRANSACTIONS_LISTED = 20

_COMMIT_TIMES_SQL = """
SELECT x::text, (extract(epoch FROM t) * 1000000)::int8
  FROM (SELECT x, pg_xact_commit_timestamp((x %% 4294967296)::text::xid) AS t
          FROM generate_series(%s::int8, %s::int8) AS x WHERE x %% 4294967296 > 2) AS y
 WHERE t IS NOT NULL
"""


class Commit(NamedTuple):
    """A transaction and when it was committed (ns, whole microseconds)."""

    xid: int
    ns: int


def commit_time(connection: Connection, xid: int) -> int:
    """When ``xid`` was committed, in ns. Raises `Declined` where the server does not know."""
    if not _tracks_commit_times(connection):
        raise PreconditionFailed("track_commit_timestamp is off on that server: name the time with --at")
    row, low = None, xid % 2**32
    newest = _next_xid(connection)
    whole = newest - (newest - low) % 2**32  # the last transaction that had this number
    if low > 2 and xid in (low, whole):
        asked = "SELECT (extract(epoch FROM pg_xact_commit_timestamp(%s::text::xid)) * 1000000)::int8"
        row = connection.execute(asked, (low,)).fetchone()
    if row is None or row[0] is None:
        raise PreconditionFailed(f"no transaction {xid} was committed there, as far as the server remembers")
    return int(row[0]) * 1_000


def inspect_postgres(connection: Connection, target: RecoveryTarget, clock: Callable[[], int]) -> ServerReport:
    """What the server says, and what stands against restoring to ``target``. What is not ours to ask is told."""
    says, against = [_describe_version(connection), _describe_clock_offset(connection, clock)], []
    mode, command = _read_setting(connection, "archive_mode"), _read_setting(connection, "archive_command")
    if mode == "off":
        against.append("archive_mode is off: there is nothing to replay beyond the base backup")
    else:
        shown = inline_code(redact(command)) if command else "empty"
        says.append(f"archive_mode is {inline_code(mode)}, archive_command {shown}")
        says += _describe_archiver(connection)
    oldest = _result_or_reason(lambda: _oldest_backup_end(connection), "the oldest restorable point is not known")
    if isinstance(oldest, str):
        says.append(oldest)
    else:
        stop, label = oldest
        end = format_postgres_time(stop)
        says.append(
            f"the oldest restorable point that it knows of: {end}, the end of its last base backup, {inline_code(label)}"
        )
        if target.ns < stop:
            against.append(
                f"the target is before the end of the last base backup, {end}: it takes an older backup, of which the "
                "server does not know"
            )
    says += _describe_transactions(connection, target)
    live, then = connection_strings(connection, RESTORED_PORT)
    if (
        escape_unprintable(live) != live
    ):  # a newline in a block of code could end it, and begin another one that somebody pastes
        says.append(f"its address, {inline_code(live)}, cannot stand in a shell block: set LIVE and THEN by hand")
        live = then = ""
    return ServerReport(says, against, redact(command) if mode != "off" else "", live, then)


def _describe_version(connection: Connection) -> str:
    version, zone = (_read_setting(connection, name) for name in ("server_version", "TimeZone"))
    return f"PostgreSQL {inline_code(version)}, time zone {inline_code(zone)}"


def _describe_clock_offset(connection: Connection, clock: Callable[[], int]) -> str:
    """How far its clock is from ours: the middle of the question is taken for the time of the answer."""
    before, begun = clock(), time.monotonic_ns()
    row = connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8").fetchone()
    took = time.monotonic_ns() - begun
    assert row is not None
    off = int(row[0]) * 1_000 - (before + took // 2)
    way = "ahead of" if off > 0 else "behind"
    if abs(off) <= took:
        return f"its clock is ours, within {format_duration(took)}"
    return f"its clock is {format_duration(abs(off))} {way} this machine's (± {format_duration(took // 2)}): T must be of its clock"


def _describe_archiver(connection: Connection) -> list[str]:
    row = connection.execute(
        "SELECT last_archived_wal, last_archived_time::text, last_failed_wal, last_failed_time::text,"
        " last_failed_time > last_archived_time FROM pg_stat_archiver"
    ).fetchone()
    assert row is not None
    wal, at, failed, failed_at, fails = row
    archived = f"the last segment that was archived: {inline_code(wal)}, {inline_code(at or '?')}"
    says = [archived if wal else "nothing has been archived yet"]
    if failed:
        how = "archiving FAILS" if fails or not wal else "archiving failed once"
        says.append(f"{how}: {inline_code(failed)}, {inline_code(failed_at or '?')}")
    return says


def _oldest_backup_end(connection: Connection) -> tuple[int, str]:
    """When the oldest base backup whose history file is in pg_wal was finished (ns), and its label.

    The file says so to the second (STOP TIME), so it is taken for the end of that; the server deletes those of backups
    before the last one.
    """
    names = [row[0] for row in connection.execute("SELECT name FROM pg_ls_waldir() WHERE name LIKE '%.backup'")]
    found = []
    for name in sorted(names):
        row = connection.execute(
            # An abbreviation of a zone means another one elsewhere (CST, IST): the setting says which it is.
            "SELECT (extract(epoch FROM left(substring(t FROM 'STOP TIME: ([^\\n]+)'), 19)::timestamp"
            " AT TIME ZONE current_setting('log_timezone')))::int8,"
            " substring(t FROM 'LABEL: ([^\\n]+)') FROM pg_read_file('pg_wal/' || %s) AS t",
            (name,),
        ).fetchone()
        if row is not None and row[0] is not None:
            found.append(((int(row[0]) + 1) * NS_PER_S, row[1] or name))
    if not found:
        raise PreconditionFailed("no base backup has left its history file in pg_wal")
    return min(found)


def _describe_transactions(connection: Connection, target: RecoveryTarget) -> list[str]:
    if not _tracks_commit_times(connection):
        return ["track_commit_timestamp is off: it cannot say which transaction was committed when"]
    around = _commits_around(connection, target.t.ns)
    if not around:
        return [f"no transaction was committed within {format_duration(_WINDOW_NS)} of T"]
    nearest = sorted(around, key=lambda one: (abs(one.ns - target.t.ns), one.xid))[:_MAX_TRANSACTIONS_LISTED]
    said = [f"committed within {format_duration(_WINDOW_NS)} of T: {len(around)}, the nearest of them:"]
    for one in sorted(nearest, key=lambda one: (one.ns, one.xid)):
        where = "is replayed" if one.ns <= target.ns else "is not replayed"
        away = format_duration(abs(one.ns - target.t.ns))
        side = "at T" if one.ns == target.t.ns else f"{away} {'before' if one.ns < target.t.ns else 'after'} T"
        said.append(f"xid {one.xid}, {format_postgres_time(one.ns)}, {side}: {where}")
    return said


def _commits_around(connection: Connection, t_ns: int) -> list[Commit]:
    """The transactions that were committed within a second of ``t_ns``, looked at from the newest on."""
    end, found = _next_xid(connection), []
    for high in range(end, max(3, end - _MAX_TRANSACTIONS_SCANNED), -_TRANSACTIONS_PER_QUERY):
        rows: list[Any] = connection.execute(
            _COMMIT_TIMES_SQL, (max(3, high - _TRANSACTIONS_PER_QUERY + 1), high)
        ).fetchall()
        commits = [Commit(int(xid), us * 1_000) for xid, us in rows]
        found += [one for one in commits if abs(one.ns - t_ns) <= _WINDOW_NS]
        if not commits or max(one.ns for one in commits) < t_ns - _WINDOW_NS:
            break
    return found


def _next_xid(connection: Connection) -> int:
    """The next transaction's number, with its epoch."""
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8").fetchone()
    assert row is not None
    return int(row[0])


def _tracks_commit_times(connection: Connection) -> bool:
    return _read_setting(connection, "track_commit_timestamp") == "on"


def _read_setting(connection: Connection, name: str) -> str:
    row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
    return str(row[0]) if row is not None and row[0] is not None else ""


def _result_or_reason(query: Callable[[], tuple[int, str]], unknown: str) -> tuple[int, str] | str:
    """What ``query`` finds; or the sentence that says why not, where that is a matter of rights or of nothing there."""
    import psycopg

    try:
        return query()
    except PreconditionFailed as none:
        return f"{unknown}: {none}"
    except psycopg.errors.InsufficientPrivilege:
        return f"{unknown}: that takes a superuser, or pg_monitor and EXECUTE on pg_read_file(text)"
