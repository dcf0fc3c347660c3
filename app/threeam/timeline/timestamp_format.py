"""The rows of the table of timestamp formats: who writes a stamp, where it stands in a line, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import NamedTuple

from threeam.timeline.notation import Notation

MAX_STAMP_END = 256  # bytes of a line; a stamp that ends after them is not read


class Meaning(StrEnum):
    """The moment that the program stamps."""

    EVENT = "event"
    START = "start"  # of a request or call; the line is written at its end
    END = "end"
    RECEIPT = "receipt"  # the program got the line from another one


class Example(NamedTuple):
    """A line in a format, and the instant that it states in the context of the examples.

    ``lines_before``: of the same file, if they show the format.
    """

    line: bytes
    ns: int
    resolution_ns: int
    lines_before: tuple[bytes, ...] = ()


class Layout(NamedTuple):
    """A place of a stamp: ``before`` it, from the begin of the line, and ``after`` it. Both are patterns of bytes.

    ``context`` continues the pattern, and tells apart the formats that have the same place; a line is read without it.
    ``literal``: bytes that each line has, to save the match. ``mark``: the same, with 0 for each digit. ``file_mark``:
    bytes of a line of the file, such as a header. ``utc``: a stamp without a zone is one in UTC. ``is_preferred``: to
    another stamp that is further left. ``rank``: of two keys of a line, the one with the lower rank is taken, wherever
    it is. ``is_double``: a number with seven digits after the second was a double, and is
    up to 119 ns from the time. ``runs_back``: the context counts only if some stamps are earlier than those before.
    """

    notation: Notation
    before: bytes = b""
    after: bytes = b""
    context: bytes = b""
    literal: bytes = b""
    mark: bytes = b""
    file_mark: bytes = b""
    max_end: int = MAX_STAMP_END
    utc: bool = False
    is_preferred: bool = False
    is_double: bool = False
    rank: int = 0
    runs_back: bool = False

    @property
    def pattern(self) -> bytes:
        """The pattern of the place: what a line must begin with to be read."""
        return self.before + self.notation.pattern + self.after

    @property
    def shape(self) -> bytes:
        """Bytes that the file must have, with 0 for each digit and an empty line before the first."""
        if self.mark or not self.notation.sorts:
            return self.mark or self.notation.shape
        return {b"": b"\n", rb"\[": b"["}.get(self.before, b"") + self.notation.shape


@dataclass(frozen=True, slots=True)
class TimestampFormat:
    """A row of the table. ``name``: as ``--format SRC=NAME`` takes it. ``caveat``: what its stamps leave open."""

    name: str
    title: str
    meaning: Meaning
    layouts: tuple[Layout, ...]
    examples: tuple[Example, ...]
    caveat: str = ""


class Context(NamedTuple):
    """The facts that a file does not state.

    ``modified_ns``: when it was last written. ``zone``: of stamps without a zone; None: UTC. ``zone_is_assumed``: the
    user did not name the zone. ``boot_ns``: when the machine that wrote it was booted; None: not known.
    """

    modified_ns: int
    zone: tzinfo | None
    zone_is_assumed: bool = True
    boot_ns: int | None = None
