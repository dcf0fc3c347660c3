"""The question whether a mirror still has the words of blanked lines, and its answer: only a number."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

from threeam.core.errors import JournalError
from threeam.core.platform.folders import open_file
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import BlankedLine, stamp_text
from threeam.team.carrier import Carrier, NoAnswer, Topic
from threeam.team.messages.hole import fill
from threeam.team.messages.line_chain import MAX_PIECE_BYTES
from threeam.team.messages.position import MAX_OFFSET, is_origin_id, is_segment_name
from threeam.team.mirrors.mirror import read_mirror, read_searched_entries
from threeam.team.mirrors.mirror_part import MirrorPart

_MAX_LINES = 2_000  # in a question
_ANSWER_S = 2.0  # s
_PATIENCE_S = 10.0  # s; for a mirror that has not read the message yet
_PAUSE_S = 0.1  # s; between two questions to it


def questions(origin_id: str, lines: Sequence[BlankedLine]) -> list[bytes]:
    """Return the questions about the mirror of an origin, for all ``lines``."""
    return [
        json.dumps([origin_id, lines[begin : begin + _MAX_LINES]]).encode()
        for begin in range(0, len(lines), _MAX_LINES)
    ]


async def ask_host(carrier: Carrier, asked_id: str, origin_id: str, lines: Sequence[BlankedLine]) -> int | None:
    """Return how many of ``lines`` have their words in the mirror of a host; None if it does not answer.

    Waits for a mirror that still has some.
    """
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + _PATIENCE_S
    while True:
        count = 0
        for question in questions(origin_id, lines):
            try:
                answer = await carrier.ask(Topic.BLANK, asked_id, question, _ANSWER_S)
                count += int(answer)
            except (NoAnswer, ValueError):
                return None
        if count == 0 or loop.time() > deadline_s:
            return count
        await asyncio.sleep(_PAUSE_S)


def answer_question(journal: Journal, question: bytes) -> bytes | None:
    """Return the answer of the mirrors of ``journal``; None to what is not a question."""
    try:
        origin_id, rows = json.loads(question)
        if not is_origin_id(origin_id) or len(rows) > _MAX_LINES:
            return None
        lines = [_decode_line(row) for row in rows]
    except (ValueError, TypeError, RecursionError):
        return None
    try:
        return str(count_lines_with_words(journal, origin_id, lines)).encode()
    except (OSError, JournalError):  # no answer: the user is told that this mirror is not known to be blanked
        return None


def _decode_line(row: Any) -> BlankedLine:
    segment, begin, end, stamp, entry = row
    are_offsets = all(type(number) is int and 0 <= number <= MAX_OFFSET for number in (begin, end))
    if not is_segment_name(segment) or not are_offsets or not isinstance(entry, str):
        raise ValueError
    return BlankedLine(segment, begin, end, stamp, entry)


def count_lines_with_words(journal: Journal, origin_id: str, lines: Sequence[BlankedLine]) -> int:
    """Return how many of ``lines`` may have their words in a mirror, in any of its epochs. Raises OSError.

    A line of an entry for which the mirror was not searched yet counts as one that has them.
    """
    searched = read_searched_entries(journal, origin_id)
    parts = [part for files in read_mirror(journal, origin_id) for part in files.parts]
    not_searched = sum(line.entry not in searched for line in lines)
    return not_searched or sum(
        any(_has_words(part, line) for part in parts if part.segment == line.segment) for line in lines
    )


def _has_words(part: MirrorPart, line: BlankedLine) -> bool:
    begin = line.begin
    if line.end <= part.begin or part.end <= begin:
        return False
    fd = open_file(part.path, os.O_RDONLY)
    try:
        while begin < line.end:  # a longer line is blanked in pieces
            end = min(begin + MAX_PIECE_BYTES, line.end)
            if part.begin <= begin and end <= part.end:
                raw = os.pread(fd, end - begin, begin - part.begin)
                if begin == line.begin and stamp_text(raw) != line.stamp:
                    return False  # another line is there in this epoch
                if fill(raw) != raw:
                    return True
            begin = end
    finally:
        os.close(fd)
    return False
