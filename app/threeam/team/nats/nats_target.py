"""The address of an engine, and the file with what it takes to be let in. No password is in a URL."""

from __future__ import annotations

import os
import re
import ssl
import stat
import tomllib
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from threeam.core.errors import BadInput, BadSetting, FileUnusable
from threeam.core.platform.folders import open_file
from threeam.core.platform.user_dirs import xdg_dir

DEFAULT_PORT = 4222
DEFAULT_NIGHT = "night"
_NIGHT = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_KEYS = ("user", "password", "ca", "cert", "key")
_MAX_FILE_BYTES = 64 * 1024


class Target(NamedTuple):
    """An engine of NATS, and the name of the night, which several teams on one engine do not share."""

    host: str
    port: int
    night: str
    tls: bool

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls else 'nats'}://{host}:{self.port}/{self.night}"


class Credentials(NamedTuple):
    """The content of the file of credentials. A password is never part of a message."""

    path: str
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:
        return f"Credentials({self.path!r})"

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context of TLS. Raises `BadSetting` if a file that is named here cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise BadSetting(f"{self.path}: ca, cert or key cannot be read ({error.strerror or error})") from None
        return context


def parse_target(url: str) -> Target:
    """Return the engine of ``nats://HOST[:PORT][/NIGHT]`` or ``tls://…``. Raises `BadInput`."""
    try:
        parts = urlsplit(url)
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise BadInput("the address of the engine cannot be read: nats://db1:4222 is one") from None
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "leave user and password out of the address, since every process on this host can see it: "
            "write them into a file of mode 0600, see 3am help team"
        )
    night = parts.path.strip("/") or DEFAULT_NIGHT
    if parts.scheme not in ("nats", "tls") or not parts.hostname or parts.query or parts.fragment:
        raise BadInput(f"{url!r} is not the address of an engine: nats://db1:4222 is one, tls://db1:4222/NIGHT another")
    if not _NIGHT.fullmatch(night):
        raise BadInput(f"{night!r} cannot name a night: use up to 32 letters, digits, - and _")
    return Target(parts.hostname, port, night, parts.scheme == "tls")


def default_credentials_path(environ: Mapping[str, str]) -> str | None:
    """Return the path of the user's file of credentials, or None if there is no such file."""
    folder = xdg_dir(environ, "XDG_CONFIG_HOME", ".config")
    path = os.path.join(folder, "3am", "team.toml") if folder is not None else ""
    return path if os.path.lexists(path) else None


def read_credentials(path: str | None) -> Credentials:
    """Return what the file at ``path`` holds. Raises `FileUnusable` or `BadSetting`."""
    if path is None:
        return Credentials("")
    try:
        fd = open_file(path, os.O_RDONLY)
    except OSError as error:
        raise FileUnusable(f"{path} cannot be opened: {error.strerror}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in (0, os.geteuid()) or status.st_mode & 0o077:
            raise FileUnusable(f"{path} must be readable by you alone, since it holds a password: chmod 600 {path}")
        text = os.read(fd, _MAX_FILE_BYTES).decode("utf-8", "replace")
    finally:
        os.close(fd)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # its message quotes the line, and with it the password
        raise BadSetting(f'{path} is not TOML: a line of it is user = "db1"') from None
    for name, value in table.items():
        if name not in _KEYS or not isinstance(value, str):
            raise BadSetting(f"{path} has {name!a}: it may have the texts {', '.join(_KEYS)}")
    return Credentials(
        path, **{name: os.path.expanduser(text) if name in _KEYS[2:] else text for name, text in table.items()}
    )
