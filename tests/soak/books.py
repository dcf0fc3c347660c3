"""The books of a soak: each line that a process was asked to write, its answer, and what was injected."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    """What a process said about one line.

    ``UNREAD``: the line was still in the pipe when its stream ended. ``UNKNOWN``: the process was killed after it had
    taken the line, and before it answered.
    """

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    UNREAD = "unread"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Text:
    """One line that ``writer`` was asked to write; nobody else writes the same words.

    ``block``: the name of the lines that are written together, or empty. ``begun`` and ``answered``: monotonic ns.
    ``raw``: the line as its writer printed it, where it did.
    """

    words: str
    writer: str
    begun: int
    block: str = ""
    answer: Answer = Answer.UNKNOWN
    answered: int = 0
    raw: bytes = b""

    def set(self, answer: Answer, raw: bytes = b"") -> None:
        """Records the answer, with the line that was printed."""
        self.answer, self.answered, self.raw = answer, time.monotonic_ns(), raw


@dataclass(frozen=True)
class Problem:
    """One broken promise, and the name of the rule that found it."""

    rule: str
    text: str


@dataclass
class Books:
    """What one phase of a soak knows without looking at the log.

    ``texts``: by their words. ``script_lines``: by the exact bytes that tee(1) was given, since the Bash script says
    the same words again and again. ``full_disk``: when the disk was full, as pairs of monotonic ns.
    """

    texts: dict[str, Text] = field(default_factory=dict)
    script_lines: dict[bytes, Text] = field(default_factory=dict)
    injected: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    full_disk: list[list[int]] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, words: str, writer: str, block: str = "", begun: int = 0) -> Text:
        """Enters a line that is about to be given to its writer, or was given to it at ``begun``."""
        text = Text(words, writer, begun or time.monotonic_ns(), block)
        with self._guard:
            assert words not in self.texts, f"two writers have the words {words!r}"
            self.texts[words] = text
        return text

    def script_line(self, raw: bytes, writer: str, begun: int) -> Text:
        """Enters a line that the Bash script gave to tee(1)."""
        text = Text(raw.decode(), writer, begun)
        with self._guard:
            self.script_lines[raw] = text
        return text

    def inject(self, what: str) -> None:
        """Counts a disturbance."""
        with self._guard:
            self.injected[what] += 1

    def problem(self, rule: str, text: str) -> None:
        """Enters a problem that was seen while the soak ran."""
        with self._guard:
            self.problems.append(Problem(rule, text))

    def every_text(self) -> list[Text]:
        """All lines: those of `3am`, and those of the Bash script."""
        return [*self.texts.values(), *self.script_lines.values()]

    def acknowledged(self) -> int:
        """How many lines of `3am` are acknowledged so far."""
        with self._guard:
            return sum(text.answer is Answer.ACKNOWLEDGED for text in self.texts.values())

    def was_full_between(self, begin: int, end: int) -> bool:
        """Whether the disk was full at some time between two moments."""
        return any(start <= end and begin <= stop for start, stop in self.full_disk)
