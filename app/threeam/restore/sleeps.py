"""Sleeps that a change has brought in, in any language: "do not leave temporary sleep statements in the code"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# A word with "sleep" in it that is called or given a time: sleep 1, usleep(100), time.Sleep(d), this_thread::sleep_for,
# Thread.sleep 5, pg_sleep(1), timer:sleep(100), Start-Sleep -Seconds 1, thread::sleep(...), SLEEP(5).
_CALLED = r"(?:[a-z_]*sleep[a-z_]*|[a-z_]*Sleep[A-Za-z_]*)!?\s*(?:\(|<|\s[-\d.$\"'{@:]|\s+\w+\s*;)"
_OTHERS = (
    r"\bsetTimeout\s*\(",
    r"\bset_?interval\s*\(",
    r"\bTask\.Delay\s*\(",
    r"\b(?:m|u|n)delay\s*\(",
    r"(?<![\w.])delay\s*\(",
    r"\bWAITFOR\s+DELAY\b",
    r"\bparkNanos\s*\(",
    r"\b(?:TimeUnit\.\w+|await|Fiber|Kernel)\.(?:wait|delay)\s*\(",
    r"\bpause\s*\(\s*\d",
    r"\bvTaskDelay\s*\(",
    r"\btimeout\s+/t\s+\d",
    r"\busleep\b",
)
_SLEEP = re.compile(rf"(?<![A-Za-z]){_CALLED}|(?i:{'|'.join(_OTHERS)})|(?<![\w.])SLEEP\s*\(|(?i:\bpg_sleep\w*\s*\()")
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_LONGEST = 200  # characters of a line that are looked at and shown


class Sleep(NamedTuple):
    """A line that was added and sleeps: its file, its number there, and what it says."""

    file: str
    line: int
    text: str


def sleeps_in(line: str) -> bool:
    """Whether a line of code makes its program sleep, or looks as if it did: better one too many."""
    return _SLEEP.search(line[:_LONGEST]) is not None


def added_sleeps(diff: str) -> Iterator[Sleep]:
    """The added lines of a unified diff (``git diff -U0``) that sleep, in their order."""
    file, number, gone, come = "", 0, 0, 0
    for line in diff.split("\n"):
        if gone or come:  # inside a hunk: what looks like a header there is none
            if line.startswith("+"):
                if sleeps_in(line[1:]):
                    yield Sleep(file, number, line[1:].strip()[:_LONGEST])
                number, come = number + 1, come - 1
            elif line.startswith("-"):
                gone -= 1
            elif not line.startswith("\\"):
                number, gone, come = number + 1, gone - 1, come - 1
        elif line.startswith("+++ "):
            file = line[4:].strip().strip('"').removeprefix("b/")
        elif found := _HUNK.match(line):
            gone, number, come = int(found[1] or 1), int(found[2]), int(found[3] or 1)
