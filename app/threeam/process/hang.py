"""The reading of the stacks of a hung run: how many of its threads wait for locks. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

STACKS_LINE = "[3am: the stacks of the run when it timed out]"  # begins the section at the end of a saved output
NO_PYTHON_FRAMES = "[3am: no Python frames: "

_NATIVE_THREAD = re.compile(r"TID \d+:|Thread \d+ \(.*?\b(?:LWP|process) \d+\b")  # eu-stack, gdb
_NATIVE_FRAME = re.compile(r"#\d+\s+(?:0x[0-9a-f]+ (?:in )?\s*)?([^\s(@]+)")
_PYTHON_THREAD = re.compile(r"Thread \d+ \(\w+[^)]*\)(?:: |$)|(?:Current thread|Thread) 0x\w+ .*recent call first\):")
_PYTHON_FRAME = re.compile(r'    (\S.*) \(([^()]+?)(?::\d+)?\)$|  File "(.*)", line \d+ in (.*)$')
_GOROUTINE = re.compile(r"goroutine \d+ .*\[[^\]]*\]:")
_GO_FRAME = re.compile(r"([\w./*()\[\]·-]+)\(.*\)$")
_JAVA_WAIT = re.compile(
    r"\s+- (?:waiting to lock <|parking to wait for +<\w+> \(a java\.util\.concurrent\.locks\.Reentrant)"
)
_JAVA_REPETITION = "\nFound one Java-level deadlock"  # the stacks of its threads follow a second time
_LOCK_FUNCTION = re.compile(
    r"_*(GI_)*_*(pthread_(mutex|rwlock)_(clock|timed)?(lock|rdlock|wrlock).*|lll_lock_wait(_private)?"
    r"|PyThread_acquire_lock(_timed)?|_?PyMutex_LockTimed|\w*SemLock_acquire\w*|flock)"
)
_INNERMOST_FRAMES = 8  # a lock function further out calls what the thread is really in
_GO_LOCK_FUNCTION = re.compile(r"sync\.runtime_Semacquire(RW)?Mutex")
# A Python thread that waits for a condition, or for the end of another thread, is in the lock function too.
_PYTHON_OTHER_WAITS = {
    "threading.py": {"wait", "join", "_wait_for_tstate_lock", "_shutdown", "_join_os_thread"},
    "thread.py": {"_worker"},  # of concurrent.futures: idle
}
_CONDITION_FUNCTION = re.compile(r"_*pthread_cond_\w*wait.*")


class _Stacks(NamedTuple):
    """The stacks of one process: for each thread the names of its functions, the innermost first.

    ``python``: files and functions. ``java_waits``: the number of threads that Java says wait for a lock.
    """

    native: list[list[str]]
    python: list[list[tuple[str, str]]]
    go: list[list[str]]
    java_waits: int


def describe_hang(text: str) -> str:
    """Return what the stacks at the end of an output say, as in ``2 threads wait for locks``; empty: nothing."""
    _, separator, section = text.rpartition(STACKS_LINE)
    if not separator:
        return ""
    # Python prints its stacks last, on a signal, so those of all processes are counted together.
    stacks = _parse(section.partition(_JAVA_REPETITION)[0].splitlines())
    threads = sum(_waits_for_lock(names[:_INNERMOST_FRAMES]) for names in stacks.native)
    threads -= min(threads, sum(_is_other_wait(*frames[0]) for frames in stacks.python if frames))
    goroutines = sum(any(_GO_LOCK_FUNCTION.match(name) for name in names) for names in stacks.go)
    counts = ((threads + stacks.java_waits, "thread"), (goroutines, "goroutine"))
    sentence = ", ".join(_sentence(count, noun) for count, noun in counts if count)
    return f"{sentence}, or for other threads" if threads and NO_PYTHON_FRAMES in section else sentence


def _sentence(count: int, noun: str) -> str:
    return f"1 {noun} waits for a lock" if count == 1 else f"{count} {noun}s wait for locks"


def _waits_for_lock(names: list[str]) -> bool:
    """Return whether the innermost function of these that waits is one that waits for a lock."""
    for name in names:
        if _CONDITION_FUNCTION.fullmatch(name):
            return False
        if _LOCK_FUNCTION.fullmatch(name):
            return True
    return False


def _is_other_wait(file: str, function: str) -> bool:
    names = _PYTHON_OTHER_WAITS.get(file.rpartition("/")[2], set())
    return function.rpartition(".")[2] in names


def _parse(lines: list[str]) -> _Stacks:
    found = _Stacks([], [], [], sum(bool(_JAVA_WAIT.match(line)) for line in lines))
    for line in lines:
        if _NATIVE_THREAD.match(line):
            found.native.append([])
        elif _PYTHON_THREAD.match(line):
            found.python.append([])
        elif _GOROUTINE.match(line):
            found.go.append([])
        elif found.native and (match := _NATIVE_FRAME.match(line)):
            found.native[-1].append(match[1])
        elif found.python and (match := _PYTHON_FRAME.match(line)):
            found.python[-1].append((match[2] or match[3], match[1] or match[4]))
        elif found.go and (match := _GO_FRAME.match(line)):
            found.go[-1].append(match[1])
    return found
