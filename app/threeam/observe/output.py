"""What a command printed: kept with its secrets left out, and shown with its escapes made safe."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable

from threeam.core.entry import visible
from threeam.core.secrets import Redaction

CAP = 16 * 1024 * 1024  # bytes of one output that are kept: its first half, and its last
_LONGEST = 64 * 1024  # bytes: of a longer line each piece is looked through by itself
_BETWEEN_LINES = re.compile(r"(\r?\n|\t)")


class Output:
    """Takes an output as it comes, gives ``write`` what of it is kept, and knows how long it was (``size``, bytes).

    ``regex``: what is looked for in its lines; ``matched`` says whether it was found.
    """

    def __init__(self, write: Callable[[bytes], object], regex: str = "", cap: int = CAP) -> None:
        self.size = 0
        self.matched = False
        self._write = write
        self._regex = re.compile(regex.encode(), re.MULTILINE) if regex else None
        self._half = cap // 2
        self._written = 0
        self._last: deque[bytes] = deque()  # of what is over the first half
        self._held = 0  # bytes of these
        self._left_out = 0
        self._redaction = Redaction()
        self._line = b""  # that has not ended

    def take(self, data: bytes) -> None:
        """Takes ``data``, the next of it."""
        self.size += len(data)
        end = data.rfind(b"\n") + 1
        if end == 0 and len(self._line) + len(data) <= _LONGEST:
            self._line += data
            return
        whole, self._line = (self._line + data[:end], data[end:]) if end else (self._line + data, b"")
        self._keep(whole)
        if len(self._line) > _LONGEST:
            whole, self._line = self._line, b""
            self._keep(whole)

    def close(self) -> None:
        """Gives out what is left to be kept."""
        self._keep(self._line)
        self._line = b""
        if self._left_out:
            self._write(b"\n[3am: %d bytes are left out here]\n" % self._left_out)
        for data in self._last:
            self._write(data)

    def _keep(self, lines: bytes) -> None:
        if self._regex is not None and not self.matched:
            self.matched = self._regex.search(lines) is not None
        lines = self._redaction(lines)
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


class Safe:
    """Makes an output safe to look at, as it comes: every control but newlines and tabs is made visible."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def __call__(self, data: bytes) -> bytes:
        """``data``, the next of it, to be written to a terminal."""
        pieces = _BETWEEN_LINES.split(self._decoder.decode(data))
        return "".join(one if i % 2 else visible(one) for i, one in enumerate(pieces)).encode()
