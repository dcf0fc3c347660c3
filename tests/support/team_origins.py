"""Many origins in one process: each writes lines at a steady rate, and sends them as `3am team` does.

Run it as ``python team_origins.py URL FOLDER ORIGINS LINES_PER_S SECONDS``. It prints ``ready`` when all are connected,
begins at a newline on stdin, and prints ``sent`` when the engine has acknowledged all lines.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from pathlib import Path

from support.journals import writer_of
from threeam.core.format.clock import system_clock
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.log_watch import LogWatch
from threeam.team.messages.position import SegmentEnd
from threeam.team.nats.nats_carrier import connect
from threeam.team.nats.nats_target import Credentials, parse_target
from threeam.team.origin import OriginFile
from threeam.team.publisher import Publisher
from threeam.team.team_status import OwnStatus

TICK_S = 0.1  # s; each origin writes a block at each tick


class Origins:
    """A process with ``count`` origins, whose logs lie in ``folder``, until `end`."""

    def __init__(self, url: str, folder: Path, count: int, lines_per_s: int, seconds: float) -> None:
        numbers = [str(number) for number in (count, lines_per_s, seconds)]
        self.journals = [journal_of(folder, number) for number in range(count)]
        self.process = subprocess.Popen(
            [sys.executable, __file__, url, str(folder), *numbers],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        self._expect("ready")

    def begin(self) -> None:
        """Begin to write."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def wait_sent(self) -> None:
        """Wait until all is written and sent."""
        self._expect("sent")

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()

    def _expect(self, word: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline().decode().strip() == word


def journal_of(folder: Path, number: int) -> Journal:
    """Return the journal of an origin."""
    return resolve_journal(str(folder / f"origin{number}" / "sanity.log"))


def write(journal: Journal, name: str, lines_per_s: int, seconds: float, begun: threading.Event) -> None:
    """Write one line, and after ``begun`` blocks of lines at a steady rate."""
    writer = writer_of(name, journal, system_clock)
    begun.wait()
    lines_a_tick, ticks = int(lines_per_s * TICK_S), round(seconds / TICK_S)
    pause = threading.Event()
    begin_ns = system_clock().ns
    for tick in range(ticks):
        writer.write_stream([f"{name} tick {tick} line {line}" for line in range(lines_a_tick)])
        pause.wait(max(0.0, (tick + 1) * TICK_S - (system_clock().ns - begin_ns) / 1e9))


async def send(url: str, journal: Journal, name: str, status: OwnStatus, ready: asyncio.Event) -> None:
    """Publish the lines of ``journal`` until the process ends."""
    file = OriginFile(journal)
    assert file.lock()
    status.origin = file.origin
    publisher = Publisher(journal, file, name, status)
    watch = LogWatch(journal)
    async with connect(parse_target(url), Credentials(""), may_create=True) as carrier:
        ready.set()
        await publisher.run(carrier, watch)


async def run(url: str, folder: Path, count: int, lines_per_s: int, seconds: float) -> None:
    """Run all origins."""
    begun, senders, writers, statuses = threading.Event(), [], [], []
    for number in range(count):
        journal, name = journal_of(folder, number), f"origin{number}"
        Path(journal.log_path).parent.mkdir(exist_ok=True)
        writer_of(name, journal, system_clock).write_stream([f"{name} begins"])
        status, ready = OwnStatus(OriginFile(journal).origin, name, publishes=True), asyncio.Event()
        statuses.append((journal, status))
        senders.append(asyncio.create_task(send(url, journal, name, status, ready)))
        await ready.wait()
        writers.append(threading.Thread(target=write, args=(journal, name, lines_per_s, seconds, begun)))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    begun.set()
    for writer in writers:
        writer.start()
    for writer in writers:
        await asyncio.to_thread(writer.join)
    for journal, status in statuses:
        while not is_sent(journal, status.sent):
            await asyncio.sleep(0.005)
    print("sent", flush=True)
    await asyncio.gather(*senders)


def is_sent(journal: Journal, sent: SegmentEnd | None) -> bool:
    """Return whether the engine has all of a journal that was not rotated."""
    return sent is not None and sent.offset == Path(journal.log_path).stat().st_size


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])))
