"""A connection to PostgreSQL for short queries. psycopg is an optional dependency, imported only here."""

from __future__ import annotations

import re
import shlex
import sys
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
# Classes of SQLSTATE: 08 is a lost connection, 57 a cancelled statement or a server that shuts down.
_UNSURE_SQLSTATES = ("08", "57")
_STATEMENT_TIMEOUT_MS = 10_000  # a longer query would itself be in the way


class ServerUnreachable(JournalError):
    """The server could not be reached or did not answer. The message says why, without the password."""


class AnswerLost(ServerUnreachable):
    """The server got a statement that changes something, and its answer was lost. The message says why."""


def execute_change(connection: Connection, statement: str, parameters: tuple[object, ...]) -> tuple[Any, ...] | None:
    """Return the first row of a statement that changes something.

    Raise `AnswerLost` if the statement was sent and the server may have executed it. Raise `psycopg.Error` if the
    server refused it.
    """
    import psycopg

    try:
        return connection.execute(statement, parameters).fetchone()
    except psycopg.Error as error:
        if error.sqlstate is None or error.sqlstate[:2] in _UNSURE_SQLSTATES:
            raise AnswerLost(_error_sentence(error, connection.info.password)) from None
        raise


def _install_command() -> str:
    """Return the command that installs psycopg for the interpreter that runs this."""
    from importlib.util import find_spec

    if find_spec("pip") is None:  # uv makes environments without it
        return "uv tool install --force '.[postgres]' in the checkout"
    return f"{shlex.quote(sys.executable)} -m pip install 'psycopg[binary]'"


@contextmanager
def connect(dsn: str) -> Iterator[Connection]:
    """Yield a connection to the server of ``dsn``; if empty, to the one of libpq's environment (PGHOST, …).

    Raise `ServerUnreachable`, also for errors of the database in the block.
    """
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ServerUnreachable(f"this needs psycopg: {_install_command()}") from None
    if _UNESCAPED_PASSWORD.match(dsn):  # libpq would take part of the password for the host, and print it
        raise ServerUnreachable("this DSN has an @ or a / in its password: write %40 for @, %2F for /")
    try:
        password = str(conninfo_to_dict(dsn).get("password") or "")
    except (psycopg.Error, UnicodeError):  # the message of libpq may contain part of the password
        raise ServerUnreachable("not a valid DSN: write postgresql://user@host:5432/database") from None
    try:
        with psycopg.connect(
            dsn, autocommit=True, connect_timeout=_CONNECT_TIMEOUT_S, application_name="3am", client_encoding="utf-8"
        ) as connection:
            connection.execute(f"SET statement_timeout = {_STATEMENT_TIMEOUT_MS}")
            yield connection
    except UnicodeError:  # an invalid host name, or text from a database without an encoding
        raise ServerUnreachable("PostgreSQL: the host name is invalid, or the answer is not UTF-8") from None
    except psycopg.Error as error:
        hint = "" if dsn else "; name the server: --dsn postgresql://user@host:5432/database"
        raise ServerUnreachable(f"PostgreSQL: {_error_sentence(error, password)}{hint}") from None


def _error_sentence(error: psycopg.Error, password: str) -> str:
    """Return the first line of an error of PostgreSQL or libpq, without the password."""
    sentence = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return redact_url_passwords(sentence.replace(password, "***") if password else sentence)


def connection_strings(connection: Connection, restored_port: int) -> tuple[str, str]:
    """Return how the database of ``connection`` is reached, and how that of a second server at ``restored_port`` is.

    Neither has a password.
    """
    from psycopg.conninfo import make_conninfo

    info = connection.info
    parameters: dict[str, str | int] = {"host": info.host, "port": info.port, "user": info.user, "dbname": info.dbname}
    live = make_conninfo("", **{key: value for key, value in parameters.items() if value})
    return live, make_conninfo("", port=restored_port, dbname=info.dbname)


def format_dsn(dsn: str) -> str:
    """Return the server of ``dsn`` for display: host, port and database."""
    if not dsn:
        return "as set by PGHOST and the like"
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:  # `connect` reports it
        return "?"
    try:
        parameters = conninfo_to_dict(dsn)
    except (psycopg.Error, UnicodeError):  # `connect` reports it
        return "?"
    return f"{parameters.get('host', 'local')}:{parameters.get('port', 5432)}/{parameters.get('dbname', '')}"
