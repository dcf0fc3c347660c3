"""Real engines and a real sshd, and hosts that have a journal: what several soaks of the team begin with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nats_server import DEBIAN, NEWER, SYNC_ALWAYS, Engine, Host
from support.ssh_server import SshServer
from support.team_server import ManualEngine


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def program(request: pytest.FixtureRequest) -> str:
    """A version of nats-server."""
    return str(request.param)


@pytest.fixture
def engine(program: str, place: Path) -> Iterator[Engine]:
    engine = Engine(place, program, jetstream=SYNC_ALWAYS if program == NEWER else "")
    engine.start()
    yield engine
    engine.kill()


@pytest.fixture
def manual_engine(program: str, tmp_path: Path) -> Iterator[ManualEngine]:
    """The engine of the manual, with users and certificates, and a store for the night."""
    engine = ManualEngine(tmp_path, program)
    engine.make_certificates()
    engine.start()
    engine.create_store()
    yield engine
    engine.kill()


@pytest.fixture
def hosts(place: Path) -> Iterator[list[Host]]:
    """Two hosts with a line each, on which 3am team does not run yet."""
    hosts = [Host(place, "db1"), Host(place, "web1")]
    for host in hosts:
        host.write()
    yield hosts
    for host in hosts:
        host.end()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    server = SshServer(tmp_path / "sshd", tmp_path / "db1" / "sanity.log")
    monkeypatch.setenv("PATH", f"{server.bin}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(server.folder))  # no nats-py here, either
    yield server
    server.kill()


@pytest.fixture
def db1(server: SshServer, tmp_path: Path) -> Host:
    """The host whose journal comes by ssh. Nothing of 3am runs there but what ssh starts."""
    host = Host(tmp_path, "db1")
    host.write()
    return host


@pytest.fixture
def web1(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, "web1")
    host.write()
    yield host
    host.end()


@pytest.fixture
def web2(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path, "web2")
    yield host
    host.end()
