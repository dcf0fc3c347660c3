"""Teams on a real server: what is killed, stopped, set back or full, each mirror has each line of its host once."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from team_soak import stored_messages

from support.commands import command
from support.journals import writer_of
from support.nats_server import DEBIAN, NEWER, SYNC_ALWAYS, Engine, Host, wait_for_mirrors, wait_until
from support.team import content
from threeam.core.format.clock import system_clock
from threeam.team.origin import origin_path, read_origin
from threeam.team.team_status import read_statuses

pytestmark = pytest.mark.slow

MANY = 20_000


@pytest.fixture(params=[DEBIAN, NEWER], ids=["debian", "newer"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, request.param, jetstream=SYNC_ALWAYS if request.param == NEWER else "")
    yield engine
    engine.kill()


def start(engine: Engine, hosts: list[Host]) -> None:
    engine.start()
    for host in hosts:
        host.start(engine.url)


def test_lines_of_a_time_without_an_engine_arrive_once(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    for host in hosts:
        host.start(engine.url)
    wait_until(lambda: db1.unsent() == 1, "the unsent line is counted")
    db1.write(50_000)
    wait_until(lambda: db1.unsent() == 50_001, "the unsent lines are counted")
    assert db1.status is not None
    assert "cannot be reached" in db1.status.away
    engine.start()
    wait_for_mirrors(hosts)
    wait_until(lambda: (db1.unsent(), db1.unheld()) == (0, 0), "all lines are sent and held")
    assert [files.gaps for files in web1.mirrors(db1)] == [[]]


def test_an_engine_that_is_killed_again_and_again_loses_nothing(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    for _ in range(8):
        for host in hosts:
            host.write(500)
        engine.kill()
        engine.start()
    wait_for_mirrors(hosts)


def test_an_engine_that_has_lost_acknowledged_lines_gets_them_again(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    wait_for_mirrors(hosts)
    engine.kill(signal.SIGTERM)
    engine.save("older")
    engine.start()
    for host in hosts:
        host.write(100)
    wait_for_mirrors(hosts)
    engine.kill(signal.SIGTERM)
    engine.set_back("older")
    hosts[0].write(100)
    engine.start()
    hosts[1].write(100)
    wait_for_mirrors(hosts)
    third = Host(hosts[0].folder.parent, "web2")
    third.write()
    third.start(engine.url)
    try:
        wait_for_mirrors([*hosts, third])  # the engine has all lines again
    finally:
        third.end()


def test_an_engine_that_has_lost_its_stream_gets_all_lines_again(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    wait_for_mirrors(hosts)
    engine.kill()
    shutil.rmtree(engine.store)
    hosts[0].write(10)
    engine.start()
    wait_for_mirrors(hosts)
    hosts[1].write(10)
    wait_for_mirrors(hosts)
    assert [len(host.mirrors(hosts[0])) for host in hosts[1:]] == [1]


def test_hosts_that_are_killed_while_they_send_and_write_mirrors(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    db1, web1 = hosts
    for number in range(8):
        db1.write(MANY)
        wait_until(lambda: web1.mirrors(db1), "the first bytes")
        (db1 if number % 2 else web1).end()
        (db1 if number % 2 else web1).start(engine.url)
    wait_for_mirrors(hosts)
    assert [files.gaps for files in web1.mirrors(db1)] == [[]]


def test_an_engine_that_stands_still_gets_each_line_once(engine: Engine, hosts: list[Host]) -> None:
    """Publishes time out, and the stopped server stores some of them when it continues."""
    start(engine, hosts)
    wait_for_mirrors(hosts)
    engine.send(signal.SIGSTOP)
    hosts[0].write(10)
    wait_until(lambda: hosts[0].status is not None and hosts[0].status.away, "the time-out")
    hosts[0].write(10)
    engine.send(signal.SIGCONT)
    wait_for_mirrors(hosts)


def test_a_log_that_has_lost_sent_lines_is_a_new_epoch_and_both_are_kept(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    db1, web1 = hosts
    db1.write(50)
    wait_for_mirrors(hosts)
    before = db1.log.read_bytes()
    db1.end()
    os.truncate(db1.log, before.index(b"db1 note 40") - 80)
    os.truncate(db1.log, before[: db1.log.stat().st_size].rindex(b"\n") + 1)
    db1.write(3, "after the crash")
    db1.start(engine.url)
    wait_until(lambda: len(web1.mirrors(db1)) == 2, "the second epoch")
    wait_for_mirrors(hosts)
    first, second = web1.mirrors(db1)
    assert (content(first), content(second)) == (before, db1.log.read_bytes())
    wait_until(lambda: "has lost lines" in web1.notices(), "the follower reports it")
    wait_until(lambda: "All lines are sent again" in db1.notices(), "the origin reports it")


def test_a_copy_of_a_host_does_not_send_under_its_id(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    wait_for_mirrors(hosts)
    db1, web1 = hosts
    clone = Host(db1.folder.parent, "db2")
    shutil.copy(db1.log, clone.log)
    shutil.copy(origin_path(db1.journal), origin_path(clone.journal))
    db1.write(5)
    wait_for_mirrors(hosts)
    clone.write(5, "of the clone")
    clone.start(engine.url)
    try:
        wait_until(lambda: "3am team new-origin" in clone.refusal(), "the clone reports it")
        db1.write(5)
        wait_until(lambda: web1.has_all_of(db1), "the first one still sends")
        clone.end(signal.SIGTERM)
        done = subprocess.run(
            [*_team_command(), "new-origin", "--log", str(clone.log)], capture_output=True, check=True
        )
        assert b"is " in done.stdout
        clone.start(engine.url)
        wait_until(lambda: web1.has_all_of(clone), "the clone has an id of its own")
    finally:
        clone.end()


def _team_command() -> list[str]:
    return [command(), "team"]


def test_old_messages_that_are_stored_again_change_nothing(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    db1, web1 = hosts
    for _ in range(5):
        db1.write(3)
        wait_for_mirrors(hosts)
    db1.end()

    async def store_again() -> None:
        client = Client()
        await client.connect(engine.url)
        subject = f"3am.night.log.{read_origin(db1.journal).id}"  # type: ignore[union-attr]
        jetstream = client.jetstream()
        count = (await jetstream.stream_info("3am-night")).state.last_seq
        for sequence in [*range(1, count + 1), *range(count, 0, -1)]:
            message = await jetstream.get_msg("3am-night", sequence)
            if message.subject != subject:
                continue
            headers = {name: text for name, text in (message.headers or {}).items() if name.startswith("3am-")}
            await jetstream.publish(subject, message.data or b"", headers=headers)
        await client.close()

    asyncio.run(store_again())
    web1.write()
    db1.start(engine.url)
    db1.write()
    wait_for_mirrors(hosts)


def test_an_engine_without_room_stops_nothing_local(engine: Engine, hosts: list[Host]) -> None:
    engine.start()
    db1, web1 = hosts
    web1.start(engine.url)
    wait_until(lambda: web1.unsent() == 0, "the stream is made")

    async def limit(max_bytes: int) -> None:
        client = Client()
        await client.connect(engine.url)
        info = await client.jetstream().stream_info("3am-night")
        await client.jetstream().update_stream(info.config, max_bytes=max_bytes)
        await client.close()

    asyncio.run(limit(100_000))
    db1.write(5_000)
    db1.start(engine.url)
    wait_until(lambda: "has no room" in db1.notices(), "the notice")
    db1.write(10)
    wait_until(lambda: db1.unsent() == 5_010, "the unsent lines")  # the first line had room
    asyncio.run(limit(-1))
    wait_for_mirrors(hosts)


def test_a_block_that_is_larger_than_a_message_arrives(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    db1 = hosts[0]
    db1.write(1)
    writer_of("db1", db1.journal, system_clock).write_stream(["x" * 65_000] * 500)
    wait_for_mirrors(hosts)


def test_a_wrong_password_is_one_sentence_and_no_storm(engine: Engine, hosts: list[Host], tmp_path: Path) -> None:
    engine.config = 'authorization { users: [{ user: "db1", password: "tr0ub4dor" }] }'
    engine.start()
    db1 = hosts[0]
    file = tmp_path / "team.toml"
    file.touch(0o600)
    file.write_text('user = "db1"\npassword = "hunter2hunter2"\n')
    db1.start(engine.url, "--credentials", str(file))
    wait_until(lambda: db1.status is not None and "does not accept" in db1.status.away, "the refusal")
    assert db1.process is not None
    command_line = Path(f"/proc/{db1.process.pid}/cmdline").read_bytes()
    db1.end(signal.SIGTERM)
    for text in (command_line.decode(), db1.output(), str(db1.status), *_files_below(db1.folder)):
        assert "hunter2" not in text
    assert (tmp_path / "server.txt").read_text().count("authentication error") <= 2
    file.write_text('user = "db1"\npassword = "tr0ub4dor"\n')
    db1.start(engine.url, "--credentials", str(file))
    wait_until(lambda: db1.unsent() == 0, "the right password")


def _files_below(folder: Path) -> list[str]:
    return [path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("days", [-1, 1])
def test_an_expired_certificate_is_refused_with_the_remedy(
    days: int, engine: Engine, hosts: list[Host], tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["faketime", "-f", f"{days - 1}d", "openssl"] if days < 0 else ["openssl"]
    request = "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*words, *request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    engine.config = f'tls {{ cert_file: "{certificate}", key_file: "{key}" }}'
    engine.start()
    db1 = hosts[0]
    file = tmp_path / "team.toml"
    file.touch(0o600)
    file.write_text(f'ca = "{certificate}"\n')
    db1.start(engine.url.replace("nats:", "tls:"), "--credentials", str(file))
    if days < 0:
        wait_until(lambda: db1.status is not None and "expired" in db1.status.away, "the refusal")
    else:
        wait_until(lambda: db1.unsent() == 0, "the connection")


def test_a_read_only_host_sends_nothing(engine: Engine, hosts: list[Host]) -> None:
    db1, web1 = hosts
    engine.start()
    db1.start(engine.url)
    web1.start(engine.url, "--read-only")
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    db1.write(5)
    wait_until(lambda: web1.has_all_of(db1), "the mirror")
    assert read_origin(web1.journal) is None
    assert db1.mirrors(web1) == []
    wait_until(lambda: db1.unsent() == 0, "all is sent")
    assert db1.unheld() == 6


def test_one_of_two_processes_publishes_a_log(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    wait_for_mirrors(hosts)
    db1 = hosts[0]
    again = subprocess.run(
        [*_team_command(), engine.url, "--log", str(db1.log)], capture_output=True, timeout=20, check=False
    )
    assert again.returncode == 1
    assert b"runs already" in again.stderr
    other_night = Host(db1.folder.parent, "db1b", log=db1.log)
    other_night.start(engine.url + "/other")
    try:
        wait_until(lambda: len(read_statuses(db1.journal)) == 2, "its status")
        db1.write(5)
        wait_for_mirrors(hosts)
    finally:
        other_night.end()


def test_what_a_standing_engine_stores_late_is_stored_once(engine: Engine, hosts: list[Host]) -> None:
    """The message waits in the connection that has timed out, while the origin connects again."""
    start(engine, hosts)
    wait_for_mirrors(hosts)
    for _ in range(2):
        engine.send(signal.SIGSTOP)
        for host in hosts:
            host.write(10)
        wait_until(lambda: hosts[0].status is not None and hosts[0].status.away, "the time-out")
        engine.send(signal.SIGCONT)
        wait_for_mirrors(hosts)
    sent = asyncio.run(stored_messages(engine.url))
    for host in hosts:
        origin = read_origin(host.journal)
        assert origin is not None
        assert b"".join(each.payload for each in sent if each.origin.id == origin.id) == host.log.read_bytes()


def test_lines_that_the_engine_no_longer_has_are_a_gap_with_its_bounds(engine: Engine, hosts: list[Host]) -> None:
    start(engine, hosts)
    wait_for_mirrors(hosts)
    db1, web1 = hosts
    wait_until(lambda: db1.unheld() == 0, "the first line is held")
    web1.end()
    gap_begin = db1.log.stat().st_size

    async def forget_lines_of_web1s_absence() -> None:
        client = Client()
        await client.connect(engine.url)
        jetstream = client.jetstream()
        for _ in range(2):
            count = (await jetstream.stream_info("3am-night")).state.last_seq
            db1.write(10)
            while (stream := await jetstream.stream_info("3am-night")).state.last_seq == count:
                await asyncio.sleep(0.02)
        await jetstream.update_stream(stream.config, max_age=4, duplicate_window=4)
        while (await jetstream.stream_info("3am-night")).state.first_seq <= count:
            db1.write()  # it keeps the newest lines of db1 in the stream
            await asyncio.sleep(0.2)
        await jetstream.update_stream(stream.config, max_age=0, duplicate_window=4)
        await client.close()

    asyncio.run(forget_lines_of_web1s_absence())
    web1.start(engine.url)
    wait_until(lambda: content(web1.mirrors(db1)[0]).endswith(db1.log.read_bytes()[-500:]), "the newest lines")
    (files,) = web1.mirrors(db1)
    (gap,) = files.gaps
    assert gap.begin == gap_begin
    assert content(files) == db1.log.read_bytes()[:gap_begin] + db1.log.read_bytes()[gap.end :]
    told = f"bytes {gap.begin} to {gap.end} are missing"
    wait_until(lambda: web1.status is not None and told in str(web1.status.hosts), "the gap is told")


def test_an_engine_that_takes_no_message_of_our_size_is_told(tmp_path: Path, hosts: list[Host]) -> None:
    engine = Engine(tmp_path, NEWER, config="max_payload: 60KB")
    try:
        start(engine, hosts)
        wait_until(lambda: "max_payload" in (hosts[0].status.away if hosts[0].status is not None else ""), "the reason")
    finally:
        engine.kill()
