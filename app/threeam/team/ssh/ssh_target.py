"""The address of a host whose journal comes by ssh, and the command that asks for it."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple
from urllib.parse import quote, unquote, urlsplit

from threeam.core.errors import BadInput

SCHEME = "ssh://"

# No more than this: configurations of ssh put the names into commands of a shell (ProxyCommand, Match exec).
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}", re.ASCII)

_OPTIONS = (
    "-T",  # no terminal
    "-a",  # no agent and no display for the host
    "-x",
    *("-o", "BatchMode=yes"),  # it must not ask for a password
    *("-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=15"),
    *("-o", "ServerAliveCountMax=2"),
    *("-o", "ControlMaster=no"),  # a master would outlive this process, and keep its stderr
    *("-o", "ClearAllForwardings=yes"),
)


class SshTarget(NamedTuple):
    """A journal on another host. ``log``: its path, or None for the log that 3am uses there."""

    host: str
    user: str | None = None
    port: int | None = None
    log: str | None = None

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user is not None else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{SCHEME}{user}{host}{port}{quote(self.log or '')}"

    @property
    def login(self) -> str:
        """The words behind ``ssh`` for a user who tries it."""
        user = f"{self.user}@" if self.user is not None else ""
        port = f"-p {self.port} " if self.port is not None else ""
        return f"{port}{user}{self.host}"

    def command(self) -> list[str]:
        """Return the command that feeds the journal to stdout."""
        remote = ["3am", "tail", "--mirror", *(["--log", self.log] if self.log is not None else [])]
        port = ["-p", str(self.port)] if self.port is not None else []
        user = ["-l", self.user] if self.user is not None else []
        return ["ssh", *_OPTIONS, *port, *user, "--", self.host, shlex.join(remote)]


def parse_ssh_target(url: str) -> SshTarget:
    """Return the journal of ``ssh://[USER@]HOST[:PORT][/FILE]``. Raises `BadInput`."""
    example = "ssh://db1 is one, ssh://alice@db1:2222/srv/night/sanity.log another"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadInput(f"{url!r} is not the address of a host: {example}") from None
    user, host = parts.username, parts.hostname or ""
    if parts.password is not None:
        raise BadInput("leave the password out of the address: ssh must let you in with a key, see 3am help team")
    log = unquote(parts.path)
    if parts.scheme != "ssh" or parts.query or parts.fragment or "\0" in log or port == 0:
        raise BadInput(f"{url!r} is not the address of a host: {example}")
    if not _HOST.fullmatch(host):
        raise BadInput(f"{host!r} is not the name of a host: it has letters, digits, dots and dashes. {example}")
    if user is not None and not _USER.fullmatch(user):
        raise BadInput(f"{user!r} is not the name of a user: write it into ~/.ssh/config if it is")
    return SshTarget(host, user, port, log if log not in ("", "/") else None)
