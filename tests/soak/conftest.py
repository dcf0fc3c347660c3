"""A real sshd, the host that it runs on, and a host that mirrors it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nats_server import Host
from support.ssh_server import SshServer


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
