"""The output of a command: saved without its secrets, and shown without terminal escapes."""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from collections.abc import Callable
from typing import BinaryIO, NamedTuple, TypeVar

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import escape_unprintable
from threeam.core.redact.redact import Redactor
from threeam.core.store.attachment_kinds import AttachmentKind
from threeam.core.store.attachments import create_attachment, discard_attachment
from threeam.core.store.journal import Journal
from threeam.core.store.regex import Regex, escape_invalid_utf8

T = TypeVar("T")

MAX_SAVED_BYTES = 16 * 1024 * 1024  # of one output: the first half and the last half of it are saved
_FLUSH_BYTES = 1024 * 1024  # bytes that are searched and redacted at once; a longer line is split
_LINE_BREAK_OR_TAB = re.compile(r"(\r?\n|\t)")


class OutputRecorder:
    """A receiver of an output in pieces. It passes to ``sink`` what of the output is to be saved, redacted.

    ``size``: the length of the output (bytes). ``matched``: whether ``regex`` matches one of its lines; known after
    `close`. Little is done before there are ``flush_bytes`` of it: the clock of a run is ticking meanwhile.
    """

    def __init__(
        self,
        sink: Callable[[bytes], object],
        regex: str = "",
        max_bytes: int = MAX_SAVED_BYTES,
        *,
        flush_bytes: int | None = None,
    ) -> None:
        self.size = 0
        self.matched = False
        self._sink = sink
        self._regex = Regex(regex) if regex else None
        self._half_max_bytes = max_bytes // 2
        self._written_bytes = 0
        self._tail_chunks: deque[bytes] = deque()  # the last part of what is over the first half
        self._tail_bytes = 0
        self._omitted_bytes = 0
        self._redactor = Redactor()
        self._pending: list[bytes] = []  # received, and not searched yet
        self._pending_bytes = 0
        self._flush_bytes = _FLUSH_BYTES if flush_bytes is None else flush_bytes

    def feed(self, data: bytes) -> None:
        """Receive ``data``, the next piece of the output."""
        self.size += len(data)
        self._pending.append(data)
        self._pending_bytes += len(data)
        # Without the end of a line more is collected: otherwise each piece of a long line would be searched again.
        has_lines = self._pending_bytes >= self._flush_bytes and b"\n" in data
        if has_lines or self._pending_bytes >= 2 * max(_FLUSH_BYTES, self._flush_bytes):
            self._process_pending()

    def close(self) -> None:
        """Pass on the rest of what is to be saved."""
        self._save_lines(b"".join(self._pending), has_more=False)
        self._pending = []
        excess = self._tail_bytes - self._half_max_bytes
        if excess > 0:  # chunks are large: omit only the first lines of the first one
            end = self._tail_chunks[0].rfind(b"\n", 0, excess) + 1
            self._tail_chunks[0] = self._tail_chunks[0][end:]
            self._omitted_bytes += end
        if self._omitted_bytes:
            self._sink(b"\n[3am: %d bytes are left out here]\n" % self._omitted_bytes)
        for data in self._tail_chunks:
            self._sink(data)

    def _process_pending(self) -> None:
        """Save the complete lines of the pending data; all of it if there is no complete line."""
        pending = b"".join(self._pending)
        end = pending.rfind(b"\n") + 1 or len(pending)
        self._save_lines(pending[:end], has_more=True)
        self._pending, self._pending_bytes = [pending[end:]], len(pending) - end

    def _save_lines(self, lines: bytes, *, has_more: bool) -> None:
        if self._regex is not None and not self.matched and lines:
            self.matched = _has_match(self._regex, lines)
        lines = self._redactor(lines, has_more=has_more)
        space = self._half_max_bytes - self._written_bytes
        head, tail = lines[:space], lines[space:]
        if head:
            self._sink(head)
            self._written_bytes += len(head)
        if tail:
            self._tail_chunks.append(tail)
            self._tail_bytes += len(tail)
            while self._tail_bytes - len(self._tail_chunks[0]) >= self._half_max_bytes:
                omitted = len(self._tail_chunks.popleft())
                self._tail_bytes -= omitted
                self._omitted_bytes += omitted


def _has_match(regex: Regex, lines: bytes) -> bool:
    # `$` matches only before a newline, so `boom$` needs lines without carriage returns; `boom\r$` needs them.
    texts = [lines, lines.replace(b"\r\n", b"\n")] if b"\r\n" in lines else [lines]
    # After the last newline there is no line, but ^$ would match there.
    return any(regex.has_match(escape_invalid_utf8(text.removesuffix(b"\n"))) for text in texts)


class SavedOutput(NamedTuple):
    """The path of a saved output; empty if the output was empty, or if ``problem`` kept it from being saved."""

    path: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Return the name of the file."""
        return os.path.basename(self.path)


def record_output(
    journal: Journal,
    kind: AttachmentKind,
    name: str,
    regex: str,
    run: Callable[[OutputRecorder], T],
    *,
    flush_bytes: int | None = None,
) -> tuple[T, OutputRecorder, SavedOutput]:
    """Call ``run`` with a recorder that saves the output in the attachment ``name``.

    Return its result, the recorder, and where the output was saved. If the disk is full, ``run`` is not disturbed.
    Raise `FileUnusable` if the file cannot be created; ``run`` is not called then.
    """
    results: list[tuple[T, OutputRecorder]] = []
    saved = SavedOutput()
    try:
        with create_attachment(journal, kind, name) as file:
            sink = _FileSink(file)
            recorder = OutputRecorder(sink, regex, flush_bytes=flush_bytes)
            results.append((run(recorder), recorder))
            recorder.close()
            sink.raise_if_failed()
            saved = SavedOutput(file.name)
    except FileUnusable as error:
        if not results:
            raise
        saved = SavedOutput(problem=str(error))
    ((result, recorder),) = results
    if saved.path and not recorder.size:
        discard_attachment(saved.path)
        saved = SavedOutput()
    return result, recorder, saved


class _FileSink:
    """A sink that writes into a file until a write fails."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def __call__(self, data: bytes) -> None:
        if self._error is None:
            try:
                self._file.write(data)
                self._file.flush()  # so that it is saved even if this process is killed
            except OSError as error:
                self._error = error

    def raise_if_failed(self) -> None:
        """Raise the OSError of the write that failed, if any."""
        if self._error is not None:
            raise self._error


class TerminalSanitizer:
    """A filter that makes controls other than newlines and tabs visible, so that an output is safe for a terminal."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._pending_cr = ""  # at the end of the last piece: a newline may follow

    def __call__(self, data: bytes) -> bytes:
        """Return ``data``, the next piece of the output, in a form that is safe for a terminal."""
        text = self._pending_cr + self._decoder.decode(data)
        self._pending_cr = "\r" if text.endswith("\r") else ""
        pieces = _LINE_BREAK_OR_TAB.split(text.removesuffix("\r"))
        return "".join(piece if i % 2 else escape_unprintable(piece) for i, piece in enumerate(pieces)).encode()
