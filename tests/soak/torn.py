"""Which lines were torn, and by what.

The Bash script does not cut back what its tee(1) could not write whole on a full disk. `3am` cuts back what it could
not write whole, unless a second holder of the lock has appended to it by then: it says that this is in doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from books import Answer, Books, Problem, Text
from journal_files import Journal, Row, is_expected

_HEAD = re.compile(rb"\[2[^\]]*\](?: \[[^\]]*\])+ ")  # of a line of 3am: what stands before its words
_CUT_HEAD = re.compile(rb"\[(?:2[^\]]*(?:\](?: \[[^\]]*\])*(?: (?:\[[^\]]*)?)?)?)?")  # the beginning of one
# Every line of the script begins with "[2…", and its only other "[" is that of "] [COFFEE: …".
_NEXT_LINE = re.compile(rb"(?<!^)(?=\[2)|(?<!^)(?<!\] )(?=\[(?:\[|$))")


class Torn(NamedTuple):
    """A line that is made of beginnings of lines, and perhaps of a whole one that was glued to them."""

    row: Row
    beginnings: tuple[bytes, ...]
    glued: Text | None


def torn_lines(journal: Journal, books: Books, *, lock: bool = True) -> tuple[list[Torn], list[Problem]]:
    """Return the torn lines, and a problem for each line that no text explains, whole or torn.

    ``lock``: whether the lock excluded everybody, so that `3am` has torn none.
    """
    there = {id(text) for _, text in journal.placed()}
    rows = [row for row in journal.unplaced() if row.entry is None or not row.finished or not is_expected(row.entry)]
    torn = [_split(row, books) for row in rows]
    glued = {id(line.glued) for line in torn if line.glued is not None}
    missing = [
        text for text in books.every_text() if text.answer is not Answer.ACKNOWLEDGED and id(text) not in there | glued
    ]
    script_lines = set(map(id, books.script_lines.values()))
    # Only a script that failed while the disk was full can have torn its line, and only one line each.
    lines = [
        text.words.encode()
        for text in missing
        if id(text) in script_lines and books.was_full_between(text.begun, text.answered)
    ]
    in_doubt = [
        text.words.encode()
        for text in missing
        if id(text) not in script_lines and text.answer in (Answer.UNSURE, Answer.UNKNOWN) and not lock
    ]
    owners = [number for number, line in enumerate(torn) for _ in line.beginnings]
    beginnings = [beginning for line in torn for beginning in line.beginnings]
    matched = _match(
        [
            [i for i, line in enumerate(lines) if line.startswith(part)]
            + [len(lines) + i for i, words in enumerate(in_doubt) if _may_begin(part, words)]
            for part in beginnings
        ]
    )
    unexplained = {owners[number] for number in range(len(beginnings)) if number not in matched}
    problems = [
        Problem("foreign", f"nobody wrote {line.row.raw[:120]!r} ({journal.files[line.row.file].name})")
        for number, line in enumerate(torn)
        if number in unexplained
    ]
    return [line for number, line in enumerate(torn) if number not in unexplained], problems


def _split(row: Row, books: Books) -> Torn:
    pieces = _NEXT_LINE.split(row.raw)
    glued = books.script_lines.get(pieces[-1]) if len(pieces) > 1 else None
    return Torn(row, tuple(pieces if glued is None else pieces[:-1]), glued)


def _may_begin(part: bytes, words: bytes) -> bool:
    """Return whether a line of 3am with ``words`` may begin with ``part``; its stamp and its tags are not known."""
    head = _HEAD.match(part)
    return _CUT_HEAD.fullmatch(part) is not None or (head is not None and words.startswith(part[head.end() :]))


def _match(choices: Sequence[Sequence[int]]) -> set[int]:
    """Return the indexes of ``choices`` that get one of their choices, as many as possible (augmenting paths).

    A short beginning fits many lines: it must not take the only one that fits a long beginning.
    """
    taken: dict[int, int] = {}  # a choice to the index that has it

    def assign(index: int, tried: set[int]) -> bool:
        for choice in choices[index]:
            if choice not in tried:
                tried.add(choice)
                if choice not in taken or assign(taken[choice], tried):
                    taken[choice] = index
                    return True
        return False

    for index in range(len(choices)):
        assign(index, set())
    return set(taken.values())
