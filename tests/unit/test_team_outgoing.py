"""The bytes that may be sent: whole lines, none that a writer may take back; and where sending resumes."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

import pytest

from support.journals import FakeClock
from support.lines import NIGHT
from support.rotated_files import chain_of, head, line, rotated_name
from support.team import DB1, content, journal_bytes, outgoing_messages
from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Journal, Segment
from threeam.core.write.writer import Writer
from threeam.team.messages.message import MAX_PAYLOAD_BYTES, Message
from threeam.team.messages.position import SegmentEnd, segment_name
from threeam.team.mirrors.mirror import Mirror, read_mirrors
from threeam.team.outgoing import BytesLost, LogBusy, Outgoing


def all_messages(journal: Journal) -> list[Message]:
    outgoing = Outgoing(journal)
    return list(outgoing_messages(outgoing, outgoing.begin()))


def mirrored(journal: Journal, messages: list[Message]) -> bytes:
    mirror = Mirror(journal, DB1.id)
    for message in messages:
        mirror.write(message)
    mirror.close()
    (files,) = read_mirrors(journal)
    assert files.gaps == []
    return content(files)


def end_of(message: Message) -> SegmentEnd:
    return SegmentEnd(message.segment, message.end)


def test_all_files_are_sent_the_oldest_first(log: Path, journal: Journal) -> None:
    chain_of(log, 3)
    messages = all_messages(journal)
    assert [message.offset for message in messages] == [0, 0, 0, 0]
    assert [message.after for message in messages] == [None, *map(end_of, messages[:-1])]
    assert mirrored(journal, messages) == journal_bytes(journal)


def test_an_unfinished_line_is_sent_when_it_is_finished(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "whole") + line(2, "torn")[:-9])
    outgoing = Outgoing(journal)
    begin = outgoing.begin()
    assert begin is not None
    first = outgoing.read(begin)
    assert first is not None
    assert first.payload == line(1, "whole")
    assert outgoing.read(first.end) is None
    with log.open("ab") as file:
        file.write(line(2, "torn")[-9:])
    second = outgoing.read(first.end)
    assert second is not None
    assert second.payload == line(2, "torn")


def test_the_torn_end_of_a_rotated_file_is_sent(log: Path, journal: Journal) -> None:
    rotated = chain_of(log, 1)[0]
    rotated.write_bytes(rotated.read_bytes() + b"torn")
    assert mirrored(journal, all_messages(journal)) == journal_bytes(journal)


def test_nothing_is_sent_while_a_writer_holds_the_lock(log: Path, journal: Journal, writer: Writer) -> None:
    """A block that a full disk cuts off again is never sent: its writer has held the lock meanwhile."""
    writer.write_stream(["first"])
    outgoing = Outgoing(journal)
    (sent,) = outgoing_messages(outgoing, outgoing.begin())
    cursor = outgoing.resume(end_of(sent), sent.end_link())
    assert cursor is not None
    size = log.stat().st_size
    with open(journal.lock_path, "rb") as lock, log.open("ab") as file:
        fcntl.flock(lock, fcntl.LOCK_EX)
        file.write(line(9, "to be taken back"))
        file.flush()
        with pytest.raises(LogBusy):
            outgoing.read(cursor)
        os.truncate(log, size)
    assert outgoing.read(cursor) is None
    writer.write_stream(["second"])
    batch = outgoing.read(cursor)
    assert batch is not None
    assert batch.payload.endswith(b"second\n")


def test_a_block_is_not_split(log: Path, journal: Journal, clock: FakeClock) -> None:
    block = [b"[%s] [COFFEE: 0] %s\n" % (str(Stamp(NIGHT.ns + 10 + n)).encode(), b"x" * 950) for n in range(200)]
    lines = [line(n / 1000 - 10, "y" * 900) for n in range(100)]
    log.write_bytes(b"".join([*lines, *block]))
    first, second = all_messages(journal)
    assert first.payload == b"".join(lines)
    assert second.payload == b"".join(block)


def test_a_block_that_is_longer_than_a_message_is_split_between_lines(log: Path, journal: Journal) -> None:
    block = [b"[%s] [COFFEE: 0] %s\n" % (str(Stamp(NIGHT.ns + n)).encode(), b"x" * 65_000) for n in range(20)]
    log.write_bytes(b"".join(block))
    messages = all_messages(journal)
    assert len(messages) == 5  # of four lines
    assert all(message.payload.endswith(b"\n") for message in messages)
    assert mirrored(journal, messages) == log.read_bytes()


def test_a_line_that_is_longer_than_a_message_is_sent_in_pieces(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "a") + b"z" * (3 * MAX_PAYLOAD_BYTES + 5) + b"\n" + line(2, "b"))
    messages = all_messages(journal)
    assert max(len(message.payload) for message in messages) == MAX_PAYLOAD_BYTES
    assert mirrored(journal, messages) == log.read_bytes()
    outgoing = Outgoing(journal)
    for message in messages:
        assert outgoing.resume(end_of(message), message.end_link()) is not None


def test_sending_resumes_at_any_message_and_across_rotations(log: Path, journal: Journal) -> None:
    chain_of(log, 3)
    messages, outgoing = all_messages(journal), Outgoing(journal)
    for index, message in enumerate(messages):
        cursor = outgoing.resume(end_of(message), message.end_link())
        assert list(outgoing_messages(outgoing, cursor)) == messages[index + 1 :]


def test_a_deleted_file_does_not_stop_it(log: Path, journal: Journal) -> None:
    paths = chain_of(log, 3)
    messages, outgoing = all_messages(journal), Outgoing(journal)
    paths[0].unlink()
    paths[1].unlink()
    resumed = list(outgoing_messages(outgoing, outgoing.resume(end_of(messages[1]), messages[1].end_link())))
    assert [message.payload for message in resumed] == [message.payload for message in messages[2:]]


@pytest.mark.parametrize("damage", ["shorter", "other bytes", "older", "missing"])
def test_lost_bytes_are_noticed_at_the_start(damage: str, log: Path, journal: Journal) -> None:
    rotated = chain_of(log, 1)[0]
    last = all_messages(journal)[-1]
    match damage:
        case "shorter":
            os.truncate(log, log.stat().st_size - 9)
        case "other bytes":
            log.write_bytes(log.read_bytes().replace(b"note 1", b"NOTE 1"))
        case "older":  # a backup of before the rotation
            log.write_bytes(rotated.read_bytes())
            rotated.unlink()
        case "missing":
            log.unlink()
    with pytest.raises(BytesLost):
        Outgoing(journal).resume(end_of(last), last.end_link())


def test_lost_bytes_are_noticed_while_it_runs(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    outgoing = Outgoing(journal)
    start = outgoing.begin()
    assert start is not None
    batch = outgoing.read(start)
    assert batch is not None
    os.truncate(log, len(line(1, "one")))
    with pytest.raises(BytesLost, match="truncated or rewritten"):
        outgoing.read(batch.end)


def test_a_file_in_the_place_of_the_log_is_the_same_log_or_has_lost_bytes(log: Path, journal: Journal) -> None:
    """An editor and `mv` of a backup put another file there, under the same name of the segment."""
    log.write_bytes(line(1, "one") + line(2, "two"))
    outgoing = Outgoing(journal)
    start = outgoing.begin()
    assert start is not None
    batch = outgoing.read(start)
    assert batch is not None
    replacement = log.with_name("replacement")
    replacement.write_bytes(line(1, "one") + line(2, "two") + line(3, "three"))
    replacement.rename(log)
    following = outgoing.read(batch.end)
    assert following is not None
    assert (following.payload, following.begin.offset) == (line(3, "three"), batch.end.offset)
    count, _ = outgoing.count_lines(following.end)
    assert count == 0
    replacement.write_bytes(line(1, "one") + line(2, "won") + line(3, "three") + line(4, "four"))
    replacement.rename(log)
    assert outgoing.count_lines(following.end)[0] == 0
    with pytest.raises(BytesLost, match="other lines than were sent"):
        outgoing.read(following.end)


def test_a_log_that_is_truncated_during_a_read_has_nothing_to_send(
    log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    outgoing = Outgoing(journal)
    start = outgoing.begin()
    assert start is not None
    batch = outgoing.read(start)
    assert batch is not None

    def truncate(_outgoing: Outgoing, _segment: Segment) -> bool:
        os.truncate(log, len(line(1, "one")))
        return True

    monkeypatch.setattr(Outgoing, "_is_live", truncate)
    assert outgoing.read(batch.end) is None
    with pytest.raises(BytesLost):
        outgoing.read(batch.end)


def test_a_log_that_is_written_again_during_a_read_is_not_taken_for_another(
    log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    outgoing = Outgoing(journal)
    start = outgoing.begin()
    assert start is not None
    batch = outgoing.read(start)
    assert batch is not None
    log.write_bytes(b"")

    def write_after(segment: Segment) -> str | None:
        name = segment_name(segment)
        log.write_bytes(line(1, "one"))
        return name

    monkeypatch.setattr("threeam.team.outgoing.segment_name", write_after)
    assert outgoing.read(batch.end) is None
    with pytest.raises(BytesLost):
        outgoing.read(batch.end)


def test_a_log_that_another_program_has_emptied_continues_as_another_segment(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    outgoing = Outgoing(journal)
    (first,) = outgoing_messages(outgoing, outgoing.begin())
    cursor = outgoing.resume(end_of(first), first.end_link())
    assert cursor is not None
    os.truncate(log, 0)
    assert outgoing.read(cursor) is None
    log.write_bytes(line(5, "longer than before") + line(6, "and more of it"))
    (second,) = outgoing_messages(outgoing, cursor)
    assert second.after == end_of(first)
    assert second.payload == log.read_bytes()


@pytest.mark.parametrize("seconds", [3, -3])  # the clock may have been stepped back
def test_a_file_without_a_link_to_the_one_before_follows_it(seconds: int, log: Path, journal: Journal) -> None:
    """As logrotate's `create` leaves it."""
    log.write_bytes(line(1, "one"))
    outgoing = Outgoing(journal)
    (first,) = outgoing_messages(outgoing, outgoing.begin())
    cursor = outgoing.resume(end_of(first), first.end_link())
    with log.open("ab") as file:
        file.write(line(2, "two"))
    log.rename(log.with_name("sanity.log.1"))
    log.write_bytes(line(seconds, "three"))
    second, third = outgoing_messages(outgoing, cursor)
    assert (second.payload, third.payload) == (line(2, "two"), line(seconds, "three"))
    assert third.after == end_of(second)


