"""The configuration of an engine with users, taken from the manual, on a real server; and a client for attacks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nats.aio.client import Client

import threeam.manual
from support.commands import command
from support.nats_server import DEBIAN, Engine, Host
from threeam.core.store.journal import Journal
from threeam.team.nats.nats_target import Credentials
from threeam.team.origin import origin_path

PAGE = (Path(threeam.manual.__path__[0]) / "team-server.md").read_text()
IDS = dict(
    re.findall(r'user: (\w+), password: "[^"]+", permissions: \{\n *publish: \["3am\.night\.\*\.(\w{32})"', PAGE)
)
PASSWORDS = dict(re.findall(r'user: (\w+), password: "([^"]+)"', PAGE))


def _block(kind: str, words: str) -> str:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (block,) = [text for name, text in blocks if name == kind and words in text]
    return str(block)


class ManualEngine(Engine):
    """A server with the configuration and the certificates of the manual, on a port of its own."""

    def __init__(self, folder: Path, program: str) -> None:
        super().__init__(folder, program)
        self.certificates = folder / "nats"
        self.configuration = _block("", "authorization")
        self.url = f"tls://127.0.0.1:{self.port}"

    def server_configuration(self) -> str:
        text = self.configuration
        for manual, ours in {
            '"0.0.0.0:4222"': f'"127.0.0.1:{self.port}"',
            "/var/lib/nats": str(self.store),
            "/etc/nats": str(self.certificates),
            ", sync_interval: always": "" if self.program == DEBIAN else ", sync_interval: always",
        }.items():
            assert manual in text
            text = text.replace(manual, ours)
        return text

    def make_certificates(self, prefix: str = "") -> None:
        """Run the commands of the manual; ``prefix``: of the command of the server's certificate."""
        commands = _block("sh", "openssl").replace("/etc/nats", str(self.certificates))
        commands = commands.replace("openssl x509", f"{prefix} openssl x509")
        subprocess.run(["sh", "-ec", commands], check=True, capture_output=True)

    def credentials(self, user: str, **changes: str) -> Path:
        """Write a file of credentials."""
        fields = {"user": user, "password": PASSWORDS[user], "ca": str(self.certificates / "ca.pem"), **changes}
        path = self._folder / f"{user}.toml"
        path.touch(0o600)
        path.write_text("".join(f'{name} = "{text}"\n' for name, text in fields.items()))
        return path

    def start_host(self, host: Host, user: str, *options: str) -> None:
        host.start(self.url, "--credentials", str(self.credentials(user)), *options)

    def create_store(self) -> None:
        words = [command(), "team", "create", self.url, "--credentials", str(self.credentials("admin"))]
        done = subprocess.run(words, capture_output=True, check=True, text=True)
        assert done.stdout == f"{self.url}/night has a store for the lines of the hosts\n"

    @asynccontextmanager
    async def client(self, user: str) -> AsyncIterator[RawClient]:
        """Yield a client with the rights of ``user``, which sends what it likes."""
        raw = RawClient()
        await raw.client.connect(
            self.url,
            user=user,
            password=PASSWORDS[user],
            inbox_prefix=f"_INBOX.{user}",
            tls=Credentials("", ca=str(self.certificates / "ca.pem")).ssl_context(),
            tls_hostname="127.0.0.1",
            error_cb=raw.note_error,
        )
        try:
            yield raw
        finally:
            await raw.client.close()


class RawClient:
    """A connection to an engine, and what the engine has refused on it."""

    def __init__(self) -> None:
        self.client = Client()
        self.errors: list[str] = []

    async def note_error(self, error: Exception) -> None:
        self.errors.append(str(error))

    async def publish(self, subject: str, data: bytes = b"{}", *, reply: str = "", **headers: str) -> list[str]:
        """Send, and return what the engine has refused by then."""
        self.errors.clear()
        await self.client.publish(subject, data, reply=reply, headers=headers or None)
        await self.flush()
        return list(self.errors)

    async def flush(self) -> None:
        """Wait until the engine has seen what was sent: the first ping of nats-py overtakes what is buffered."""
        await self.client.flush()
        await self.client.flush()

    async def stored(self, *, stream: str = "3am-night") -> dict[str, int]:
        """Return the number of stored messages of each subject."""
        info = await self.client.jetstream().stream_info(stream, subjects_filter=">")
        return dict(info.state.subjects or {})


def give_id(journal: Journal, origin_id: str) -> None:
    """Give a journal an id that the configuration names."""
    Path(origin_path(journal)).write_text(f"{origin_id} 000001\n")
