"""Rights that are wrong or lost: one sentence with the remedy, few tries, and it works again when they are back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import command
from support.nats_server import Host, wait_until
from support.team_server import IDS, ManualEngine, give_id

pytestmark = pytest.mark.slow

RETRY_S = 120  # s; 3am tries again after a minute


@pytest.fixture
def engine(manual_engine: ManualEngine) -> ManualEngine:
    return manual_engine


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    hosts = [Host(tmp_path, name) for name in ("db1", "web1")]
    for host in hosts:
        host.write()
        give_id(host.journal, IDS[host.name])
    yield hosts
    for host in hosts:
        host.end()


def shown(host: Host) -> str:
    """Return what the user sees."""
    words = [command(), "team", "status", "--log", str(host.log)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=30).stdout


def refusals(engine: ManualEngine) -> int:
    return len(re.findall("Violation|authentication error", engine.output()))


def test_the_right_to_publish_is_lost_and_returns(engine: ManualEngine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    for host in hosts:
        engine.start_host(host, host.name)
    for host, other in ((db1, web1), (web1, db1)):
        wait_until(lambda: host.has_all_of(other), f"{host.name} mirrors {other.name}")  # noqa: B023
    given = f'"3am.night.*.{IDS["db1"]}", "3am.night.clock.*", '
    engine.configuration = engine.configuration.replace(given, "")
    engine.reload()
    wait_until(lambda: "Reloaded" in engine.output(), "the configuration is read")
    db1.write(5)
    wait_until(lambda: f'publish to "3am.night.log.{IDS["db1"]}"' in shown(db1), "the sentence")
    assert "ask its administrator" in shown(db1)
    web1.write(5)
    wait_until(lambda: db1.has_all_of(web1), "it follows as before", timeout_s=10)
    assert db1.unsent() == 5
    assert refusals(engine) < 20
    engine.configuration = engine.configuration.replace("publish: [$INFO", f"publish: [{given}$INFO", 1)
    engine.reload()
    wait_until(lambda: web1.has_all_of(db1), "the lines are sent", RETRY_S)
    wait_until(lambda: "ask its administrator" not in shown(db1).partition("!")[0], "the sentence is gone")


def test_a_user_is_removed_and_returns(engine: ManualEngine, hosts: list[Host]) -> None:
    db1 = hosts[0]
    engine.start_host(db1, "db1")
    wait_until(lambda: db1.unsent() == 0, "all is sent")
    full = engine.configuration
    engine.configuration = full.replace("user: db1, ", "user: nobody, ")
    engine.reload()
    wait_until(lambda: "does not accept this user or password: correct" in shown(db1), "the sentence")
    db1.write(5)
    engine.configuration = full
    engine.reload()
    wait_until(lambda: db1.unsent() == 0, "the lines are sent", RETRY_S)
    assert refusals(engine) < 5


def test_an_expired_certificate_is_renewed(engine: ManualEngine, hosts: list[Host]) -> None:
    db1 = hosts[0]
    engine.kill(signal.SIGTERM)
    old = (engine.certificates / "server.pem").read_bytes()
    engine.make_certificates("faketime -f -400d")
    engine.start()
    engine.start_host(db1, "db1")
    wait_until(lambda: "is not valid (certificate has expired)" in shown(db1), "the sentence")
    assert "renew it" in shown(db1)
    engine.make_certificates()
    assert old != (engine.certificates / "server.pem").read_bytes()
    engine.reload()
    db1.end(signal.SIGTERM)
    engine.start_host(db1, "db1")
    wait_until(lambda: db1.unsent() == 0, "the new certificate")


def test_a_file_of_credentials_that_others_can_read_is_refused(engine: ManualEngine, hosts: list[Host]) -> None:
    path = engine.credentials("db1")
    path.chmod(0o640)
    words = [command(), "team", engine.url, "--log", str(hosts[0].log), "--credentials", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, env=os.environ)
    assert done.stderr == f"3am: {path} must be readable by you alone, since it holds a password: chmod 600 {path}\n"
    assert done.returncode != 0
