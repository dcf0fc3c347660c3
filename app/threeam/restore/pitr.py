"""Point-in-time recovery: the target before the corrupted transaction, and what a server says about it. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.times import format_duration
from threeam.core.write.draft import Draft, DraftLine

ENGINES = ("postgres", "mariadb", "mysql")
RESTORED_PORT = 5433  # of the second server, as the runbook starts it
_NS_PER_US = 1_000


class RecoveryTarget(NamedTuple):
    """The time at which the replay must end: ``minus_ns`` before ``t``, the commit of the corrupted transaction."""

    t: Stamp
    minus_ns: int

    @property
    def ns(self) -> int:
        """Return the target: T − minus."""
        return self.t.ns - self.minus_ns

    @property
    def microsecond(self) -> str:
        """Return the last whole microsecond up to the target, as PostgreSQL writes it, in UTC."""
        return format_postgres_time(self.ns)

    @property
    def t_microsecond(self) -> str:
        """Return T in the same format, rounded down."""
        return format_postgres_time(self.t.ns)

    @property
    def second(self) -> str:
        """Return the second of the target, in UTC.

        mysqlbinlog stops at the first event of it, so never after the target.
        """
        stamp = Stamp(self.ns)
        return f"{stamp.iso_date} {stamp.time_of_day[:8]}"

    @property
    def search_begin(self) -> str:
        """Return the time two seconds before the target, in UTC.

        A transaction in a binary log has the time at which its last statement began.
        """
        stamp = Stamp((self.ns // NS_PER_S - 2) * NS_PER_S)
        return f"{stamp.iso_date} {stamp.time_of_day[:8]}"

    @property
    def search_end(self) -> str:
        """Return the end of the second after T, in UTC: the transaction itself is searched up to there."""
        stamp = Stamp((self.t.ns // NS_PER_S + 2) * NS_PER_S)
        return f"{stamp.iso_date} {stamp.time_of_day[:8]}"


def format_postgres_time(ns: int) -> str:
    """Return an instant as PostgreSQL writes it, in UTC, rounded down to its microsecond."""
    stamp = Stamp(ns)
    return f"{stamp.iso_date} {stamp.time_of_day[:15]}+00"


class ServerReport(NamedTuple):
    """Facts about a server, and obstacles to a restore to the target (empty: none is known).

    ``facts``: Markdown sentences, in which values of the server are code. ``obstacles``: sentences without such values.
    ``live_address``, ``restored_address``: how the live and the restored database are reached, without a password.
    """

    facts: Sequence[str]
    obstacles: Sequence[str]
    archive_command: str = ""
    live_address: str = ""
    restored_address: str = ""


def restore_draft(engine: str, target: RecoveryTarget, path: str) -> Draft:
    """Return the draft of the line that data is being restored, with the target and the runbook's path."""
    destination = target.microsecond if engine == "postgres" else f"{target.second}, and on by position or GTID"
    text = f"Restore: data of {engine} to {destination}, {format_duration(target.minus_ns)} before @{target.t}: {path}"
    line = DraftLine(text, (("RESTORE", "data"), ("FILE", os.path.basename(path))))
    return Draft.fixed([line])
