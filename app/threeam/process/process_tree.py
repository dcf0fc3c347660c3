"""The process tree: the children of a process, and the adoption and killing of orphans."""

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
    """Raise `FileUnusable` if this system or its Python lacks what ``command`` needs to run or trace a process."""
    missing = [f"{module.__name__}.{name}" for module, name in _REQUIRED_FEATURES if not hasattr(module, name)]
    if missing:
        raise FileUnusable(f"{command} needs Linux: there is no {missing[0]} here")


def child_pids(pid: int) -> list[int]:
    """Return the running children of ``pid``, if the kernel lists them (CONFIG_PROC_CHILDREN).

    Raise OSError if this process has too many open files: an empty list would leave programs running.
    """
    pids: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):  # the process has ended
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                pids += map(int, file.read().split())
    return pids


def descendant_pids(pid: int) -> list[int]:
    """Return the running children of ``pid`` and all their descendants."""
    children = child_pids(pid)
    return [*children, *(descendant for child in children for descendant in descendant_pids(child))]


def adopt_orphans() -> None:
    """Make this process, and not init, the new parent of orphans among its descendants: prctl(2)."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_other_children(kept_pids: Collection[int]) -> None:
    """Kill and reap all descendants of this process, except the children ``kept_pids`` and their descendants.

    A process of another user, which cannot be killed (sudo), is not waited for.
    """
    spared = set(kept_pids)
    while children := [pid for pid in child_pids(os.getpid()) if pid not in spared]:
        for pid in [*children, *(descendant for child in children for descendant in descendant_pids(child))]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            except PermissionError:
                spared.add(pid)
        for pid in children:
            os.waitpid(pid, os.WNOHANG if pid in spared else 0)
