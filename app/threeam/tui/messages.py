"""Messages to the screen and the program; each states a fact in the past."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from textual.message import Message

from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.store.journal import Position
from threeam.core.store.reader import Line
from threeam.core.write.lock import LockHolder
from threeam.core.write.locked_log import Block
from threeam.timeline.source import PlacedLine
from threeam.tui.effects import Effect
from threeam.tui.outbox import WriteRequest


class JournalChanged(Message):
    """A change of the journal, of its lock or of its disk. Each subclass is one kind of change."""


@dataclass
class LinesArrived(JournalChanged):
    """New lines were read from the file. ``state``: the fold of all lines so far; None until the first scan ends.

    ``end``: the position up to which the journal has been read. ``unfinished``: a last line that has had no newline
    for a quiet second. ``truncated``: the file was cut, and ``lines`` start at its new beginning.
    """

    lines: list[Line]
    state: State | None
    end: Position | None
    unfinished: Line | None
    truncated: bool


@dataclass
class LockHolderChanged(JournalChanged):
    """Another process has taken the lock, or it is free (None). ``since_ns``: monotonic, our own first sight."""

    holder: LockHolder | None
    since_ns: int


class WriteProgress(Message):
    """The progress of a write request. Each subclass is one step of it."""


@dataclass
class WriteWaiting(WriteProgress):
    """A write has been waiting for the lock for ``seconds`` so far."""

    request: WriteRequest
    holder: LockHolder | None
    seconds: float


@dataclass
class WriteOutOfSpace(WriteProgress):
    """A write did not happen for want of room on the disk; it is tried again every second until there is some."""

    request: WriteRequest
    sentence: str


@dataclass
class DiskSpaceChanged(JournalChanged):
    """The bytes that are free for the log, if they are few; None: enough."""

    free_bytes: int | None


@dataclass
class BlockWritten(WriteProgress):
    """A write is in the log, whole and synced, as ``block``."""

    request: WriteRequest
    block: Block


@dataclass
class WriteRefused(WriteProgress):
    """A write did not happen; the log is as it was. ``sentence`` is empty when it was taken back."""

    request: WriteRequest
    sentence: str


@dataclass
class WriteUnsure(WriteProgress):
    """A write is in the log, from ``first`` to ``last``, and may not stay there; it must not be sent again."""

    request: WriteRequest
    sentence: str
    first: Stamp
    last: Stamp


@dataclass
class EffectFinished(Message):
    """Work with an effect has run to its end."""

    effect: Effect


@dataclass
class CommandDone(Message):
    """A command, a search or the like was done, or not: the keys behind its Enter may go on."""


@dataclass
class FollowFailed(JournalChanged):
    """The log cannot be read; or it can again, and ``sentence`` is empty."""

    sentence: str


@dataclass
class DraftSaveFailed(Message):
    """The text in the box cannot be saved; the sentence says why. An empty sentence: it can be saved again."""

    sentence: str


@dataclass
class SourceLinesArrived(Message):
    """New lines of another log were read, or it cannot be read any more: ``problem`` says why.

    ``number``: of the source, from 0. ``handled`` is set when the screen has them: the next ones may come.
    """

    number: int
    lines: list[PlacedLine]
    problem: str
    handled: Event
