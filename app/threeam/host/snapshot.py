"""A snapshot of the machine: numbers and texts by name, read with psutil and from /proc and /sys."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from threeam.core.format.entry import NS_PER_S, escape_unprintable
from threeam.host.system import run_captured

_EXIT_SUFFIX = re.compile(r"\(exit \d+\)\n\Z")
_COMMAND_TIMEOUT_S = 10.0  # so long a command of the user's may take
_KTHREADD_PID = 2  # the parent of the threads of the kernel
_CPU_SAMPLE_S = 0.1  # over which the share of the processor is measured

# What decides who runs when, and how many may wait. Those that a kernel does not have are left out.
_TUNABLE_FILES = (
    *(f"/proc/sys/kernel/{name}" for name in (
        "sched_autogroup_enabled", "sched_cfs_bandwidth_slice_us", "sched_rt_period_us", "sched_rt_runtime_us",
        "sched_rr_timeslice_ms", "sched_schedstats", "sched_child_runs_first", "numa_balancing", "timer_migration",
        "watchdog", "randomize_va_space", "pid_max", "threads-max", "perf_event_paranoid", "preempt",
    )),
    *(f"/proc/sys/vm/{name}" for name in (
        "swappiness", "overcommit_memory", "dirty_ratio", "dirty_background_ratio", "zone_reclaim_mode",
    )),
    "/proc/sys/fs/file-max",
    "/proc/sys/net/core/somaxconn",
    "/proc/sys/net/ipv4/tcp_retries2",
    "/sys/devices/system/clocksource/clocksource0/current_clocksource",
    "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
    "/sys/devices/system/cpu/isolated",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/smt/active",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/debug/sched/preempt",
)  # fmt: skip


class WatchedProcess(NamedTuple):
    """A process that is looked at closely: as it was found, so that it can be found again."""

    pid: int
    created: float
    name: str
    cmdline: tuple[str, ...]


class Snapshot(NamedTuple):
    """What was seen at ``at_ns``: numbers and texts by name, and what could not be read, in words.

    A name is ``group/what``; a number that is not there is 0 of its kind. Bytes, counts, and per cent. ``blind``: what
    the names begin with of which nothing is known, because it could not be read.
    """

    at_ns: int
    numbers: Mapping[str, float]
    texts: Mapping[str, str]
    unread: tuple[str, ...]
    blind: tuple[str, ...] = ()


class ProcessNotFound(Exception):
    """There is no process of this number."""


def watch_process(pid: int) -> WatchedProcess:
    """The process ``pid``, to be looked at closely. Raises `NoSuchProcess`."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return WatchedProcess(pid, process.create_time(), process.name(), tuple(_or_empty(process.cmdline)))
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        raise ProcessNotFound(f"there is no process {pid}") from None


def take_snapshot(watched: Sequence[WatchedProcess], commands: Sequence[str], clock_ns: Callable[[], int]) -> Snapshot:
    """Looks at everything once; what cannot be read is told in `Snapshot.unread`, and stops nothing."""
    at_ns = clock_ns()
    found = _SnapshotBuilder()
    for read, groups in _READERS.items():
        with found.whatever_is_readable(read.__name__.strip("_"), *groups):
            read(found)
    seen: set[int] = set()
    for label, one in _label_processes(watched):
        others = {other.pid for other in watched if other != one}
        _read_process(found, label, one, seen | others)
        seen.add(one.pid)
    for command in commands:
        found.texts[f"command/{command}"] = _run_command(command)
    return Snapshot(at_ns, found.numbers, found.texts, tuple(found.unread), tuple(found.blind))


