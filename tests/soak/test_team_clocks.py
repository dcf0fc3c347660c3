"""The clocks of hosts that ping each other over a real server; libfaketime sets the clock of a host wrong."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import command
from support.nats_server import DEBIAN, NEWER, Engine, Host, wait_until
from threeam.team.clocks.clock_report import clock_sentences
from threeam.team.clocks.host_clocks import clock_of
from threeam.team.origin import read_origin
from threeam.team.team_status import ClockStatus

pytestmark = pytest.mark.slow

(FAKETIME,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
MS, S = 10**6, 10**9


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, request.param)
    engine.start()
    yield engine
    engine.kill()


def set_clock(host: Host, offset: str) -> None:
    """Set the clock of ``host`` for its processes, also for one that runs."""
    path = host.folder / "offset"
    (host.folder / "offset.new").write_text(offset)
    (host.folder / "offset.new").rename(path)
    host.environ = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def clock(host: Host, other: Host) -> ClockStatus | None:
    """Return what ``host`` has measured of the clock of ``other``."""
    status, origin = host.status, read_origin(other.journal)
    found = status.hosts.get(origin.id) if status is not None and origin is not None else None
    return None if found is None else found.clock


def wait_for_clock(host: Host, other: Host, offset_ns: int) -> ClockStatus:
    """Wait until ``host`` has measured that ``other`` is ahead by ``offset_ns``, and return what it says."""

    def is_measured() -> bool:
        found = clock(host, other)
        return found is not None and abs(found.offset_ns - offset_ns) <= found.bound_ns < S // 2

    wait_until(is_measured, f"{host.name} knows that {other.name} is {offset_ns} ns ahead")
    found = clock(host, other)
    assert found is not None
    return found


def correction_holds(host: Host, other: Host, begin_ns: int, end_ns: int, offset_ns: int) -> bool:
    origin = read_origin(other.journal)
    assert origin is not None
    correction = clock_of(host.journal, origin.id).correction(begin_ns, end_ns)
    return correction.bound_ns is not None and abs(correction.shift_ns + offset_ns) <= correction.bound_ns


def test_hosts_on_one_clock_find_no_offset(engine: Engine, hosts: list[Host]) -> None:
    for host in hosts:
        host.start(engine.url)
    for host, other in (hosts, hosts[::-1]):
        found = wait_for_clock(host, other, 0)
        assert correction_holds(host, other, found.measured_ns, found.measured_ns, 0)
    for host in hosts:
        host.end()  # killed, and what was measured is still known
    for host, other in (hosts, hosts[::-1]):
        found = wait_for_clock(host, other, 0)
        assert correction_holds(host, other, found.measured_ns, found.measured_ns, 0)


def test_a_clock_that_is_wrong_and_is_set_right_is_told(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    set_clock(web1, "+3s")
    for host in hosts:
        host.start(engine.url)
    assert wait_for_clock(db1, web1, 3 * S).steps == 0
    ahead = wait_for_clock(web1, db1, -3 * S)
    set_clock(web1, "+0s")
    behind = wait_for_clock(db1, web1, 0)
    assert behind.steps == 1
    assert abs(behind.step_ns + 3 * S) < S // 2
    assert not behind.is_step_ours
    right = wait_for_clock(web1, db1, 0)
    assert right.is_step_ours
    for at in (behind.measured_ns, ahead.measured_ns - 3 * S):
        for offset_ns in (0, 3 * S):  # a line near the step may be of before or after
            assert correction_holds(db1, web1, at - 5 * S, at + 5 * S, offset_ns)
    assert db1.status is not None
    (told,) = db1.status.hosts.values()
    assert "its clock was stepped by about " in " ".join(clock_sentences(told, behind.measured_ns))


def test_status_tells_of_the_clocks(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    for host in hosts:
        host.start(engine.url)
    wait_for_clock(db1, web1, 0)

    def status(*options: str) -> str:
        words = [command(), "team", "status", "--log", str(db1.log), *options]
        return subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ}).stdout

    lines = status().splitlines()
    assert sum(" ±" in line and "measured now; " in line for line in lines) == 1
    assert sum("clock" in line for line in lines) == 2
    table = json.loads(status("--json"))
    assert "utc_bound_ns" in table["own"]
    (told,) = table["hosts"]
    assert abs(told["clock"]["offset_ns"]) <= told["clock"]["bound_ns"]
    assert told["utc_bound_ns"] == table["own"]["utc_bound_ns"]  # one machine
