"""The cost of running 3am processes, so that 3am can be ruled out as the cause of a disturbance."""

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
    """A running 3am process and one log that it writes, and what it used in ``over_ns``: CPU time (ns) and wake-ups.

    ``words``: its command line. ``log``: the log that it writes; None: none, or it cannot be read. ``spent``: its
    writes since it started; ``lately``: in ``over_ns``. None if they cannot be read.
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
    """The usage of a process until ``taken_ns`` (monotonic). ``writers``: by log; None: they cannot be read."""

    taken_ns: int
    cpu_ns: int
    wakeups: int
    writers: Mapping[str, WriteStats] | None


def measure_instances(
    interval_s: float, excluded_pids: Sequence[int] = (), sleep: Callable[[float], object] = time.sleep
) -> list[Instance]:
    """Measure every other 3am process on this machine for ``interval_s``. Raise `FileUnusable` if there is no /proc."""
    samples = {pid: _sample_usage(pid) for pid in _instance_pids() if pid not in excluded_pids}
    sleep(interval_s)
    instances = []
    for pid, first in samples.items():
        last, command = _sample_usage(pid), _command_line(pid)
        if first is None or last is None or command is None:  # the process has ended
            continue
        usage = (last.taken_ns - first.taken_ns, last.cpu_ns - first.cpu_ns, last.wakeups - first.wakeups)
        owner = _owner_name(pid)
        if not last.writers:
            stats = None if last.writers is None else WriteStats()
            instances.append(Instance(pid, owner, command, *usage, None, stats, stats))
        for log, total in (last.writers or {}).items():
            before = (first.writers or {}).get(log, WriteStats())
            recent = WriteStats(*(now - then for now, then in zip(total, before, strict=True)))
            instances.append(Instance(pid, owner, command, *usage, log, total, recent))
    return instances


def summarize_instances(instances: Sequence[Instance]) -> str:
    """Return the sum over all instances as text, for the plan of an experiment."""
    if not instances:
        return "no other 3am runs"
    processes = {instance.pid: instance for instance in instances}.values()  # a process may write several logs
    cpu = sum(instance.cpu_ns / instance.over_ns for instance in processes)
    wakeups = sum(instance.wakeups * NS_PER_S / instance.over_ns for instance in processes)
    held = sum(instance.lately.held_ns / instance.over_ns for instance in instances if instance.lately is not None)
    count = "1 other 3am" if len(processes) == 1 else f"{len(processes)} other 3ams"
    return f"{count}: {cpu:.2%} of a CPU, {wakeups:.0f} wake-ups/s, the lock held {held:.2%} of the time"


def format_instance(instance: Instance) -> str:
    """Return one instance as a line of text."""
    cpu, wakeups = instance.cpu_ns / instance.over_ns, instance.wakeups * NS_PER_S / instance.over_ns
    text = f"{instance.pid} {instance.user} {instance.words}: {cpu:.2%} of a CPU, {wakeups:.1f} wake-ups/s"
    total, recent = instance.spent, instance.lately
    if total is None or recent is None:
        return f"{text}, its writes cannot be read"
    if instance.log is None:
        return f"{text}, writes nothing"
    now = f"{recent.written:,} bytes and the lock for {format_duration(recent.held_ns)} now"
    since = f"{total.written:,} bytes in {total.holds:,} holds of {format_duration(total.held_ns)} since it began"
    return f"{text}, {now}; {since}; {instance.log}"


def is_instance(pid: int) -> bool:
    """Return whether ``pid`` is a running 3am."""
    return _command_line(pid) is not None


def _instance_pids() -> list[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        raise FileUnusable("measuring other processes needs Linux: there is no /proc here") from None
    return [int(name) for name in names if name.isdigit() and is_instance(int(name))]


def _command_line(pid: int) -> str | None:
    """Return the command line of ``pid`` without the interpreter; None if it is not a 3am."""
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
    except OSError:  # the process has ended
        return "?"


def _sample_usage(pid: int) -> _UsageSample | None:
    """Return what ``pid`` has used since its start; None if it has ended."""
    cpu_ns = wakeups = 0
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return None
    for task in tasks:
        with suppress(OSError):  # a thread that has ended
            with open(f"/proc/{pid}/task/{task}/status") as file:
                wakeups += next((int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt")), 0)
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                cpu_ns += int(file.read().split()[0])
    writers = None
    with suppress(OSError):
        writers = dict(write_stats_of(pid))
    return _UsageSample(time.monotonic_ns(), cpu_ns, wakeups, writers)
