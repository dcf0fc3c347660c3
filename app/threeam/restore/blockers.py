"""Who blocks whom in a PostgreSQL: the tree of waiting backends, and the end of one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import ReportLine
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import redact_sql
from threeam.core.write.draft import Draft, DraftLine
from threeam.restore.prepared_transactions import PreparedTransaction, prepared_blockers

if TYPE_CHECKING:
    from threeam.restore.postgres import Connection

_MAX_QUERY_CHARS = 120  # characters of a query that are shown
_MAX_LOGGED_QUERY_CHARS = 500  # and that go into the log
HIDDEN_QUERY = "<insufficient privilege>"  # what PostgreSQL gives in place of another user's query
HIDDEN_SESSIONS_WARNING = "{} of {} sessions are not to be seen by this user: GRANT pg_monitor TO it, as a superuser"
_TERMINATION_TIMEOUT_S = 5.0  # within which a backend that is told to end has ended
_POLL_S = 0.02
_EXISTS_SQL = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"

# pg_locks.waitstart is of PostgreSQL 14: through a row's JSON an older one gives null.
_BACKENDS_SQL = """
SELECT a.pid, a.usename, a.datname, a.application_name,
       CASE WHEN a.client_addr IS NOT NULL THEN host(a.client_addr) WHEN a.client_port = -1 THEN 'local' ELSE '?' END,
       a.state,
       extract(epoch FROM clock_timestamp() - coalesce(a.state_change, a.backend_start))::float8,
       extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
       left(a.query, 4000), pg_blocking_pids(a.pid), l.mode, l.locktype, l.relation::regclass::text,
       extract(epoch FROM clock_timestamp() - (to_jsonb(l) ->> 'waitstart')::timestamptz)::float8,
       coalesce(a.backend_start::text, '') || ' ' || coalesce(a.xact_start::text, '')
  FROM pg_stat_activity a
  LEFT JOIN LATERAL (SELECT * FROM pg_locks p WHERE p.pid = a.pid AND NOT p.granted LIMIT 1) l ON true
 WHERE a.pid <> pg_backend_pid() AND coalesce(a.backend_type, '') <> ALL (%s)
