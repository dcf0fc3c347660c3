"""The journal of another host by ssh: its address, how ssh fails, and hosts that send what 3am would not send.

An `ssh` on PATH runs the remote command here, or prints what a hostile host would.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.commands import command
from support.rotated_files import line
from support.team import DB1, SEGMENT, content
from threeam.core.errors import BadInput
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.blanking.blank_list import BlankedLine, BlankList, stamp_text
from threeam.team.carrier import CarrierAway, CarrierRefused, NoAnswer, Topic
from threeam.team.follow_process import FollowProcess
from threeam.team.messages.hole import fill
from threeam.team.messages.line_chain import first_link
from threeam.team.messages.message import Message
from threeam.team.messages.position import segment_name
from threeam.team.messages.presence import Presence
from threeam.team.mirrors.mirror import read_mirrors
from threeam.team.origin import OriginFile, read_origin
from threeam.team.ssh.frames import encode_greeting, encode_here, encode_lines
from threeam.team.ssh.ssh_source import connect, describe_end
from threeam.team.ssh.ssh_target import SshTarget, parse_ssh_target
from threeam.team.team_status import TeamStatus, read_statuses


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("ssh://db1", SshTarget("db1")),
        ("ssh://db1/", SshTarget("db1")),
        ("ssh://alice@db1.lan:2222/srv/a%20b.log", SshTarget("db1.lan", "alice", 2222, "/srv/a b.log")),
        ("ssh://[fe80::1]:22", SshTarget("fe80::1", port=22)),
    ],
)
def test_an_address_is_a_target(url: str, target: SshTarget) -> None:
    assert parse_ssh_target(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "ssh://",
        "ssh:///file",
        "ssh://-oProxyCommand=touch%20x",
        "ssh://-lroot",
        "ssh://a@-lroot",
        "ssh://-l@db1",
        "ssh://$(id)",
        "ssh://a;b",
        "ssh://`id`@db1",
        "ssh://db1:0",
        "ssh://db1:99999",
        "ssh://db1?x",
        "ssh://db1/%00",
        "ssh://alice:secret@db1",
        "nats://db1",
    ],
)
def test_what_is_not_an_address_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_ssh_target(url)
    assert "secret" not in str(refusal.value)


def test_no_part_of_an_address_is_an_option_or_a_command() -> None:
    words = SshTarget("db1", "alice", 2222, "/x; rm -rf ~ '$(id)'").command()
    assert words[-4:-1] == ["alice", "--", "db1"]
    assert words[-1] == "3am tail --mirror --log '/x; rm -rf ~ '\"'\"'$(id)'\"'\"''"


DENIED = "alice@db1: Permission denied (publickey,password)."
UNKNOWN = "No ED25519 host key is known for db1 and you have requested strict checking.\nHost key verification failed."
CHANGED = (
    "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n"
    "Host key for db1 has changed and you have requested strict checking.\nHost key verification failed."
)
OLD = "3am tail: there is no option --mirror; see 3am tail --help"


@pytest.mark.parametrize(
    ("code", "text", "kind", "what"),
    [
        (255, DENIED, CarrierRefused, "ssh-copy-id -p 22 alice@db1"),
        (255, UNKNOWN, CarrierRefused, "is not known here: run ssh -p 22 alice@db1 once"),
        (255, CHANGED, CarrierRefused, "another than before"),
        (255, "ssh: Could not resolve hostname db1: Name or service not known", CarrierAway, "Could not resolve"),
        (255, "", CarrierAway, "the connection is lost"),
        (127, "bash: line 1: 3am: command not found", CarrierRefused, "no 3am that ssh can start"),
        (2, OLD, CarrierRefused, "older than this one: update it there"),
        (3, "3am: /x cannot be opened\x1b[2J: Permission denied", CarrierRefused, "reports: 3am: /x cannot be opened"),
        (1, "", CarrierRefused, "reports: exit 1"),
        (0, "", CarrierAway, "has ended"),
        (-9, "", CarrierAway, "has ended"),
    ],
)
def test_an_end_of_ssh_is_one_sentence_with_the_remedy(code: int, text: str, kind: type, what: str) -> None:
    error = describe_end(SshTarget("db1", "alice", 22), code, text)
    assert type(error) is kind
    assert str(error).startswith(
        ("ssh://alice@db1:22 ", "the key of ssh://", "3am on ssh://", "the connection to ssh://")
    )
    assert what in str(error)
    assert str(error).isprintable()


@pytest.fixture
def web1(tmp_path: Path) -> Journal:
    log = tmp_path / "web1.log"
    log.write_bytes(line(0, "here"))
    return resolve_journal(str(log))


def put_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an `ssh` on PATH that runs ``script``; "$command" is the remote command."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "ssh").write_text(f"#!/bin/sh\nfor command; do :; done\n{script}\n")
    (folder / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.path.dirname(command())}:{os.environ['PATH']}")


async def follow(web1: Journal, url: str, condition: Callable[[TeamStatus], object]) -> TeamStatus:
    """Follow ``url`` until ``condition`` holds for the status that everybody can read."""
    target = parse_ssh_target(url)
    process = FollowProcess(web1, str(target), partial(connect, target, web1))
    task = asyncio.create_task(process.run())
    try:
        async with asyncio.timeout(20):
            while True:
                process._write_status()
                statuses = {status.address: status for status, _ in read_statuses(web1)}
                if condition(statuses[url]):
                    return statuses[url]
                assert not task.done()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        process.close()


async def test_a_mirror_has_the_bytes_of_the_host_and_goes_on(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ssh(tmp_path, monkeypatch, 'echo Welcome; exec sh -c "$command"')
    log = tmp_path / "db 1.log"
    log.write_bytes(line(1, "one"))
    url = f"ssh://db1{tmp_path}/db%201.log"

    def has_all(_status: TeamStatus) -> bool:
        return [content(files) for files in read_mirrors(web1)] == [log.read_bytes()]

    for text in ("two", "three"):  # and it resumes
        status = await follow(web1, url, lambda status: has_all(status) and status.hosts)
        with log.open("ab") as file:
            file.write(line(2, text))
    origin = read_origin(resolve_journal(str(log)))
    assert origin is not None
    assert list(status.hosts) == [origin.id]
    assert not (tmp_path / "web1.log.origin").exists()


async def test_a_line_is_blanked_in_the_mirror_and_the_lines_after_it_come(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ssh(tmp_path, monkeypatch, 'exec sh -c "$command"')
    log = tmp_path / "db1.log"
    first, secret = line(1, "one"), line(2, "tok-Aeng3eiy8Ohj")
    log.write_bytes(first + secret)
    url = f"ssh://db1{log}"
    await follow(web1, url, lambda _: [content(files) for files in read_mirrors(web1)] == [first + secret])
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    name = segment_name(live)
    assert name is not None
    BlankList(journal).add([BlankedLine(name, len(first), len(first + secret), stamp_text(secret), stamp_text(secret))])
    for text in ("three", "four"):  # and it resumes behind the hole
        with log.open("ab") as file:
            file.write(line(3, text))
        expected = first + fill(secret) + log.read_bytes()[len(first + secret) :]
        await follow(web1, url, lambda _: [content(files) for files in read_mirrors(web1)] == [expected])  # noqa: B023


async def test_the_time_of_the_host_can_be_asked(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ssh(tmp_path, monkeypatch, 'exec sh -c "$command"')
    (tmp_path / "db1.log").write_bytes(line(1, "one"))
    async with connect(SshTarget("db1", log=str(tmp_path / "db1.log")), web1) as source:
        (received,) = await anext(source.replay(None))
        begin_ns = time.time_ns()
        times = [int(text) for text in (await source.ask(Topic.CLOCK, received.origin_id, b"", 20)).split()]
        assert begin_ns <= times[0] <= times[1] <= time.time_ns()
        for other_id, question in ((DB1.id, b""), (received.origin_id, b"more")):
            with pytest.raises(NoAnswer):
                await source.ask(Topic.CLOCK, other_id, question, 0.01)


async def test_nothing_is_written_when_ssh_has_ended(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its descriptor may be that of another file by then."""
    (tmp_path / "stream").write_bytes(encode_greeting(DB1.id))
    put_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/stream; read cursor; exit 0")
    async with connect(SshTarget("db1"), web1) as source:
        replay = asyncio.ensure_future(anext(source.replay(None)))
        with pytest.raises(CarrierAway):
            await source.wait_closed()
        with open(tmp_path / "mirror", "w+b") as other:
            with pytest.raises(NoAnswer):
                await source.ask(Topic.CLOCK, DB1.id, b"", 0.01)
            assert other.read() == b""
        replay.cancel()


