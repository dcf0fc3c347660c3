"""What a command printed: kept with its secrets left out, and shown with its escapes made safe."""

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

MAX_SAVED_BYTES = 16 * 1024 * 1024  # bytes of one output that are kept: its first half, and its last
_AT_ONCE = 1024 * 1024  # bytes that are looked through at once; of a longer line each piece by itself
_BETWEEN_LINES = re.compile(r"(\r?\n|\t)")


class OutputRecorder:
    """Takes an output as it comes, gives ``write`` what of it is kept, and knows how long it was (``size``, bytes).

    ``regex``: what is looked for in its lines; ``matched`` says whether it was found, at the end. As little as can be
    is done while it comes, once there are ``at_once`` bytes of it: the clock of a run goes on meanwhile.
    """

    def __init__(
        self,
        write: Callable[[bytes], object],
        regex: str = "",
        cap: int = MAX_SAVED_BYTES,
        *,
        at_once: int | None = None,
    ) -> None:
        self.size = 0
        self.matched = False
        self._write = write
        self._regex = Regex(regex) if regex else None
        self._half = cap // 2
        self._written = 0
        self._last: deque[bytes] = deque()  # of what is over the first half
        self._held = 0  # bytes of these
        self._left_out = 0
        self._redaction = Redactor()
        self._waiting: list[bytes] = []  # taken, and not looked through yet
        self._waits = 0  # bytes of these
        self._at_once = _AT_ONCE if at_once is None else at_once

    def feed(self, data: bytes) -> None:
        """Takes ``data``, the next of it."""
        self.size += len(data)
        self._waiting.append(data)
        self._waits += len(data)
        # Where no line ends it waits for more, or each small piece of a long line would have all of it looked through.
        if (self._waits >= self._at_once and b"\n" in data) or self._waits >= 2 * max(_AT_ONCE, self._at_once):
            self._look_through()

    def close(self) -> None:
        """Gives out what is left to be kept."""
        self._keep(b"".join(self._waiting), more=False)
        self._waiting = []
        if (over := self._held - self._half) > 0:  # the pieces are large: of the first one the lines that are too many
            gone = self._last[0].rfind(b"\n", 0, over) + 1
            self._last[0] = self._last[0][gone:]
            self._left_out += gone
        if self._left_out:
            self._write(b"\n[3am: %d bytes are left out here]\n" % self._left_out)
        for data in self._last:
            self._write(data)

    def _look_through(self) -> None:
        """Keeps the whole lines of what waits; where there are none, all of it."""
        waiting = b"".join(self._waiting)
        end = waiting.rfind(b"\n") + 1 or len(waiting)
        self._keep(waiting[:end], more=True)
        self._waiting, self._waits = [waiting[end:]], len(waiting) - end

    def _keep(self, lines: bytes, *, more: bool) -> None:
        if self._regex is not None and not self.matched and lines:
            # `$` matches before a newline alone, so `boom$` needs lines without their return; `boom\r$` needs it.
            for text in (lines, lines.replace(b"\r\n", b"\n")) if b"\r\n" in lines else (lines,):
                # After the last newline there is no line, which ^$ would match.
                self.matched = self.matched or self._regex.has_match(escape_invalid_utf8(text.removesuffix(b"\n")))
        lines = self._redaction(lines, has_more=more)
        now, later = lines[: self._half - self._written], lines[self._half - self._written :]
        if now:
            self._write(now)
            self._written += len(now)
        if later:
            self._last.append(later)
            self._held += len(later)
            while self._held - len(self._last[0]) >= self._half:
                gone = self._last.popleft()
                self._held -= len(gone)
                self._left_out += len(gone)


class SavedOutput(NamedTuple):
    """Where an output was kept; no path where there was nothing to keep, or where it could not be, and ``why``."""

    path: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """The name of its file."""
        return os.path.basename(self.path)


def record_output(
    journal: Journal,
    kind: AttachmentKind,
    name: str,
    regex: str,
    run: Callable[[OutputRecorder], T],
    *,
    at_once: int | None = None,
) -> tuple[T, OutputRecorder, SavedOutput]:
    """What ``run`` gives, which puts what is printed into an `Output`; that; and where it was kept.

    Where there is no room for it, ``run`` goes on all the same. Raises `Unusable` before ``run`` is called.
    """
    done: list[tuple[T, OutputRecorder]] = []
    kept = SavedOutput()
    try:
        with create_attachment(journal, kind, name) as file:
            writes = _Writes(file)
            output = OutputRecorder(writes, regex, at_once=at_once)
            done.append((run(output), output))
            output.close()
            writes.check()
            kept = SavedOutput(file.name)
    except FileUnusable as why:
        if not done:
            raise
        kept = SavedOutput(problem=str(why))
    ((result, output),) = done
    if kept.path and not output.size:
        discard_attachment(kept.path)
        kept = SavedOutput()
    return result, output, kept


class _Writes:
    """Writes into a file until that fails; `check` says so in the end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failed: OSError | None = None

    def __call__(self, data: bytes) -> None:
        if self._failed is None:
            try:
                self._file.write(data)
                self._file.flush()  # whoever is killed has kept it
            except OSError as error:
                self._failed = error

    def check(self) -> None:
        """Raises the OSError that came up, if any."""
        if self._failed is not None:
            raise self._failed


class TerminalSanitizer:
    """Makes an output safe to look at, as it comes: every control but newlines and tabs is made visible."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._return = ""  # at the end of what came: it may belong to a newline

    def __call__(self, data: bytes) -> bytes:
        """``data``, the next of it, to be written to a terminal."""
        text = self._return + self._decoder.decode(data)
        self._return = "\r" if text.endswith("\r") else ""
        pieces = _BETWEEN_LINES.split(text.removesuffix("\r"))
        return "".join(one if i % 2 else escape_unprintable(one) for i, one in enumerate(pieces)).encode()
