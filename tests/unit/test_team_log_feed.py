"""What `3am tail --mirror` sends: the bytes behind a cursor; and a new epoch if the log has lost them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.commands import Run, refused
from support.lines import at_second
from support.nats_server import wait_until
from support.rotated_files import chain_of, line, rotated_name
from support.team import content, journal_bytes
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer
from threeam.team.blanking.blank_list import BlankedLine, BlankList
from threeam.team.messages.message import Message, decode
from threeam.team.messages.position import Origin, SegmentEnd, stamp_name
from threeam.team.mirrors.mirror import Mirror, read_mirror
from threeam.team.origin import OriginFile, read_origin
from threeam.team.ssh import log_feed
from threeam.team.ssh.frames import Answer, Ask, FrameReader, Lines
from threeam.team.ssh.line_cursor import LineCursor
from threeam.team.ssh.log_feed import LogFeed


class Reading:
    """The reader of a feed that runs in a thread, of this process. ``cursors``: at the ends of ``messages``."""

    def __init__(self, requests: int, output: int) -> None:
        self.requests, self.output = requests, output
        self.frames = FrameReader()
        self.messages: list[Message] = []
        self.cursors: list[LineCursor] = []
        self.answers: list[Answer] = []
        self.asks: list[Ask] = []

    def read_until(self, size: int) -> bytes:
        """Return the bytes of all messages, at least ``size``."""
        while sum(len(message.payload) for message in self.messages) < size:
            assert not self.read(), "the feed has ended"
        return b"".join(message.payload for message in self.messages)

    def read(self) -> bool:
        """Take what comes next; return whether it was the end."""
        data = os.read(self.output, 1 << 16)
        for frame in self.frames.feed(data):
            if isinstance(frame, Lines):
                message = decode(self.frames.origin_id, frame.headers, frame.payload)
                self.messages.append(message)
                end = SegmentEnd(message.segment, message.end)
                self.cursors.append(LineCursor(message.origin, end, message.end_link()))
            elif isinstance(frame, Answer):
                self.answers.append(frame)
            elif isinstance(frame, Ask):
                self.asks.append(frame)
        return not data


@contextmanager
def reading(journal: Journal, cursor: LineCursor | str = "begin") -> Iterator[Reading]:
    requests, ask = os.pipe()
    output, write_end = os.pipe()

    def feed() -> None:
        try:
            LogFeed(journal, "db1").run(requests, write_end)
        finally:
            os.close(write_end)

    thread = threading.Thread(target=feed)
    thread.start()
    os.write(ask, f"alice@web1:/sanity.log {cursor}\n".encode())
    reader = Reading(ask, output)
    try:
        yield reader
    finally:
        os.close(ask)
        while not reader.read():
            pass
        thread.join()
        os.close(output)
        os.close(requests)


def test_all_files_come_from_the_beginning_and_then_each_new_line(log: Path, journal: Journal, writer: Writer) -> None:
    chain_of(log, 2)
    with reading(journal) as reader:
        assert reader.read_until(len(journal_bytes(journal))) == journal_bytes(journal)
        writer.write_stream(["new"])
        assert reader.read_until(len(journal_bytes(journal))) == journal_bytes(journal)
    assert read_origin(journal) == reader.messages[0].origin
    assert {message.host for message in reader.messages} == {"db1"}


def test_it_resumes_behind_a_cursor_and_across_a_rotation(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        reader.read_until(1)
    log.rename(log.parent / rotated_name(2))
    log.write_bytes(line(2, "two"))
    with reading(journal, reader.cursors[-1]) as reader:
        assert reader.read_until(1) == line(2, "two")
        assert [message.origin.epoch for message in reader.messages] == [1]


def test_all_is_sent_again_if_that_is_asked_for(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    with reading(journal) as reader:
        reader.read_until(len(log.read_bytes()))
    with reading(journal, f"begin {reader.cursors[-1]}") as again:
        assert again.read_until(1) == log.read_bytes()
    log.write_bytes(line(1, "one"))
    with reading(journal, f"begin {reader.cursors[-1]}") as again:
        assert again.read_until(1) == log.read_bytes()
        assert again.messages[0].origin.epoch == 2


@pytest.mark.parametrize("origin_is_older", [False, True])
def test_a_log_that_has_lost_lines_begins_an_epoch_once_for_all_readers(
    origin_is_older: bool, log: Path, journal: Journal
) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    with reading(journal) as reader:
        reader.read_until(len(log.read_bytes()))
    place = reader.cursors[-1]
    if origin_is_older:  # as the log: both from a backup
        place = place._replace(origin=place.origin._replace(epoch=4))
    log.write_bytes(line(1, "one"))
    epochs = set[int]()
    for _ in range(2):
        with reading(journal, place) as reader:
            assert reader.read_until(1) == log.read_bytes()
            epochs |= {message.origin.epoch for message in reader.messages}
    assert epochs == {place.origin.epoch + 1}
    with reading(journal, reader.cursors[-1]) as reader:
        with log.open("ab") as file:
            file.write(line(3, "three"))
        assert reader.read_until(1) == line(3, "three")


def test_a_loss_while_it_runs_is_an_epoch_in_the_same_stream(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one") + line(2, "two"))
    with reading(journal) as reader:
        size = len(reader.read_until(len(log.read_bytes())))
        log.write_bytes(line(1, "one"))
        reader.read_until(size + 1)
        assert [message.origin.epoch for message in reader.messages] == [1, 2]
        assert reader.messages[1].payload == line(1, "one")


def test_a_cursor_of_another_journal_is_none(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        reader.read_until(1)
    (place,) = reader.cursors
    with reading(journal, place._replace(origin=Origin("e" * 32))) as reader:
        assert reader.read_until(1) == line(1, "one")
    assert reader.messages[0].origin.epoch == 1


def test_an_origin_file_from_a_backup_gets_the_epoch_of_the_reader(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        reader.read_until(1)
    (place,) = reader.cursors
    with reading(journal, place._replace(origin=place.origin._replace(epoch=3))) as reader:
        with log.open("ab") as file:
            file.write(line(2, "two"))
        assert reader.read_until(1) == line(2, "two")
    assert [message.origin.epoch for message in reader.messages] == [3]


def test_another_id_ends_it(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        reader.read_until(1)
        file = OriginFile(journal)
        assert file.lock()
        file.take_new_id()
        file.close()
        with log.open("ab") as log_file:
            log_file.write(line(2, "two"))
        while not reader.read():
            pass


def test_the_words_of_a_blanked_line_are_not_sent(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one") + line(2, "hunter2") + line(3, "three"))
    begin = len(line(1, "one"))
    BlankList(journal).add(
        [BlankedLine(stamp_name(at_second(1)), begin, begin + len(line(2, "hunter2")), *2 * [str(at_second(2))])]
    )
    with reading(journal) as reader:
        sent = reader.read_until(len(line(1, "one")) + len(log.read_bytes()))
    assert b"hunter2" not in sent
    assert sent.endswith(line(3, "three"))
    assert [len(message.holes) for message in reader.messages] == [0, 1]
    assert [message.entries for message in reader.messages] == 2 * [(str(at_second(2)),)]  # a mirror looks for it first


def test_a_line_that_is_blanked_later_is_sent_again_without_its_words(
    log: Path, journal: Journal, writer: Writer
) -> None:
    log.write_bytes(line(1, "one") + line(2, "hunter2") + line(3, "three"))
    begin, end = len(line(1, "one")), len(line(1, "one") + line(2, "hunter2"))
    with reading(journal) as reader:
        reader.read_until(len(log.read_bytes()))
        BlankList(journal).add([BlankedLine(stamp_name(at_second(1)), begin, end, *2 * [str(at_second(2))])])
        writer.write_stream(["four"])
        while len(reader.messages) < 4:
            reader.read()
    place = reader.cursors[-1]
    with reading(journal, place) as again:  # a reader that was away
        again.read_until(end)
    mirror = Mirror(journal, place.origin.id)
    for message in [*reader.messages, *again.messages]:
        mirror.write(message)
    mirror.close()
    for first, message in (reader.messages[1:3], again.messages):
        assert (first.entries, first.holes) == ((str(at_second(2)),), ())
        assert (message.offset, message.end) == (begin, end)
        assert b"hunter2" not in message.payload
    (files,) = read_mirror(journal, place.origin.id)
    assert content(files).replace(message.payload, line(2, "hunter2")) == log.read_bytes()


def test_a_mirror_is_noted_and_asked_until_it_has_no_words(
    log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_feed, "_LIST_S", 0.01)
    log.write_bytes(line(1, "one") + line(2, "hunter2"))
    begin, end = len(line(1, "one")), len(log.read_bytes())
    mirrors = Path(f"{log}.mirrors")
    with reading(journal) as reader:
        reader.read_until(end)
        assert mirrors.read_text() == "alice@web1:/sanity.log\n"
        BlankList(journal).add([BlankedLine(stamp_name(at_second(1)), begin, end, *2 * [str(at_second(2))])])
        for number, count in enumerate((1, 0), 1):
            while len(reader.asks) < number:
                reader.read()
            assert str(at_second(2)).encode() in reader.asks[-1].data
            os.write(reader.requests, f"blanked 7 0\nblanked {reader.asks[-1].number} {count}\n".encode())
        wait_until(lambda: mirrors.read_text().endswith(f"log {BlankList(journal).digest()}\n"), "it is noted")
    with reading(journal, reader.cursors[-1]) as again:  # after a while it may be another disk
        while not again.asks:
            again.read()
    assert mirrors.read_text().count("\n") == 2


def test_the_time_is_told_in_parts_of_questions_and_nothing_else(log: Path, journal: Journal) -> None:
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        before_ns = time.time_ns()
        for part in (b"\nclo", b"ck 7\nshutdown 8\nclock x\n\0\n" + b"z" * 5_000 + b"\nclock 9\n"):
            os.write(reader.requests, part)
        while len(reader.answers) < 2:
            reader.read()
    assert [answer.number for answer in reader.answers] == [7, 9]
    times = [int(text) for answer in reader.answers for text in answer.data.split()]
    assert before_ns <= times[0] <= times[1] <= times[2] <= times[3] <= time.time_ns()


def test_a_reader_that_does_not_answer_is_gone(log: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_feed, "_READER_GONE_S", 0.05)
    log.write_bytes(line(1, "one"))
    with reading(journal) as reader:
        while not reader.read():
            pass


def test_the_command_ends_if_nobody_asks(run: Run, log: Path) -> None:
    log.write_bytes(line(1, "one"))
    done = run("tail", "--mirror", stdin=b"")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)
    assert "--mirror goes with" in refused(run("tail", "--mirror", "-f"), 2)
