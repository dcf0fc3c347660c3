"""Checks of the tracing tools before the hunt."""

from __future__ import annotations

import pytest

from support.hosts import (
    NET_RAW,
    NOTHING,
    PARANOID,
    PERFMON,
    PTRACE_SCOPE,
    SYS_ADMIN,
    SYS_PTRACE,
    TOOLS,
    check_named,
    fake_system,
)
from threeam.host.check import OK, RED, UNKNOWN, YELLOW
from threeam.host.tracer_checks import check_tracers

pytestmark = pytest.mark.usefixtures("utc")


@pytest.mark.parametrize("absent", TOOLS)
def test_a_tool_that_is_absent_is_yellow_and_says_how_it_is_installed(absent: str) -> None:
    checks = check_tracers(fake_system(here={*TOOLS, "apt-get"} - {absent}))
    assert check_named(checks, absent).verdict == YELLOW
    assert check_named(checks, absent).fix == f"sudo apt-get install {'linux-perf' if absent == 'perf' else absent}"
    assert all(check_named(checks, tool).verdict == OK for tool in TOOLS if tool != absent)


@pytest.mark.parametrize(
    ("manager", "uid", "mend"),
    [
        ("apt-get", 0, "apt-get install strace"),
        ("dnf", 1000, "sudo dnf install strace"),
        ("apk", 1000, "sudo apk add strace"),
        ("", 1000, "install strace"),
    ],
)
def test_no_tool_at_all_is_red(manager: str, uid: int, mend: str) -> None:
    checks = check_tracers(fake_system(here={manager}, uid=uid))
    assert {check_named(checks, tool).verdict for tool in TOOLS} == {RED}
    assert check_named(checks, "strace").fix == mend


@pytest.mark.parametrize(
    ("tool", "code", "said", "why"),
    [
        ("strace", 1, "strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted\n", "Operation not permitted"),
        ("tcpdump", 1, "tcpdump: lo: You don't have permission to perform this capture on that device\n", "permission"),
        # perf says "Error:" on a line of its own, and what it means on the next one
        ("perf", 255, "Error:\nAccess to performance monitoring and observability is limited.\n", "limited"),
        ("perf", 2, "", "exit 2"),
    ],
    ids=["strace", "tcpdump", "perf", "silent"],
)
def test_a_tool_that_may_not_trace_says_why(tool: str, code: int, said: str, why: str) -> None:
    check = check_named(check_tracers(fake_system(says={tool: (code, said)})), tool)
    assert (check.verdict, check.fix.split()[:2]) == (YELLOW, ["sudo", tool])
    assert why in check.detail


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_that_hangs_is_unknown_and_not_waited_for(tool: str) -> None:
    check = check_named(check_tracers(fake_system(says={tool: None})), tool)
    assert check.verdict == UNKNOWN
    assert "did not answer" in check.detail


@pytest.mark.parametrize(
    ("scope", "caps", "verdict", "mend"),
    [
        (None, NOTHING, OK, ""),  # a kernel without Yama
        ("0\n", NOTHING, OK, ""),
        ("1\n", NOTHING, YELLOW, "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("2\n", NOTHING, RED, "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("2\n", NET_RAW, RED, "sudo sysctl kernel.yama.ptrace_scope=0"),
        ("1\n", SYS_PTRACE, OK, ""),
        ("2\n", SYS_PTRACE, OK, ""),
        ("3\n", NOTHING, RED, ""),
        ("3\n", SYS_PTRACE, RED, ""),
    ],
)
def test_who_may_attach_to_a_process(scope: str | None, caps: int, verdict: str, mend: str) -> None:
    check = check_named(check_tracers(fake_system({PTRACE_SCOPE: scope}, caps=caps)), "attach to a process")
    assert (check.verdict, check.fix) == (verdict, mend)
    assert scope is None or caps or f"ptrace_scope {scope.strip()}" in check.detail


@pytest.mark.parametrize(
    ("level", "caps", "verdict"),
    [
        ("-1\n", NOTHING, OK),
        ("0\n", NOTHING, OK),
        ("1\n", NOTHING, OK),
        ("2\n", NOTHING, YELLOW),
        ("3\n", NOTHING, RED),
        ("4\n", NOTHING, RED),  # Ubuntu
        ("4\n", SYS_PTRACE, RED),
        ("4\n", PERFMON, OK),
        ("3\n", SYS_ADMIN, OK),
        (None, NOTHING, UNKNOWN),
        ("", NOTHING, UNKNOWN),
        ("what\n", NOTHING, UNKNOWN),
    ],
)
def test_what_perf_may_count(level: str | None, caps: int, verdict: str) -> None:
    check = check_named(check_tracers(fake_system({PARANOID: level}, caps=caps)), "perf events")
    assert check.verdict == verdict
    assert bool(check.fix) == (verdict in (YELLOW, RED))


def test_root_without_capabilities_as_in_a_container_may_not_attach() -> None:
    assert check_named(check_tracers(fake_system({PTRACE_SCOPE: "2"}, uid=0)), "attach to a process").verdict == RED
    assert (
        check_named(check_tracers(fake_system({"/proc/self/status": None}, uid=0)), "attach to a process").verdict == OK
    )
