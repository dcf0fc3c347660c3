"""Find sleeps that a change has added, in any language: "do not leave temporary sleep statements in the code"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

# A word that is "sleep" or begins or ends with it, called or given a time: time.Sleep(d), usleep(100), sleep 1,
# this_thread::sleep_for(…), Thread.sleep 5, DBMS_LOCK.SLEEP(5), (sleep 1), Start-Sleep -Seconds 1, "sleep", "5".
_SLEEP_PREFIX = r"(?:(?:clock_)?nano|k_|g_u|pg_|PG_|u|m|s|f|n|thread_)?"
_SLEEP_SUFFIX = r"(?:f|ms|ns|_ms|_for|-for|_until|_us|_ns|_range|For|Until|Uninterruptibly|Ms|Seconds)?(?!s\b)"
_SLEEP_WORD = rf"(?<![A-Za-z_]){_SLEEP_PREFIX}(?:[sS]leep|SLEEP){_SLEEP_SUFFIX}"
_CALL = r"(?:!?\s*\(|!?<\w+>\(|,?\s+[-\d.$\"'{]|\s+infinity\b|\s+rand\b|\s+[A-Z][A-Z_]+\b|[\"']\s*,\s*[\"']\d)"
_OTHER_DELAYS = (
    r"(?<![.\w])setTimeout\s*\(",
    r"\b(?:window|global|globalThis)\.setTimeout\s*\(",
    r"(?<![.\w])setInterval\s*\(",
    r"\bwaitForTimeout\s*\(",
    r"\bsleepForTimeInterval:",
    r"\bTask\.Delay\s*\(",
    r"\bFuture\.delayed\s*\(",
    r"\bSDL_Delay\s*\(",
    r"\bvTaskDelay\w*\s*\(",
    r"\b[mun]delay\s*\(",
    r"(?<![\w.])delay\s*\(",
    r"^\s*delay\s+(?:until\s+)?\d[\d.]*\s*;",
    r"\bthreadDelay\s+[\w($]",
    r"\b(?i:waitfor)\s+(?i:delay)\b",
    r"\bparkNanos\s*\(",
    r"(?<![\w.])pause\s*\(\s*\d",
    r"\btimers\.setTimeout\s*\(",
    r"\b(?:HAL_Delay|_delay_[mu]s|delayMicroseconds|thrd_sleep|SleepEx|schedule_timeout|wait_for_timeout)\s*\(",
    r"\bcoroutines\.delay\s*\(",
    r"\btimeout\s+/t\s+\d",
    r"\bselect\s*\(\s*(?:undef\s*,\s*){3}",
)
_SLEEP_CALL = re.compile(rf"{_SLEEP_WORD}{_CALL}|{'|'.join(_OTHER_DELAYS)}")
# The name in a definition: a function may be called "sleep".
_DEFINITION = re.compile(r"^\s*(?:async\s+)?(?:def|function|func|fn|sub|class)\s+\w+")
_HUNK_HEADER = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED_CHARS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_MAX_SCANNED_CHARS = 2000  # of a line
MAX_SHOWN_CHARS = 200  # of a line


class SleepCall(NamedTuple):
    """An added line that sleeps: its file, its line number, its text."""

    file: str
    line: int
    text: str


def has_sleep_call(line: str) -> bool:
    """Return whether a line of code looks as if it makes its program sleep. False positives are accepted."""
    return _SLEEP_CALL.search(_DEFINITION.sub("", line[:_MAX_SCANNED_CHARS])) is not None


def added_sleeps(diff: str) -> Iterator[SleepCall]:
    """Yield the added lines of a unified diff (``git diff -U0``) that sleep, in their order."""
    file, number, removed_left, added_left = "", 0, 0, 0
    for line in diff.split("\n"):
        if removed_left or added_left:  # inside a hunk a line that looks like a header is content
            if line.startswith("+"):
                if "\0" not in line and has_sleep_call(line[1:]):  # not a binary file
                    yield SleepCall(file, number, line[1:].strip()[:MAX_SHOWN_CHARS])
                number, added_left = number + 1, added_left - 1
            elif line.startswith("-"):
                removed_left -= 1
            elif not line.startswith("\\"):
                number, removed_left, added_left = number + 1, removed_left - 1, added_left - 1
        elif line.startswith("+++ "):
            file = _unquote_path(line[4:].rstrip("\t")).removeprefix("b/")
        elif header := _HUNK_HEADER.match(line):
            removed_left, number, added_left = int(header[1] or 1), int(header[2]), int(header[3] or 1)


def removed_sleeps(diff: str) -> set[str]:
    """Return the texts of the removed lines that sleep: the same text in a new file was only moved."""
    lines = (line[1:].strip()[:MAX_SHOWN_CHARS] for line in diff.split("\n") if line.startswith("-"))
    return {line for line in lines if has_sleep_call(line)}


def _unquote_path(name: str) -> str:
    """Return a path from a patch: git C-quotes one that has a quote, a backslash or a control character in it."""
    if not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        return name
    return _ESCAPE.sub(lambda match: _ESCAPED_CHARS.get(match[1], match[1]), name[1:-1])
