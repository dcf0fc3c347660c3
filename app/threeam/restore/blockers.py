"""Who blocks whom in a PostgreSQL: build the tree of waiting backends, and terminate one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import escape_unprintable
from threeam.core.format.report import ReportLine
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import redact_sql
from threeam.core.write.draft import Draft, DraftLine
from threeam.restore.prepared_transactions import PreparedTransaction, prepared_blockers

if TYPE_CHECKING:
    from threeam.restore.postgres import Connection

_MAX_QUERY_CHARS = 120  # shown of a query
_MAX_LOGGED_QUERY_CHARS = 500
_HIDDEN_QUERY = "<insufficient privilege>"  # PostgreSQL's replacement for another user's query
NOBODY_WAITS = "no backend waits for another"
_TERMINATION_TIMEOUT_S = 5.0  # for a backend to end after pg_terminate_backend
_POLL_S = 0.02
_EXISTS_SQL = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"

# pg_locks.waitstart came with PostgreSQL 14: read through the row's JSON, it is null in older versions.
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
# Processes of the server that are not sessions: pg_terminate_backend does not accept them.
_NON_SESSION_TYPES = [
    *("checkpointer", "background writer", "walwriter", "archiver", "startup", "logger", "walreceiver", "io worker"),
    *("autovacuum launcher", "logical replication launcher", "walsummarizer", "slotsync worker"),
]
# True while a backend is in the transaction that `Backend.start_key` names.
_SAME_WORK_CONDITION_SQL = (
    "pid = %s AND coalesce(backend_start::text, '') || ' ' || coalesce(xact_start::text, '') = %s"
)


class Backend(NamedTuple):
    """A process of the server when it was listed. Seconds since then; None: the server does not report it.

    ``blocked_by``: the pids that it waits for. ``start_key``: when the backend and its transaction started; with the
    pid this identifies one transaction uniquely. ``prepared``: it is not a process but a prepared transaction; its pid
    is the negative number of that. A pid of 0 stands for prepared transactions that are not known.
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
    """A backend in the tree: its depth, the pids that wait for it directly, and the backend above it."""

    depth: int
    backend: Backend
    blocked_pids: tuple[int, ...]
    parent_pid: int | None = None

    @property
    def other_blockers(self) -> list[int]:
        """Return the pids that it waits for besides its parent."""
        return [pid for pid in self.backend.blocked_by if pid != self.parent_pid]

    def to_json(self) -> dict[str, Any]:
        """Return the backend under the keys of ``3am blockers --json``."""
        backend, prepared = self.backend, self.backend.prepared
        return {
            "pid": backend.pid if backend.pid > 0 else None,
            "prepared": escape_unprintable(prepared.gid) if prepared is not None else None,
            "xid": prepared.xid if prepared is not None else None,
            "user": escape_unprintable(backend.user),
            "database": escape_unprintable(backend.database),
            "application": escape_unprintable(backend.application),
            "client": escape_unprintable(backend.client),
            "state": backend.state,
            "state_s": backend.state_s,
            "transaction_s": backend.transaction_s,
            "query": escape_unprintable(backend.query),
            "waits_for": backend.waits_for,
            "waits_s": backend.waits_s,
            "blocked_by": [pid for pid in backend.blocked_by if pid > 0],
            "blocked_by_prepared": [-pid for pid in backend.blocked_by if pid < 0],
            "blocks": list(self.blocked_pids),
            "depth": self.depth,
        }


def list_backends(connection: Connection) -> list[Backend]:
    """Return the backends of the server and the prepared transactions that they wait for, sorted by pid."""
    backends = []
    prepared = prepared_blockers(connection)
    for row in connection.execute(_BACKENDS_SQL, (_NON_SESSION_TYPES,)):
        pid, user, database, application, client, state, state_s, transaction_s, query = row[:9]
        blocked_by, mode, lock_type, relation, waits_s, start_key = row[9:]
        if 0 in (blocked_by or ()) and pid in prepared:
            blocked_by = [other for other in blocked_by if other != 0]
            blocked_by += [-transaction.xid for transaction in prepared[pid]]
        waits_for = None if mode is None else f"{mode} on {relation or lock_type}"
        if blocked_by and waits_for is None:
            waits_for = "a lock"
        backends.append(
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
                start_key or "",
            )
        )
    transactions = {transaction.xid: transaction for blockers in prepared.values() for transaction in blockers}
    return sorted([*backends, *map(_backend_of_prepared, transactions.values())])


def _backend_of_prepared(prepared: PreparedTransaction) -> Backend:
    backend = _unknown_backend(-prepared.xid)
    return backend._replace(
        user=prepared.owner,
        database=prepared.database,
        state="prepared",
        state_s=prepared.age_s,
        prepared=prepared,
    )


