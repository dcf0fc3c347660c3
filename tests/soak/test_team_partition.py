"""A team whose network is parted, on a real server: two sides come to different verdicts, and are joined again."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.commands import command
from support.nats_server import DEBIAN, NEWER, SYNC_ALWAYS, Engine, Host, wait_for_mirrors, wait_until
from threeam.team.team_status import status_dir

pytestmark = pytest.mark.slow


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, request.param, jetstream=SYNC_ALWAYS if request.param == NEWER else "")
    yield engine
    engine.kill()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[list[Host]]:
    hosts = [Host(tmp_path, name) for name in ("db1", "web1", "web2")]
    yield hosts
    for host in hosts:
        host.end()


def said_on(host: Host, *words: str) -> str:
    """Run `3am` on a host, and return what it prints."""
    argv = ["unshare", "--uts", "sh", "-c", f'hostname {host.name}; exec "$@"', "sh", command(), *words]
    environ = {**os.environ, "HOME": str(host.folder), "SANITY_LOG": str(host.log), "LOGNAME": "alice"}
    environ["SANITY_LOCK"] = host.journal.lock_path
    done = subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def board_of(host: Host) -> dict[str, dict[str, Any]]:
    """Return the hypotheses as a host has them, by the names that another host has for them."""
    rows = map(json.loads, said_on(host, "hyp", "list", "--json").splitlines())
    return {row["name"] if row["host"] else f"{host.name}/{row['name']}": row for row in rows}


def facts_of(row: dict[str, Any]) -> tuple[object, ...]:
    verdicts = {(verdict["state"], verdict["why"], verdict["at"]) for verdict in row["verdicts"]}
    return row["claim"], row["states"], frozenset(verdicts), row["supports"], row["contradicts"], row["at"]


def measured_clocks(host: Host) -> list[Path]:
    """Return the files with what the host has measured of the clocks of the others."""
    return list(Path(status_dir(host.journal)).glob("*.clock"))


def test_both_verdicts_of_a_partition_stand_on_every_host(engine: Engine, hosts: list[Host]) -> None:
    db1, web1, web2 = hosts
    engine.start()
    said_on(db1, "hyp", "new", "the sweeper races the writer")
    said_on(web1, "log", "hello")
    said_on(web2, "hyp", "new", "the cron job")
    for host in hosts:
        host.start(engine.url)
    wait_for_mirrors(hosts)
    said_on(web1, "coffee", "2")
    engine.kill()
    said_on(db1, "hyp", "refute", "H1", "it was off")
    said_on(web1, "hyp", "confirm", "db1/H1", "300 clean runs")
    said_on(web2, "hyp", "contradict", "db1/H1", "seen without it")
    said_on(db1, "hyp", "park", "web2/H1", "needs staging")
    said_on(db1, "coffee", "3")
    assert [board_of(host)["db1/H1"]["states"] for host in (db1, web1)] == [["refuted"], ["confirmed"]]
    engine.start()
    wait_for_mirrors(hosts)
    for host in hosts:  # all are measured before one is ended: it would not answer the others
        wait_until(lambda: len(measured_clocks(host)) == 2, "the clocks of the others are measured")  # noqa: B023
        wait_until(lambda: board_of(host)["db1/H1"]["states"] == ["confirmed"], "the later one, by all clocks")  # noqa: B023
    for host in hosts:
        host.end()
        for path in measured_clocks(host):  # here all hosts have one clock: let nothing be known of it
            path.unlink()
    boards = [{name: facts_of(row) for name, row in board_of(host).items()} for host in hosts]
    assert boards[0] == boards[1] == boards[2]
    claim, states, verdicts, *counts = boards[0]["db1/H1"]
    assert (claim, states, counts[:2]) == ("the sweeper races the writer", ["confirmed", "refuted"], [0, 1])
    assert len(verdicts) == 2  # type: ignore[arg-type]
    assert boards[0]["web2/H1"][1] == ["parked"]
    for host in hosts:
        assert json.loads(said_on(host, "status", "--json"))["cups"] == 5
        assert "confirmed and refuted at once" in said_on(host, "handoff")
