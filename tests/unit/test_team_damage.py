"""Files of a team that are damaged, removed or of another version: no process ends, and the mirrors are whole again."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.commands import Run, good
from support.team import DB1, LATER_SEGMENT, SEGMENT, content, message
from threeam.core.errors import FileUnusable
from threeam.core.store.attachments import remote_dir
from threeam.core.store.journal import Journal
from threeam.team.carrier import Place, Received
from threeam.team.follower import Follower
from threeam.team.messages.message import Message, encode_headers
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.mirrors.mirror import Mirror, read_mirror, read_mirrors
from threeam.team.mirrors.mirror_about import ABOUT_NAME
from threeam.team.mirrors.segment_order import ORDER_NAME
from threeam.team.origin import host_name
from threeam.team.team_status import (
    HostStatus,
    OwnStatus,
    StatusFile,
    TeamStatus,
    read_statuses,
    read_unheld_lines,
    status_path,
)

ADDRESS = "nats://db1:4222/night"
DATA = b"[one]\n[two]\n[three]\n"
WEB2 = Origin("e" * 32)


class StoredMessages:
    """A source with the messages that are appended to it."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.begins: list[Place | None] = []

    async def replay(self, after: Place | None) -> AsyncIterator[list[Received]]:
        self.begins.append(after)
        position = int(after[0]) if after is not None else 0
        while True:
            while position == len(self.messages):
                await asyncio.sleep(0)
            each = self.messages[position]
            position += 1
            yield [Received(each.origin.id, encode_headers(each), each.payload, (position,))]


@asynccontextmanager
async def followed(follower: Follower, source: StoredMessages) -> AsyncIterator[None]:
    task = asyncio.create_task(follower.run(source))  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        follower.close()


async def until(journal: Journal, origin: Origin, data: bytes) -> None:
    async with asyncio.timeout(10):
        while content(read_mirror(journal, origin.id)[-1]) != data:
            await asyncio.sleep(0.002)


def follower_of(journal: Journal, status: TeamStatus, place: Place | None = None) -> Follower:
    return Follower(journal, lambda _: False, status, place, lambda _: None)


async def test_a_mirror_that_is_removed_while_it_is_written_is_filled_again(journal: Journal) -> None:
    source = StoredMessages()
    source.messages.append(message(DATA, 0, 6))
    async with followed(follower_of(journal, TeamStatus(ADDRESS, 1)), source):
        await until(journal, DB1, DATA[:6])
        shutil.rmtree(os.path.join(remote_dir(journal), DB1.id))
        source.messages.append(message(DATA, 6, 12))
        await until(journal, DB1, DATA[:12])


async def test_a_mirror_with_damaged_bytes_is_told_with_the_remedy_and_filled_again(journal: Journal) -> None:
    source, status = StoredMessages(), TeamStatus(ADDRESS, 1)
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 6))
    mirror.close()
    Path(read_mirror(journal, DB1.id)[0].parts[0].path).write_bytes(bytes(6))  # as a file system may leave it
    source.messages.append(message(DATA, 0, 6))
    async with followed(follower_of(journal, status), source):
        async with asyncio.timeout(10):
            while not status.notices:
                await asyncio.sleep(0.002)
        assert f"remove {mirror.path}: it is filled again" in status.notices[0]
        shutil.rmtree(mirror.path)
        source.messages.append(message(DATA, 6, 12))
        await until(journal, DB1, DATA[:12])