def _unknown_backend(pid: int) -> Backend:
    return Backend(pid, "?", "?", "", "?", "?", None, None, "", (), None, None, "")


def build_blocker_tree(backends: Sequence[Backend]) -> list[BlockerNode]:
    """Return the backends that block or wait, in the order of the tree: each once, below one that it waits for.

    The roots wait for no backend, or are in a circle of backends that wait for each other.
    """
    backend_by_pid = {backend.pid: backend for backend in backends}
    blocked_pids: dict[int, list[int]] = {}
    for backend in backends:
        for blocker in backend.blocked_by:
            blocked_pids.setdefault(blocker, []).append(backend.pid)
            backend_by_pid.setdefault(blocker, _unknown_backend(blocker))
    involved = [backend for backend in backend_by_pid.values() if backend.blocked_by or backend.pid in blocked_pids]

    def root_order(backend: Backend) -> tuple[bool, bool, int, int]:
        # A backend that is below no root waits for a circle, or is in one. Those in one come first.
        is_in_circle = backend.pid in _transitively_blocked(blocked_pids, backend.pid)
        return bool(backend.blocked_by), not is_in_circle, -len(blocked_pids.get(backend.pid, ())), backend.pid

    nodes: list[BlockerNode] = []
    seen: set[int] = set()
    for root in sorted(involved, key=root_order):
        stack: list[tuple[int, int, int | None]] = [(0, root.pid, None)]
        while stack:
            depth, pid, parent_pid = stack.pop()
            if pid in seen:
                continue
            seen.add(pid)
            children = tuple(sorted(blocked_pids.get(pid, ())))
            nodes.append(BlockerNode(depth, backend_by_pid[pid], children, parent_pid))
            stack += [(depth + 1, child, pid) for child in reversed(children)]
    return nodes


def format_backend(backend: Backend) -> str:
    """Return ``4711 app@orders · idle in transaction 12 min``, and what it waits for."""
    if backend.prepared is not None:
        transaction = f"prepared transaction {backend.prepared.xid} {backend.prepared.gid!r}"
        age = f"prepared{_format_elapsed(backend.state_s)} ago"
        return escape_unprintable(f"{transaction} {backend.user}@{backend.database} · {age}")
    if backend.pid == 0:
        return "a prepared transaction that is not known (pg_prepared_xacts)"
    program = f" ({backend.application})" if backend.application else ""
    client = f" from {backend.client}" if backend.client not in ("local", "?", "", "127.0.0.1", "::1") else ""
    text = f"{backend.pid} {backend.user}@{backend.database}{program}{client}"
    text += f" · {backend.state}{_format_elapsed(backend.state_s)}"
    if backend.transaction_s is not None and backend.state == "active":
        text += f", in a transaction{_format_elapsed(backend.transaction_s)}"
    if backend.waits_for is not None:
        text += f" · waits{_format_elapsed(backend.waits_s)} for {backend.waits_for}"
    return escape_unprintable(text)


def format_query(backend: Backend, max_chars: int = _MAX_QUERY_CHARS) -> str:
    """Return the query of a backend in one line."""
    query = escape_unprintable(" ".join(backend.query.split()))
    return query if len(query) <= max_chars else query[: max_chars - 1] + "…"


def blockers_report(nodes: Sequence[BlockerNode]) -> list[ReportLine]:
    """Return the tree as lines of a report. A last line says how many sessions the user may not see."""
    lines = [node_line(node) for node in nodes] or [ReportLine(NOBODY_WAITS, icon="ok")]
    warning = hidden_sessions_warning(nodes)
    return [*lines, ReportLine(warning, icon="yellow")] if warning else lines


def hidden_sessions_warning(nodes: Sequence[BlockerNode]) -> str:
    """Return how many sessions of the tree the user may not see, and what shows them; empty if there is none."""
    hidden_count = sum(node.backend.query == _HIDDEN_QUERY for node in nodes)
    if not hidden_count:
        return ""
    count = f"{hidden_count} of {len(nodes)} sessions"
    return f"{count} are hidden from this user: GRANT pg_monitor TO it, as a superuser"


def node_line(node: BlockerNode) -> ReportLine:
    """Return a node as a line of a report, indented by its depth."""
    backend, sql = node.backend, termination_sql(node.backend)
    indent = "    " * node.depth + ("└ " if node.depth else "")
    detail = format_query(backend)
    if not detail and backend.pid <= 0:
        detail = sql
    icon = "red" if node.depth == 0 else "yellow"
    return ReportLine(
        f"{indent}{format_backend(backend)}{format_other_blockers(node)}", detail, icon=icon, command=sql, subject=node
    )


