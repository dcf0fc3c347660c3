"""Point-in-time recovery: the moment before the corruption, and the runbook that leads there. Pure."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from threeam.core.format.entry import NS_PER_S, Stamp
from threeam.core.format.markdown import escape_markdown, inline_code
from threeam.core.format.times import format_duration
from threeam.core.write.draft import Draft, DraftLine

ENGINES = ("postgres", "mariadb", "mysql")
DEFAULT_MINUS = "1ms"
RESTORED_PORT = 5433  # of the second server, as the runbook starts it
_NS_PER_US = 1_000  # ns


class RecoveryTarget(NamedTuple):
    """``t``: when the corrupted transaction was committed; ``minus_ns`` before it is where the replay must end."""

    t: Stamp
    minus_ns: int

    @property
    def ns(self) -> int:
        """T − minus."""
        return self.t.ns - self.minus_ns

    @property
    def microsecond(self) -> str:
        """The last whole microsecond that is not after it, as PostgreSQL writes it, in UTC with the offset."""
        return format_postgres_time(self.ns)

    @property
    def t_microsecond(self) -> str:
        """T itself, so written, rounded down."""
        return format_postgres_time(self.t.ns)

    @property
    def second(self) -> str:
        """The second that it is in, in UTC: mysqlbinlog stops at the first event of it, and so never after it."""
        at = Stamp(self.ns)
        return f"{at.iso_date} {at.time_of_day[:8]}"

    @property
    def search_begin(self) -> str:
        """Two seconds before the target, in UTC: a transaction has the time at which its last statement began."""
        at = Stamp((self.ns // NS_PER_S - 2) * NS_PER_S)
        return f"{at.iso_date} {at.time_of_day[:8]}"

    @property
    def search_end(self) -> str:
        """The end of the second after T, in UTC: up to there one looks for the transaction itself."""
        at = Stamp((self.t.ns // NS_PER_S + 2) * NS_PER_S)
        return f"{at.iso_date} {at.time_of_day[:8]}"


def format_postgres_time(ns: int) -> str:
    """An instant as PostgreSQL writes it, in UTC with the offset, rounded down to its microsecond."""
    at = Stamp(ns)
    return f"{at.iso_date} {at.time_of_day[:15]}+00"


class ServerReport(NamedTuple):
    """What a server says of itself, and what stands against a restore to the target (empty: nothing).

    ``says``: sentences in Markdown; a value of the server in them is code. ``against``: sentences of our own words.
    ``live``: how its database is reached, without a password; ``then``: how that of the restored one is.
    """

    facts: Sequence[str]
    obstacles: Sequence[str]
    archive_command: str = ""
    live_address: str = ""
    restored_address: str = ""


# How the live server and the restored one are reached if no server was asked.
_DEFAULT_ADDRESSES = {
    "postgres": ("port=5432 dbname=postgres", f"port={RESTORED_PORT} dbname=postgres"),
    "mariadb": ("--host=127.0.0.1 --user=root", ""),
    "mysql": ("--host=127.0.0.1 --user=root", ""),
}
_PROGRAMS = {
    "mariadb": {"client": "mariadb", "dump": "mariadb-dump", "admin": "mariadb-admin"},
    "mysql": {"client": "mysql", "dump": "mysqldump", "admin": "mysqladmin"},
}


def render_runbook(engine: str, target: RecoveryTarget, source: str, server: ServerReport | None = None) -> str:
    """The way to ``target`` and back into the live rows, as Markdown. ``source``: where T comes from."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # 20 ms: parsing options does not wait for it

    environment = Environment(
        loader=FunctionLoader(_load_template),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(text=escape_markdown, code=inline_code)
    engine_live, engine_then = _DEFAULT_ADDRESSES[engine]
    return environment.get_template(f"{engine}.md").render(
        target=target,
        step=5,
        **_PROGRAMS.get(engine, {}),
        minus=format_duration(target.minus_ns),
        at=str(target.t),
        t_us=target.t.ns // _NS_PER_US,
        source=source,
        live=shlex.quote((server.live_address if server is not None else "") or engine_live),
        then=shlex.quote((server.restored_address if server is not None else "") or engine_then),
        server=server,
    )


def _load_template(name: str) -> str:
    return (files("threeam.restore") / "runbooks" / name).read_text(encoding="utf-8")


def restore_draft(engine: str, target: RecoveryTarget, path: str) -> Draft:
    """Says to where data is being restored, and where the runbook lies."""
    where = target.microsecond if engine == "postgres" else f"{target.second}, and on by position or GTID"
    text = f"Restore: data of {engine} to {where}, {format_duration(target.minus_ns)} before @{target.t}: {path}"
    line = DraftLine(text, (("RESTORE", "data"), ("FILE", os.path.basename(path))))
    return Draft(lambda state, author, stamp: [line], needs_full_state=False)