class _SnapshotBuilder:
    """What has been found so far."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.texts: dict[str, str] = {}
        self.unread: list[str] = []
        self.blind: list[str] = []

    @contextmanager
    def whatever_is_readable(self, what: str, *prefixes: str) -> Iterator[None]:
        """Notes that ``what`` could not be read, and so nothing is known of ``prefixes``; and goes on."""
        why = ""
        try:
            yield
        except psutil.AccessDenied:
            why = "permission denied"
        except (psutil.Error, OSError) as error:
            why = str(error)
        if why:
            self.unread.append(f"{what}: {why}")
            self.blind += prefixes


def _load(builder: _SnapshotBuilder) -> None:
    for minutes, load in zip((1, 5, 15), os.getloadavg(), strict=True):
        builder.numbers[f"load/{minutes} min"] = load
    cpu = psutil.cpu_times_percent(interval=_CPU_SAMPLE_S)
    for kind in ("user", "system", "iowait", "steal"):
        builder.numbers[f"cpu/{kind} %"] = getattr(cpu, kind, 0.0)


def _memory(builder: _SnapshotBuilder) -> None:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    builder.numbers["memory/used bytes"] = memory.used
    builder.numbers["memory/available bytes"] = memory.available
    builder.numbers["memory/swap used bytes"] = swap.used


def _processes(builder: _SnapshotBuilder) -> None:
    names: Counter[str] = Counter()
    threads: Counter[str] = Counter()
    states: Counter[str] = Counter()
    hidden = 0
    for process in psutil.process_iter(["name", "num_threads", "status", "ppid"]):
        about = process.info
        if process.pid == os.getpid():  # who looks is no part of it
            continue
        name = escape_unprintable(about["name"] or "?")
        if about["ppid"] == _KTHREADD_PID:  # kworker/1:2-events is called something else in a second
            name = name.partition("/")[0]
        names[name] += 1
        states[about["status"]] += 1
        if about["num_threads"] is None:
            hidden += 1
        else:
            threads[name] += about["num_threads"]
    if hidden:
        builder.unread.append(f"threads of {hidden} processes: permission denied")
    builder.numbers["processes/all"] = names.total()
    for name, count in names.items():
        builder.numbers[f"processes/{name}"] = count
    for name, count in threads.items():
        builder.numbers[f"threads/{name}"] = count
    for state in (psutil.STATUS_DISK_SLEEP, psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED):
        builder.numbers[f"processes in state/{state}"] = states[state]


def _sockets(builder: _SnapshotBuilder) -> None:
    connections = psutil.net_connections("inet")
    served = {one.laddr.port for one in connections if one.laddr and one.status == psutil.CONN_LISTEN}
    for one in connections:
        protocol = "udp" if one.type == 2 else "tcp"
        state = one.status if one.status != psutil.CONN_NONE else "open"
        _increment(builder, f"sockets/{protocol} {state}")
        if not one.laddr:
            continue
        if one.status == psutil.CONN_LISTEN:
            _increment(builder, f"listening/{one.laddr.ip}:{one.laddr.port}")
        elif one.raddr and one.laddr.port in served:  # the peer's own port is any, and another each time
            _increment(builder, f"peers/{one.raddr.ip} at our :{one.laddr.port}")
        elif one.raddr:
            _increment(builder, f"peers/{one.raddr.ip}:{one.raddr.port}")


def _disks(builder: _SnapshotBuilder) -> None:
    for disk in psutil.disk_partitions(all=False):
        with builder.whatever_is_readable(f"disk {disk.mountpoint}", f"disk/{disk.mountpoint} "):
            usage, about = psutil.disk_usage(disk.mountpoint), os.statvfs(disk.mountpoint)
            builder.numbers[f"disk/{disk.mountpoint} free bytes"] = usage.free
            builder.numbers[f"disk/{disk.mountpoint} used %"] = usage.percent
            if about.f_files:
                builder.numbers[f"disk/{disk.mountpoint} inodes free"] = about.f_favail
            builder.texts[f"mount/{disk.mountpoint}"] = f"{disk.device} {disk.fstype} {disk.opts}"


def _tunables(builder: _SnapshotBuilder) -> None:
    for path in _TUNABLE_FILES:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # this kernel has none, or it is root's alone
            continue
        builder.texts[f"sysctl/{_sysctl_name(path)}"] = text


def _sysctl_name(path: str) -> str:
    return path.removeprefix("/proc/sys/").replace("/", ".") if path.startswith("/proc/sys/") else path


def _versions(builder: _SnapshotBuilder) -> None:
    about = os.uname()
    builder.texts["version/kernel"] = f"{about.sysname} {about.release} {about.machine}"
    builder.texts["version/libc"] = " ".join(platform.libc_ver()).strip() or "?"
    with builder.whatever_is_readable("os-release"):
        builder.texts["version/system"] = platform.freedesktop_os_release().get("PRETTY_NAME", "?")
    builder.texts["version/processors"] = str(psutil.cpu_count())
    builder.texts["version/boot"] = f"booted {int(psutil.boot_time())}"


_READERS: dict[Callable[[_SnapshotBuilder], None], tuple[str, ...]] = {
    _load: ("load/", "cpu/"),
    _memory: ("memory/",),
    _processes: ("processes/", "threads/", "processes in state/"),
    _sockets: ("sockets/", "listening/", "peers/"),
    _disks: ("disk/", "mount/"),
    _tunables: ("sysctl/",),
    _versions: ("version/",),
}  # what is looked at, and what the names begin with that come of it


def _label_processes(watched: Sequence[WatchedProcess]) -> Iterator[tuple[str, WatchedProcess]]:
    """Each process with a name of its own, which is the same after a restart: ``worker``, ``worker 2``."""
    seen: Counter[str] = Counter()
    for one in watched:
        seen[one.name] += 1
        yield one.name if seen[one.name] == 1 else f"{one.name} {seen[one.name]}", one


def _read_process(
    builder: _SnapshotBuilder, label: str, watched: WatchedProcess, excluded_pids: Collection[int]
) -> None:
    process = _find_process(watched, excluded_pids)
    builder.numbers[f"process {label}/there"] = int(process is not None)
    if process is None:
        builder.unread.append(f"process {label}: {watched.pid} is gone, and nothing with its command line is there")
        return

    def told(what: str, read: Callable[[], float]) -> None:
        with builder.whatever_is_readable(f"{what} of {label} ({process.pid})", f"process {label}/{what}"):
            builder.numbers[f"process {label}/{what}"] = read()

    told("threads", process.num_threads)
    told("descriptors", process.num_fds)
    told("memory bytes", lambda: process.memory_info().rss)
    told("children", lambda: len(process.children()))
    with builder.whatever_is_readable(f"sockets of {label} ({process.pid})", f"process {label}/sockets"):
        for connection in process.net_connections("inet"):
            _increment(builder, f"process {label}/sockets {connection.status}")
    with builder.whatever_is_readable(f"files of {label} ({process.pid})", f"process {label}/open files"):
        builder.numbers[f"process {label}/open files"] = len(process.open_files())
    with builder.whatever_is_readable("locks", f"process {label}/locks"):
        held, waited_for = _count_locks(process.pid)
        builder.numbers[f"process {label}/locks held"] = held
        builder.numbers[f"process {label}/locks waited for"] = waited_for


def _find_process(watched: WatchedProcess, excluded_pids: Collection[int]) -> psutil.Process | None:
    """The same process; or, after a restart, the oldest one with its command line that is none of ``excluded_pids``."""
    try:
        process = psutil.Process(watched.pid)
        if process.create_time() == watched.created and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        pass
    same = [
        process
        for process in psutil.process_iter()
        if watched.cmdline and process.pid not in excluded_pids and tuple(_or_empty(process.cmdline)) == watched.cmdline
    ]
    return min(same, key=lambda process: process.create_time(), default=None)


def _count_locks(pid: int) -> tuple[int, int]:
    """How many file locks a process holds and waits for: /proc/locks (proc(5)); ``->`` stands before one that waits."""
    rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
    held = sum(len(row) > 4 and row[1] != "->" and row[4] == str(pid) for row in rows)
    waits = sum(len(row) > 5 and row[1] == "->" and row[5] == str(pid) for row in rows)
    return held, waits


def command_failed(output: str) -> bool:
    """Whether what a command has said, as `snapshot` has it, ends with how it failed."""
    return output.endswith(("(there is no sh)\n", f"(took more than {_COMMAND_TIMEOUT_S:g} s)\n")) or bool(
        _EXIT_SUFFIX.search(output)
    )


def _run_command(command: str) -> str:
    """What a command of the user's says on both streams, cut, and how it ended."""
    heard = run_captured(["sh", "-c", command], _COMMAND_TIMEOUT_S, os.environ)
    if heard is None:
        return "(there is no sh)\n"
    code, said = heard
    if code is None:
        return f"{said}(took more than {_COMMAND_TIMEOUT_S:g} s)\n"
    return said if code == 0 else f"{said}\n(exit {code})\n"


def _increment(builder: _SnapshotBuilder, name: str) -> None:
    builder.numbers[name] = builder.numbers.get(name, 0) + 1


def _or_empty(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except psutil.Error:
        return ()


def span_seconds(snapshots: Sequence[Snapshot]) -> float:
    """From the first to the last of them, in seconds."""
    return (snapshots[-1].at_ns - snapshots[0].at_ns) / NS_PER_S if snapshots else 0.0