def format_other_blockers(node: BlockerNode) -> str:
    """Return ``, also for 4712``: what a node waits for besides its parent; empty if for nothing else."""
    others = [str(pid) if pid > 0 else f"prepared transaction {-pid or '?'}" for pid in node.other_blockers]
    return f", also for {', '.join(others)}" if others else ""


def termination_sql(backend: Backend) -> str:
    """Return the statement that ends ``backend``. A prepared transaction has no process to terminate."""
    if backend.prepared is not None:
        return backend.prepared.rollback_sql
    return f"SELECT pg_terminate_backend({backend.pid})" if backend.pid > 0 else "SELECT * FROM pg_prepared_xacts"


def why_not_terminable(backend: Backend) -> str:
    """Return why ``backend``, a prepared transaction, cannot be terminated, and what ends it."""
    rights = ""
    if backend.prepared is not None:
        rights = f", in the database {backend.database}, as {backend.user} or a superuser"
    return escape_unprintable(f"there is no process to terminate. {termination_sql(backend)} ends it{rights}")


def terminate_backend(connection: Connection, backend: Backend, waiting_count: int) -> Draft:
    """Terminate ``backend`` if it still is in the transaction in which it was listed. Return the draft that says so.

    ``waiting_count``: how many backends wait for it. Raise `PreconditionFailed` if it is not in that transaction or has
    no process, and `ServerUnreachable` if the server refuses. If the connection is lost after the statement was sent,
    the backend may have ended, so there is a draft all the same.
    """
    if backend.pid <= 0:
        raise PreconditionFailed(why_not_terminable(backend))
    from threeam.restore.postgres import AnswerLost, execute_change

    host = _format_host(connection)
    statement = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_SAME_WORK_CONDITION_SQL}"
    try:
        row = execute_change(connection, statement, (backend.pid, backend.start_key))
    except AnswerLost as lost:
        uncertainty = f"asked for, and the answer was lost ({lost}), so look whether it has ended: "
        return _termination_draft(backend, waiting_count, host, uncertainty=uncertainty)
    if row is None:
        raise PreconditionFailed(
            f"{backend.pid} has ended by itself, or is in another transaction by now: nothing was terminated"
        )
    deadline = time.monotonic() + _TERMINATION_TIMEOUT_S
    try:
        while execute_change(connection, _EXISTS_SQL, (backend.pid,)) is not None:
            if not row[0] or time.monotonic() > deadline:
                remark = f"; it was told to end, and is there still after {_TERMINATION_TIMEOUT_S:g}s"
                return _termination_draft(backend, waiting_count, host, remark=remark)
            time.sleep(_POLL_S)
    except AnswerLost as lost:
        uncertainty = f"asked for and begun, and the connection was lost ({lost}), so look whether it has ended: "
        return _termination_draft(backend, waiting_count, host, uncertainty=uncertainty)
    return _termination_draft(backend, waiting_count, host)


def interrupted_termination_draft(connection: Connection, backend: Backend, waiting_count: int) -> Draft:
    """Return the draft for an interrupted `terminate_backend`: the server may have got the statement."""
    uncertainty = "asked for, and interrupted before its end was seen, so look whether it has ended: "
    return _termination_draft(backend, waiting_count, _format_host(connection), uncertainty=uncertainty)


def _termination_draft(
    backend: Backend, waiting_count: int, host: str, *, uncertainty: str = "", remark: str = ""
) -> Draft:
    query = format_query(backend, _MAX_LOGGED_QUERY_CHARS) or "no query"
    subject = f"{escape_unprintable(uncertainty)}{format_backend(backend)} on {escape_unprintable(host)}"
    text = f"Terminated: {subject}, for whom {waiting_count} waited: {query}{remark}"
    line = DraftLine(text, (("TERMINATED", str(backend.pid)),))
    return Draft.fixed([line])


def _format_host(connection: Connection) -> str:
    """Return the server of a connection, without its user and password."""
    info = connection.info
    return f"{info.host or 'local'}:{info.port}/{info.dbname}"


def _format_elapsed(seconds: float | None) -> str:
    return "" if seconds is None else f" {format_duration(round(max(0.0, seconds) * 10) * 10**8)}"


def waiting_pids(nodes: Sequence[BlockerNode], pid: int) -> Iterator[int]:
    """Yield the pids that wait for ``pid``, directly or through others."""
    yield from _transitively_blocked({node.backend.pid: node.blocked_pids for node in nodes}, pid) - {pid}


def _transitively_blocked(blocked_pids: Mapping[int, Sequence[int]], pid: int) -> set[int]:
    """Return all pids that wait for ``pid``, directly or not; in a circle also ``pid`` itself."""
    seen: set[int] = set()
    stack = list(blocked_pids.get(pid, ()))
    while stack:
        blocked = stack.pop()
        if blocked not in seen:
            seen.add(blocked)
            stack += blocked_pids.get(blocked, ())
    return seen
