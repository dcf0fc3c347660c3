"""Systems that the tests of preflight make up."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import SimpleNamespace

from threeam.core.format.entry import NS_PER_S
from threeam.host.check import Check
from threeam.host.system import CommandResult, System

NOW = 1_795_490_047 * NS_PER_S  # 2026-11-24T03:14:07 UTC
TOOLS = ("strace", "lsof", "tcpdump", "perf")
NOTHING, NET_RAW, SYS_PTRACE, SYS_ADMIN, PERFMON = 0, 1 << 13, 1 << 19, 1 << 21, 1 << 38  # capabilities(7)
PTRACE_SCOPE = "/proc/sys/kernel/yama/ptrace_scope"
PARANOID = "/proc/sys/kernel/perf_event_paranoid"
SOURCE = "/sys/devices/system/clocksource/clocksource0/current_clocksource"


def fake_system(
    files: Mapping[str, str | None] | None = None,
    says: Mapping[str, CommandResult | None] | None = None,
    here: Collection[str] = (*TOOLS, "apt-get"),
    environ: Mapping[str, str] | None = None,
    caps: int = NOTHING,
    uid: int = 1000,
) -> System:
    """An ordinary user's system on which all is well, apart from what is given. ``says``: by how a command begins."""
    known = {
        "/proc/self/status": f"Name:\t3am\nCapInh:\t{0:016x}\nCapEff:\t{caps:016x}\nThreads:\t1\n",
        PTRACE_SCOPE: "0\n",
        PARANOID: "1\n",
        SOURCE: "tsc\n",
        "/etc/timezone": "Etc/UTC\n",
        **(files or {}),
    }

    def run(argv: Sequence[str]) -> CommandResult | None:
        line = " ".join(argv)
        return next((output for start, output in (says or {}).items() if line.startswith(start)), (0, ""))

    return System(known.get, run, lambda tool: f"/usr/bin/{tool}" if tool in here else None, environ or {}, uid)


def check_named(checks: Iterable[Check], name: str) -> Check:
    """The one check of that name."""
    (match,) = [check for check in checks if check.name == name]
    return match


def fake_time(step_ns: int) -> SimpleNamespace:
    """A module `time` whose clock goes on by steps, one a reading."""
    readings = iter(range(NOW, NOW + 1_000_000 * max(step_ns, 1), step_ns) if step_ns else [NOW] * 1_000_000)
    return SimpleNamespace(
        time_ns=lambda: next(readings),
        clock_getres=lambda _: max(step_ns, 1) / 1e9,
        CLOCK_REALTIME=time.CLOCK_REALTIME,
        localtime=time.localtime,
        strftime=time.strftime,
    )
