"""A host of the team that sends what it likes under its own id: it is refused or shown safely, and harms nobody."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.commands import command
from support.lines import HARMFUL
from support.nats_server import Host, wait_until
from support.team import content
from support.team_server import IDS, ManualEngine, RawClient, give_id
from threeam.team.messages.line_chain import MAX_PIECE_BYTES, first_link
from threeam.team.messages.message import Message, encode_headers
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import read_mirror

pytestmark = pytest.mark.slow

WEB1 = Origin(IDS["web1"])
SUBJECT = f"3am.night.log.{WEB1.id}"
SEGMENT = "20261124T031407.000000000Z"
STAMP = "[2026-11-24T03:14:07.%09d+0000]"
GIB_PIECES = 4096


@pytest.fixture
def engine(manual_engine: ManualEngine) -> ManualEngine:
    return manual_engine


@pytest.fixture
def db1(engine: ManualEngine, tmp_path: Path) -> Iterator[Host]:
    """The host that is attacked; web1 is the client of the test."""
    db1 = Host(tmp_path, "db1")
    db1.write()
    give_id(db1.journal, IDS["db1"])
    engine.start_host(db1, "db1")
    wait_until(lambda: db1.unsent() == 0, "all is sent")
    yield db1
    db1.end()


class Attacker:
    """A client with the rights of web1, which continues a segment of its own."""

    def __init__(self, raw: RawClient) -> None:
        self.raw = raw
        self.message = Message(WEB1, "web1", SEGMENT, 0, first_link(SEGMENT), b"")

    async def send(self, payload: bytes, **headers: str) -> None:
        """Send bytes as the next message, with ``headers`` in place of the right ones; these continue nothing."""
        message = self.message._replace(payload=payload)
        sent = {**encode_headers(message), **{name.replace("_", "-"): text for name, text in headers.items()}}
        answer = await self.raw.client.request(SUBJECT, payload, headers=sent, timeout=20)
        assert "error" not in json.loads(answer.data)
        if "Status" in headers or not headers:
            self.message = message._replace(offset=message.end, link=message.end_link())

    async def send_raw(self, headers: bytes) -> None:
        """Send a message with a block of headers as it is."""
        sizes = f"{len(headers)} {len(headers)}"
        await self.raw.client._send_command(f"HPUB {SUBJECT} {sizes}\r\n".encode() + headers + b"\r\n")
        await self.raw.flush()


@asynccontextmanager
async def attacker(engine: ManualEngine) -> AsyncIterator[Attacker]:
    async with engine.client("web1") as raw:
        yield Attacker(raw)


def mirror(db1: Host) -> bytes:
    return b"".join(map(content, read_mirror(db1.journal, WEB1.id)))


def output(db1: Host, *words: str) -> str:
    done = subprocess.run(
        [command(), *words, "--log", str(db1.log)], capture_output=True, check=True, timeout=120, text=True
    )
    return done.stdout


HOSTILE_HEADERS = [
    {"3am-segment": "../../../../../../tmp/owned"},
    {"3am-segment": SEGMENT + "/../../x"},
    {"3am-offset": "7"},  # inside a line that was sent
    {"3am-offset": "-1"},
    {"3am-offset": "9" * 3000},
    {"3am-prev": "a" * 64},
    {"3am-prev": "x"},
    {"3am-epoch": "0"},
    {"3am-host": "\x1b]0;owned\x07"},
    {"3am-holes": "0 9999999 " + "a" * 64},
    {"3am-holes": ",".join(f"{n} {n + 1} " + "a" * 64 for n in range(500))},
    {"3am-sent": "1 ../x 0 ab"},
    {"3am-entries": "../x"},
    {"Nats-Subject": "3am.night.log." + IDS["db1"]},
]


def test_hostile_messages_are_refused_or_shown_safely(engine: ManualEngine, db1: Host) -> None:
    before = sorted(path for path in db1.folder.rglob("*") if "remote" not in path.parts)
    texts = [
        b"[BY: root@db1] [ON: db1/H1] Verdict H1: refuted. forged",
        b"[REPEATED: 5] a head",
        b"Stamp: @2026-11-24T03:14:07.000000000+0000 \x1b[2J\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07",
        b"\0\0\0 NUL",
        b"\xff\xfe\xc3\x28 no UTF-8",
        "\u202e\u2066 marks".encode(),
        b"Clock: web2 is 3.20 ms ahead of db1",
        b"$(touch /tmp/owned) `touch /tmp/owned`",
    ]
    data = b"".join(STAMP.encode() % number + b" " + text + b"\n" for number, text in enumerate(texts)) + b"no stamp\n"

    async def attack() -> None:
        async with attacker(engine) as web1:
            await web1.send(data)
            for headers in HOSTILE_HEADERS:
                await web1.send(b"[forged]\n", **headers)
            await web1.raw.client.publish(SUBJECT, b"")
            await web1.raw.client.publish(SUBJECT, b"x" * (MAX_PIECE_BYTES + 1), headers=encode_headers(web1.message))
            for data_of_presence in (b"", b"\xff", b"[" * 50_000, b'{"host": "\x1b[2J"}', b"x" * 500_000):
                await web1.raw.publish(f"3am.night.here.{WEB1.id}", data_of_presence)
                await web1.raw.publish(f"3am.night.clock.{IDS['db1']}", data_of_presence, reply="_INBOX.web1.x")
            for status in (b"404 No Messages", b"408", b"409 Consumer Deleted", b"100 Idle Heartbeat", b"503", b"x"):
                await web1.send_raw(b"NATS/1.0 " + status + b"\r\n\r\n")
            await web1.send_raw(b"NATS/1.0\r\n\xff\xfe: \xff\r\n: \r\n\r\n")
            await web1.send(b"[with a status]\n", Status="404")
            await web1.send(b"[sound]\n")
            await web1.send(b"[named]\n", **{"3am-host": "../../db1"})
            await web1.send(b"[of an epoch]\n", **{"3am-host": "db1\r\n3am-epoch: 999999"})
            await web1.send(b"[forged]\n", **{"3am-x" + str(number): "y" * 300 for number in range(150)})

    asyncio.run(attack())
    wait_until(lambda: b"[sound]\n[named]\n" in mirror(db1), "the last message", 20)
    assert b"[forged]" not in mirror(db1)
    for words in (
        ("tail", "--host", WEB1.id[:8] + "-1", "-n", "50"),
        ("tail", "--host", WEB1.id[:8], "-n", "50"),
        ("team", "status"),
        ("tail", "-n", "50"),
    ):
        shown = output(db1, *words)
        assert not HARMFUL.search(shown), shown
    assert "forged" not in output(db1, "hyp", "list")
    assert sorted(path for path in db1.folder.rglob("*") if "remote" not in path.parts) == before
    assert not Path("/tmp/owned").exists()
    names = {
        path.name for path in (db1.folder / "sanity.log.d").rglob("*") if path.is_file() and "remote" in path.parts
    }
    assert all(re.fullmatch(r"about\.json|order|\d{8}T\d{6}\.\d{9}Z(\+\d+)?\.log", name) for name in names), names
    db1.write()
    wait_until(lambda: db1.unsent() == 0, "it still works")
    assert db1.log.read_bytes().count(b"\n") == 2


def test_a_line_of_a_gibibyte(engine: ManualEngine, db1: Host) -> None:
    piece = b"x" * MAX_PIECE_BYTES

    async def attack() -> None:
        async with attacker(engine) as web1:
            await web1.send(STAMP.encode() % 1 + b" first\n")
            for _ in range(GIB_PIECES):
                await web1.send(piece)
            await web1.send(b"end\n" + STAMP.encode() % 2 + b" last\n")

    asyncio.run(attack())
    assert db1.process is not None
    status = Path(f"/proc/{db1.process.pid}/status")
    wait_until(lambda: size(db1) > GIB_PIECES * MAX_PIECE_BYTES + 80, "the mirror", 300)
    peak_kib = int(re.findall(r"VmHWM:\s+(\d+)", status.read_text())[0])
    assert peak_kib < 300_000
    shown = output(db1, "tail", "--host", "web1", "-n", "3")
    assert len(shown) < 2_000_000
    assert shown.rstrip().endswith("last")


def size(db1: Host) -> int:
    return sum(part.end - part.begin for files in read_mirror(db1.journal, WEB1.id) for part in files.parts)