@pytest.mark.parametrize("moved_to", ["sanity.log.1", "sanity.log.old", None])
def test_sending_resumes_in_a_file_that_was_moved_or_removed_while_it_is_open(
    moved_to: str | None, log: Path, journal: Journal
) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    outgoing = Outgoing(journal)
    begin = outgoing.begin()
    assert begin is not None
    (sent,) = outgoing_messages(outgoing, begin)
    log.unlink() if moved_to is None else log.rename(log.with_name(moved_to))
    cursor = outgoing.resume(end_of(sent), sent.end_link(), begin.segment)
    log.write_bytes(line(3, "three"))
    (following,) = outgoing_messages(outgoing, cursor)
    assert (following.payload, following.after) == (line(3, "three"), end_of(sent))


def test_the_order_of_files_is_not_that_of_their_names(log: Path, journal: Journal) -> None:
    older, newer = log.with_name(rotated_name(1)), line(-9, "newer")
    older.write_bytes(line(5, "older"))
    log.write_bytes(head(1) + newer)
    outgoing = Outgoing(journal)
    first, second = outgoing_messages(outgoing, outgoing.begin())
    order = outgoing.order()
    begin = order.begin()
    assert begin == SegmentEnd(first.segment, 0)
    assert order.key(begin) < order.key(end_of(first)) < order.key(end_of(second))
    assert outgoing.lines_up_to(end_of(first)) == 1
    cursor = outgoing.resume(end_of(second), second.end_link())
    assert cursor is not None
    assert outgoing.lines_between(end_of(first), cursor) == 2
    assert outgoing.lines_between(None, cursor) == 3


