"""The way to a PostgreSQL: one connection that asks and does no harm. psycopg is an extra, and imported only here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from threeam.core.errors import JournalError
from threeam.core.redact.redact import redact_url_passwords

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_UNESCAPED_PASSWORD = re.compile(r"\w+://[^?]*@[^?]*@")
_CONNECT_TIMEOUT_S = 5
_UNSURE_SQLSTATES = (
    "08",
    "57",
)  # classes of SQLSTATE: a lost connection; a statement that was cancelled, a server that ends
_STATEMENT_TIMEOUT_MS = 10_000  # a question of ours that takes longer would be in the way itself


class ServerUnreachable(JournalError):
    """The server could not be asked, or would not answer; the message says why, and names no password."""


class AnswerLost(ServerUnreachable):
    """The server was asked to do something, and what it has done is not known; the message says why."""


def execute_change(connection: Connection, statement: str, parameters: tuple[object, ...]) -> tuple[Any, ...] | None:
    """Return the first row of a statement that changes something.

    Raises `AnswerLost` if the statement was sent and the server may have executed it. Raises `psycopg.Error` if it
    has refused it.
    """
    import psycopg

    try:
        return connection.execute(statement, parameters).fetchone()
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate[:2] in _UNSURE_SQLSTATES:
            raise AnswerLost(_error_sentence(error, connection.info.password)) from None
        raise


@contextmanager
def connect(dsn: str) -> Iterator[Connection]:
    """A connection to the server that ``dsn`` names; an empty one: what libpq's environment says (PGHOST, …).

    Raises `Unreachable`, also for what fails in the block.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ServerUnreachable("this needs psycopg: pip install '3am[postgres]'") from None
    if _UNESCAPED_PASSWORD.match(dsn):  # libpq would take a piece of the password for the host, and say so
        raise ServerUnreachable("this DSN has an @ or a / in its password: write %40 for @, %2F for /")
    try:
        password = str(conninfo_to_dict(dsn).get("password") or "")
    except (psycopg.Error, UnicodeError):  # what libpq says of it may be a piece of the password
        raise ServerUnreachable("this DSN is none: write postgresql://user@host:5432/database") from None
    try:
        with psycopg.connect(
            dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S, application_name="3am", client_encoding="utf-8"
        ) as connection:
            connection.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}")
            yield connection
    except UnicodeError:  # a host that is no name, or what a server without an encoding has kept
        raise ServerUnreachable("PostgreSQL: that host is no name, or what it says is no UTF-8") from None
    except psycopg.Error as error:
        how = "" if dsn else "; name the server: --dsn postgresql://user@host:5432/database"
        raise ServerUnreachable(f"PostgreSQL: {_error_sentence(error, password)}{how}") from None


def _error_sentence(error: psycopg.Error, password: str) -> str:
    """Return the first line of what PostgreSQL or libpq says, without the password."""
    sentence = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return redact_url_passwords(sentence.replace(password, "***") if password else sentence)


def connection_strings(connection: Connection, restored_port: int) -> tuple[str, str]:
    """How the database of ``connection`` is reached, without a password, and how on a second server at that port."""
    from psycopg.conninfo import make_conninfo

    info = connection.info
    given: dict[str, str | int] = {"host": info.host, "port": info.port, "user": info.user, "dbname": info.dbname}
    live = make_conninfo("", **{key: value for key, value in given.items() if value})
    return live, make_conninfo("", port=restored_port, dbname=info.dbname)


def format_dsn(dsn: str) -> str:
    """The server of ``dsn`` as it may be shown: host, port and database."""
    if not dsn:
        return "as PGHOST and its like say"
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:  # that will be said when it is asked
        return "?"
    try:
        given = conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):  # and this, too
        return "?"
    return f"{given.get('host', 'local')}:{given.get('port', 5432)}/{given.get('dbname', '')}"
