"""Publishing and following over an engine in memory, whose answers are late, lost or forged on purpose."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import FakeClock, writer_of
from support.memory_engine import MemoryCarrier, MemoryEngine, holds, journal_of, run_hosts, until
from support.team import DB1, SEGMENT, content, message, outgoing_messages
from threeam.core.format.entry import Stamp
from threeam.core.store.attachments import remote_dir
from threeam.core.store.journal import Journal
from threeam.core.store.reader import lines_forward
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.blanking.blanking import blank_in_store, find_lines
from threeam.team.carrier import (
    Announcement,
    CarrierAway,
)
from threeam.team.follower import Follower
from threeam.team.log_watch import LogWatch
from threeam.team.messages.hole import fill
from threeam.team.messages.message import encode_headers
from threeam.team.messages.position import SegmentEnd
from threeam.team.messages.presence import HeldRun, HostileAnnouncement, Presence, decode_presence
from threeam.team.mirrors.mirror import Mirror, read_mirrors
from threeam.team.origin import OriginFile
from threeam.team.outgoing import Outgoing
from threeam.team.publisher import Publisher
from threeam.team.team_process import TeamProcess
from threeam.team.team_status import OwnStatus, TeamStatus, read_statuses


@pytest.mark.parametrize(("lost_answers", "delayed"), [(0, 0), (2, 0), (0, 2), (1, 1)])
async def test_each_line_is_stored_once_whatever_the_answers(lost_answers: int, delayed: int, tmp_path: Path) -> None:
    engine = MemoryEngine()
    engine.lost_answers, engine.delayed = lost_answers, delayed
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    await run_hosts(engine, journals, lambda: holds(db1, web1) and holds(web1, db1))
    payloads: dict[str, bytes] = {}
    for each in engine.stored:
        payloads[each.origin_id] = payloads.get(each.origin_id, b"") + each.payload
    assert sorted(payloads.values()) == sorted(Path(journal.log_path).read_bytes() for journal in journals.values())


async def test_what_the_other_host_holds_is_known(tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}

    def is_held() -> bool:
        own = [status.own for journal in journals.values() for status, _ in read_statuses(journal)]
        return len(own) == 2 and all(each is not None and each.held and not each.unheld_lines for each in own)

    await run_hosts(engine, journals, is_held)
    ((status, is_running),) = read_statuses(journals["db1"])
    assert (status.away, is_running) == ("not running", False)
    assert [host.host for host in status.hosts.values()] == ["web1"]


async def test_lines_that_an_engine_gets_again_are_still_held(tmp_path: Path) -> None:
    """The engine has lost its store, and no line is new: nobody tells again what they hold."""
    journal = journal_of(tmp_path, "db1", 3)
    file = OriginFile(journal)
    assert file.lock()
    engine, sizes = MemoryEngine(), [len(line) + 1 for line in Path(journal.log_path).read_bytes().splitlines()]
    (first,) = outgoing_messages(Outgoing(journal), Outgoing(journal).begin())
    for held_lines in range(4):
        status = OwnStatus(file.origin, "db1", publishes=True)
        status.held = SegmentEnd(first.segment, sum(sizes[:held_lines]))
        publisher, watch = Publisher(journal, file, "db1", status), LogWatch(journal)
        engine.stored.clear()
        sending = asyncio.create_task(publisher.run(MemoryCarrier(engine), watch))
        await until(lambda: status.sent is not None and status.sent.offset == sum(sizes), "all is sent")  # noqa: B023
        assert status.unheld_sent_lines == 3 - held_lines
        sending.cancel()
        watch.close()
    file.close()


async def test_a_log_that_cannot_be_read_ends_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeam.team.team_process.ANNOUNCE_S", 0.01)
    monkeypatch.setattr("threeam.team.team_process.HEARTBEAT_S", 0.01)
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 1)
    heard: asyncio.Queue[Announcement] = asyncio.Queue()
    engine.listeners.append(heard)
    process = TeamProcess(db1, "memory", "db1", engine.connect, read_only=False)
    task = asyncio.create_task(process.run())
    try:
        await until(lambda: engine.stored, "the first message")
        os.rename(db1.log_path, db1.log_path + ".away")
        os.mkdir(db1.log_path)
        count = heard.qsize()
        await until(lambda: heard.qsize() > count + 9, "more announcements")
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        process.close()


async def test_a_process_that_is_ended_while_the_connection_is_lost_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 1)

    async def lose(carrier: MemoryCarrier) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CarrierAway("the connection is lost") from None

    monkeypatch.setattr(MemoryCarrier, "wait_closed", lose)
    process = TeamProcess(db1, "memory", "db1", engine.connect, read_only=False)
    task = asyncio.create_task(process.run())
    await until(lambda: engine.stored, "the first message")
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    process.close()


async def test_the_loss_and_the_return_of_the_engine_are_told(tmp_path: Path) -> None:
    engine, told = MemoryEngine(), list[str]()
    process = TeamProcess(journal_of(tmp_path, "db1", 1), "memory", "db1", engine.connect, read_only=False)
    process.tell = told.append
    task = asyncio.create_task(process.run())
    try:
        await until(lambda: told == ["memory: connected"], "the connection")
        engine.disconnect()
        await until(lambda: len(told) == 3, "the loss and the return")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        process.close()
    assert told[1] not in ("memory: connected", "memory: ")
    assert told[2] == "memory: connected"


@pytest.mark.parametrize("damage", ["truncated", "moved"])
async def test_a_log_that_was_damaged_while_the_engine_was_away_is_sent_on(damage: str, tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    processes = [TeamProcess(each, "memory", name, engine.connect, read_only=False) for name, each in journals.items()]
    tasks = [asyncio.create_task(process.run()) for process in processes]
    try:
        await until(lambda: holds(web1, db1), "all lines")
        match damage:
            case "truncated":
                os.truncate(db1.log_path, Path(db1.log_path).read_bytes().index(b"\n") + 1)
            case "moved":
                os.rename(db1.log_path, db1.log_path + ".moved")
        engine.disconnect()
        await until(lambda: engine.connections == 4, "the next connections")
        clock = FakeClock()
        clock.forward(60_000_000_000)
        writer_of("db1", db1, clock).write_stream(["after"])
        await until(lambda: any(b"after" in content(files) for files in read_mirrors(web1)), "the line after")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for process in processes:
            process.close()
    ((status, _),) = read_statuses(db1)
    assert status.own is not None
    assert status.own.refusal == ""
    assert [files.origin.epoch for files in read_mirrors(web1)] == ([1, 2] if damage == "truncated" else [1])


async def test_a_gap_that_the_engine_cannot_fill_is_told_and_again_after_a_restart(tmp_path: Path) -> None:
    engine, web1 = MemoryEngine(), journal_of(tmp_path, "web1", 1)
    data = b"[one]\n[two]\n[three]\n[four]\n"
    first, third, fourth = (message(data, begin, end) for begin, end in [(0, 6), (12, 20), (20, 27)])
    mirror = Mirror(web1, DB1.id)
    mirror.write(first)
    mirror.close()
    for each in (first, third, fourth):
        await engine.append(DB1.id, encode_headers(each), each.payload)
    for place in ((1, 0), (2, 1)):  # before the gap, and behind it
        status = TeamStatus("memory", 1)
        follower = Follower(web1, lambda _: False, status, place, lambda _ids: None)
        task = asyncio.create_task(follower.run(MemoryCarrier(engine)))
        await until(lambda: "bytes 6 to 12 are missing" in str(status.hosts), "the gap is told")  # noqa: B023
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        follower.close()


async def test_a_hostile_peer_stops_nothing_and_writes_nowhere_else(tmp_path: Path) -> None:
    engine = MemoryEngine()
    good = message(b"[one]\n[two]\n", 0, 6)
    headers = encode_headers(good)
    for origin_id, forged, payload in [
        ("../../../tmp/x", headers, good.payload),
        (DB1.id, {**headers, "3am-segment": "../../x"}, good.payload),
        (DB1.id, {**headers, "3am-host": "a\x1b[2Jb"}, good.payload),
        (DB1.id, {}, good.payload),
        (DB1.id, headers, b""),
        (DB1.id, headers, b"x" * 300_000),
        (DB1.id, headers, b"\x1b]0;owned\x07\0[H9: won]\n"),  # the bytes are kept as they are
        (DB1.id, {**headers, "3am-offset": "1"}, b"contradicts\n"),
        (DB1.id, {**headers, "3am-offset": str(2**53)}, good.payload),
    ]:
        await engine.append(origin_id, forged, payload)
    journals = {"web1": journal_of(tmp_path, "web1", 1)}
    (web1,) = journals.values()
    before = {path for path in tmp_path.rglob("*") if ".log.d" not in str(path)}
    count = len(engine.stored)

    def parts() -> list[int]:
        return [part.begin for files in read_mirrors(web1) for part in files.parts]

    await run_hosts(engine, journals, lambda: len(engine.stored) > count and parts() == [0, 2**53])
    assert os.listdir(remote_dir(web1)) == [DB1.id]
    (files,) = read_mirrors(web1)
    assert [(part.segment, part.begin) for part in files.parts] == [(SEGMENT, 0), (SEGMENT, 2**53)]
    after = {path for path in tmp_path.rglob("*") if ".log.d" not in str(path)}
    assert {path.name for path in after - before} == {"web1.log.origin"}
    ((status, _),) = read_statuses(web1)
    assert all(notice.isprintable() for notice in status.notices)
    assert Path(web1.log_path).read_bytes().count(b"\n") == 1


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 2**53), st.integers(0, 2**53)), max_size=3))
def test_an_announcement_is_the_same_after_its_bytes(runs: list[tuple[int, int, int]]) -> None:
    held = tuple(
        HeldRun(DB1._replace(epoch=epoch), SegmentEnd(SEGMENT, low), SegmentEnd(SEGMENT, high))
        for epoch, low, high in runs
    )
    for bound_ns in (None, 7):
        presence = Presence(DB1, "db1", 3, 4, 5, held, bound_ns)
        assert decode_presence(DB1.id, presence.encode()) == presence


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        b'{"epoch": 1}',
        Presence(DB1, "a\nb", 0, 0, 0).encode(),
        Presence(DB1, "db1", -1, 0, 0).encode(),
        Presence(DB1, "db1", 0, 0, 0, (HeldRun(DB1, SegmentEnd("..", 0), SegmentEnd(SEGMENT, 1)),)).encode(),
        Presence(DB1, "db1", 0, 0, 0, (), -1).encode(),
        b'{"epoch": true, "host": "db1", "unsent": 0, "unheld": 0, "last_ns": 0, "held": [], "bound": null}',
        b'{"epoch": 1, "host": "db1", "unsent": 0, "unheld": 0, "last_ns": 0, "held": []}',
    ],
)
def test_a_hostile_announcement_is_refused(data: bytes) -> None:
    with pytest.raises(HostileAnnouncement):
        decode_presence(DB1.id, data)


async def test_a_host_that_may_not_publish_says_so_and_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    ids = {name: OriginFile(journal).origin.id for name, journal in journals.items()}
    engine.refused.add(ids["db1"])
    monkeypatch.setattr("threeam.team.team_process._REFUSED_RETRY_S", 0.01)

    def is_refused() -> bool:
        statuses = read_statuses(db1)
        return bool(statuses and statuses[0][0].own and "may not" in statuses[0][0].own.refusal)

    await run_hosts(engine, journals, lambda: is_refused() and holds(db1, web1))
    assert not holds(web1, db1)
    engine.refused.clear()
    await run_hosts(engine, journals, lambda: holds(web1, db1) and not is_refused())


SECRET = "tok-Aeng3eiy8Ohj"


def write(journal: Journal, name: str, *texts: str) -> None:
    clock = FakeClock()
    clock.forward(3_600_000_000_000 + Path(journal.log_path).stat().st_size * 1_000_000)
    writer_of(name, journal, clock).write_stream([*texts])


def lines_with_secret(journal: Journal) -> list[BlankedLine]:
    live = journal.open_live()
    assert live is not None
    line = next(line for line in lines_forward(live) if SECRET.encode() in line.raw)
    assert line.entry is not None
    return find_lines(journal, line.entry.stamp)


def blanked(journal: Journal) -> bytes:
    lines = Path(journal.log_path).read_bytes().splitlines(keepends=True)
    return b"".join(fill(line) if SECRET.encode() in line else line for line in lines)


async def test_the_words_of_lines_in_the_list_are_never_sent(tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    write(db1, "db1", f"the token is {SECRET}", "after it")
    BlankList(db1).add(lines_with_secret(db1))
    await run_hosts(engine, journals, lambda: any(content(files) == blanked(db1) for files in read_mirrors(web1)))
    assert not [each for each in engine.stored if SECRET.encode() in each.payload]
    write(db1, "db1", f"again the token is {SECRET}")  # this one is not in the list, but has the words
    await run_hosts(engine, journals, lambda: any(content(files) == blanked(db1) for files in read_mirrors(web1)))


@pytest.mark.parametrize("later", [0, 1])
async def test_what_was_sent_is_replaced_and_sending_goes_on(later: int, tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    await run_hosts(engine, journals, lambda: holds(web1, db1))
    write(db1, "db1", f"the token is {SECRET}")
    await run_hosts(engine, journals, lambda: holds(web1, db1))
    for number in range(later):
        write(db1, "db1", f"later {number}")
        await run_hosts(engine, journals, lambda: holds(web1, db1))
    lines, origin = lines_with_secret(db1), OriginFile(db1).origin
    BlankList(db1).add(lines)
    assert await blank_in_store(MemoryCarrier(engine), db1, origin, "db1", lines) == 1
    assert await blank_in_store(MemoryCarrier(engine), db1, origin, "db1", lines) == 0
    count, size = len(engine.stored), Path(db1.log_path).stat().st_size
    assert not [each for each in engine.stored if SECRET.encode() in each.payload]
    for text in ("after it", f"quoted: the token is {SECRET}"):
        write(db1, "db1", text)
        BlankList(db1).add(lines_with_secret(db1))
        await run_hosts(engine, journals, lambda: any(content(files) == blanked(db1) for files in read_mirrors(web1)))
    sent = b"".join(each.payload for each in engine.stored[count:])
    assert sent == blanked(db1)[size:]  # nothing was sent twice
    assert [len(read_mirrors(journal)) for journal in (db1, web1)] == [1, 1]


async def test_a_log_that_was_replaced_by_its_fork_leaves_no_words_in_the_store(tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    write(db1, "db1", f"the token is {SECRET}", f"quoted: the token is {SECRET}")
    await run_hosts(engine, journals, lambda: holds(web1, db1))
    (line, _) = lines_with_secret(db1)
    log, origin = Path(db1.log_path), OriginFile(db1)
    log.write_bytes(re.sub(rb"\S* ?the token is .*", b"(left out)", log.read_bytes()))
    assert origin.lock()
    second = origin.begin_epoch(2)
    origin.close()
    stamp = Stamp.parse(line.stamp)
    assert stamp is not None
    lines = find_lines(db1, stamp)
    BlankList(db1).add(lines)
    assert await blank_in_store(MemoryCarrier(engine), db1, second, "db1", lines) == 1
    assert not [each for each in engine.stored if SECRET.encode() in each.payload]


async def test_a_message_that_is_under_way_with_the_words_is_out_of_turn(tmp_path: Path) -> None:
    engine = MemoryEngine()
    journals = {name: journal_of(tmp_path, name, 3) for name in ("db1", "web1")}
    db1, web1 = journals.values()
    write(db1, "db1", f"the token is {SECRET}", "after it")
    origin = OriginFile(db1).origin
    outgoing = Outgoing(db1)
    engine.late = [(each, 0) for each in outgoing_messages(outgoing, outgoing.begin(), origin)]
    assert SECRET.encode() in engine.late[0][0].payload
    lines = lines_with_secret(db1)
    BlankList(db1).add(lines)
    assert await blank_in_store(MemoryCarrier(engine), db1, origin, "db1", lines) == 0
    assert len(engine.stored) == 1  # and the late one was refused
    await run_hosts(engine, journals, lambda: any(content(files) == blanked(db1) for files in read_mirrors(web1)))
    assert not [each for each in engine.stored if SECRET.encode() in each.payload]
