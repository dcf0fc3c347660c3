"""The journal's own footprint: what its running instances take, so that it can be ruled out as the observer."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.entry import NS_PER_S, decode_utf8, escape_unprintable
from threeam.core.format.times import format_duration
from threeam.core.store.journal import user_name
from threeam.core.write.write_stats import WriteStats, write_stats_of


class Instance(NamedTuple):
    """A running instance, and what it took in ``over_ns``: of a CPU (ns), wake-ups, and under the lock.

    ``words``: its command. ``log``: the journal that it writes; None: none, or it may not be seen. ``spent``: since it
    began; ``lately``: in ``over_ns``. None where it may not be seen.
    """

    pid: int
    user: str
    words: str
    over_ns: int
    cpu_ns: int
    wakeups: int
    log: str | None = None
    spent: WriteStats | None = None
    lately: WriteStats | None = None


class _UsageSample(NamedTuple):
    at_ns: int
    cpu_ns: int
    wakeups: int
    writers: Mapping[str, WriteStats] | None


def measure_instances(
    interval_s: float, excluded_pids: Sequence[int] = (), sleep: Callable[[float], object] = time.sleep
) -> list[Instance]:
    """Every instance on this machine but those of the pids ``excluded_pids``, as they were over that many seconds.

    Raises `Unusable` if there is no /proc.
    """
    before = {
        pid: reading
        for pid in _instance_pids()
        if pid not in excluded_pids and (reading := _sample_usage(pid)) is not None
    }
    sleep(interval_s)
    found = []
    for pid, first in before.items():
        last, words = _sample_usage(pid), _command_line(pid)
        if last is None or words is None:  # it has ended
            continue
        took = (last.at_ns - first.at_ns, last.cpu_ns - first.cpu_ns, last.wakeups - first.wakeups)
        who = _owner_name(pid)
        if not last.writers:
            hidden = None if last.writers is None else WriteStats()
            found.append(Instance(pid, who, words, *took, None, hidden, hidden))
        for log, spent in (last.writers or {}).items():
            was = (first.writers or {}).get(log, WriteStats())
            lately = WriteStats(*(now - then for now, then in zip(spent, was, strict=True)))
            found.append(Instance(pid, who, words, *took, log, spent, lately))
    return found


def summarize_instances(instances: Sequence[Instance]) -> str:
    """All of them in a line, as the plan of an experiment states them."""
    if not instances:
        return "no other 3am runs"
    processes = {one.pid: one for one in instances}.values()
    cpu = sum(one.cpu_ns / one.over_ns for one in processes)
    wakeups = sum(one.wakeups * NS_PER_S / one.over_ns for one in processes)
    held = sum(one.lately.held_ns / one.over_ns for one in instances if one.lately is not None)
    others = "1 other 3am" if len(processes) == 1 else f"{len(processes)} other 3ams"
    return f"{others}: {cpu:.2%} of a CPU, {wakeups:.0f} wake-ups/s, the lock held {held:.2%} of the time"


def format_instance(instance: Instance) -> str:
    """One of them in a line."""
    cpu, wakeups = instance.cpu_ns / instance.over_ns, instance.wakeups * NS_PER_S / instance.over_ns
    said = f"{instance.pid} {instance.user} {instance.words}: {cpu:.2%} of a CPU, {wakeups:.1f} wake-ups/s"
    if instance.spent is None or instance.lately is None:
        return f"{said}, what it writes is not to be seen"
    if instance.log is None:
        return f"{said}, writes nothing"
    since = f"{instance.spent.written:,} bytes in {instance.spent.holds:,} holds of {format_duration(instance.spent.held_ns)} since it began"
    return f"{said}, {instance.lately.written:,} bytes and the lock for {format_duration(instance.lately.held_ns)} now; {since}; {instance.log}"


def is_instance(pid: int) -> bool:
    """Whether ``pid`` is a 3am that runs."""
    return _command_line(pid) is not None


def _instance_pids() -> list[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        raise FileUnusable("to see what other processes take needs Linux: there is no /proc here") from None
    return [int(name) for name in names if name.isdigit() and is_instance(int(name))]


def _command_line(pid: int) -> str | None:
    """The command line of ``pid`` without its interpreter, if it is one of ours; None else."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = decode_utf8(file.read()).split("\0")[:-1]
    except OSError:
        return None
    match words:
        case [program, script, *rest] if _is_python(program) and "/" in script and os.path.basename(script) == "3am":
            return escape_unprintable(" ".join(["3am", *rest]))
        case [program, "-m", "threeam", *rest] if _is_python(program):
            return escape_unprintable(" ".join(["3am", *rest]))
        case _:
            return None


def _is_python(program: str) -> bool:
    return os.path.basename(program).startswith(("python", "pypy"))


def _owner_name(pid: int) -> str:
    try:
        return user_name(os.stat(f"/proc/{pid}").st_uid)
    except OSError:  # it has ended
        return "?"


def _sample_usage(pid: int) -> _UsageSample | None:
    """What ``pid`` has taken so far; None where it has ended."""
    cpu_ns = wakeups = 0
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return None
    for task in tasks:
        with suppress(OSError):  # a thread that has ended
            with open(f"/proc/{pid}/task/{task}/status") as file:
                wakeups += next((int(one.split()[1]) for one in file if one.startswith("voluntary_ctxt")), 0)
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                cpu_ns += int(file.read().split()[0])
    writers = None
    with suppress(OSError):
        writers = dict(write_stats_of(pid))
    return _UsageSample(time.monotonic_ns(), cpu_ns, wakeups, writers)
