"""The rows of the speed table about many logs on one timeline."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from statistics import median

import psutil
import pytest

from bench import empty_app
from bench.many_logs import FIRST_NS, NS_PER_S, append_lines, write_large_logs, write_logs
from bench.measurement import Measurement, Report, limit_measurement
from bench.programs import COMMAND, EMPTY_APP, alternating_medians_ms, first_screen_ms
from bench.terminal import Terminal
from threeam.core.format.entry import Stamp
from threeam.core.store.reader import CHUNK_BYTES
from threeam.core.store.segment import Segment
from threeam.timeline.arguments import SourceOptions, open_sources, source_names
from threeam.timeline.live import MIN_HOLD_NS

pytestmark = pytest.mark.timeout(900)

LINES = 1_000_000
LARGE_BYTES = 250_000_000  # of each of four logs
SECONDS = 5
LINES_PER_S = 5000  # of each of four writers
FIRST_OF_A_SECOND = b"request 0 took"  # in a large log
NO_OPTIONS = SourceOptions({}, {}, {}, {})


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write four logs of a million lines together."""
    return write_logs(tmp_path_factory.mktemp("logs"), LINES)


@pytest.fixture
def large_logs(tmp_path: Path) -> Iterator[list[Path]]:
    """Write four logs of a gigabyte together."""
    paths = write_large_logs(tmp_path, LARGE_BYTES)
    yield paths
    for path in paths:
        path.unlink()


def test_merged_lines(logs: list[Path], report: Report) -> None:
    own = [COMMAND, "merge", "-o", "raw", *map(str, logs)]
    sort = ["env", "LC_ALL=C", "sort", "-m", "-s", "-k1,1", *map(str, logs)]
    work = "four logs of 1,000,000 lines merged, `3am merge -o raw`"
    report(Measurement(work, *alternating_medians_ms(own, sort, 5), "sort -m", goal=8))
    if shutil.which("lnav"):
        lnav = ["lnav", "-n", *map(str, logs)]
        report(Measurement(work, *alternating_medians_ms(own, lnav, 3), "lnav -n", goal=0.33))


def test_detection(logs: list[Path], report: Report) -> None:
    times_ms: list[float] = []
    for _ in range(5):
        begin_s = time.perf_counter()
        open_sources(source_names([str(path) for path in logs]), NO_OPTIONS)
        times_ms.append((time.perf_counter() - begin_s) * 1000 / len(logs))
    report(limit_measurement("a log opened, and the format of its timestamps detected", median(times_ms), 20))


def test_late_lines_of_a_whole_file(logs: list[Path], report: Report) -> None:
    own_ms: list[float] = []
    peer_ms: list[float] = []
    for _ in range(5):
        opened = open_sources(source_names([str(path) for path in logs]), NO_OPTIONS)
        begin_s = time.perf_counter()
        for source in opened.sources:
            source.make_index()
        indexed_s = time.perf_counter()
        for source in opened.sources:
            count_newlines(source.segment)
        own_ms.append((indexed_s - begin_s) * 1000)
        peer_ms.append((time.perf_counter() - indexed_s) * 1000)
    work = "late lines and steps of the clock found in the four logs"
    report(Measurement(work, median(own_ms), median(peer_ms), "newlines counted in chunks", goal=2))


def count_newlines(segment: Segment) -> int:
    """Count the newlines of a file, by the reads that a scan makes."""
    count = offset = 0
    while data := segment.read(offset, CHUNK_BYTES):
        count += data.count(b"\n")
        offset += len(data)
    return count


