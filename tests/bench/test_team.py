"""The rows of the speed table about teams on many hosts, with real servers on loopback."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil
import pytest
from inotify_simple import INotify, flags

from bench.large_logs import write_stream_lines
from bench.measurement import Measurement, Report, limit_measurement
from bench.programs import COMMAND
from bench.terminal import Terminal, settled_terminal
from bench.test_latency import tail_latencies_ms
from support.nats_server import DEBIAN, NEWER, SYNC_ALWAYS, Engine, Host, wait_until
from support.rotated_files import chain_of
from support.team import content, journal_bytes
from support.team_origins import Origins
from threeam.core.format.clock import system_clock
from threeam.team import outgoing
from threeam.team.log_watch import LogWatch
from threeam.team.mirrors.mirror import read_mirror
from threeam.team.nats.nats_carrier import connect
from threeam.team.nats.nats_target import Credentials, parse_target
from threeam.team.origin import OriginFile, read_origin
from threeam.team.publisher import Publisher
from threeam.team.team_status import OwnStatus, read_statuses

pytestmark = pytest.mark.timeout(900)

LINES, BLOCK_LINES = 300_000, 300
MANY_ORIGINS, LINES_PER_S, SECONDS = 20, 1_000, 60
MANY_FILES = 2_000
WAY_MS = 0.5  # ms; what the way over an engine may add to a line
VERSIONS = {DEBIAN: "nats-server 2.9.10", NEWER: "nats-server 2.15.1 with `sync_interval: always`"}


@pytest.fixture(params=[NEWER, DEBIAN], ids=["newer", "debian"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, request.param, jetstream=SYNC_ALWAYS if request.param == NEWER else "")
    engine.start()
    yield engine
    engine.kill()


@pytest.fixture
def hosts(engine: Engine, tmp_path: Path) -> Iterator[list[Host]]:
    """Start two hosts that have the lines of each other."""
    hosts = [Host(tmp_path, "db1"), Host(tmp_path, "web1")]
    for host in hosts:
        host.write()
        host.start(engine.url)
    for host, other in (hosts, hosts[::-1]):
        wait_until(lambda: host.has_all_of(other), "the mirror")  # noqa: B023
    yield hosts
    for host in hosts:
        host.end()


def test_acknowledged_lines(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report) -> None:
    db1 = Host(tmp_path, "db1")
    for _ in range(LINES // BLOCK_LINES):
        db1.write(BLOCK_LINES)
    monkeypatch.setattr(outgoing, "MAX_PAYLOAD_BYTES", db1.log.stat().st_size * BLOCK_LINES // LINES)
    seconds = asyncio.run(sending_s(engine, db1))
    work = f"lines that {VERSIONS[engine.program]} acknowledges, {BLOCK_LINES} a message: time for 40,000"
    report(limit_measurement(work, seconds * 1000 * 40_000 / LINES, 1000))


async def sending_s(engine: Engine, host: Host) -> float:
    """Return how long it takes until the engine has acknowledged all lines of ``host``."""
    file = OriginFile(host.journal)
    assert file.lock()
    status = OwnStatus(file.origin, host.name, publishes=True)
    publisher = Publisher(host.journal, file, host.name, status)
    size, watch = host.log.stat().st_size, LogWatch(host.journal)
    async with connect(parse_target(engine.url), Credentials(""), may_create=True) as carrier:
        begin_s = time.perf_counter()
        task = asyncio.create_task(publisher.run(carrier, watch))
        while status.sent is None or status.sent.offset < size:
            assert not task.done()
            await asyncio.sleep(0.005)
        elapsed_s = time.perf_counter() - begin_s
        task.cancel()
    watch.close()
    file.close()
    return elapsed_s


@pytest.mark.parametrize("engine", [NEWER], indirect=True)
def test_a_line_of_another_host_in_the_mirror(
    engine: Engine, hosts: list[Host], tmp_path: Path, report: Report
) -> None:
    db1, web1 = hosts
    local_log = tmp_path / "local.log"
    local_log.touch()
    local_ms = median(tail_latencies_ms([COMMAND, "tail", "-f", "--log", str(local_log)], local_log))
    late_ms = sorted(mirror_latencies_ms(db1, web1))
    work = "a line of another host is in the mirror"
    peer = "a local line through `3am tail -f`"
    report(Measurement(f"{work} (p50)", median(late_ms), local_ms, peer, goal=None))
    report(Measurement(f"{work} (p99)", late_ms[len(late_ms) * 99 // 100], local_ms, peer, goal=None))


@pytest.mark.parametrize("engine", [NEWER], indirect=True)
def test_a_line_of_another_host_on_the_screen(
    engine: Engine, hosts: list[Host], monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    db1, web1 = hosts
    monkeypatch.chdir("/")  # the folder of the hosts has a folder with the name db1
    command = [COMMAND, "open", "db1", "--log", str(web1.log), "--lock", web1.journal.lock_path]
    with settled_terminal(command, b"db1 note 0") as terminal:
        remote_ms = median(screen_latencies_ms(terminal, db1.log, "remote"))
        local_ms = median(screen_latencies_ms(terminal, web1.log, "local"))
    work = "a line of another host is on the screen, beside this journal (p50)"
    report(Measurement(work, remote_ms, local_ms + WAY_MS, f"a line of this host, and {WAY_MS} ms:", goal=2))


def screen_latencies_ms(terminal: Terminal, log: Path, word: str, count: int = 60) -> list[float]:
    """Return how long it takes, from the append of each line to ``log``, until it is drawn."""
    times_ms = []
    with log.open("ab", buffering=0) as file:
        for number in range(count):
            terminal.drain(random.uniform(0.05, 0.15))
            token = f"{word}-{number:04}"
            begin_s = time.perf_counter()
            write_stream_lines(file, system_clock(), [token])
            times_ms.append((terminal.wait_for(token.encode()) - begin_s) * 1000)
    return times_ms


def mirror_latencies_ms(db1: Host, web1: Host, count: int = 300) -> list[float]:
    """Return how long it takes, from the append of each line of ``db1``, until the mirror of ``web1`` has it."""
    times_ms = []
    fd = os.open(db1.log, os.O_WRONLY | os.O_APPEND)
    with INotify() as inotify:
        inotify.add_watch(web1.mirrors(db1)[0].parts[0].path, flags.MODIFY)
        for number in range(count + 1):
            line = b"[2026-11-24T03:14:08.%09d+0000] [COFFEE: 0] token-%04d\n" % (number, number)
            time.sleep(random.uniform(0.01, 0.03))
            begin_s = time.perf_counter()
            os.write(fd, line)
            assert inotify.read(timeout=10_000)
            times_ms.append((time.perf_counter() - begin_s) * 1000)
    os.close(fd)
    wait_until(lambda: web1.has_all_of(db1), "all lines")
    return times_ms[1:]


@pytest.mark.parametrize("engine", [NEWER], indirect=True)
def test_idle(engine: Engine, hosts: list[Host], report: Report) -> None:
    waiting = Host(hosts[0].folder, "db1", log=hosts[0].log)
    waiting.start(engine.url.replace("127.0.0.1", "localhost"))
    wait_until(lambda: len(read_statuses(waiting.journal)) == 2, "a process that waits for its turn")
    wait_until(lambda: all(host.unheld() == 0 for host in hosts), "nothing is left to tell")
    processes = [*hosts, waiting]
    before_s, begin_s = [cpu_s(process) for process in processes], time.perf_counter()
    time.sleep(60)
    elapsed_s = time.perf_counter() - begin_s
    shares = [(cpu_s(each) - before) / elapsed_s * 100 for each, before in zip(processes, before_s, strict=True)]
    waiting.end()
    report(limit_measurement("idle: `3am team` of two hosts, share of a core", max(shares[:2]), 0.3, "%"))
    report(limit_measurement("idle: a `3am team` that takes over when another one ends", shares[2], 0.3, "%"))


@pytest.mark.parametrize("engine", [NEWER], indirect=True)
def test_many_files(engine: Engine, tmp_path: Path, report: Report) -> None:
    db1, web1 = Host(tmp_path, "db1"), Host(tmp_path, "web1")
    chain_of(db1.log, MANY_FILES)
    web1.write()
    web1.start(engine.url)
    wait_until(lambda: web1.status is not None and not web1.status.away, "the connection")
    begin_s = time.perf_counter()
    db1.start(engine.url)
    try:
        mirrors = Path(f"{web1.log}.d/remote")
        wait_until(lambda: len(list(mirrors.glob("*/*.log"))) == MANY_FILES + 1, "all files")
        elapsed_s = time.perf_counter() - begin_s
        assert web1.has_all_of(db1)
    finally:
        db1.end()
        web1.end()
    report(limit_measurement(f"a journal of {MANY_FILES:,} files is mirrored", elapsed_s, 20, "s"))


def cpu_s(host: Host) -> float:
    """Return the seconds of processor time that the `3am team` of ``host`` has used so far."""
    assert host.process is not None
    times = psutil.Process(host.process.pid).cpu_times()
    return times.user + times.system


@pytest.mark.parametrize("engine", [NEWER], indirect=True)
def test_twenty_origins(engine: Engine, tmp_path: Path, report: Report) -> None:
    origins = Origins(engine.url, tmp_path, MANY_ORIGINS, LINES_PER_S, SECONDS)
    web1 = Host(tmp_path, "web1")
    web1.write()
    web1.start(engine.url)
    ids = [origin.id for journal in origins.journals if (origin := read_origin(journal)) is not None]
    logs = [Path(journal.log_path) for journal in origins.journals]
    mirrors = [Path(f"{web1.log}.d/remote/{origin_id}") for origin_id in ids]
    try:
        wait_until(lambda: all(held_bytes(mirror) for mirror in mirrors), "the first lines")
        before_s, begin_s = cpu_s(web1), time.perf_counter()
        origins.begin()
        late_ms = []
        while time.perf_counter() - begin_s < SECONDS - 2:
            time.sleep(random.uniform(0.1, 0.3))
            number = random.randrange(MANY_ORIGINS)
            late_ms.append(lateness_ms(logs[number], mirrors[number]))
        share = (cpu_s(web1) - before_s) / (time.perf_counter() - begin_s) * 100
        origins.wait_sent()
        for log, mirror in zip(logs, mirrors, strict=True):
            wait_until(lambda: held_bytes(mirror) == log.stat().st_size, "all lines")  # noqa: B023
        for journal, origin_id in zip(origins.journals, ids, strict=True):
            assert content(read_mirror(web1.journal, origin_id)[0]) == journal_bytes(journal)  # nothing was lost
    finally:
        web1.end()
        origins.end()
    work = f"{MANY_ORIGINS} hosts that send {LINES_PER_S:,} lines/s each"
    late_ms.sort()
    report(limit_measurement(f"{work}: how late the mirror is (p50)", median(late_ms), 100))
    report(limit_measurement(f"{work}: how late the mirror is (p99)", late_ms[len(late_ms) * 99 // 100], 100))
    report(limit_measurement("the same: share of a core of `3am team`", share, 45, "%"))


def lateness_ms(log: Path, mirror: Path) -> float:
    """Wait for the next block of lines in a log, and return how long it takes until a mirror has the block."""
    before = log.stat().st_size
    while (size := log.stat().st_size) == before:
        time.sleep(0.001)
    begin_s = time.perf_counter()
    while held_bytes(mirror) < size:
        time.sleep(0.001)
    return (time.perf_counter() - begin_s) * 1000


def held_bytes(mirror: Path) -> int:
    """Return how many bytes a mirror has."""
    return sum(path.stat().st_size for path in mirror.glob("*.log"))
