"""A message of the engine: bytes of whole lines, and headers that say which bytes they are.

What comes from the network is untrusted. Only the origin is known, since the engine lets a user publish on their own
subject alone; it is taken from the subject, and each header is checked before it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from threeam.core.errors import JournalError
from threeam.core.format.entry import Stamp
from threeam.core.format.escape import escape_unprintable
from threeam.team.messages.hole import Hole
from threeam.team.messages.line_chain import LINK_BYTES, MAX_PIECE_BYTES, extend_chain, first_link
from threeam.team.messages.position import (
    MAX_EPOCH,
    MAX_HOST_CHARS,
    MAX_OFFSET,
    Origin,
    SegmentEnd,
    is_origin_id,
    is_segment_name,
)

MAX_PAYLOAD_BYTES = MAX_PIECE_BYTES
MAX_BOUND_NS = 10**15
MAX_ENTRIES = _MAX_HOLES = 400  # in a message: NATS stores headers of up to 64 KiB

_HOST, _EPOCH, _SEGMENT, _OFFSET, _LINK, _BOUND, _AFTER, _HOLES, _SENT, _ENTRIES = (
    "3am-host",
    "3am-epoch",
    "3am-segment",
    "3am-offset",
    "3am-prev",
    "3am-bound",
    "3am-after",
    "3am-holes",
    "3am-sent",
    "3am-entries",
)
_ANSWERED = "Nats-Subject"  # NATS adds it to a message that it returns as the direct answer to a request
_UNSYNCHRONISED = "unsynchronised"
_NUMBER = re.compile(r"0|[1-9]\d{0,15}", re.ASCII)
_HOLE = re.compile(rf"(0|[1-9]\d{{0,15}}) ([1-9]\d{{0,15}}) ([0-9a-f]{{{2 * LINK_BYTES}}})", re.ASCII)
_LINK_TEXT = re.compile(rf"[0-9a-f]{{{2 * LINK_BYTES}}}")


class HostileMessage(JournalError):
    """A message that no 3am has sent like this; nothing of it is used."""


class SentEnd(NamedTuple):
    """The end of what an origin has sent: its epoch, segment and offset, and the link of the chain there."""

    epoch: int
    segment: str
    offset: int
    link: bytes


class Message(NamedTuple):
    """Bytes of a segment from ``offset`` on, and what identifies them.

    ``host``: the name to show for the origin. ``link``: of the chain, at ``offset``. ``after``: the segment before this
    one, and the end of what was sent of it; only at offset 0, and None if it is not known. ``utc_bound_ns``: the error
    of the origin's clock against UTC at most, when it sent this; None: it was not synchronised.

    ``holes``: the blanked lines in the payload, in their order. ``sent``: the end of what was sent, in a message that
    replaces an earlier one; None in the others, which end there. ``entries``: the stamps of blanked entries, whose
    words a mirror blanks in all that it has of this origin.
    """

    origin: Origin
    host: str
    segment: str
    offset: int
    link: bytes
    payload: bytes
    after: SegmentEnd | None = None
    utc_bound_ns: int | None = None
    holes: tuple[Hole, ...] = ()
    sent: SentEnd | None = None
    entries: tuple[str, ...] = ()

    @property
    def end(self) -> int:
        """The offset behind the last byte."""
        return self.offset + len(self.payload)

    def end_link(self) -> bytes:
        """Return the link of the chain behind the last byte."""
        return self.link_at(self.end)

    def link_at(self, offset: int) -> bytes:
        """Return the link of the chain at ``offset``, between two lines of the payload."""
        hole = next((hole for hole in reversed(self.holes) if hole.end <= offset), None)
        begin, link = (hole.end, hole.link) if hole is not None else (self.offset, self.link)
        return extend_chain(link, self.payload[begin - self.offset : offset - self.offset])

    def split(self, offset: int) -> tuple[Message, Message]:
        """Return the messages with the bytes before and from ``offset``, which stands between two lines."""
        size = offset - self.offset
        return self._replace(
            payload=self.payload[:size], holes=tuple(hole for hole in self.holes if hole.end <= offset)
        ), self._replace(
            offset=offset,
            link=self.link_at(offset),
            payload=self.payload[size:],
            after=None,
            holes=tuple(hole for hole in self.holes if hole.begin >= offset),
        )

    def parts(self) -> Iterator[Message]:
        """Yield the messages that send this one: itself, but for one with very many holes."""
        rest = self
        while len(rest.holes) > _MAX_HOLES:
            part, rest = rest.split(rest.holes[_MAX_HOLES].begin)
            yield part
        yield rest

    def sent_end(self) -> SentEnd:
        """Return the end of what its origin had sent after this message."""
        return self.sent or SentEnd(self.origin.epoch, self.segment, self.end, self.end_link())

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
        _BOUND: _UNSYNCHRONISED if message.utc_bound_ns is None else str(message.utc_bound_ns),
    }
    if message.after is not None:
        headers[_AFTER] = f"{message.after.segment} {message.after.offset}"
    if message.holes:
        headers[_HOLES] = ",".join(f"{hole.begin} {hole.end} {hole.link.hex()}" for hole in message.holes)
    if message.sent is not None:
        epoch, segment, offset, link = message.sent
        headers[_SENT] = f"{epoch} {segment} {offset} {link.hex()}"
    if message.entries:
        headers[_ENTRIES] = ",".join(message.entries)
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
        _decode_bound(headers, origin_id),
        _decode_holes(headers, origin_id, offset, payload),
        _decode_sent(headers, origin_id),
        _decode_entries(headers, origin_id),
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


def _decode_holes(headers: Mapping[str, str], origin_id: str, offset: int, payload: bytes) -> tuple[Hole, ...]:
    text, reached, holes = headers.get(_HOLES, ""), offset, list[Hole]()
    for match in _HOLE.finditer(text):
        hole = Hole(int(match[1]), int(match[2]), bytes.fromhex(match[3]))
        begin, end = hole.begin - offset, hole.end - offset
        is_after_line = begin == 0 or payload[begin - 1 : begin] == b"\n"
        is_line = end == len(payload) or payload[end - 1 : end] == b"\n"
        if not (reached <= hole.begin < hole.end <= offset + len(payload) and is_after_line and is_line):
            raise HostileMessage(_refusal(origin_id, _HOLES, match[0]))
        reached = hole.end
        holes.append(hole)
    if ",".join(match[0] for match in _HOLE.finditer(text)) != text:
        raise HostileMessage(_refusal(origin_id, _HOLES, text))
    return tuple(holes)


def _decode_sent(headers: Mapping[str, str], origin_id: str) -> SentEnd | None:
    if _SENT not in headers:
        return None
    epoch, _, rest = headers[_SENT].partition(" ")
    segment, _, rest = rest.partition(" ")
    offset, _, link = rest.partition(" ")
    are_numbers = all(_NUMBER.fullmatch(text) for text in (epoch, offset))
    if not are_numbers or not is_segment_name(segment) or not _LINK_TEXT.fullmatch(link):
        raise HostileMessage(_refusal(origin_id, _SENT, headers[_SENT]))
    if not 1 <= int(epoch) <= MAX_EPOCH or int(offset) > MAX_OFFSET:
        raise HostileMessage(_refusal(origin_id, _SENT, headers[_SENT]))
    return SentEnd(int(epoch), segment, int(offset), bytes.fromhex(link))


def _decode_entries(headers: Mapping[str, str], origin_id: str) -> tuple[str, ...]:
    text = headers.get(_ENTRIES, "")
    entries = tuple(text.split(",")) if text else ()
    if len(entries) > MAX_ENTRIES or any(Stamp.parse(entry) is None for entry in entries):
        raise HostileMessage(_refusal(origin_id, _ENTRIES, text))
    return entries


def _decode_bound(headers: Mapping[str, str], origin_id: str) -> int | None:
    return None if headers.get(_BOUND) == _UNSYNCHRONISED else _number(headers, _BOUND, origin_id, MAX_BOUND_NS)


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
