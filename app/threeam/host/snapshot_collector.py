"""Take a snapshot of the machine: read everything once with psutil and from /proc and /sys."""

from __future__ import annotations

import os
import platform
import re
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from threeam.core.format.entry import escape_unprintable
from threeam.host.snapshot import Snapshot, WatchedProcess
from threeam.process.captured import run_captured

_NO_SHELL = "(there is no sh)\n"
_EXIT_SUFFIX = re.compile(r"\(exit \d+\)\n\Z")
_COMMAND_TIMEOUT_S = 10.0  # of each of the user's own commands
_KTHREADD_PID = 2  # the parent of the kernel threads
_CPU_SAMPLE_S = 0.1  # the interval over which CPU usage is measured

# Settings of scheduling, memory and queue lengths. Files that this kernel does not have are left out.
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


class ProcessNotFound(Exception):
    """There is no process with this pid."""


def watch_process(pid: int) -> WatchedProcess:
    """Return the process ``pid`` as one to watch. Raise `ProcessNotFound` if there is none."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return WatchedProcess(pid, process.create_time(), process.name(), tuple(_or_empty(process.cmdline)))
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        raise ProcessNotFound(f"there is no process {pid}") from None


def take_snapshot(watched: Sequence[WatchedProcess], commands: Sequence[str], clock_ns: Callable[[], int]) -> Snapshot:
    """Read everything once. What cannot be read is named in `Snapshot.unread`; the rest is still read."""
    at_ns = clock_ns()
    builder = _SnapshotBuilder()
    for read, groups in _READERS.items():
        with builder.tolerate_unreadable(read.__name__.strip("_"), *groups):
            read(builder)
    for label, process in _label_processes(watched):
        _read_process(builder, label, process, {other.pid for other in watched if other != process})
    for command in commands:
        builder.texts[f"command/{command}"] = _run_command(command)
    return Snapshot(at_ns, builder.numbers, builder.texts, tuple(builder.unread), tuple(builder.blind))


class _SnapshotBuilder:
    """The values that were read so far, under the names that `Snapshot` describes."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.texts: dict[str, str] = {}
        self.unread: list[str] = []
        self.blind: list[str] = []

    @contextmanager
    def tolerate_unreadable(self, what: str, *prefixes: str) -> Iterator[None]:
        """If the block fails to read ``what``, record that and the ``prefixes`` as unknown, and suppress the error."""
        reason = ""
        try:
            yield
        except psutil.AccessDenied:
            reason = "permission denied"
        except (psutil.Error, OSError) as error:
            reason = str(error)
        if reason:
            self.unread.append(f"{what}: {reason}")
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
        info = process.info
        if process.pid == os.getpid():  # 3am itself is not part of normal
            continue
        name = escape_unprintable(info["name"] or "?")
        if info["ppid"] == _KTHREADD_PID:  # kworker/1:2-events: the part after the slash changes all the time
            name = name.partition("/")[0]
        names[name] += 1
        states[info["status"]] += 1
        if info["num_threads"] is None:
            hidden += 1
        else:
            threads[name] += info["num_threads"]
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
    server_ports = {sock.laddr.port for sock in connections if sock.laddr and sock.status == psutil.CONN_LISTEN}
    for sock in connections:
        protocol = "udp" if sock.type == socket.SOCK_DGRAM else "tcp"
        state = sock.status if sock.status != psutil.CONN_NONE else "open"
        _increment(builder, f"sockets/{protocol} {state}")
        if not sock.laddr:
            continue
        if sock.status == psutil.CONN_LISTEN:
            _increment(builder, f"listening/{sock.laddr.ip}:{sock.laddr.port}")
        elif sock.raddr and sock.laddr.port in server_ports:  # the peer's own port is ephemeral
            _increment(builder, f"peers/{sock.raddr.ip} at our :{sock.laddr.port}")
        elif sock.raddr:
            _increment(builder, f"peers/{sock.raddr.ip}:{sock.raddr.port}")


def _disks(builder: _SnapshotBuilder) -> None:
    for disk in psutil.disk_partitions(all=False):
        with builder.tolerate_unreadable(f"disk {disk.mountpoint}", f"disk/{disk.mountpoint} "):
            usage, file_system = psutil.disk_usage(disk.mountpoint), os.statvfs(disk.mountpoint)
            builder.numbers[f"disk/{disk.mountpoint} free bytes"] = usage.free
            builder.numbers[f"disk/{disk.mountpoint} used %"] = usage.percent
            if file_system.f_files:
                builder.numbers[f"disk/{disk.mountpoint} inodes free"] = file_system.f_favail
            builder.texts[f"mount/{disk.mountpoint}"] = f"{disk.device} {disk.fstype} {disk.opts}"