@pytest.mark.parametrize("obstacle", ["damaged", "symlink", "busy"])
async def test_a_mirror_that_cannot_be_opened_stops_no_other_and_is_filled_later(
    obstacle: str, journal: Journal
) -> None:
    source, status = StoredMessages(), TeamStatus(ADDRESS, 1)
    mirror = Mirror(journal, DB1.id)
    folder = Path(mirror.path)
    if obstacle != "busy":
        mirror.close()
    if obstacle == "damaged":
        (folder / ABOUT_NAME).write_text("{")
    if obstacle == "symlink":
        shutil.rmtree(folder)
        folder.symlink_to(folder.parent)
    source.messages += [message(DATA, 0, 6), message(DATA, 0, 6)._replace(origin=WEB2)]
    follower = follower_of(journal, status)
    async with followed(follower, source):
        await until(journal, WEB2, DATA[:6])
        assert follower.place is None  # a process that begins now fills the mirror
        assert [str(folder) in notice for notice in status.notices] == ([] if obstacle == "busy" else [True])
        match obstacle:
            case "damaged":
                shutil.rmtree(folder)
            case "symlink":
                folder.unlink()
            case "busy":
                mirror.close()
        source.messages.append(message(DATA, 6, 12))
        await until(journal, DB1, DATA[:12])


async def test_mirrors_whose_writer_has_ended_are_filled_without_another_line(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeam.team.follower._LEFT_OUT_S", 0.005)
    source, status = StoredMessages(), TeamStatus(ADDRESS, 1)
    writers = [Mirror(journal, origin.id) for origin in (DB1, WEB2)]
    source.messages += [message(DATA, 0, 6)._replace(origin=origin) for origin in (DB1, WEB2)]
    follower = follower_of(journal, status)
    async with followed(follower, source):
        while len(follower._left_out) < 2:
            await asyncio.sleep(0.005)
        for origin, writer in zip((DB1, WEB2), writers, strict=True):
            writer.close()
            await until(journal, origin, DATA[:6])
    assert follower.place is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "5", "null", '["a"]', '{"host": 5}', '{"links": 3}', '{"holes": [1]}'),
        "[" * 100_000,
    ],
)
def test_a_damaged_file_about_a_mirror_is_refused_with_the_remedy(text: str, journal: Journal) -> None:
    Mirror(journal, DB1.id).close()
    Path(remote_dir(journal), DB1.id, ABOUT_NAME).write_text(text)
    with pytest.raises(FileUnusable, match=r"is damaged: remove .*fills it again"):
        read_mirrors(journal)
    with pytest.raises(FileUnusable, match=r"is damaged: remove .*fills it again"):
        Mirror(journal, DB1.id)
    Path(remote_dir(journal), DB1.id, ABOUT_NAME).unlink()
    Mirror(journal, DB1.id).close()  # the lock is free


ORDER_LINE = f"1 {LATER_SEGMENT} {SEGMENT} 12\n".encode()


@pytest.mark.parametrize("data", [b"\n", b"\xff\n", ORDER_LINE[2:], b"x" + ORDER_LINE, ORDER_LINE.replace(b"12", b"x")])
def test_a_damaged_order_of_a_mirror_is_refused_with_the_remedy(data: bytes, journal: Journal) -> None:
    Mirror(journal, DB1.id).close()
    path = Path(remote_dir(journal), DB1.id, ORDER_NAME)
    path.write_bytes(ORDER_LINE + data)
    with pytest.raises(FileUnusable, match=r"order is damaged: remove .*fills it again"):
        read_mirrors(journal)
    with pytest.raises(FileUnusable, match=r"order is damaged: remove .*fills it again"):
        Mirror(journal, DB1.id)
    path.unlink()
    Mirror(journal, DB1.id).close()  # the lock is free


@pytest.mark.parametrize("size", [0, 1, len(ORDER_LINE) - 1])
def test_a_line_of_the_order_that_was_not_written_whole_is_written_again(size: int, journal: Journal) -> None:
    Mirror(journal, DB1.id).close()
    path = Path(remote_dir(journal), DB1.id, ORDER_NAME)
    path.write_bytes(ORDER_LINE[:size])
    write_both_segments(journal)
    assert path.read_bytes() == ORDER_LINE
    (files,) = read_mirrors(journal)
    assert [part.continues for part in files.parts] == [False, True]


