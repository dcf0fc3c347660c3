"""A real sshd on loopback with keys and a configuration of its own, and an `ssh` that knows it as db1."""

from __future__ import annotations

import signal
import socket
import subprocess
from pathlib import Path

import psutil

from support.commands import command
from support.nats_server import wait_until

SSHD, SSH = "/usr/sbin/sshd", "/usr/bin/ssh"


class SshServer:
    """An sshd in ``folder`` whose host is named db1, until `kill`. ``log``: the log that 3am uses there.

    ``bin``: a folder for PATH, with an `ssh` that uses a configuration of its own, and notes each call.
    """

    def __init__(self, folder: Path, log: Path) -> None:
        self.folder = folder
        self.log = log
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.known_hosts = folder / "known_hosts"
        self.authorized_keys = folder / "authorized_keys"
        self.known_hosts.write_text(f"db1 {(folder / 'host.pub').read_text()}")
        self.authorized_keys.write_text((folder / "user.pub").read_text())
        (folder / "nats").mkdir()
        (folder / "nats" / "__init__.py").write_text("raise ImportError('there is no nats-py on this host')")
        (folder / "ssh_config").write_text(
            f"Host *\nHostName 127.0.0.1\nHostKeyAlias db1\nPort {self.port}\nUser root\nIdentityFile {folder}/user\n"
            f"IdentitiesOnly yes\nUserKnownHostsFile {self.known_hosts}\nGlobalKnownHostsFile /dev/null\n"
        )
        (self.bin / "ssh").write_text(
            f'#!/bin/sh\necho call >> {folder}/calls\nexec {SSH} -F {folder}/ssh_config "$@"\n'
        )
        (self.bin / "ssh").chmod(0o755)

    @property
    def calls(self) -> int:
        """How often ssh was started."""
        path = self.folder / "calls"
        return path.read_text().count("\n") if path.exists() else 0

    def start(self, *, config: str = "", path: str = f"{Path(command()).parent}:/usr/bin:/bin") -> None:
        """Start sshd. ``config``: further lines. ``path``: the PATH of a session."""
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd drops its rights into this
        (self.folder / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {self.folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.authorized_keys}\nStrictModes no\nPasswordAuthentication no\n"
            f"SetEnv PATH={path} SANITY_LOG={self.log} PYTHONPATH={self.folder}\n{config}\n"
        )
        words = [SSHD, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "sshd.txt").open("ab") as output:
            self.process = subprocess.Popen(
                ["unshare", "--uts", "sh", "-c", 'hostname db1; exec "$@"', "sh", *words], stdout=output, stderr=output
            )
        wait_until(self._answers, "sshd answers")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def processes(self) -> list[psutil.Process]:
        """Return sshd's processes and those of its sessions, but not sshd itself."""
        return psutil.Process(self.process.pid).children(recursive=True) if self.process is not None else []

    def feeds(self) -> list[psutil.Process]:
        """Return the processes of `3am tail --mirror`."""
        return [process for process in self.processes() if "--mirror" in _words(process)]

    def sessions(self) -> list[psutil.Process]:
        """Return the processes of sshd for sessions."""
        return [process for process in self.processes() if " ".join(_words(process)).startswith("sshd: root@")]

    def kill(self) -> None:
        """Kill sshd and its sessions."""
        if self.process is not None:
            processes = self.processes()
            self.process.kill()
            self.process.wait()
            self.process = None
            for process in processes:
                send(process, signal.SIGKILL)


def send(process: psutil.Process, number: int) -> None:
    """Send a signal, unless the process has ended."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass


def _words(process: psutil.Process) -> list[str]:
    try:
        return [word.strip() for word in process.cmdline()]
    except psutil.NoSuchProcess:
        return []
