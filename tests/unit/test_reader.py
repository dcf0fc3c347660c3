"""Reading lines by offset: the same lines forwards and backwards, wherever a block ends."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.journals import FakeClock, segment_of, writer_of
from threeam.core.format.entry import parse_entry
from threeam.core.store import reader
from threeam.core.store.doctor import LogChecker
from threeam.core.store.filters import LineFilter, MatchesPattern
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import (
    chunks_backward,
    last_active_entry,
    last_entry,
    last_line_end,
    line_containing,
    lines_backward,
    lines_forward,
    matching_lines_backward,
    state_entries_backward,
)
from threeam.core.store.seek import matches_backward, matches_forward, ranges_between_times
from threeam.hypotheses.drafts import hypothesis_draft

Draw = st.DataObject
contents = st.one_of(
    st.binary(max_size=60),
    st.lists(st.sampled_from([b"\n", b"a", b"bc", b"\r\n", b"\n\n", b"x" * 40, b"\0", b"\xff"]), max_size=20).map(
        b"".join
    ),
)
blocks = st.one_of(st.integers(1, 70), st.just(reader.CHUNK_BYTES))
pieces = st.sampled_from(
    [
        b"[2026-11-24T03:14:07.000000001+0000] [COFFEE: 1] [BY: alice@h:1] a note\n",
        b"[2026-11-24T03:14:07.000000002+0000] [COFFEE: 2] [BY: bob@h:2%4] a note\n",
        b"[2026-11-24T03:14:07.000000003+0000] [COFFEE: 3] [BY: alice@h:1] [VIA: stdin] piped\n",
        b"[2026-11-24T03:14:07.000000004+0000] [COFFEE: 4] Hypothesis: the script's\n",
        b"[2026-11-24T03:14:07.000000005+0000] [COFFEE: 5] [BY: bob@h:2] he said ] [BY: alice@h:1] x\n",
        b"[2026-11-24T03:14:07.000000006+0000] [COFFEE: 6] [BY: alice2@h:1] another\n",
        b"[BY: alice@h:1] foreign\n",
        b"[2026-11-24T03:14:07.000000007+0000] [COFFEE: 7] [BY: alice@h:1",
        b"\n",
    ]
)
logs = st.lists(pieces, max_size=12).map(b"".join)


def expected(data: bytes) -> list[tuple[int, bytes, bool]]:
    *complete, last = data.split(b"\n")
    lines, offset = [], 0
    for raw in complete:
        lines.append((offset, raw.removesuffix(b"\r"), True))
        offset += len(raw) + 1
    return [*lines, (offset, last, False)] if last else lines


@given(contents, blocks)
@example(b"", 1)
@example(b"\n", 1)
@example(b"a", 1)
@example(b"a\nb", 1)
@example(b"a\n\n", 2)
def test_every_line_is_read_whatever_the_block(data: bytes, block: int) -> None:
    segment = segment_of(data)
    with patch.object(reader, "CHUNK_BYTES", block):
        read = [(line.offset, line.raw, line.finished) for line in lines_forward(segment)]
    assert read == expected(data)


@given(contents, blocks, st.data())
@example(b"\n\n", 1, None)
@example(b"a\nb", 1, None)
@example(b"a", 1, None)
def test_backwards_gives_the_same_lines_the_other_way_round(data: bytes, block: int, draw: Draw | None) -> None:
    segment = segment_of(data)
    end = len(data) if draw is None else draw.draw(st.integers(0, len(data) + 9))  # truncated since
    with patch.object(reader, "CHUNK_BYTES", block):
        forward = list(lines_forward(segment, 0, end))
        assert list(lines_backward(segment, end)) == forward[::-1]
        assert [line.end for line in forward[:-1]] == [line.offset for line in forward[1:]]


@given(contents, blocks, st.data())
def test_reading_on_from_the_beginning_of_a_line_leaves_nothing_out(data: bytes, block: int, draw: Draw) -> None:
    segment = segment_of(data)
    with patch.object(reader, "CHUNK_BYTES", block):
        lines = list(lines_forward(segment))
        start = draw.draw(st.integers(0, len(lines)))
        if start < len(lines):
            assert list(lines_forward(segment, lines[start].offset)) == lines[start:]


@given(contents, blocks, st.data())
def test_whole_lines_end_after_the_last_newline(data: bytes, block: int, draw: Draw) -> None:
    end = draw.draw(st.integers(0, len(data)))
    with patch.object(reader, "CHUNK_BYTES", block):
        assert last_line_end(segment_of(data), end) == data.rfind(b"\n", 0, end) + 1


@given(contents, blocks, st.integers(1, 8), st.data())
def test_blocks_backwards_are_whole_lines_and_all_of_them(data: bytes, block: int, probe: int, draw: Draw) -> None:
    segment = segment_of(data)
    starts = [offset for offset, _, _ in expected(data)]
    since = draw.draw(st.sampled_from([0, *starts]))
    end = draw.draw(st.integers(since, len(data) + 9))
    with patch.object(reader, "CHUNK_BYTES", block), patch.object(reader, "_PROBE_BYTES", probe):
        read = list(chunks_backward(segment, end, since))
    position = max(since, data.rfind(b"\n", 0, end) + 1)
    for start, complete, _ in read:
        assert data[start:position] == complete
        assert start in starts
        position = start
    assert position == since


def test_a_last_line_without_its_newline_is_unfinished() -> None:
    *_, complete, last = lines_forward(segment_of(b"one\ntwo\nthr"))
    assert (complete.raw, complete.finished, complete.end) == (b"two", True, 8)
    assert (last.raw, last.finished, last.end) == (b"thr", False, 11)


@given(logs, blocks)
def test_the_last_entry_is_the_last_whole_line_that_parses(data: bytes, block: int) -> None:
    segment = segment_of(data)
    complete = [line for line in lines_forward(segment) if line.finished and parse_entry(line.raw)]
    with patch.object(reader, "CHUNK_BYTES", block):
        entry = last_entry(segment, len(data))
    assert entry == ((complete[-1], complete[-1].entry) if complete else None)


@given(
    logs,
    st.one_of(st.integers(1, 300), st.just(reader.CHUNK_BYTES)),
    st.sampled_from(["alice", "bob", "a.ice", "nobody"]),
)
def test_the_last_active_line_of_a_person_is_found_by_bytes(data: bytes, block: int, user: str) -> None:
    segment = segment_of(data)
    typed = [
        line
        for line in lines_forward(segment)
        if line.finished
        and (entry := line.entry)
        and entry.activity_stamp
        and entry.author
        and entry.author.user == user
    ]
    with patch.object(reader, "CHUNK_BYTES", block):
        last = last_active_entry(segment, len(data), user)
    assert last == ((typed[-1], typed[-1].entry) if typed else None)


@pytest.mark.parametrize("block", [64, reader.CHUNK_BYTES])
def test_a_line_longer_than_any_block_is_one_line(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", block)
    long = b"x" * 300_000
    segment = segment_of(b"a\n" + long + b"\nb\n")
    assert [line.raw for line in lines_forward(segment)] == [b"a", long, b"b"]
    assert [line.raw for line in lines_backward(segment, segment.size())] == [b"b", long, b"a"]


@given(contents, st.integers(1, 30), st.integers(4, 50))
def test_of_a_long_line_only_the_head_is_held(data: bytes, block: int, over: int) -> None:
    segment, held = segment_of(data), block + over
    with patch.object(reader, "CHUNK_BYTES", block), patch.object(reader, "MAX_HELD_LINE_BYTES", held):
        forward = list(lines_forward(segment))
        assert list(lines_backward(segment, len(data))) == forward[::-1]
        assert [line for line in forward if line.finished] == [
            line_containing(segment, line, index)
            for line in [*chunks_backward(segment, len(data))][::-1]
            for index in [0, *(match.end() for match in re.finditer(b"\n", line.data[:-1]))]
        ]
    for line, (offset, raw, finished) in zip(forward, expected(data), strict=True):
        stop = data.find(b"\n", offset)
        complete = data[offset : stop if finished else None]
        assert (line.offset, line.finished, line.end) == (offset, finished, offset + len(complete) + finished)
        assert line.raw == (raw if len(complete) <= held else complete[: len(line.raw)])
        assert len(complete) <= held or (
            held - 4 <= len(line.raw) <= held and len(line.raw) + line.omitted_bytes == len(complete)
        )


class CountedSegment(Segment):
    """A segment that knows how much was read from it, and the largest read."""

    total = largest = 0

    def read(self, offset: int, size: int) -> bytes:
        data = super().read(offset, size)
        self.total, self.largest = self.total + len(data), max(self.largest, len(data))
        return data


LONG = 40 * reader.MAX_HELD_LINE_BYTES
ENTRY = b"[2026-11-24T03:14:07.000000001+0000] [COFFEE: 1] [BY: alice@h:1] a note\n"
TEXT = re.compile(b"a note")


@pytest.mark.parametrize("end", [b"\n", b"", b"\n" + ENTRY])
@pytest.mark.parametrize(
    "read",
    [
        lambda segment: [*lines_forward(segment)],
        lambda segment: [*lines_backward(segment, segment.size())],
        lambda segment: [*chunks_backward(segment, segment.size())],
        lambda segment: last_line_end(segment, segment.size()),
        lambda segment: last_entry(segment, segment.size()),
        lambda segment: last_active_entry(segment, segment.size(), "alice"),
        lambda segment: [*matching_lines_backward(segment, segment.size(), TEXT)],
        lambda segment: [*state_entries_backward(segment, segment.size(), TEXT)],
        lambda segment: [*matches_forward(segment, 0, None, LineFilter((MatchesPattern(Pattern("note")),)))],
        lambda segment: [*matches_backward(segment, segment.size(), LineFilter((MatchesPattern(Pattern("note")),)))],
        lambda segment: ranges_between_times(segment, segment.size(), 1, None),
    ],
)
def test_a_long_line_is_read_in_linear_time_and_little_memory(read: Callable[[Segment], object], end: bytes) -> None:
    fd = os.memfd_create("log")
    os.write(fd, ENTRY)
    os.lseek(fd, LONG, os.SEEK_CUR)
    os.write(fd, end or b"\0")
    segment = CountedSegment(fd, "sanity.log")
    read(segment)
    assert segment.largest <= reader.MAX_HELD_LINE_BYTES
    assert segment.total < 8 * segment.size()  # a bisection comes to it more than once


def test_a_long_line_is_shown_with_what_it_leaves_out() -> None:
    segment = segment_of(
        ENTRY[:-1] + b"x" * reader.MAX_HELD_LINE_BYTES + b"\n" + b"\x01\0\0" + b"\0" * reader.MAX_HELD_LINE_BYTES * 2
    )
    long, nuls = lines_forward(segment)
    assert long.entry is not None
    assert long.entry.text.endswith("xxx… 72 bytes more")
    assert long.display_text.endswith("xxx… 72 bytes more")
    assert nuls.display_text == "\\x01\\x00 (1,048,574 times)… 1,048,580 bytes more"


def test_a_foreign_line_is_shown_as_it_is_and_made_safe() -> None:
    (line,) = lines_forward(segment_of(b"\x1b[2J \xff kernel: oops\n"))
    assert line.entry is None
    assert line.display_text == "\\x1b[2J \\xff kernel: oops"


CRLF = b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 1] [BY: alice@h:1] [H1: open] Hypothesis: boom\r\n"


def test_a_carriage_return_at_the_end_of_a_line_is_not_a_part_of_its_text() -> None:
    data = b"\xef\xbb\xbf" + CRLF + b"a foreign boom\r\nand \r in it\r\r\n"
    segment = segment_of(data)
    for lines in ([*lines_forward(segment)], [*lines_backward(segment, len(data))][::-1]):
        first, foreign, last = lines
        assert (first.entry, first.display_text) == (parse_entry(CRLF[:-2]), CRLF[:-2].decode())
        assert (foreign.raw, foreign.display_text, foreign.end) == (b"a foreign boom", "a foreign boom", last.offset)
        assert (last.raw, last.end) == (b"and \r in it\r", len(data))
    line_filter = LineFilter((MatchesPattern(Pattern("boom$")),))
    for parts in (matches_forward(segment, 0, None, line_filter), matches_backward(segment, len(data), line_filter)):
        assert [line.raw for part in parts for line in part.lines] == [first.raw, foreign.raw]


def test_a_byte_order_mark_hides_no_number(journal: Journal, log: Path, clock: FakeClock) -> None:
    log.write_bytes(b"\xef\xbb\xbf" + CRLF)
    block = writer_of("alice", journal, clock).write(hypothesis_draft("another", 4))
    assert block.draft_entries[0].hypothesis == (2, "open")
    live = journal.open_live()
    assert live is not None
    assert [*LogChecker(lock_held=False).check(live, live.size())] == []
    assert log.read_bytes().startswith(b"\xef\xbb\xbf" + CRLF)
