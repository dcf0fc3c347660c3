"""The configuration of the manual on a real server: who may do what, and what a user sees who may not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nats_server import DEBIAN, NEWER, Host, wait_until
from support.team_server import IDS, PASSWORDS, ManualEngine, give_id
from threeam.team.clocks.host_clocks import clock_of
from threeam.team.origin import read_origin

pytestmark = pytest.mark.slow


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ManualEngine]:
    engine = ManualEngine(tmp_path, request.param)
    engine.make_certificates()
    yield engine
    engine.kill()


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    hosts = {name: Host(tmp_path, name) for name in ("db1", "web1", "carol")}
    for host in hosts.values():
        host.write()
        if host.name in IDS:
            give_id(host.journal, IDS[host.name])
    yield hosts
    for host in hosts.values():
        host.end()


def away(host: Host) -> str:
    return host.status.away if host.status is not None else ""


def files_below(folder: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]


def test_hosts_send_and_a_watcher_reads(engine: ManualEngine, hosts: dict[str, Host]) -> None:
    engine.start()
    db1, web1, carol = hosts.values()
    engine.start_host(db1, "db1")
    wait_until(lambda: "3am team create" in away(db1), "a host may not make the store, and says who may")
    db1.end()
    engine.create_store()
    engine.create_store()  # again: it stays
    for host in (db1, web1):
        engine.start_host(host, host.name)
    engine.start_host(carol, "carol", "--read-only")
    for host, other in ((db1, web1), (web1, db1), (carol, db1), (carol, web1)):
        wait_until(lambda: host.has_all_of(other), f"{host.name} mirrors {other.name}")  # noqa: B023
    wait_until(lambda: db1.unheld() == 0, "what is held is announced")
    wait_until(lambda: clock_of(carol.journal, IDS["db1"]).spans, "the watcher measures the clock of db1")
    assert [host.notices() for host in hosts.values()] == ["", "", ""]
    for host in hosts.values():
        assert host.process is not None
        seen = [Path(f"/proc/{host.process.pid}/cmdline").read_text(), *files_below(host.folder)]
        assert not [text for text in seen for password in PASSWORDS.values() if password in text]
    assert read_origin(carol.journal) is None


def test_the_engine_refuses_what_a_user_may_not_do(engine: ManualEngine, hosts: dict[str, Host]) -> None:
    engine.start()
    engine.create_store()
    db1, web1 = IDS["db1"], IDS["web1"]

    async def attack() -> None:
        async with engine.client("web1") as client:
            assert not await client.publish(f"3am.night.log.{web1}", b"ours\n")
            for subject in (f"3am.night.log.{db1}", f"3am.night.here.{db1}", "3am.night.log.x", "3am.other.log.x"):
                assert "permissions violation" in str(await client.publish(subject))
        for user in ("web1", "carol"):
            async with engine.client(user) as client:
                for verb in ("MSG.DELETE", "DELETE", "PURGE", "UPDATE", "CREATE"):
                    refusal = await client.publish(f"$JS.API.STREAM.{verb}.3am-night", b'{"seq": 1}')
                    assert "permissions violation" in str(refusal)
                client.errors.clear()
                await client.client.subscribe(f"3am.night.clock.{db1}")
                await client.client.subscribe("_INBOX.db1.>")
                await client.flush()
                assert len(client.errors) == 2
        async with engine.client("carol") as client:
            for subject in (f"3am.night.log.{web1}", f"3am.night.here.{web1}", f"3am.night.blank.{db1}"):
                assert "permissions violation" in str(await client.publish(subject))
        async with engine.client("admin") as client:
            assert await client.stored() == {f"3am.night.log.{web1}": 1}

    asyncio.run(attack())


def test_an_answer_that_is_stored_under_another_id_forges_nothing(engine: ManualEngine, hosts: dict[str, Host]) -> None:
    """NATS does not check the subject to which an answer goes."""
    engine.start()
    engine.create_store()
    db1, web1, _ = hosts.values()
    subject = f"3am.night.log.{IDS['db1']}"
    for host in (db1, web1):
        engine.start_host(host, host.name)
    wait_until(lambda: web1.has_all_of(db1), "the mirror")

    async def attack() -> None:
        async with engine.client("carol") as client:
            assert not await client.publish("$JS.API.STREAM.MSG.GET.3am-night", b'{"seq": 1}', reply=subject)
            assert not await client.publish("$JS.API.STREAM.INFO.3am-night", reply=subject)
            refusal = await client.publish("$JS.API.DIRECT.GET.3am-night", b'{"seq": 1}', reply=subject)
            assert "permissions violation" in str(refusal)
        async with engine.client("admin") as client:
            await client.publish("$JS.API.DIRECT.GET.3am-night", b'{"seq": 1}', reply=subject)
            async with asyncio.timeout(20):
                while (await client.stored())[subject] < 3:  # the engine answers later than it sees the next request
                    await asyncio.sleep(0.01)
            assert (await client.stored())[subject] == 3

    asyncio.run(attack())
    wait_until(lambda: "refused a message" in web1.notices(), "the notice")
    db1.write(5)
    wait_until(lambda: web1.has_all_of(db1), "the sending goes on")
    asyncio.run(attack_again(engine, subject))
    db1.end()
    db1.write(5)
    engine.start_host(db1, "db1")
    wait_until(lambda: web1.has_all_of(db1), "also of a process that starts after it")
    assert len(web1.mirrors(db1)) == 1


async def attack_again(engine: ManualEngine, subject: str) -> None:
    async with engine.client("carol") as client:
        await client.publish("$JS.API.STREAM.INFO.3am-night", reply=subject)
