"""The rows of the speed table about teams by ssh, with a real sshd on loopback."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil
import pytest

from bench.measurement import Report, limit_measurement
from bench.test_team import mirror_latencies_ms
from support.nats_server import Host, wait_until
from support.ssh_server import SshServer

pytestmark = pytest.mark.timeout(900)

LATE_MS = 5.0  # ms
IDLE_PERCENT = 0.3  # of a core


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SshServer, Host, Host]]:
    """Start a host that has the lines of db1."""
    db1, web1 = Host(tmp_path, "db1"), Host(tmp_path, "web1")
    db1.write()
    server = SshServer(tmp_path / "sshd", db1.log)
    monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
    server.start()
    web1.start("ssh://db1")
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    yield server, db1, web1
    web1.end()
    server.kill()


def test_a_line_of_another_host(hosts: tuple[SshServer, Host, Host], report: Report) -> None:
    _, db1, web1 = hosts
    late_ms = sorted(mirror_latencies_ms(db1, web1))
    report(limit_measurement("a line of another host is in the mirror, by ssh (p50)", median(late_ms), LATE_MS))
    p99_ms = late_ms[len(late_ms) * 99 // 100]
    report(limit_measurement("a line of another host is in the mirror, by ssh (p99)", p99_ms, 10 * LATE_MS))


def test_idle(hosts: tuple[SshServer, Host, Host], report: Report) -> None:
    server, _, web1 = hosts
    assert web1.process is not None
    here = [*psutil.Process(web1.process.pid).children(), psutil.Process(web1.process.pid)]
    for place, processes in (("`3am team ssh://db1` and its ssh", here), ("what that runs on db1", server.processes())):
        before_s, begin_s = sum(map(used_s, processes)), time.perf_counter()
        time.sleep(60)
        share = (sum(map(used_s, processes)) - before_s) / (time.perf_counter() - begin_s) * 100
        report(limit_measurement(f"idle: {place}, share of a core", share, IDLE_PERCENT, "%"))


def used_s(process: psutil.Process) -> float:
    """Return the seconds of processor time that a process has used so far."""
    times = process.cpu_times()
    return times.user + times.system
