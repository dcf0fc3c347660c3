"""Logs of many lines that came through a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from threeam.core.format.entry import Stamp, format_batch

_STREAM_TAGS = (("BY", "svc@db1:991"), ("VIA", "stdin"))


class _BinaryFile(Protocol):
    def write(self, data: bytes, /) -> object: ...


def write_stream_lines(file: _BinaryFile, stamp: Stamp, texts: Sequence[str]) -> None:
    """Write an entry of a stream for each of ``texts`` in one write: at ``stamp``, and then + 1 ns a line."""
    file.write(format_batch(stamp, 0, _STREAM_TAGS, list(texts)))
