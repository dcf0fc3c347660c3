"""Processes as the kernel has them: who started whom, and whose they are when their parent has ended."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from collections.abc import Collection
from contextlib import suppress

from threeam.core.errors import FileUnusable

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


_REQUIRED_FEATURES = ((os, "pidfd_open"), (os, "sched_getaffinity"), (fcntl, "F_SETPIPE_SZ"))


def require_linux(command: str) -> None:
    """Raise `Unusable` if this system, or the Python on it, lacks what ``command`` needs to run or watch a process."""
    missing = [f"{module.__name__}.{name}" for module, name in _REQUIRED_FEATURES if not hasattr(module, name)]
    if missing:
        raise FileUnusable(f"{command} needs Linux: there is no {missing[0]} here")


def child_pids(pid: int) -> list[int]:
    """Return what ``pid`` has started and still runs, as far as the kernel tells (CONFIG_PROC_CHILDREN).

    Raise OSError if this process may open no more files: an empty list would leave programs running.
    """
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    return found


def descendant_pids(pid: int) -> list[int]:
    """These, and what they have started."""
    found = child_pids(pid)
    return [*found, *(below for one in found for below in descendant_pids(one))]


def adopt_orphans() -> None:
    """From now on what a process of ours leaves behind is ours, and not init's: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_other_children(kept_pids: Collection[int]) -> None:
    """Kill and reap all that runs below this process, but ``kept_pids`` and what is below these.

    A process of another user, which cannot be killed (sudo), is not waited for.
    """
    spared = set(kept_pids)
    while left := [pid for pid in child_pids(os.getpid()) if pid not in spared]:
        for pid in [*left, *(below for one in left for below in descendant_pids(one))]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                spared.add(pid)
        for pid in left:
            os.waitpid(pid, os.WNOHANG if pid in spared else 0)
