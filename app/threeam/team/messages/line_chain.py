"""A SHA-256 chain over the lines of a segment: two hosts that agree on a link agree on every byte before it.

The links are between lines, however the lines were batched, and each can be continued without the bytes before it. A
line longer than `MAX_PIECE_BYTES` has a link after each piece of that size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

LINK_BYTES = 32  # bytes of a link
MAX_PIECE_BYTES = 256 * 1024  # bytes


def first_link(segment: str) -> bytes:
    """Return the link before the first byte of the segment with this name."""
    return hashlib.sha256(segment.encode()).digest()


def extend_chain(link: bytes, data: bytes) -> bytes:
    """Return the link behind ``data``, of which ``link`` stands at the beginning."""
    begin, size = 0, len(data)
    while begin < size:
        newline = data.find(b"\n", begin, begin + MAX_PIECE_BYTES)
        end = newline + 1 if newline >= 0 else min(size, begin + MAX_PIECE_BYTES)
        link = hashlib.sha256(link + data[begin:end]).digest()
        begin = end
    return link


def extend_chain_over(read: Callable[[int, int], bytes], link: bytes, begin: int, end: int) -> bytes | None:
    """Return the link at ``end``, if ``link`` stands at ``begin``; None if the bytes end before. Raises OSError.

    ``read``: returns the bytes at an offset, up to a size.
    """
    while begin < end:
        data = read(begin, min(4 * MAX_PIECE_BYTES, end - begin))
        if not data:
            return None
        if begin + len(data) < end:  # stop at a link: the rest of the last line is read again
            last_newline = data.rfind(b"\n") + 1
            data = data[: last_newline or len(data) - len(data) % MAX_PIECE_BYTES or len(data)]
        link = extend_chain(link, data)
        begin += len(data)
    return link