def test_unsent_lines_are_counted(log: Path, journal: Journal) -> None:
    chain_of(log, 2)
    outgoing = Outgoing(journal)
    start = outgoing.begin()
    assert start is not None
    lines = journal_bytes(journal).count(b"\n")
    count, end = outgoing.count_lines(start)
    assert count == lines
    assert outgoing.lines_between(None, end) == lines
    batch = outgoing.read(start)
    assert batch is not None
    assert outgoing.lines_between(SegmentEnd(start.name, batch.end.offset), end) == lines - batch.payload.count(b"\n")
    with log.open("ab") as file:
        file.write(line(9, "more"))
    assert outgoing.count_lines(end)[0] == 1


def test_lines_that_were_not_sent_before_logrotate_are_sent_from_its_files(log: Path, journal: Journal) -> None:
    """The engine was away, and meanwhile logrotate has renamed the log (`create`) and copied it (`copytruncate`)."""
    log.write_bytes(line(1, "sent"))
    (first,) = outgoing_messages(Outgoing(journal), Outgoing(journal).begin())
    with log.open("ab") as file:
        file.write(line(2, "not sent"))
    log.rename(log.with_name("sanity.log.2"))
    log.write_bytes(line(3, "not sent either"))
    shutil.copy(log, log.with_name("sanity.log.1"))
    os.truncate(log, 0)
    outgoing = Outgoing(journal)
    cursor = outgoing.resume(end_of(first), first.end_link())
    second, third = outgoing_messages(outgoing, cursor)
    log.write_bytes(line(4, "new"))
    *again, fourth = outgoing_messages(outgoing, cursor)
    assert again == [second, third]
    assert [each.payload for each in (second, third, fourth)] == [
        line(2, "not sent"),
        line(3, "not sent either"),
        line(4, "new"),
    ]
    assert (third.after, fourth.after) == (end_of(second), end_of(third))


