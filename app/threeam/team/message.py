"""A message of the engine: bytes of whole lines, and headers that say which bytes they are.

What comes from the network is untrusted. Only the origin is known, since the engine lets a user publish on their own
subject alone; it is taken from the subject, and each header is checked before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.core.format.escape import escape_unprintable
from threeam.team.line_chain import LINK_BYTES, MAX_PIECE_BYTES, extend_chain, first_link
from threeam.team.origin import MAX_EPOCH, MAX_HOST_CHARS
from threeam.team.position import Origin, SegmentEnd, is_origin_id, is_segment_name

MAX_PAYLOAD_BYTES = MAX_PIECE_BYTES
MAX_OFFSET = 2**53  # bytes

_HOST, _EPOCH, _SEGMENT, _OFFSET, _LINK, _AFTER = (
    "3am-host",
    "3am-epoch",
    "3am-segment",
    "3am-offset",
    "3am-prev",
    "3am-after",
)
_ANSWERED = "Nats-Subject"  # NATS adds it to a message that it returns as the direct answer to a request
_NUMBER = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)
_LINK_TEXT = re.compile(rf"[0-9a-f]{{{2 * LINK_BYTES}}}")


class HostileMessage(JournalError):
    """A message that no 3am has sent like this; nothing of it is used."""


class Message(NamedTuple):
    """Bytes of a segment from ``offset`` on, and what identifies them.

    ``host``: the name to show for the origin. ``link``: of the chain, at ``offset``. ``after``: the segment before this
    one, and the end of what was sent of it; only at offset 0, and None if it is not known.
    """

    origin: Origin
    host: str
    segment: str
    offset: int
    link: bytes
    payload: bytes
    after: SegmentEnd | None = None

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + len(self.payload)

    def end_link(self) -> bytes:
        """Return the link of the chain behind the last byte."""
        return extend_chain(self.link, self.payload)

    def __str__(self) -> str:
        return f"{self.segment} from byte {self.offset} to {self.end}, from {self.host}"


def encode_headers(message: Message) -> dict[str, str]:
    """Return the headers of ``message``; its payload is sent as it is."""
    headers = {
        _HOST: message.host.encode("ascii", "replace").decode(),
        _EPOCH: str(message.origin.epoch),
        _SEGMENT: message.segment,
        _OFFSET: str(message.offset),
        _LINK: message.link.hex(),
    }
    if message.after is not None:
        headers[_AFTER] = f"{message.after.segment} {message.after.offset}"
    return headers


def decode(origin_id: str, headers: Mapping[str, str], payload: bytes) -> Message:
    """Return the message of ``headers`` and ``payload``, from the subject of ``origin_id``. Raises `HostileMessage`."""
    if not is_origin_id(origin_id):
        raise HostileMessage(f"refused a message: {_quote(origin_id)} is not the id of a journal")
    if _ANSWERED in headers:  # NATS does not check to which subject an answer goes
        raise HostileMessage(f"refused a message of {origin_id[:8]}: it is an answer of the engine to another user")
    if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
        raise HostileMessage(f"refused a message of {origin_id[:8]}: its size is {len(payload)} bytes")
    segment = _checked(headers, _SEGMENT, origin_id, is_segment_name)
    offset = _number(headers, _OFFSET, origin_id, MAX_OFFSET)
    link = bytes.fromhex(_checked(headers, _LINK, origin_id, lambda text: _LINK_TEXT.fullmatch(text) is not None))
    if offset == 0 and link != first_link(segment):
        raise HostileMessage(f"refused a message of {origin_id[:8]}: its chain does not begin at its segment")
    return Message(
        Origin(origin_id, _number(headers, _EPOCH, origin_id, MAX_EPOCH, low=1)),
        _checked(headers, _HOST, origin_id, _is_host_name),
        segment,
        offset,
        link,
        payload,
        _decode_after(headers, origin_id) if offset == 0 else None,
    )


def _is_host_name(text: str) -> bool:
    return 0 < len(text) <= MAX_HOST_CHARS and text.isascii() and text.isprintable()


def _decode_after(headers: Mapping[str, str], origin_id: str) -> SegmentEnd | None:
    if _AFTER not in headers:
        return None
    name, _, offset = headers[_AFTER].partition(" ")
    if not is_segment_name(name) or not _NUMBER.fullmatch(offset) or int(offset) > MAX_OFFSET:
        raise HostileMessage(_refusal(origin_id, _AFTER, headers[_AFTER]))
    return SegmentEnd(name, int(offset))


def _number(headers: Mapping[str, str], name: str, origin_id: str, high: int, *, low: int = 0) -> int:
    def is_valid(text: str) -> bool:
        return _NUMBER.fullmatch(text) is not None and low <= int(text) <= high

    return int(_checked(headers, name, origin_id, is_valid))


def _checked(headers: Mapping[str, str], name: str, origin_id: str, is_valid: Callable[[str], bool]) -> str:
    text = headers.get(name, "")
    if not is_valid(text):
        raise HostileMessage(_refusal(origin_id, name, text))
    return text


def _refusal(origin_id: str, name: str, text: str) -> str:
    return f"refused a message of {origin_id[:8]}: its header {name} is {_quote(text)}"


def _quote(text: str) -> str:
    return repr(escape_unprintable(text[:40]))