def lines_of(data: bytes, begin: int, end: int) -> bytes:
    link = first_link(SEGMENT)
    return encode_lines(Message(DB1, "db1", SEGMENT, begin, link, data[begin:end]))


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (b"\x1b[2Jx" * 20_000, "prints a line without an end"),
        (encode_greeting(DB1.id) + b"y" * 100_000, "prints a line without an end"),
        (encode_greeting(DB1.id) + b"lines 999999999 {}\n", "would not send"),
        (b"3am-mirror 7 " + b"d" * 32 + b"\n", "another version"),
    ],
    ids=["banner", "line", "size", "version"],
)
async def test_a_hostile_host_is_left_and_writes_nothing(
    stream: bytes, what: str, web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stream").write_bytes(stream)
    put_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/stream; exec sleep 100")
    status = await follow(web1, "ssh://db1", lambda status: status.away != "not connected yet" and status.away)
    assert what in status.away
    assert status.away.isprintable()
    assert read_mirrors(web1) == []


async def test_a_wrong_chain_and_a_wrong_presence_are_refused_with_a_notice(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b"[one]\n[two]\n"
    forged = [
        encode_here(b"[" * 1000),
        encode_here(Presence(DB1, "a\x1bb", 0, 0, 0).encode()),
        lines_of(data, 0, 6),
        lines_of(data, 6, 12),  # its link is not the one there
        b"lines 2 " + b'{"3am-host": "x\\u001b", "3am-epoch": "1"}\n' + b"x\n",
        lines_of(data, 0, 6),
    ]
    (tmp_path / "stream").write_bytes(encode_greeting(DB1.id) + b"".join(forged))
    put_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/stream; exec sleep 100")
    status = await follow(web1, "ssh://db1", lambda status: len(status.notices) >= 3)
    assert all(notice.isprintable() for notice in status.notices)
    assert [content(files) for files in read_mirrors(web1)] == [b"[one]\n"]


async def test_a_host_cannot_write_into_the_mirror_of_another(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stream").write_bytes(encode_greeting(DB1.id) + encode_here(Presence(DB1, "db1", 0, 0, 0).encode()))
    put_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/stream; exec sleep 100")
    await follow(web1, "ssh://db1", lambda status: status.hosts)
    (tmp_path / "stream").write_bytes(encode_greeting(DB1.id) + lines_of(b"[forged]\n", 0, 9))
    status = await follow(web1, "ssh://web2", lambda status: "has the id" in status.away)
    assert "ssh://web2 has the id of db1, whose journal comes from ssh://db1: " in status.away
    assert read_mirrors(web1) == []
    os.unlink(status.away.rpartition("remove ")[2])
    await follow(web1, "ssh://web2", lambda status: status.hosts and read_mirrors(web1))


async def test_a_host_cannot_have_the_id_of_this_journal(
    web1: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = OriginFile(web1)
    file.close()
    (tmp_path / "stream").write_bytes(encode_greeting(file.origin.id))
    put_ssh(tmp_path, monkeypatch, f"cat {tmp_path}/stream; exec sleep 100")
    status = await follow(web1, "ssh://db1", lambda status: "has the id of this journal" in status.away)
    assert "new-origin" in status.away