def test_lines_that_were_not_sent_before_the_log_was_emptied_are_sent_from_its_copy(
    log: Path, journal: Journal
) -> None:
    log.write_bytes(line(1, "sent"))
    outgoing = Outgoing(journal)
    (first,) = outgoing_messages(outgoing, outgoing.begin())
    cursor = outgoing.resume(end_of(first), first.end_link())
    assert cursor is not None
    with log.open("ab") as file:
        file.write(line(2, "not sent"))
    shutil.copy(log, log.with_name("sanity.log-20261130"))
    os.truncate(log, 0)
    log.write_bytes(line(3, "new"))
    second, third = outgoing_messages(outgoing, cursor)
    assert (second.payload, third.payload) == (line(2, "not sent"), line(3, "new"))
    assert outgoing.count_lines(cursor)[0] == 1


def test_a_file_that_only_looks_like_a_rotated_one_is_not_sent(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "sent"))
    (first,) = outgoing_messages(Outgoing(journal), Outgoing(journal).begin())
    log.with_name("sanity.log.1").write_bytes(line(1, "other") + line(2, "lines"))
    log.with_name("sanity.log.2").mkdir()
    log.with_name("sanity.log.3").symlink_to("/etc/passwd")
    log.write_bytes(line(5, "new"))
    outgoing = Outgoing(journal)
    (second,) = outgoing_messages(outgoing, outgoing.resume(end_of(first), first.end_link()))
    assert (second.payload, second.after) == (line(5, "new"), None)
