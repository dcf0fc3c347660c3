"""Every system call of a write on the log, its lock and their folder fails once, and then for ever.

The answer must be true all the same.

As SQLite does it: the first call fails, then the second, and so on until the command gets through untouched. strace(1)
injects the faults, so the program under test is the real one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from support.commands import command
from threeam.core.format.entry import parse_entry
from threeam.core.store.journal import resolve_journal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

CALLS = (
    *("openat", "write", "fdatasync", "fsync", "ftruncate", "flock", "pread64", "newfstatat", "fstat", "lseek"),
    *("link", "linkat", "rename", "unlink", "fchmod", "fchown", "fstatfs", "statfs"),
    *("getdents64", "mkdir", "faccessat2"),
)
# Wherever they are made: the name of the file that a rotation makes aside is not known before, and neither is stdout's.
CALLS_ANYWHERE = ("write", "fsync", "fchmod", "fgetxattr", "unlink")
MOST = 40  # calls of one kind in one command
OPERATIONS = {
    "the first line": ([], ["log", "token"]),
    "another line": (["before"], ["log", "token"]),
    "a hypothesis": (["before"], ["hyp", "new", "token"]),
    "a rotation and a line": (["before " + "x" * 900] * 6, ["log", "token"]),
}


class Outcome(NamedTuple):
    """What a command said, and what is in the journal after it."""

    code: int
    said: str
    texts: list[str]
    torn: bool


def texts(log: Path) -> tuple[list[str], bool]:
    journal = resolve_journal(str(log))
    live = journal.open_live()
    collected: list[str] = []
    torn = False
    for segment in journal.segments_forward(live) if live is not None else ():
        *lines, last = segment.read(0, segment.size()).split(b"\n")
        torn = torn or last != b""
        for line in lines:
            entry = parse_entry(line)
            assert entry is not None, line
            if entry.carried_from is None and entry.kind != "ceremony":
                collected.append(entry.body)
    return collected, torn


def attempt(folder: Path, before: list[str], argv: list[str], inject: str, *, anywhere: bool) -> Outcome | None:
    """The outcome of ``argv`` on a journal with ``before`` in it, with a fault in a call on the journal's files.

    ``anywhere``: on all files.

    None if there was no such call: the command got through untouched.
    """
    folder.mkdir()
    log, trace = folder / "sanity.log", folder.parent / f"{folder.name}.trace"
    env = {**os.environ, "SANITY_LOG": str(log), "SANITY_LOCK": f"{log}.lock"}
    for text in before:
        subprocess.run([command(), "log", "-q", text], env=env, check=True)
    paths = [] if anywhere else [option for path in (folder, log, f"{log}.lock") for option in ("-P", str(path))]
    done = subprocess.run(
        ["strace", "-f", "-o", str(trace), *paths, "-e", f"inject={inject}", command(), *argv],
        env={**env, "SANITY_ROTATE_BYTES": "4000"},
        capture_output=True,
        timeout=60,
    )
    shown = trace.read_text(errors="replace")
    killed = "killed by SIGKILL" in shown
    if not killed and "(INJECTED)" not in shown:
        return None
    written, torn = texts(log)
    return Outcome(-signal.SIGKILL if killed else done.returncode, done.stderr.decode(), written, torn)


def holds(outcome: Outcome, before: list[str], call: str) -> str:
    """Why the outcome breaks the promise, with a fault in ``call``; empty if it holds."""
    count = Counter(outcome.texts)["token"]
    if call == "fdatasync" and outcome.code == 0:
        return "exit 0, and the disk did not confirm it"
    if [text for text in outcome.texts if text != "token"] != before:
        return f"what stood there before is not what it was: {outcome.texts}"
    if "Traceback" in outcome.said:
        return f"a traceback: {outcome.said}"
    if outcome.code == 0:
        return "" if count == 1 and not outcome.torn else f"exit 0, and the line is there {count} times"
    if outcome.code == -signal.SIGKILL:
        return "" if count <= 1 else f"killed, and the line is there {count} times"
    if "unsure: written as @" in outcome.said:
        return "" if count <= 1 else f"unsure, and the line is there {count} times"
    if "written as @" in outcome.said:  # and stdout was full
        return "" if count == 1 else f"written, and the line is there {count} times"
    if outcome.code == 3 and not outcome.said and call == "write":  # stderr was full as well
        return "" if count <= 1 else f"nothing could be said, and the line is there {count} times"
    if outcome.code not in (1, 3, 4):
        return f"exit {outcome.code}: {outcome.said}"
    if count or outcome.torn:
        return f"refused, and it is there {count} times (torn: {outcome.torn}): {outcome.said}"
    return "" if "not written: token" in outcome.said else f"refused, and not handed back: {outcome.said}"


FAULTS = [
    *(f"{fault}:when={{}}{more}" for fault in ("error=EIO", "error=ENOSPC") for more in ("", "+")),
    "signal=KILL:when={}",
]


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_the_answer_is_true(tmp_path: Path, operation: str, fault: str) -> None:
    before, argv = OPERATIONS[operation]
    broken: list[str] = []
    tried = 0
    everywhere = CALLS_ANYWHERE if "rotation" in operation else ()
    for call, anywhere in [*((call, False) for call in CALLS), *((call, True) for call in everywhere)]:
        for number in range(1, MOST):
            inject = f"{call}:{fault.format(number)}"
            folder = tmp_path / f"{call}-{number}{'-anywhere' * anywhere}"
            outcome = attempt(folder, before, argv, inject, anywhere=anywhere)
            if outcome is None:
                break
            tried += 1
            if why := holds(outcome, before, call):
                broken.append(f"{inject}: {why}")
    assert tried > 5
    assert broken == []