def test_memory(large_logs: list[Path], report: Report) -> None:
    argv = [COMMAND, "merge", "-o", "raw", *map(str, large_logs)]
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(argv, stdout=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    report(limit_measurement("peak memory for four logs of 250 MB, merged", usage.ru_maxrss / 1024, 90, "MiB"))


def test_the_screen(large_logs: list[Path], report: Report) -> None:
    argv = [COMMAND, "open", *map(str, large_logs)]
    last = mark_last_line(large_logs[-1])
    pairs = [(first_screen_ms(argv, last, 60), first_screen_ms(EMPTY_APP, empty_app.READY)) for _ in range(5)]
    own, peer = (median(times_ms) for times_ms in zip(*pairs, strict=True))
    report(
        Measurement("first full screen of four logs of 250 MB, at their end", own, peer, "empty Textual app", goal=2)
    )
    terminal = Terminal(argv)
    terminal.wait_for(last, 60)
    terminal.drain(2)
    jumps_ms: list[float] = []
    for minute in (3, 11, 6, 14, 2):
        ns = FIRST_NS + minute * 60 * NS_PER_S
        terminal.send(f":goto @{Stamp(ns)}".encode())
        terminal.drain(0.5)
        begin_s = time.perf_counter()
        terminal.send(b"\r")
        jumps_ms.append((terminal.wait_for(FIRST_OF_A_SECOND, 60) - begin_s) * 1000)
        terminal.drain(0.5)
    status = Path(f"/proc/{terminal.process.pid}/status").read_text()
    terminal.close()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    report(limit_measurement("a jump into the middle of them, by `:goto`", median(jumps_ms), 300))
    report(limit_measurement("peak memory of the screen on them", peak / 1024, 90, "MiB"))


def mark_last_line(path: Path) -> bytes:
    """Append a line that is later than all, and return its text."""
    with path.open("ab") as file:
        file.write(b"2026-11-24T23:59:59.000000Z app[d] LAST-LINE-OF-ALL\n")
    return b"LAST-LINE-OF-ALL"


def test_following(tmp_path: Path, report: Report) -> None:
    paths = [tmp_path / f"{name}.log" for name in "abcd"]
    append_lines(paths, 100, 0.1)
    follower = subprocess.Popen(
        [COMMAND, "merge", "-f", "-n", "0", "-o", "raw", *map(str, paths)], stdout=subprocess.PIPE
    )
    assert follower.stdout is not None
    wait_until_it_watches(follower.pid)
    late_ms: list[float] = []
    received = 0

    def receive() -> None:
        nonlocal received
        assert follower.stdout is not None
        for line in follower.stdout:
            now_s = time.time()
            received += 1
            late_ms.append((now_s - datetime.fromisoformat(line.split()[0].decode()).timestamp()) * 1000)

    reader = threading.Thread(target=receive)
    reader.start()
    cpu = psutil.Process(follower.pid)
    before, begin_s = cpu.cpu_times(), time.monotonic()
    count = append_lines(paths, LINES_PER_S, SECONDS)
    after, elapsed_s = cpu.cpu_times(), time.monotonic() - begin_s
    deadline_s = time.monotonic() + 30
    while received < count and time.monotonic() < deadline_s:
        time.sleep(0.01)
    follower.terminate()
    reader.join()
    follower.communicate()
    assert received == count
    hold_ms = MIN_HOLD_NS / 1e6
    work = "four writers of 5,000 lines/s, `3am merge -f`: how late a line is"
    late_ms.sort()
    report(limit_measurement(f"{work} (p50)", late_ms[len(late_ms) // 2], 100 + hold_ms))
    report(limit_measurement(f"{work} (p99)", late_ms[len(late_ms) * 99 // 100], 100 + hold_ms))
    share = 100 * (after.user + after.system - before.user - before.system) / elapsed_s
    report(limit_measurement("the same four writers: share of a core", share, 45, "%"))


def wait_until_it_watches(pid: int) -> None:
    """Wait until a process has asked the kernel to tell it of changes of four files."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        with suppress(FileNotFoundError):  # a file that it has closed in the meantime
            links = [os.readlink(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()]
            if sum("inotify" in link for link in links) >= 4:
                return
        time.sleep(0.05)
    raise AssertionError("it does not follow")