"""
# They are processes of the server, and no sessions; pg_terminate_backend does not take them.
_NON_SESSION_TYPES = [
    *("checkpointer", "background writer", "walwriter", "archiver", "startup", "logger", "walreceiver", "io worker"),
    *("autovacuum launcher", "logical replication launcher", "walsummarizer", "slotsync worker"),
]
_SAME_WORK_CONDITION_SQL = (
    "pid = %s AND coalesce(backend_start::text, '') || ' ' || coalesce(xact_start::text, '') = %s"
)


class Backend(NamedTuple):
    """One process of the server, as it was at the time of asking. Seconds since; None: the server does not say.

    ``blocked_by``: the pids that it waits for. ``started``: when it was, and its transaction: with the pid that names
    this work of this process for good. ``prepared``: it is no process but a prepared transaction, and its pid is the
    negative number of that; a pid of 0 stands for prepared transactions that are not known.
    """

    pid: int
    user: str
    database: str
    application: str
    client: str
    state: str
    state_s: float | None
    transaction_s: float | None
    query: str
    blocked_by: tuple[int, ...]
    waits_for: str | None
    waits_s: float | None
    start_key: str
    prepared: PreparedTransaction | None = None


class BlockerNode(NamedTuple):
    """A backend in the tree: how deep, who waits for it directly, and the one that it stands below."""

    depth: int
    backend: Backend
    blocked_pids: tuple[int, ...]
    parent_pid: int | None = None

    @property
    def other_blockers(self) -> list[int]:
        """The pids that it waits for besides the one above it."""
        return [pid for pid in self.backend.blocked_by if pid != self.parent_pid]


def list_backends(connection: Connection) -> list[Backend]:
    """All backends of the server, and the prepared transactions that one of them waits for, by pid."""
    found = []
    prepared = prepared_blockers(connection)
    for row in connection.execute(_BACKENDS_SQL, (_NON_SESSION_TYPES,)):
        pid, user, database, application, client, state, state_s, transaction_s, query = row[:9]
        blocked_by, mode, kind, relation, waits_s, started = row[9:]
        if 0 in (blocked_by or ()) and pid in prepared:
            blocked_by = [other for other in blocked_by if other != 0] + [-one.xid for one in prepared[pid]]
        waits_for = None if mode is None else f"{mode} on {relation or kind}"
        if blocked_by and waits_for is None:
            waits_for = "a lock"
        found.append(
            Backend(
                pid,
                user or "?",
                database or "?",
                application or "",
                client,
                state or "?",
                state_s,
                transaction_s,
                redact_sql(query or ""),
                tuple(dict.fromkeys(blocked_by or ())),
                waits_for,
                waits_s if waits_for is not None else None,
                started or "",
            )
        )
    known = {one.xid: one for blockers in prepared.values() for one in blockers}
    return sorted([*found, *map(_backend_of_prepared, known.values())])


def _backend_of_prepared(prepared: PreparedTransaction) -> Backend:
    return Backend(
        -prepared.xid,
        prepared.owner,
        prepared.database,
        "",
        "?",
        "prepared",
        prepared.age_s,
        None,
        "",
        (),
        None,
        None,
        "",
        prepared,
    )


def build_blocker_tree(backends: Sequence[Backend]) -> list[BlockerNode]:
    """Those that wait, below the one that they wait for; first those that wait for nobody. Each stands there once."""
    known = {one.pid: one for one in backends}
    blocks: dict[int, list[int]] = {}
    for one in backends:
        for blocker in one.blocked_by:
            blocks.setdefault(blocker, []).append(one.pid)
            known.setdefault(blocker, _unknown_backend(blocker))
    concerned = [one for one in known.values() if one.blocked_by or one.pid in blocks]
    nodes: list[BlockerNode] = []
    seen: set[int] = set()

    def order(one: Backend) -> tuple[bool, bool, int, int]:
        # What is not below somebody who waits for nobody waits for a circle, or is in it; that comes first.
        in_circle = one.pid in _transitively_blocked(blocks, one.pid)
        return bool(one.blocked_by), not in_circle, -len(blocks.get(one.pid, ())), one.pid

    for first in sorted(concerned, key=order):
        stack: list[tuple[int, int, int | None]] = [(0, first.pid, None)]
        while stack:
            depth, pid, above = stack.pop()
            if pid in seen:
                continue
            seen.add(pid)
            below = tuple(sorted(blocks.get(pid, ())))
            nodes.append(BlockerNode(depth, known[pid], below, above))
            stack += [(depth + 1, other, pid) for other in reversed(below)]
    return nodes


def _unknown_backend(pid: int) -> Backend:
    return Backend(pid, "?", "?", "", "?", "?", None, None, "", (), None, None, "")


def format_backend(one: Backend) -> str:
    """``4711 app@orders · idle in transaction 12 min``, and what it waits for."""
    if one.prepared is not None:
        gid = f"prepared transaction {one.prepared.xid} {one.prepared.gid!r}"
        return escape_unprintable(f"{gid} {one.user}@{one.database} · prepared{_format_elapsed(one.state_s)} ago")
    if one.pid == 0:
        return "a prepared transaction that is not known (pg_prepared_xacts)"
    program = f" ({one.application})" if one.application else ""
    client = f" from {one.client}" if one.client not in ("local", "?", "", "127.0.0.1", "::1") else ""
    said = f"{one.pid} {one.user}@{one.database}{program}{client} · {one.state}{_format_elapsed(one.state_s)}"
    if one.transaction_s is not None and one.state == "active":
        said += f", in a transaction{_format_elapsed(one.transaction_s)}"
    if one.waits_for is not None:
        said += f" · waits{_format_elapsed(one.waits_s)} for {one.waits_for}"
    return escape_unprintable(said)


def format_query(backend: Backend, max_chars: int = _MAX_QUERY_CHARS) -> str:
    """Its query in one line."""
    query = escape_unprintable(" ".join(backend.query.split()))
    return query if len(query) <= max_chars else query[: max_chars - 1] + "…"


def node_line(node: BlockerNode) -> ReportLine:
    """A node as it is shown."""
    lead = "    " * node.depth + ("└ " if node.depth else "")
    return ReportLine(
        lead + format_backend(node.backend) + format_other_blockers(node),
        format_query(node.backend) or (termination_sql(node.backend) if node.backend.pid <= 0 else ""),
        icon="red" if node.depth == 0 else "yellow",
        command=termination_sql(node.backend),
    )


def format_other_blockers(node: BlockerNode) -> str:
    """Whom it waits for besides the one above it, in words; empty if for nobody."""
    others = [str(pid) if pid > 0 else f"prepared transaction {-pid or '?'}" for pid in node.other_blockers]
    return f", also for {', '.join(others)}" if others else ""


def termination_sql(backend: Backend) -> str:
    """The statement that ends ``backend``. A prepared transaction has no process that could be terminated."""
    if backend.prepared is not None:
        return backend.prepared.rollback_sql
    return f"SELECT pg_terminate_backend({backend.pid})" if backend.pid > 0 else "SELECT * FROM pg_prepared_xacts"


def why_not_terminable(backend: Backend) -> str:
    """Why ``backend``, which is no process, is not terminated, and what ends it."""
    where = (
        f", in the database {backend.database}, as {backend.user} or a superuser"
        if backend.prepared is not None
        else ""
    )
    return escape_unprintable(f"it is no process that could be terminated. {termination_sql(backend)} ends it{where}")


def terminate_backend(connection: Connection, backend: Backend, waiting_count: int) -> Draft:
    """Ends ``backend``, for whom ``waiting_count`` others wait, if it is still at the work at which it was seen; what to note.

    Raises `Declined` if it is not, or is no process, and `Unreachable` if it may not be ended. If the connection is
    lost after the server was asked, the backend may have ended, so there is something to note all the same.
    """
    if backend.pid <= 0:
        raise PreconditionFailed(why_not_terminable(backend))
    from threeam.restore.postgres import AnswerLost, execute_change

    host = _format_host(connection)
    asked = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_SAME_WORK_CONDITION_SQL}"
    try:
        done = execute_change(connection, asked, (backend.pid, backend.start_key))
    except AnswerLost as lost:
        doubt = f"asked for, and the answer was lost ({lost}), so look whether it has ended: "
        return _termination_draft(backend, waiting_count, host, uncertainty=doubt)
    if done is None:
        raise PreconditionFailed(
            f"{backend.pid} has gone by itself, or is at other work by now: nothing was terminated"
        )
    deadline = time.monotonic() + _TERMINATION_TIMEOUT_S
    try:
        while execute_change(connection, _EXISTS_SQL, (backend.pid,)) is not None:
            if not done[0] or time.monotonic() > deadline:
                return _termination_draft(
                    backend,
                    waiting_count,
                    host,
                    remark=f"; it was told to end, and is there still after {_TERMINATION_TIMEOUT_S:g} s",
                )
            time.sleep(_POLL_S)
    except AnswerLost as lost:
        doubt = f"asked for and begun, and the connection was lost ({lost}), so look whether it has ended: "
        return _termination_draft(backend, waiting_count, host, uncertainty=doubt)
    return _termination_draft(backend, waiting_count, host)


def interrupted_termination_draft(connection: Connection, backend: Backend, waiting_count: int) -> Draft:
    """Return what to note if `terminate` was interrupted: the server may have got the statement."""
    doubt = "asked for, and interrupted before its end was seen, so look whether it has ended: "
    return _termination_draft(backend, waiting_count, _format_host(connection), uncertainty=doubt)


def _termination_draft(
    backend: Backend, waiting_count: int, host: str, *, uncertainty: str = "", remark: str = ""
) -> Draft:
    query, which = (
        format_query(backend, _MAX_LOGGED_QUERY_CHARS),
        f"{format_backend(backend)} on {escape_unprintable(host)}",
    )
    text = f"Terminated: {escape_unprintable(uncertainty)}{which}, for whom {waiting_count} waited: {query or 'no query'}{remark}"
    line = DraftLine(text, (("TERMINATED", str(backend.pid)),))
    return Draft(lambda state, author, stamp: [line], needs_full_state=False)


def _format_host(connection: Connection) -> str:
    """The host that is asked, as the log may name it."""
    info = connection.info
    return f"{info.host or 'local'}:{info.port}/{info.dbname}"


def _format_elapsed(seconds: float | None) -> str:
    return "" if seconds is None else f" {format_duration(round(max(0.0, seconds) * 10) * 10**8)}"


def waiting_pids(nodes: Sequence[BlockerNode], pid: int) -> Iterator[int]:
    """The pids that wait for ``pid``, directly or through others."""
    yield from _transitively_blocked({node.backend.pid: node.blocked_pids for node in nodes}, pid) - {pid}


def _transitively_blocked(blocked_pids: Mapping[int, Sequence[int]], pid: int) -> set[int]:
    """Everybody who waits for ``pid``; in a circle it does so itself."""
    seen: set[int] = set()
    stack = list(blocked_pids.get(pid, ()))
    while stack:
        one = stack.pop()
        if one not in seen:
            seen.add(one)
            stack += blocked_pids.get(one, ())
    return seen
