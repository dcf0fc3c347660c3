"""The system calls of a command, counted by strace, and the delays that are worth a try."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.times import format_duration
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.runs.trial_run import trial_run

DELAY_NS = 20_000_000
_MAX_LATENESS = 20  # all delays of a call in a run are as long as this many full ones, at most
_MIN_DELAY_NS = 50_000  # a shorter one is as long as a system call takes under a tracer
_ROW = re.compile(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:(\d+)\s+)?([a-z_]\w*)$", re.ASCII | re.MULTILINE)
# They set up a process, or ask about it, and change nothing that another process or thread could see. The next call
# after them is delayed, too.
_PRIVATE_CALLS = frozenset(
    {"arch_prctl", "brk", "clock_gettime", "execve", "execveat", "getcwd", "getegid", "geteuid", "getgid"}
    | {"getpgid", "getpgrp", "getpid", "getppid", "getrandom", "getrusage", "getsid", "gettid", "gettimeofday"}
    | {"getuid", "ioctl", "lseek", "madvise", "mmap", "mprotect", "mremap", "munmap", "prctl", "prlimit64"}
    | {"restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity"}
    | {"set_robust_list", "set_tid_address", "sigaltstack", "sysinfo", "time", "times", "umask", "uname"}
)
# They change what has a name that other processes know, or take a lock: the act after a check is one of them.
_SHARED_CALLS = frozenset(
    {"bind", "creat", "fcntl", "flock", "ftruncate", "futex", "link", "linkat", "mkdir", "mkdirat", "mknod"}
    | {"mknodat", "open", "openat", "rename", "renameat", "renameat2", "rmdir", "semop", "symlink", "symlinkat"}
    | {"truncate", "unlink", "unlinkat"}
)
_THREAD_CALLS = frozenset(("clone", "clone3"))
_EXIT = "exit_group"  # strace does not count it; the other threads run on while it is delayed


class CallCounts(NamedTuple):
    """The number of calls of each system call, how many programs were started, and how long that took under strace."""

    calls: Mapping[str, int]
    programs: int
    duration_ns: int = 0


def count_calls(command: Sequence[str], timeout_ns: int | None) -> CallCounts:
    """Run ``command`` under strace, and count its system calls. Raise `BadInput` if that is not possible."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "calls")
        _, result = trial_run(["strace", "-f", "-c", "-o", path, *command], FailureRule(), timeout_ns)
        if result.timed_out and timeout_ns is not None:
            limit = format_duration(timeout_ns)
            raise BadInput(
                f"the command did not end within {limit} under strace, which is slower: its calls are not known"
            )
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                counts = parse_summary(file.read())
        except FileNotFoundError:
            counts = CallCounts({}, 0)
    if not counts.calls:
        raise BadInput("strace could not count the system calls of the command: try 3am run -- strace -c CMD")
    return counts._replace(duration_ns=result.duration_ns)


def parse_summary(text: str) -> CallCounts:
    """Return the counts in the table that ``strace -c`` prints."""
    rows = [(call, int(count), int(errors or 0)) for count, errors, call in _ROW.findall(text) if call != "total"]
    programs = sum(count - errors for call, count, errors in rows if call in ("execve", "execveat"))
    return CallCounts({call: count for call, count, _ in rows}, programs)


def delays_to_try(counts: CallCounts, idle: CallCounts) -> list[str]:
    """Return the names of the arms that delay a call, the most promising first.

    ``idle``: the counts of a program that does nothing. A call that every program makes to start is left out. The
    delays of one call sum up to twenty full ones in a run at most, so a call that is made often is delayed shortly.
    Calls of `_SHARED_CALLS` come first. Of these, and of the others, a call that is made rarely comes first: its delay
    is long, and it says more precisely where to look.
    """
    calls = [
        call
        for call, count in counts.calls.items()
        if call not in _PRIVATE_CALLS and count > idle.calls.get(call, 0) * max(1, counts.programs)
    ]
    calls.sort(key=lambda call: (call not in _SHARED_CALLS, counts.calls[call], call))
    made = {call: counts.calls[call] for call in calls}
    if _THREAD_CALLS & counts.calls.keys():
        made[_EXIT] = max(1, counts.programs)
    lengths = ((call, min(DELAY_NS, DELAY_NS * _MAX_LATENESS // count)) for call, count in made.items())
    return [f"delay:{call}={format_duration(ns)}" for call, ns in lengths if ns >= _MIN_DELAY_NS]
