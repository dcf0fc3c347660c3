"""A real MariaDB for the tests: a server of its own in /tmp, on a socket, as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.postgres import eventually

USER = "nobody"  # that it runs as if the tests run as root: mariadbd refuses root
GROUP = "nogroup"


class Maria:
    """A server on ``data`` in ``folder``, which also has its socket and its log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.options = ["--no-defaults", f"--socket={folder / 'socket'}", "--user=root"]

    def shell(self, script: str, *, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``script`` as the user of the server. Its output goes through files: a server that it leaves behind
        keeps its stdout, and a pipe would never end."""
        user = ["setpriv", f"--reuid={USER}", f"--regid={GROUP}", "--clear-groups"] if os.geteuid() == 0 else []
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MYSQL", "MARIADB"))}
        environ = {
            **inherited,
            "HOME": str(self.folder),
            "PATH": f"{os.environ['PATH']}:/usr/sbin",
            "LC_ALL": "C.UTF-8",
        }
        with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(
                [*user, "sh", "-e", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                timeout=timeout,
                env=environ,
                cwd=self.folder,
                check=False,
            )
            for file in (out, errors):
                file.seek(0)
            result = subprocess.CompletedProcess(script, done.returncode, out.read(), errors.read())
        assert not check or result.returncode == 0, f"{script}{result.stdout}{result.stderr}{self.log}"
        return result

    @property
    def log(self) -> str:
        """What the server has logged."""
        log = self.folder / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self, *options: str) -> None:
        """Make its data folder, start it, and return when it answers."""
        places = f"--no-defaults --datadir={self.data} --tmpdir={self.folder}"
        self.shell(
            f"mariadb-install-db {places} --auth-root-authentication-method=normal "
            f">{self.folder}/install.log 2>&1 || {{ cat {self.folder}/install.log >&2; exit 1; }}"
        )
        files = f"--socket={self.folder}/socket --pid-file={self.folder}/pid --log-error={self.folder}/server.log"
        words = ["mariadbd", places, files, "--skip-networking", *options]
        self.shell(f"{' '.join(words)} >/dev/null 2>&1 &")
        ping = f"mariadb-admin {' '.join(self.options)} ping >/dev/null 2>&1"
        eventually(lambda: self.shell(ping, check=False).returncode == 0, "the server answers")

    def stop(self) -> None:
        """End it, if it runs."""
        pid = self.folder / "pid"
        if pid.exists():
            self.shell(f"mariadb-admin {' '.join(self.options)} shutdown", check=False)
            eventually(lambda: not pid.exists(), "the server has ended")

    def sql(self, statements: str, database: str = "") -> list[list[str]]:
        """The rows that ``statements`` give."""
        done = subprocess.run(
            ["mariadb", *self.options, "--batch", "--skip-column-names", *([database] if database else [])],
            input=statements,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{statements}{done.stderr}{self.log}"
        return [line.split("\t") for line in done.stdout.splitlines()]


@contextmanager
def maria(*options: str) -> Iterator[Maria]:
    """A running server with ``options``; afterwards it is gone."""
    if shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    folder = Path(tempfile.mkdtemp(prefix="3am-maria-", dir="/tmp"))
    server = Maria(folder)
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, GROUP)
        server.start(*options)
        yield server
    finally:
        try:
            server.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
