"""The engine that a command line names, and how to connect to it."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from threeam.cli.parser import Parser
from threeam.core.errors import FileUnusable
from threeam.team.target import Target, default_credentials_path, parse_target, read_credentials

if TYPE_CHECKING:
    from threeam.team.nats_carrier import NatsCarrier  # of an extra

Connect = Callable[[], AbstractAsyncContextManager["NatsCarrier"]]


def add_engine_arguments(parser: Parser) -> None:
    """Add the address of an engine, and the file of credentials."""
    parser.add_argument("url", metavar="URL", help="the engine: nats://HOST[:PORT][/NIGHT], or tls://…")
    parser.add_argument(
        "--credentials",
        metavar="FILE",
        help="user, password, ca, cert, key in TOML, mode 0600 (default: ~/.config/3am/team.toml, if it exists)",
    )


def engine(args: Namespace, *, read_only: bool) -> tuple[Target, Connect]:
    """Return the engine that the arguments name, and what connects to it."""
    target = parse_target(args.url)
    credentials = read_credentials(args.credentials or default_credentials_path(os.environ))
    try:
        from threeam.team.nats_carrier import connect
    except ImportError:
        raise FileUnusable("this needs nats-py: pip install '3am[team]'") from None
    return target, lambda: connect(target, credentials, read_only=read_only)
