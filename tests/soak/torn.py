"""Which lines a full disk tore: the Bash script does not cut back what its tee(1) could not write whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from books import Answer, Books, Problem, Text
from journal_files import Journal, Row, is_expected

_MOST_PIECES = 6  # torn beginnings in one line


class Torn(NamedTuple):
    """A line that is made of beginnings of script lines, and perhaps of a whole one that was glued to them."""

    row: Row
    pieces: tuple[Text, ...]
    glued: Text | None


def torn_lines(journal: Journal, books: Books) -> tuple[list[Torn], list[Problem]]:
    """The torn lines, and a problem for each line that neither a text nor a full disk explains."""
    torn: list[Torn] = []
    problems: list[Problem] = []
    there = {id(text) for _, text in journal.placed()}
    # Only a script that failed while the disk was full can have torn its line, and only one line each.
    candidates = [
        text
        for text in books.script_lines.values()
        if text.answer is not Answer.ACKNOWLEDGED
        and id(text) not in there
        and books.was_full_between(text.begun, text.answered)
    ]
    for row in sorted(journal.unplaced(), key=lambda row: -len(row.raw)):  # a short beginning may be of many lines
        if row.entry is not None and row.finished and is_expected(row.entry):
            continue
        explained = next(_explanations(row, candidates, books), None)
        if explained is None:
            problems.append(Problem("foreign", f"nobody wrote {row.raw[:120]!r} ({journal.files[row.file].name})"))
        else:
            torn.append(explained)
            candidates = [text for text in candidates if text not in explained.pieces]
    return torn, problems


def _explanations(row: Row, candidates: Sequence[Text], books: Books) -> Iterator[Torn]:
    for pieces, rest in _beginnings(row.raw, candidates, _MOST_PIECES):
        if not rest:
            yield Torn(row, pieces, None)
        elif rest in books.script_lines:
            yield Torn(row, pieces, books.script_lines[rest])


def _beginnings(raw: bytes, candidates: Sequence[Text], most: int) -> Iterator[tuple[tuple[Text, ...], bytes]]:
    """The ways to take beginnings of script lines from the front of ``raw``, each with what is left."""
    for text in candidates:
        line = text.words.encode()
        common = next((i for i, (a, b) in enumerate(zip(line, raw, strict=False)) if a != b), min(len(line), len(raw)))
        for length in range(1, common + 1):
            if raw[length : length + 1] not in (b"", b"["):  # every line of the script begins so
                continue
            yield (text,), raw[length:]
            if most > 1 and length < len(raw):
                others = [other for other in candidates if other is not text]
                for pieces, rest in _beginnings(raw[length:], others, most - 1):
                    yield (text, *pieces), rest
