"""A client of a database that reads and writes rows without a lock, and logs what it has done: a process of its own.

It does what each line of its standard input says, and answers each with a line:

    select 17 5      as the request 17, of the row with the id 5; also update and delete
    race 100 8 1     increments 100 rows by chance, of the ids 1 to 8, with the seed 1

`update` writes what the client has read last, plus one.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import psycopg

_SQL = {
    "select": "SELECT n FROM carts WHERE id = {key}",
    "update": "UPDATE carts SET n = {value} WHERE id = {key}",
    "delete": "DELETE FROM carts WHERE id = {key}",
}
_LAST_ROW = "that was all"
THINKING_S = 0.002  # before each statement: longer than the unit of the server's timestamps


class Session(Protocol):
    """A session of a database."""

    def execute(self, statement: str) -> list[str]:
        """Execute a statement and return the rows that it gives, as text."""


class PostgresSession:
    """A session of PostgreSQL."""

    def __init__(self, dsn: str) -> None:
        self._connection = psycopg.connect(dsn, autocommit=True)

    def execute(self, statement: str) -> list[str]:
        """Execute a statement and return the rows that it gives, as text."""
        cursor = self._connection.execute(statement.encode())
        return [str(row[0]) for row in cursor] if cursor.description else []


class MariaSession:
    """A session of MariaDB: its own client, through pipes."""

    def __init__(self, socket: str) -> None:
        argv = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--comments", "--batch"]
        argv += ["--skip-column-names", "--unbuffered", "shop"]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def execute(self, statement: str) -> list[str]:
        """Execute a statement and return the rows that it gives, as text."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{statement}; SELECT '{_LAST_ROW}';\n")
        self._process.stdin.flush()
        rows: list[str] = []
        while (row := self._process.stdout.readline()) != f"{_LAST_ROW}\n":
            assert row, "the client has ended"
            rows.append(row.strip())
        return rows


class Client:
    """A client that logs what it has done. ``name``: the beginning of the names of its requests."""

    def __init__(self, session: Session, log: Path, name: str) -> None:
        self._session = session
        self._log = log.open("a")
        self._name = name
        self._value = 0

    def do(self, word: str, request: str, key: int) -> None:
        """Execute one statement, and log it with its end and its duration."""
        time.sleep(THINKING_S)
        statement = _SQL[word].format(key=key, value=self._value + 1)
        begin_ns = time.monotonic_ns()
        rows = self._session.execute(f"/* request_id={self._name}{request} */ {statement}")
        now, end_ns = datetime.now(UTC), time.monotonic_ns()
        if rows:
            self._value = int(rows[0])
        took = f"{(end_ns - begin_ns) / 1_000_000:.6f} ms"
        stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        print(f"{stamp} request_id={self._name}{request} {word} id = {key} took {took}", file=self._log, flush=True)

    def race(self, count: int, keys: int, seed: int) -> None:
        """Increment rows: each by a read, and a write of what was read plus one."""
        rng = random.Random(seed)
        for number in range(count):
            key = rng.randint(1, keys)
            self.do("select", f"{number}", key)
            self.do("update", f"{number}", key)
            print(f"incremented {key}", flush=True)


def main(engine: str, address: str, log: str, name: str) -> None:
    """Do what the standard input says."""
    session = PostgresSession(address) if engine == "postgres" else MariaSession(address)
    client = Client(session, Path(log), name)
    print("ready", flush=True)
    for line in sys.stdin:
        word, *arguments = line.split()
        if word == "race":
            client.race(*map(int, arguments))
        else:
            client.do(word, arguments[0], int(arguments[1]))
        print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
