"""The answers of a server of NATS JetStream as values: its errors, deliveries and stored messages."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Any, NamedTuple

from nats.aio.msg import Msg

from threeam.team.carrier import Received

_HEADER_LINE = "NATS/1.0"
_NS = 1_000_000_000


class StoredPlace(NamedTuple):
    """The sequence of a message, and the time (ns) at which it was stored.

    A store that went back in time has another message there, with another time.
    """

    sequence: int
    stored_ns: int


def error_code(answer: dict[str, Any]) -> int | None:
    """Return the number of the error that an answer holds; None without one."""
    error = answer.get("error")
    return int(error.get("err_code") or error.get("code") or 0) if isinstance(error, dict) else None


def is_delivery(message: Msg) -> bool:
    """Return whether a consumer has delivered a stored message, and not told its own state."""
    return message.reply.startswith("$JS.ACK.")


def parse_delivery(message: Msg) -> tuple[Received, int]:
    """Return a delivered message, and its number in the delivery."""
    tokens = message.reply.split(".")
    fields = tokens[4:] if len(tokens) < 12 else tokens[6:]  # a domain and an account come first in the longer form
    _deliveries, sequence, number, stored_ns = (int(field) for field in fields[:4])
    origin_id = message.subject.rpartition(".")[2]
    return Received(origin_id, message.headers or {}, message.data, StoredPlace(sequence, stored_ns)), number


def decode_base64(text: str) -> bytes:
    """Return the bytes of ``text``; none if it is not base64."""
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def parse_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a stored message; of several with one name, the last."""
    lines = block.decode("utf-8", "replace").split("\r\n")
    if lines[0] != _HEADER_LINE:
        return {}
    pairs = (line.partition(":") for line in lines[1:] if ":" in line)
    return {name.strip(): text.strip() for name, _, text in pairs}


def parse_time(text: str) -> int:
    """Return the nanoseconds of a time such as ``2026-11-24T03:14:07.123456789Z``."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(seconds + "+00:00").timestamp()) * _NS + int(f"{fraction:0<9}")