def test_an_order_that_is_removed_is_made_again(journal: Journal) -> None:
    mirror = write_both_segments(journal, stays_open=True)
    assert not mirror.is_removed()
    Path(mirror.path, ORDER_NAME).unlink()
    assert mirror.is_removed()
    mirror.close()
    write_both_segments(journal)
    assert Path(mirror.path, ORDER_NAME).read_bytes() == ORDER_LINE


def write_both_segments(journal: Journal, *, stays_open: bool = False) -> Mirror:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 0, 12))
    mirror.write(message(DATA, 0, 6, segment=LATER_SEGMENT, after=SegmentEnd(SEGMENT, 12)))
    if not stays_open:
        mirror.close()
    return mirror


@pytest.mark.parametrize("words", [("hyp", "list"), ("hyp", "show", "H1"), ("handoff",), ("status",)])
def test_a_damaged_mirror_hides_nothing_of_this_host(words: tuple[str, ...], run: Run, journal: Journal) -> None:
    good(run("hyp", "new", "the cron job"))
    Mirror(journal, DB1.id).close()
    Path(remote_dir(journal), DB1.id, ABOUT_NAME).write_text("{")
    ended = run(*words)
    assert ended.returncode == 0
    assert b"H1" in ended.stdout or words == ("status",)
    assert b"other hosts are left out" in ended.stderr


def test_a_lost_link_of_a_part_behind_a_gap_is_damage(journal: Journal) -> None:
    mirror = Mirror(journal, DB1.id)
    mirror.write(message(DATA, 6, 12))
    mirror.close()
    Path(remote_dir(journal), DB1.id, ABOUT_NAME).unlink()
    mirror = Mirror(journal, DB1.id)
    with pytest.raises(FileUnusable, match="is damaged"):
        mirror.write(message(DATA, 12, 20))
    mirror.close()


def _written_status(journal: Journal) -> dict[str, Any]:
    file = StatusFile(journal, ADDRESS)
    status = TeamStatus(ADDRESS, 1, hosts={DB1.id: HostStatus(DB1, "db1", 7, gaps=["a gap"])})
    file.write(status, (4, 5))
    assert file.read() == (status, (4, 5))
    file.close()
    table: dict[str, Any] = json.loads(Path(status_path(journal, ADDRESS)).read_text())
    return table


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("own", {}), ("own", [1]), ("place", 5), ("place", "abc"), ("place", [{}]), ("hosts", "x"), ("notices", 5)),
        *(("notices", [5]), ("new in a later version", 1), ("away", None), ("hosts", {"a": {}})),
    ],
)
def test_a_status_of_another_version_is_as_none(key: str, value: object, journal: Journal) -> None:
    table = _written_status(journal)
    table[key] = value
    Path(status_path(journal, ADDRESS)).write_text(json.dumps(table))
    file = StatusFile(journal, ADDRESS)
    assert file.read()[1] is None
    file.close()
    assert key == "place" or read_statuses(journal) == []


def test_a_status_of_any_bytes_is_as_none(journal: Journal) -> None:
    file = StatusFile(journal, ADDRESS)
    for data in (b"", b"{", b"null", b"[1]", b"\xff", b"[" * 100_000):
        Path(status_path(journal, ADDRESS)).write_bytes(data)
        assert file.read() == (None, None)
    file.close()


@contextmanager
def readers(journal: Journal) -> Iterator[None]:
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            read_statuses(journal)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_who_reads_the_status_prevents_no_start(journal: Journal) -> None:
    _written_status(journal)
    with readers(journal):
        for _ in range(400):
            StatusFile(journal, ADDRESS).close()


def test_the_name_of_a_host_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "dbü1.example", "", "", "")))
    assert host_name() == "db?1"


def test_a_process_that_leaves_the_sending_to_another_one_does_not_count_as_running(journal: Journal) -> None:
    file = StatusFile(journal, ADDRESS)
    for publishes in (True, False):
        file.write(TeamStatus(ADDRESS, 1, away="", own=OwnStatus(DB1, "db1", publishes)), None)
        assert read_unheld_lines(journal).is_running == publishes
    file.close()
