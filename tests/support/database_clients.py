"""Clients of real databases that run into each other: two transactions that take two rows in two orders."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from support.mariadb import Maria
from support.postgres import Cluster, Connection, eventually

TAKE = "UPDATE carts SET qty = qty + 1, note = 'secret-{key}' WHERE id = {key}"


def make_carts(key_count: int) -> str:
    """Return the statements that make a table with rows of the keys 1 to ``key_count``."""
    values = ", ".join(f"({key}, 0, '')" for key in range(1, key_count + 1))
    return f"CREATE TABLE carts (id int PRIMARY KEY, qty int, note varchar(80)); INSERT INTO carts VALUES {values};"


def deadlock_in_postgres(server: Cluster, first: Connection, second: Connection, keys: tuple[int, int]) -> None:
    """Let two sessions take two rows in two orders. The server stops one of them."""
    own, other = (TAKE.format(key=key).encode() for key in keys)
    first.execute(own)
    second.execute(other)
    stopped = list[str]()

    def take(session: Connection, statement: bytes) -> None:
        try:
            session.execute(statement)
        except psycopg.errors.DeadlockDetected as error:
            stopped.append(str(error))
        session.rollback()

    thread = threading.Thread(target=take, args=(first, other))
    thread.start()
    eventually(
        lambda: server.fact("SELECT cardinality(pg_blocking_pids(%s)) > 0", first.info.backend_pid),
        "the first one waits",
    )
    take(second, own)
    thread.join(30)
    assert len(stopped) == 1


class MariaClient:
    """A client of MariaDB that runs statements one after another, and that may wait in one of them."""

    def __init__(self, server: Maria, database: str) -> None:
        argv = ["mariadb", *server.options, "--batch", "--skip-column-names", "--unbuffered", "--force", database]
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._marks = 0

    def begin(self, *statements: str) -> None:
        """Send statements, and return before they are done."""
        assert self._process.stdin is not None
        self._marks += 1
        self._process.stdin.write(";\n".join((*statements, f"SELECT 'done-{self._marks}'")) + ";\n")
        self._process.stdin.flush()

    def finish(self) -> str:
        """Wait until the statements that were sent are done, and return the output."""
        assert self._process.stdout is not None
        output = list[str]()
        for line in self._process.stdout:
            if line == f"done-{self._marks}\n":
                break
            output.append(line)
        return "".join(output)

    def run(self, *statements: str) -> str:
        """Run statements, and return the output."""
        self.begin(*statements)
        return self.finish()

    def close(self) -> None:
        """End the client."""
        self._process.communicate(timeout=30)


@contextmanager
def maria_clients(server: Maria, database: str) -> Iterator[tuple[MariaClient, MariaClient]]:
    """Two clients; afterwards they are gone."""
    clients = (MariaClient(server, database), MariaClient(server, database))
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


def deadlock_in_maria(server: Maria, first: MariaClient, second: MariaClient, keys: tuple[int, int]) -> None:
    """Let two clients take two rows in two orders. The server stops one of them."""
    own, other = (TAKE.format(key=key) for key in keys)
    first.run("BEGIN", own)
    second.run("BEGIN", other)
    first.begin(other, "ROLLBACK")
    waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
    eventually(lambda: server.sql(waits)[0][1] == "1", "the first one waits")
    second.begin(own, "ROLLBACK")
    output = first.finish() + second.finish()
    assert output.count("Deadlock found") == 1, output
