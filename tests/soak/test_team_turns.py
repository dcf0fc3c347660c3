"""Two processes of a team for one journal on a real engine: one sends, and the other one takes over when it ends."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from team_soak import stored_messages

from support.nats_server import Engine, Host, start_hosts, wait_for_mirrors, wait_until
from threeam.team.team_status import OwnStatus, read_statuses, read_trouble

pytestmark = pytest.mark.slow

TURN_S = 5  # s; within this time another process sends


@pytest.fixture
def hosts(engine: Engine, hosts: list[Host]) -> list[Host]:
    """The two hosts, with the lines of each other."""
    start_hosts(engine, hosts)
    return hosts


@pytest.fixture
def second(engine: Engine, hosts: list[Host]) -> Iterator[Host]:
    """Start another process for the journal of the first host; the address tells it apart."""
    second = Host(hosts[0].folder, "db1", log=hosts[0].log)
    second.start(second_url(engine))
    wait_until(lambda: own_status(second), "the second one follows")
    yield second
    second.end()


def second_url(engine: Engine) -> str:
    return engine.url.replace("127.0.0.1", "localhost")


def own_status(process: Host) -> OwnStatus | None:
    """Return what a process has noted of the lines of its journal."""
    pid = process.process.pid if process.process is not None else None
    found = [status.own for status, _ in read_statuses(process.journal) if status.pid == pid]
    return found[0] if found else None


def publishes(process: Host) -> bool:
    own = own_status(process)
    return own is not None and own.publishes


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_other_process_sends_on(number: signal.Signals, engine: Engine, hosts: list[Host], second: Host) -> None:
    db1, web1 = hosts
    assert (publishes(db1), publishes(second)) == (True, False)
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(0.005):
            db1.write()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(2):
            for process, url, other in ((db1, engine.url, second), (second, second_url(engine), db1)):
                web1.write()
                process.end(number)
                begin_s = time.monotonic()
                wait_until(lambda: publishes(other), "the other one takes over")  # noqa: B023
                count = db1.written
                wait_until(lambda: f"db1 note {count}\n" in sent_text(web1, db1), "its lines")  # noqa: B023
                assert time.monotonic() - begin_s < TURN_S
                assert read_trouble(db1.journal, time.time_ns()) == ""
                process.start(url)
                wait_until(lambda: own_status(process), "the first one follows")  # noqa: B023
                assert not publishes(process)
                assert "Traceback" not in process.output()
    finally:
        ended.set()
        writer.join()
    wait_for_mirrors(hosts)
    wait_until(lambda: (own := own_status(db1)) and own.unheld_lines == 0, "all lines are held", 90)
    wait_until(lambda: read_trouble(db1.journal, time.time_ns()) == "", "no trouble is told")
    assert [files.origin.epoch for files in web1.mirrors(db1)] == [1]
    stored = asyncio.run(stored_messages(engine.url))
    assert b"".join(each.payload for each in stored if each.host == "db1") == db1.log.read_bytes()


def sent_text(web1: Host, db1: Host) -> str:
    (files,) = web1.mirrors(db1)
    return "".join(Path(part.path).read_text() for part in files.parts)
