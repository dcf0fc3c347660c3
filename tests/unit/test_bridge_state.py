"""The state that the bridge hands to the screen: folded from the lines it has read, it is that of the file."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from textual.message import Message

from support.fold_logs import logs
from support.journals import FakeClock, segment_of, writer_of
from threeam.core.format.entry import Entry
from threeam.core.state.fold import Fold, State
from threeam.core.store import reader
from threeam.core.store.journal import Journal, ResumePoint, resolve_journal
from threeam.core.store.reader import last_line_end, lines_forward
from threeam.hypotheses.drafts import hypothesis_draft
from threeam.projections import FOLD
from threeam.tui import bridge as bridge_module
from threeam.tui.bridge import Bridge, _state_entries
from threeam.tui.messages import BlockWritten, FollowFailed, LinesArrived
from threeam.tui.outbox import WriteRequest

WAIT_S = 10
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a failure takes as long as the wait
REFUSED = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 1] [BY: bob@db1:9] [H7: open] Hypothesis: refused\n"
KEPT = b"[2026-11-24T03:14:07.123456790+0000] [COFFEE: 1] [BY: bob@db1:9] [H8: open] Hypothesis: kept\n"

steps = st.lists(
    st.tuples(st.sampled_from(["append", "append", "cut back", "truncate", "rotate"]), logs(), st.integers(0, 6)),
    min_size=1,
    max_size=5,
)


class Screen:
    """What the bridge posts to: it acknowledges at once, and keeps the last message."""

    def __init__(self, log: Path, *, fold: Fold = FOLD, base_is_late: bool = False) -> None:
        self._log = log
        self._news = threading.Condition()
        self._last: LinesArrived | None = None
        self.problems: list[str] = []
        self.texts: list[bytes] = []  # of all lines, in the order in which they came
        journal = resolve_journal(str(log))
        segment = journal.open_live()
        assert segment is not None
        anchor = ResumePoint.capture(segment, last_line_end(segment, segment.size()))
        self._base = FOLD.state_at(segment, anchor.offset)
        self.bridge = Bridge(journal, anchor, fold, None, 0, self._take)
        if not base_is_late:
            self.set_base()
        self.bridge.start()

    def set_base(self) -> None:
        self.bridge.set_initial_state(self._base)

    def lines_arrive(self) -> None:
        """Wait until all lines of the file have arrived, with a state or without."""
        size = last_line(self._log)
        with self._news:
            arrived = self._news.wait_for(
                lambda: self._last is not None and self._last.end is not None and self._last.end.offset == size, WAIT_S
            )
            assert arrived, f"not read: {self._last}, {self.problems}"

    def fails(self) -> None:
        """Wait until the bridge says that it cannot follow."""
        with self._news:
            assert self._news.wait_for(lambda: any(self.problems), WAIT_S), "nothing has failed"

    def has_the_state_of_the_file(self) -> None:
        """Wait until all lines of the file have arrived, and the state is the one that they add up to."""
        size, inode, expected = last_line(self._log), os.stat(self._log).st_ino, state_of(self._log)

        def has_arrived() -> bool:
            if self._last is None or self._last.end is None:
                return False
            segment, offset = self._last.end
            return (segment.identity[1], offset) == (inode, size) and self._last.state == expected

        with self._news:
            arrived = self._news.wait_for(has_arrived, WAIT_S)
        assert arrived, f"{self._last} is not {expected} at {size}; {self.problems}"

    def _take(self, message: Message) -> None:
        with self._news:
            if isinstance(message, LinesArrived):
                self._last = message
                self.texts += [line.raw for line in message.lines]
            if isinstance(message, FollowFailed):
                self.problems.append(message.sentence)
            self._news.notify_all()
        self.bridge.acknowledge()


def last_line(log: Path) -> int:
    return log.read_bytes().rfind(b"\n") + 1


def state_of(log: Path) -> State:
    data = log.read_bytes()
    return FOLD.state_at(segment_of(data), len(data))


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_module, "_FRAME_S", 0.0)


@settings(deadline=None, max_examples=60)
@given(
    logs(), st.integers(0, 20), st.booleans(), st.sampled_from([(64, 400), (700, 800), (reader.CHUNK_BYTES, 1 << 20)])
)
def test_the_lines_at_hand_give_what_the_file_gives(
    data: bytes, number: int, carriage_returns: bool, sizes: tuple[int, int]
) -> None:
    data = data.replace(b"\n", b"\r\n") if carriage_returns else data
    with patch.object(reader, "CHUNK_BYTES", sizes[0]), patch.object(reader, "MAX_HELD_LINE_BYTES", sizes[1]):
        segment = segment_of(data)
        lines = [line for line in lines_forward(segment) if line.finished]
        since = lines[number].offset if number < len(lines) else last_line_end(segment, len(data))
        before, after = FOLD.state_at(segment, since), FOLD.state_at(segment, len(data))
        for max_parsed_lines in (0, len(lines)):  # a long batch is searched, and a short one is parsed
            with patch.object(bridge_module, "_MAX_PARSED_LINES", max_parsed_lines):
                assert FOLD(before, _state_entries(lines[number:], FOLD.state_line_pattern)) == after


def append(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


def play(log: Path, steps: list[tuple[str, bytes, int]], screen: Screen) -> None:
    for number, (step, data, count) in enumerate(steps):
        complete = data[: data.rfind(b"\n") + 1]
        before = log.read_bytes()
        if step == "append":
            append(log, complete)
        elif step == "cut back":  # the screen has these lines when they are cut off again
            append(log, complete + b"refused\n")
            screen.has_the_state_of_the_file()
            written = log.read_bytes().splitlines(keepends=True)
            os.truncate(log, sum(map(len, written[: max(len(before.splitlines()), len(written) - 1 - count)])))
            append(log, b"after it %d\n" % number)
        elif step == "truncate":
            screen.has_the_state_of_the_file()
            with log.open("wb") as file:
                file.write(
                    b"truncated %d\n" % number + complete
                )  # another beginning: it is how a truncation is noticed
        else:
            log.rename(f"{log}.1")
            log.write_bytes(complete + b"a new file\n")
        screen.has_the_state_of_the_file()


@settings(deadline=None, max_examples=40, phases=NO_SHRINKING)
@given(logs(), steps)
def test_the_state_of_the_screen_is_that_of_the_file_after_anything(
    data: bytes, steps: list[tuple[str, bytes, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "sanity.log"
        log.write_bytes(data[: data.rfind(b"\n") + 1] + b"the first\n")
        screen = Screen(log)
        try:
            play(log, steps, screen)
        finally:
            screen.bridge.stop()
        assert not any(screen.problems)


@settings(deadline=None, max_examples=10, phases=NO_SHRINKING)
@given(logs(), logs(), logs())
def test_lines_that_came_before_the_first_state_are_in_it(data: bytes, early: bytes, late: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "sanity.log"
        log.write_bytes(data[: data.rfind(b"\n") + 1] + b"the first\n")
        screen = Screen(log, base_is_late=True)
        try:
            append(log, early[: early.rfind(b"\n") + 1] + b"early\n")
            screen.lines_arrive()
            screen.set_base()
            screen.has_the_state_of_the_file()
            append(log, late[: late.rfind(b"\n") + 1] + b"late\n")
            screen.has_the_state_of_the_file()
        finally:
            screen.bridge.stop()
        assert not any(screen.problems)


class FailingFold(Fold):
    """The fold of all, which raises OSError while ``broken``."""

    def __init__(self) -> None:
        super().__init__(lambda: FOLD.projections)
        self.broken = False

    def __call__(self, state: State, entries: Iterable[Entry]) -> State:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        return super().__call__(state, entries)


@pytest.mark.parametrize("cut_to", ["the first\n", "the first\nfolded\n", "the first\nfolded\nread\n"])
def test_lines_that_are_cut_off_before_they_are_folded_are_neither_folded_nor_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_to: str
) -> None:
    monkeypatch.setattr(bridge_module, "_QUIET_S", 0.01)
    log, fold = tmp_path / "sanity.log", FailingFold()
    log.write_text("the first\n")
    screen = Screen(log, fold=fold)
    try:
        append(log, b"folded\n")
        screen.has_the_state_of_the_file()
        fold.broken = True
        append(log, b"read\n" + REFUSED)
        screen.fails()
        os.truncate(log, len(cut_to))
        append(log, b"after it\n" + KEPT)
        fold.broken = False
        screen.has_the_state_of_the_file()
    finally:
        screen.bridge.stop()
    assert REFUSED.rstrip() not in screen.texts
    assert screen.texts[-2:] == [b"after it", KEPT.rstrip()]


class Answers:
    """What a bridge with a writer posts: it acknowledges at once, and keeps the messages."""

    def __init__(self, journal: Journal, clock: FakeClock, initial_state: Callable[[ResumePoint], State]) -> None:
        self._news = threading.Condition()
        self._messages: list[Message] = []
        segment = journal.open_live()
        assert segment is not None
        anchor = ResumePoint.capture(segment, segment.size())
        self.writer = writer_of("alice", journal, clock)
        self.bridge = Bridge(journal, anchor, FOLD, self.writer, 0, self._take)
        self.bridge.set_initial_state(initial_state(anchor))
        self.bridge.start()

    def _take(self, message: Message) -> None:
        with self._news:
            self._messages.append(message)
            self._news.notify_all()
        if isinstance(message, LinesArrived):
            self.bridge.acknowledge()

    def state_with(self, hypotheses: int) -> State:
        """Wait for a state with this number of hypotheses, and return it."""

        def states() -> Iterator[State]:
            known = (message.state for message in self._messages if isinstance(message, LinesArrived))
            return (state for state in known if state is not None and len(state.hypotheses) == hypotheses)

        with self._news:
            assert self._news.wait_for(lambda: any(True for _ in states()), WAIT_S), self._messages
            return next(states())

    def write(self, text: str) -> None:
        """Write a hypothesis, and wait until it is written."""
        request = WriteRequest(hypothesis_draft(text, 9), "hypothesis")
        self.bridge.submit(request)
        with self._news:
            written = self._news.wait_for(
                lambda: any(
                    isinstance(message, BlockWritten) and message.request is request for message in self._messages
                ),
                WAIT_S,
            )
        assert written, self._messages


def test_the_writer_takes_the_state_of_the_screen(journal: Journal, clock: FakeClock, log: Path) -> None:
    log.write_bytes(REFUSED + KEPT)
    answers = Answers(journal, clock, lambda anchor: FOLD.state_at(anchor.segment, anchor.offset))
    try:
        first = answers.state_with(2)
        with patch.object(Fold, "state_at", side_effect=AssertionError("the log is read again")):
            answers.write("the sweeper races the writer")
        assert answers.writer.state_cache.offered is not None
        assert answers.writer.state_cache.offered.state is first
        assert answers.state_with(3) == state_of(log)
    finally:
        answers.bridge.stop()
