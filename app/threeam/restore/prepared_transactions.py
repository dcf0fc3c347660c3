"""Prepared transactions that hold locks. PostgreSQL reports all of them as pid 0: they have no process."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from threeam.core.format.entry import escape_unprintable

if TYPE_CHECKING:
    from threeam.restore.postgres import Connection

# A lock of a prepared transaction has no pid. Its virtual transaction is that of the lock on the transaction's number.
_PREPARED_BLOCKERS_SQL = """
SELECT w.pid, w.mode, h.mode, p.transaction::text::int8, p.gid, p.owner::text, p.database::text,
       extract(epoch FROM clock_timestamp() - p.prepared)::float8
  FROM pg_locks w
  JOIN pg_locks h ON h.granted AND h.pid IS NULL AND h.locktype = w.locktype
   AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
       IS NOT DISTINCT FROM
       (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
  JOIN pg_locks x ON x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = h.virtualtransaction
  JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
 WHERE NOT w.granted AND w.pid IS NOT NULL
 ORDER BY w.pid, p.prepared
"""

_LOCK_MODES = (
    "AccessShare",
    "RowShare",
    "RowExclusive",
    "ShareUpdateExclusive",
    "Share",
    "ShareRowExclusive",
    "Exclusive",
)
# https://www.postgresql.org/docs/current/explicit-locking.html, table 13.2
_CONFLICTS = {
    "AccessShare": frozenset({"AccessExclusive"}),
    "RowShare": frozenset({"Exclusive", "AccessExclusive"}),
    "RowExclusive": frozenset({*_LOCK_MODES[4:], "AccessExclusive"}),
    "ShareUpdateExclusive": frozenset({*_LOCK_MODES[3:], "AccessExclusive"}),
    "Share": frozenset({"RowExclusive", "ShareUpdateExclusive", *_LOCK_MODES[5:], "AccessExclusive"}),
    "ShareRowExclusive": frozenset({*_LOCK_MODES[2:], "AccessExclusive"}),
    "Exclusive": frozenset({*_LOCK_MODES[1:], "AccessExclusive"}),
    "AccessExclusive": frozenset({*_LOCK_MODES, "AccessExclusive"}),
}


class PreparedTransaction(NamedTuple):
    """A prepared transaction: its number, its name, its owner and database, and its age (s)."""

    xid: int
    gid: str
    owner: str
    database: str
    age_s: float | None

    @property
    def rollback_sql(self) -> str:
        """Return the statement that ends it. It works only in its database, for its owner or a superuser."""
        return f"ROLLBACK PREPARED {_sql_literal(self.gid)}"


def prepared_blockers(connection: Connection) -> dict[int, list[PreparedTransaction]]:
    """Return the prepared transactions that each waiting backend (by pid) waits for."""
    blockers: dict[int, list[PreparedTransaction]] = {}
    for pid, wanted_mode, held_mode, xid, gid, owner, database, age_s in connection.execute(_PREPARED_BLOCKERS_SQL):
        prepared = PreparedTransaction(int(xid), gid, owner or "?", database or "?", age_s)
        conflicts = held_mode.removesuffix("Lock") in _CONFLICTS.get(wanted_mode.removesuffix("Lock"), ())
        if conflicts and prepared not in blockers.setdefault(pid, []):
            blockers[pid].append(prepared)
    return blockers


def _sql_literal(text: str) -> str:
    """Return ``text`` as an SQL string that can be shown and pasted; invisible characters are escaped."""
    quoted = text.replace("'", "''")
    if escape_unprintable(text) == text:
        return f"'{quoted}'"
    quoted = quoted.replace("\\", "\\\\")
    return "E'" + "".join(char if escape_unprintable(char) == char else f"\\U{ord(char):08X}" for char in quoted) + "'"
