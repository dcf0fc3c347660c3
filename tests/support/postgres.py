"""A real PostgreSQL for the tests: a cluster of its own in /tmp, on a free loopback port, and sessions that wait."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
import pytest

PASSWORD = "geheim-3am"  # distinctive: the tests look for it in everything that is said
SERVER = "postgres"  # the user that it runs as, and its superuser
_DEADLINE_S = 30.0

Connection = psycopg.Connection[Any]
T = TypeVar("T")


def binaries() -> Path:
    """The programs of the newest PostgreSQL that is installed; without one the test is skipped."""
    paths = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not paths:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return paths[-1].parent


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def eventually(fact: Callable[[], T | None], what: str, seconds: float = _DEADLINE_S) -> T:
    """The first truth that ``fact`` gives; fails with ``what`` where it gives none in time."""
    deadline = time.monotonic() + seconds
    while not (value := fact()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return value


class Cluster:
    """A server on a data folder: ``data`` in ``folder``, which also has its socket and its log."""

    def __init__(self, folder: Path, data: Path, port: int) -> None:
        self.bin = binaries()
        self.folder, self.data, self.port = folder, data, port

    @property
    def environment(self) -> dict[str, str]:
        """What psql and its like need to get in, through the socket; nothing of whoever runs the tests."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        own = {"PGHOST": str(self.folder), "PGUSER": SERVER, "PGDATABASE": SERVER, "PGPASSWORD": PASSWORD}
        return {**environ, **own, "HOME": str(self.folder), "PATH": f"{self.bin}:{os.environ['PATH']}", "LC_ALL": "C"}

    def as_server(self, *argv: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a program as the user of the server, who root has to become. What it says goes through files:
        a server that a program leaves behind keeps its stdout, and a pipe would never end."""
        user = ["setpriv", f"--reuid={SERVER}", f"--regid={SERVER}", "--clear-groups"] if os.geteuid() == 0 else []
        with tempfile.TemporaryFile("w+") as stdout_file, tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(
                [*user, *argv],
                stdin=subprocess.DEVNULL,
                stdout=stdout_file,
                stderr=errors,
                timeout=timeout,
                env=self.environment,
                cwd=self.folder,
                check=False,
            )
            for file in (stdout_file, errors):
                file.seek(0)
            result = subprocess.CompletedProcess(argv, done.returncode, stdout_file.read(), errors.read())
        assert not check or result.returncode == 0, f"{argv}: {result.stdout}{result.stderr}{self.log}"
        return result

    def pg(self, program: str, *argv: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's programs."""
        return self.as_server(str(self.bin / program), *argv, timeout=timeout, check=check)

    def start(self) -> None:
        """Starts it, and returns when it answers."""
        self.pg("pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-l", str(self.folder / "server.log"), "start")

    def stop(self) -> None:
        """Ends it at once, if it runs at all."""
        if (self.data / "postmaster.pid").exists():
            self.pg("pg_ctl", "-D", str(self.data), "-w", "-t", "30", "-m", "immediate", "stop", check=False)

    @property
    def log(self) -> str:
        """What the server has said."""
        log = self.folder / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def dsn(self, user: str = SERVER, password: str = PASSWORD, dbname: str = SERVER) -> str:
        """The URI of a database of it."""
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{dbname}"

    def connect(self, user: str = SERVER, *, autocommit: bool = True) -> Connection:
        """A session of one of its users; all have the same password."""
        return psycopg.connect(self.dsn(user), autocommit=autocommit, connect_timeout=10)

    def fact(self, question: str, *given: object) -> Any:
        """What the first column of the first row says, asked as its superuser."""
        with self.connect() as session:
            row = session.execute(question.encode(), given).fetchone()
        assert row is not None, question
        return row[0]

    def base_backup(self, to: Path, label: str = "nightly") -> None:
        """A base backup as tar files in ``to``."""
        argv = ("-D", str(to), "-p", str(self.port), "-F", "tar", "-X", "stream", "-c", "fast", "-l", label)
        self.pg("pg_basebackup", *argv, "--no-sync", "--no-password")

    def archived(self) -> None:
        """Begins the next segment, and waits until the one that was is in the archive."""
        segment = self.fact("SELECT pg_walfile_name(pg_switch_wal())")
        done = "SELECT coalesce(last_archived_wal, '') >= %s FROM pg_stat_archiver"
        eventually(lambda: self.fact(done, segment), f"{segment} is archived")


@contextmanager
def cluster(settings: Mapping[str, str] | None = None) -> Iterator[Cluster]:
    """A running cluster with ``settings`` (``{folder}`` in a value: its folder); afterwards it is gone."""
    binaries()
    folder = Path(tempfile.mkdtemp(prefix="3am-pg-", dir="/tmp"))
    server = Cluster(folder, folder / "data", free_port())
    try:
        (folder / "pw").write_text(PASSWORD)
        if os.geteuid() == 0:
            who = pwd.getpwnam(SERVER)
            for path in (folder, folder / "pw"):
                os.chown(path, who.pw_uid, who.pw_gid)
        argv = ("--no-sync", "--auth=scram-sha-256", f"--pwfile={folder / 'pw'}", "-U", SERVER, "--locale=C")
        server.pg("initdb", "-D", str(server.data), *argv, "--encoding=UTF8")
        given = {
            "port": str(server.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
            "fsync": "off",
            **(settings or {}),
        }
        with (server.data / "postgresql.conf").open("a") as file:
            for name, value in given.items():
                quoted = value.replace("{folder}", str(folder)).replace("'", "''")
                file.write(f"{name} = '{quoted}'\n")
        server.start()
        yield server
    finally:
        try:
            server.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class Sessions:
    """Sessions of a cluster that hold locks and wait for them. `close` ends them all."""

    def __init__(self, on: Cluster) -> None:
        self.on = on
        self.admin = on.connect()
        self._open: list[Connection] = []
        self._threads: list[threading.Thread] = []

    def holds(self, *statements: str, user: str = SERVER) -> int:
        """A transaction that has done ``statements`` and now idles: its pid."""
        session = self._session(user)
        for statement in statements:
            session.execute(statement.encode())
        return session.info.backend_pid

    def waits(self, statement: str, *before: str, user: str = SERVER) -> int:
        """One that has done ``before``, and whose ``statement`` now waits for a lock: its pid."""
        session = self._session(user)
        for entry in before:
            session.execute(entry.encode())
        thread = threading.Thread(target=_does, args=(session, statement), daemon=True)
        thread.start()
        self._threads.append(thread)
        pid = session.info.backend_pid
        eventually(lambda: self.on.fact("SELECT cardinality(pg_blocking_pids(%s)) > 0", pid), f"{statement[:80]} waits")
        return pid

    def goes_on(self, pid: int, *statements: str) -> None:
        """The one that holds something does more."""
        session = next(connection for connection in self._open if connection.info.backend_pid == pid)
        for statement in statements:
            session.execute(statement.encode())

    def there(self, pid: int) -> bool:
        """Whether a backend is still there."""
        return bool(self.on.fact("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", pid))

    def close(self) -> None:
        """Ends all of them."""
        for connection in self._open:
            self.admin.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        for thread in self._threads:
            thread.join(_DEADLINE_S)
            assert not thread.is_alive(), "a session that was terminated still waits"
        for connection in self._open:
            connection.close()
        self.admin.close()

    def _session(self, user: str) -> Connection:
        session = self.on.connect(user, autocommit=False)
        self._open.append(session)
        return session


def _does(session: Connection, statement: str) -> None:
    try:
        session.execute(statement.encode())
    except psycopg.Error:  # it is terminated with the others
        pass
