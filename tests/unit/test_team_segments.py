"""A journal of many files: what one more of them costs does not grow with their number. Calls are counted, not time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.rotated_files import chain_of
from support.team import DB1, content, journal_bytes, outgoing_messages
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.carrier import Received
from threeam.team.follower import Follower
from threeam.team.messages.message import Message, encode_headers
from threeam.team.messages.position import SegmentEnd
from threeam.team.mirrors.mirror import read_mirror
from threeam.team.outgoing import Outgoing
from threeam.team.team_status import TeamStatus

FILES = 30  # of each third of the journal


@pytest.fixture
def db1(tmp_path: Path) -> Journal:
    (tmp_path / "db1").mkdir()
    log = tmp_path / "db1" / "sanity.log"
    chain_of(log, 3 * FILES - 1)
    return resolve_journal(str(log))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often this process has called the kernel for files since then, and how many bytes it has written."""
    work = Counter[str]()

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def count(*args: Any, **options: Any) -> Any:
            work["calls"] += 1
            result = call(*args, **options)
            work["bytes"] += result if "write" in name else 0
            return result

        return count

    for name in ("open", "stat", "listdir", "pread", "pwrite", "write", "fsync", "fdatasync", "rename"):
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    return work


def received(message: Message) -> Received:
    return Received(DB1.id, encode_headers(message), message.payload, (1, 1))


def follower_of(journal: Journal, status: TeamStatus) -> Follower:
    follower = Follower(journal, lambda _: False, status, None, lambda _: None)
    follower._begun_with_first = True
    return follower


def test_a_mirror_of_many_segments_takes_the_next_one_as_quickly(
    db1: Journal, journal: Journal, work: Counter[str]
) -> None:
    outgoing, status = Outgoing(db1), TeamStatus("memory", 1)
    messages = list(outgoing_messages(outgoing, outgoing.begin()))
    follower, costs = follower_of(journal, status), []
    for begin in range(0, 3 * FILES, FILES):
        work.clear()
        for message in messages[begin : begin + FILES]:
            follower._write([received(message)])
        costs.append(dict(work))
    follower.close()
    assert costs[1] == costs[2]
    (files,) = read_mirror(journal, DB1.id)
    assert content(files) == journal_bytes(db1)
    assert [part.continues for part in files.parts] == [False] + [True] * (3 * FILES - 1)


def test_a_journal_of_many_files_is_read_on_as_quickly(db1: Journal, work: Counter[str]) -> None:
    outgoing = Outgoing(db1)
    messages, costs = outgoing_messages(outgoing, outgoing.begin()), []
    for _ in range(3):
        work.clear()
        for _ in range(FILES - 1):
            next(messages)
        costs.append(work["calls"])
    assert costs[1] == costs[2]


def test_the_order_of_many_files_is_read_once(db1: Journal, work: Counter[str]) -> None:
    outgoing = Outgoing(db1)
    order = outgoing.order()
    assert len(order.numbers) == 3 * FILES
    work.clear()
    assert outgoing.order() is order
    assert work["calls"] < FILES


def test_a_segment_that_is_missing_is_a_gap_until_it_comes(db1: Journal, journal: Journal) -> None:
    outgoing, status = Outgoing(db1), TeamStatus("memory", 1)
    messages = list(outgoing_messages(outgoing, outgoing.begin()))
    follower = follower_of(journal, status)
    follower._write([received(message) for message in messages[:5]])
    for message in messages[6:8]:
        follower._write([received(message)])

    def gaps() -> list[str]:
        return [sentence.partition(" are missing")[0] for sentence in status.hosts[DB1.id].gaps]

    missing = messages[5]
    assert gaps() == [f"{missing.segment}: bytes 0 to {missing.end}"]
    first, second = missing.split(missing.payload.index(b"\n") + 1)
    follower._write([received(first)])
    assert gaps() == [f"{missing.segment}: bytes {second.offset} to {missing.end}"]
    follower._write([received(second)])
    assert gaps() == []
    follower.close()
    (files,) = read_mirror(journal, DB1.id)
    assert files.end == SegmentEnd(messages[7].segment, messages[7].end)
