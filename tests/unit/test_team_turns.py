"""Several processes of a team for one journal: one publishes it, and the next one takes over."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from support.journals import FakeClock, writer_of
from support.memory_engine import MemoryEngine, holds, journal_of, until
from threeam.core.store.journal import Journal
from threeam.team.messages.position import Origin, SegmentEnd, segment_name
from threeam.team.mirrors.mirror import mirrored_ids
from threeam.team.origin import OriginFile, origin_path, read_origin
from threeam.team.team_process import TeamProcess
from threeam.team.team_status import OwnStatus, read_statuses
from threeam.timeline.clock_bounds import ClockBound


@pytest.fixture(autouse=True)
def tries(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Have processes try often to publish, and return how often that was, by the path of the id."""
    counter, lock = Counter[str](), OriginFile.lock

    def counted(file: OriginFile) -> bool:
        counter[file._path] += 1
        return lock(file)

    monkeypatch.setattr(OriginFile, "lock", counted)
    monkeypatch.setattr("threeam.team.team_process._TURN_S", 0.005)
    monkeypatch.setattr("threeam.team.follow_process._STATUS_S", 0.005)
    monkeypatch.setattr("threeam.team.team_process.ANNOUNCE_S", 0.005)
    clock = ClockBound(None, "", "")  # chronyc, a child of this process, would hold the locks of all for a moment
    monkeypatch.setattr("threeam.team.team_process.own_clock_bound", lambda: clock)
    return counter


async def some_turns(tries: Counter[str], journal: Journal) -> None:
    """Wait until those who wait have tried several times."""
    before = tries[origin_path(journal)]
    await until(lambda: tries[origin_path(journal)] > before + 5, "several tries")


@asynccontextmanager
async def running(
    engine: MemoryEngine, journal: Journal, host: str, address: str = "first", *, read_only: bool = False
) -> AsyncIterator[TeamProcess]:
    """Run a process until the block ends."""
    process = TeamProcess(journal, address, host, engine.connect, read_only=read_only)
    task = asyncio.create_task(process.run())
    try:
        yield process
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        process.close()


def write(journal: Journal, name: str, text: str) -> None:
    clock = FakeClock()
    clock.forward(3_600_000_000_000 + Path(journal.log_path).stat().st_size * 1_000_000)
    writer_of(name, journal, clock).write_stream([text])


def own_status(journal: Journal, address: str) -> OwnStatus:
    """Return what a process has noted of the lines of its journal; an empty status if it has not yet."""
    found = [status.own for status, _ in read_statuses(journal) if status.address == address and status.own]
    return found[0] if found else OwnStatus(Origin(""), "", publishes=False)


def end_of(journal: Journal) -> SegmentEnd:
    live = journal.open_live()
    assert live is not None
    name = segment_name(live)
    assert name is not None
    return SegmentEnd(name, live.size())


def sent_bytes(engine: MemoryEngine, journal: Journal) -> bytes:
    origin = read_origin(journal)
    assert origin is not None
    return b"".join(each.payload for each in engine.stored if each.origin_id == origin.id)


async def test_the_next_process_sends_on_when_the_first_one_has_ended(tmp_path: Path) -> None:
    engine, told = MemoryEngine(), list[str]()
    db1, web1 = journal_of(tmp_path, "db1", 3), journal_of(tmp_path, "web1", 1)
    async with running(engine, web1, "web1"), AsyncExitStack() as stack:
        first = await stack.enter_async_context(running(engine, db1, "db1"))
        async with running(engine, db1, "db1", "second") as second:
            second.tell = told.append
            await until(lambda: holds(web1, db1), "the lines that the first one sends")
            await until(lambda: own_status(db1, "second").sent == end_of(db1), "the second one sees what was sent")
            assert (first.publishes, second.publishes) == (True, False)
            assert not own_status(db1, "second").publishes
            await until(lambda: own_status(db1, "second").held == end_of(db1), "the second one sees what is held")
            await stack.aclose()
            write(db1, "db1", "by the second one")
            await until(lambda: holds(web1, db1), "the line that the second one sends")
            await until(lambda: own_status(db1, "second").unheld_lines == 0, "it is held")
    own = own_status(db1, "second")
    assert (own.publishes, own.unsent_lines, own.refusal) == (True, 0, "")
    assert [sentence for sentence in told if "sends the lines" in sentence] == [
        f"the other 3am team has ended: this one sends the lines of {db1.log_path} now"
    ]
    assert sent_bytes(engine, db1) == Path(db1.log_path).read_bytes()


