"""Sleeps that a change has brought in, in any language: "do not leave temporary sleep statements in the code"."""

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
_DEFINITION = re.compile(
    r"^\s*(?:async\s+)?(?:def|function|func|fn|sub|class)\s+\w+"
)  # the name of what is defined there
_HUNK_HEADER = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED_CHARS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_MAX_SCANNED_CHARS = 2000  # characters of a line that are looked at
MAX_SHOWN_CHARS = 200  # and that are shown


class SleepCall(NamedTuple):
    """A line that was added and sleeps: its file, its number there, and what it says."""

    file: str
    line: int
    text: str


def has_sleep_call(line: str) -> bool:
    """Whether a line of code makes its program sleep, or looks as if it did: better one too many."""
    return _SLEEP_CALL.search(_DEFINITION.sub("", line[:_MAX_SCANNED_CHARS])) is not None


def added_sleeps(diff: str) -> Iterator[SleepCall]:
    """The added lines of a unified diff (``git diff -U0``) that sleep, in their order."""
    file, number, gone, come = "", 0, 0, 0
    for line in diff.split("\n"):
        if gone or come:  # inside a hunk: what looks like a header there is none
            if line.startswith("+"):
                if "\0" not in line and has_sleep_call(line[1:]):  # what is binary says anything
                    yield SleepCall(file, number, line[1:].strip()[:MAX_SHOWN_CHARS])
                number, come = number + 1, come - 1
            elif line.startswith("-"):
                gone -= 1
            elif not line.startswith("\\"):
                number, gone, come = number + 1, gone - 1, come - 1
        elif line.startswith("+++ "):
            file = _unquote_path(line[4:].rstrip("\t")).removeprefix("b/")
        elif found := _HUNK_HEADER.match(line):
            gone, number, come = int(found[1] or 1), int(found[2]), int(found[3] or 1)


def removed_sleeps(diff: str) -> set[str]:
    """What the lines say that sleep and were taken out: the same in a new file was only moved."""
    lines = (line[1:].strip()[:MAX_SHOWN_CHARS] for line in diff.split("\n") if line.startswith("-"))
    return {line for line in lines if has_sleep_call(line)}


def _unquote_path(name: str) -> str:
    """A path as git writes it into a patch: in quotes, as in C, where it has some or a backslash in it."""
    if not (name.startswith('"') and name.endswith('"') and len(name) > 1):
        return name
    return _ESCAPE.sub(lambda found: _ESCAPED_CHARS.get(found[1], found[1]), name[1:-1])