def _tunables(builder: _SnapshotBuilder) -> None:
    for path in _TUNABLE_FILES:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # this kernel does not have it, or only root may read it
            continue
        builder.texts[f"sysctl/{_sysctl_name(path)}"] = text


def _sysctl_name(path: str) -> str:
    return path.removeprefix("/proc/sys/").replace("/", ".") if path.startswith("/proc/sys/") else path


def _versions(builder: _SnapshotBuilder) -> None:
    uname = os.uname()
    builder.texts["version/kernel"] = f"{uname.sysname} {uname.release} {uname.machine}"
    builder.texts["version/libc"] = " ".join(platform.libc_ver()).strip() or "?"
    with builder.tolerate_unreadable("os-release"):
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
}  # reader -> the prefixes of the names that it yields


def _label_processes(watched: Sequence[WatchedProcess]) -> Iterator[tuple[str, WatchedProcess]]:
    """Yield each process with a unique label that stays the same after a restart: ``worker``, ``worker 2``."""
    name_counts: Counter[str] = Counter()
    for process in watched:
        name_counts[process.name] += 1
        yield process.name if name_counts[process.name] == 1 else f"{process.name} {name_counts[process.name]}", process


def _read_process(
    builder: _SnapshotBuilder, label: str, watched: WatchedProcess, excluded_pids: Collection[int]
) -> None:
    process = _find_process(watched, excluded_pids)
    builder.numbers[f"process {label}/there"] = int(process is not None)
    if process is None:
        builder.unread.append(f"process {label}: {watched.pid} is gone, and nothing with its command line is there")
        return

    def record(what: str, read: Callable[[], float]) -> None:
        with builder.tolerate_unreadable(f"{what} of {label} ({process.pid})", f"process {label}/{what}"):
            builder.numbers[f"process {label}/{what}"] = read()

    record("threads", process.num_threads)
    record("descriptors", process.num_fds)
    record("memory bytes", lambda: process.memory_info().rss)
    record("children", lambda: len(process.children()))
    with builder.tolerate_unreadable(f"sockets of {label} ({process.pid})", f"process {label}/sockets"):
        for connection in process.net_connections("inet"):
            _increment(builder, f"process {label}/sockets {connection.status}")
    with builder.tolerate_unreadable(f"files of {label} ({process.pid})", f"process {label}/open files"):
        builder.numbers[f"process {label}/open files"] = len(process.open_files())
    with builder.tolerate_unreadable("locks", f"process {label}/locks"):
        held, waited_for = _count_locks(process.pid)
        builder.numbers[f"process {label}/locks held"] = held
        builder.numbers[f"process {label}/locks waited for"] = waited_for


def _find_process(watched: WatchedProcess, excluded_pids: Collection[int]) -> psutil.Process | None:
    """Return the same process; after a restart, the oldest one with its command line outside ``excluded_pids``."""
    try:
        process = psutil.Process(watched.pid)
        if process.create_time() == watched.created and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        pass
    candidates = [
        process
        for process in psutil.process_iter()
        if watched.cmdline and process.pid not in excluded_pids and tuple(_or_empty(process.cmdline)) == watched.cmdline
    ]
    return min(candidates, key=lambda process: process.create_time(), default=None)


def _count_locks(pid: int) -> tuple[int, int]:
    """Return how many file locks a process holds and waits for.

    Source: /proc/locks (proc(5)); ``->`` marks a lock that is waited for.
    """
    rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
    held = sum(len(row) > 4 and row[1] != "->" and row[4] == str(pid) for row in rows)
    waiting = sum(len(row) > 5 and row[1] == "->" and row[5] == str(pid) for row in rows)
    return held, waiting


def command_failed(output: str) -> bool:
    """Return whether ``output``, the text of a command in a snapshot, ends with a failure."""
    could_not_end = output.endswith((_NO_SHELL, f"(took more than {_COMMAND_TIMEOUT_S:g} s)\n"))
    return could_not_end or _EXIT_SUFFIX.search(output) is not None


def _run_command(command: str) -> str:
    """Return the output of a shell command on both streams, cut, and how it ended if not with 0."""
    result = run_captured(["sh", "-c", command], _COMMAND_TIMEOUT_S, os.environ)
    if result is None:
        return _NO_SHELL
    code, output = result
    if code is None:
        return f"{output}(took more than {_COMMAND_TIMEOUT_S:g} s)\n"
    return output if code == 0 else f"{output}\n(exit {code})\n"


def _increment(builder: _SnapshotBuilder, name: str) -> None:
    builder.numbers[name] = builder.numbers.get(name, 0) + 1


def _or_empty(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except psutil.Error:
        return ()