async def test_without_an_engine_the_next_process_knows_what_was_sent(tmp_path: Path) -> None:
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 3)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(engine, db1, "db1"))
        async with running(engine, db1, "db1", "second"):
            await until(lambda: own_status(db1, "second").sent == end_of(db1), "the second one sees what was sent")
            engine.is_away = True
            engine.disconnect()
            await stack.aclose()
            write(db1, "db1", "not sent")
            await until(lambda: own_status(db1, "second").publishes, "the second one takes over")
            await until(lambda: own_status(db1, "second").unsent_lines == 1, "the new line is counted")


async def test_a_journal_that_gets_another_id_meanwhile_is_nobody_elses(tmp_path: Path, tries: Counter[str]) -> None:
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 3)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running(engine, db1, "db1"))
        async with running(engine, db1, "db1", "second"):
            await until(lambda: sent_bytes(engine, db1), "the lines under the first id")
            old = own_status(db1, "second").origin
            file = OriginFile(db1)
            file.take_new_id()  # between the end of the first process, and the start of the third
            file.close()
            await stack.aclose()
            await until(lambda: own_status(db1, "second").publishes, "the second one takes over")
            await until(lambda: sent_bytes(engine, db1) == Path(db1.log_path).read_bytes(), "the new id has all lines")
            assert own_status(db1, "second").origin == read_origin(db1) != old
    assert mirrored_ids(db1) == []


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_journal_has_no_mirror_of_itself(
    read_only: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process gives the journal its id while this one follows."""
    monkeypatch.setattr("threeam.team.team_process._TURN_S", 60)
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 3)
    async with AsyncExitStack() as stack:
        if not read_only:
            await stack.enter_async_context(running(engine, db1, "db1"))
        async with running(engine, db1, "db1", "second", read_only=read_only) as second:
            await stack.aclose()
            file = OriginFile(db1)
            file.take_new_id()
            file.close()
            async with running(engine, db1, "db1"):
                await until(lambda: sent_bytes(engine, db1), "the lines under the new id")
                await until(lambda: second._follower.place == engine.stored[-1].place, "the second one has seen them")
            assert not second.publishes
    assert mirrored_ids(db1) == []
    assert [status.hosts for status, _ in read_statuses(db1)] == [{}, {}]


async def test_two_copies_with_two_processes_each_do_not_fight(tmp_path: Path, tries: Counter[str]) -> None:
    engine, db1 = MemoryEngine(), journal_of(tmp_path, "db1", 3)
    OriginFile(db1).close()
    (tmp_path / "copy").mkdir()
    copy = journal_of(tmp_path / "copy", "db1", 0)
    shutil.copy(db1.log_path, copy.log_path)
    shutil.copy(origin_path(db1), origin_path(copy))
    write(db1, "db1", "of the first one")
    write(copy, "db1", "of the copy, with another length")
    async with running(engine, db1, "db1") as first, running(engine, db1, "db1", "second") as second:
        await until(lambda: sent_bytes(engine, db1) == Path(db1.log_path).read_bytes(), "the lines of the first one")
        async with running(engine, copy, "db1") as third, running(engine, copy, "db1", "second") as fourth:
            await until(lambda: b"of the copy" in sent_bytes(engine, db1), "the copy is another epoch")
            write(db1, "db1", "more of the first one")
            await until(lambda: own_status(db1, "first").refusal, "the first one gives up")
            for journal in (db1, copy):
                await some_turns(tries, journal)
            assert [each.publishes for each in (first, second, third, fourth)] == [False, False, True, False]
            write(copy, "db1", "more of the copy")
            await until(lambda: sent_bytes(engine, db1).endswith(Path(copy.log_path).read_bytes()), "the copy sends on")
    assert {int(each.headers["3am-epoch"]) for each in engine.stored} == {1, 2}
