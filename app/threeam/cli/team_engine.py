"""The engine that a command line names, and how to connect to it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from threeam.cli.parser import Parser
from threeam.core.errors import FileUnusable
from threeam.team.nats.nats_target import Target, default_credentials_path, parse_target, read_credentials

if TYPE_CHECKING:
    from threeam.team.nats.nats_carrier import NatsCarrier  # of an extra

Connect = Callable[[], AbstractAsyncContextManager["NatsCarrier"]]


def add_engine_arguments(parser: Parser) -> None:
    """Add the address of an engine, and the file of credentials."""
    parser.add_argument("url", metavar="URL", help="the engine: nats://HOST[:PORT][/NIGHT], or tls://…")
    add_credentials_option(parser)


def add_credentials_option(parser: Parser) -> None:
    """Add the option for the file of credentials."""
    parser.add_argument(
        "--credentials",
        metavar="FILE",
        help="user, password, ca, cert, key in TOML, mode 0600 (default: ~/.config/3am/team.toml, if it exists)",
    )


def engine(url: str, credentials_path: str | None, *, may_create: bool) -> tuple[Target, Connect]:
    """Return the engine at ``url``, and what connects to it. Raises `JournalError`.

    ``may_create``: a connection makes the store of the night if it is missing.
    """
    target = parse_target(url)
    credentials = read_credentials(credentials_path or default_credentials_path(os.environ))
    try:
        from threeam.team.nats.nats_carrier import connect
    except ImportError:
        python = shlex.quote(sys.executable)
        raise FileUnusable(
            f"this needs nats-py: {python} -m pip install nats-py; or, in the checkout, pipx install --force '.[team]'"
        ) from None
    return target, lambda: connect(target, credentials, may_create=may_create)
