"""The way to a PostgreSQL: one connection that asks and does no harm. psycopg is an extra, and imported only here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from threeam.core.journal import JournalError

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_CONNECT_S = 5
_ASK_MS = 10_000  # a question of ours that takes longer would be in the way itself
# A port is not a password, unless an @ follows it.
_URL = re.compile(
    r"(://[^/\s:@'\"]*:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))(?:[^\s'\"]*@|[^\s'\"]*)",
)
# SQL can quote it in a dozen ways, each of which can stand in a string in another: all that follows goes.
_SECRET = re.compile(r"(passw(?:or)?d|identified\s+by)\b(.*)", re.IGNORECASE | re.DOTALL)


class Unreachable(JournalError):
    """The server could not be asked, or would not answer; the message says why, and names no password."""


@contextmanager
def connected(dsn: str) -> Iterator[Connection]:
    """A connection to the server that ``dsn`` names; an empty one: what libpq's environment says (PGHOST, …).

    Raises `Unreachable`, also for what fails in the block.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise Unreachable("this needs psycopg: pip install '3am[postgres]'") from None
    try:
        password = str(conninfo_to_dict(dsn).get("password") or "")
    except psycopg.Error:  # what libpq says of it may be a piece of the password
        raise Unreachable("this DSN is none: write postgresql://user@host:5432/database") from None
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_S, application_name="3am") as connection:
            connection.execute(f"SET statement_timeout = {_ASK_MS}")
            yield connection
    except psycopg.Error as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        said = without_url_password(said.replace(password, "***") if password else said)
        raise Unreachable(f"PostgreSQL: {said}") from None


def without_url_password(text: str) -> str:
    """``text`` without the passwords of its URLs: nothing that was typed for a server is kept with one."""
    return _URL.sub(lambda url: f"{url[1]}***{'@' if url[0].endswith('@') else ''}", text)


def shown_dsn(dsn: str) -> str:
    """The server of ``dsn`` as it may be shown: host, port and database."""
    if not dsn:
        return "as PGHOST and its like say"
    try:
        from psycopg.conninfo import conninfo_to_dict

        given = conninfo_to_dict(dsn)
    except Exception:  # it will be said what is wrong with it when it is asked
        return "?"
    return f"{given.get('host', 'local')}:{given.get('port', 5432)}/{given.get('dbname', '')}"


def redacted(text: str) -> str:
    """``text``, SQL or a command, without what follows a word for a password in it, and without those of URLs."""
    return _SECRET.sub(r"\1 ***", without_url_password(text))
