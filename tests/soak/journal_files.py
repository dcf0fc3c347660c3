"""The files of a soaked journal, read without the code that is being soaked, except for `parse`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from books import Books, Text

from threeam.core.format.entry import CEREMONY_TEXTS, Entry, parse_entry

_CONTINUED = "Continued from "
_WARNINGS = ("WARNING: Clock stepped back ", "WARNING: Caffeine toxicity imminent.", "WARNING: Disk nearly full: ")
_TYPED_BELOW = re.compile(r"\| (screen-\d+\.)")
_CUP = re.compile(r"Coffee: cup (\d+) of the night\.")


class File(NamedTuple):
    """One file of the journal: the name that it has now, its inode and its bytes."""

    name: str
    inode: int
    data: bytes

    @property
    def before(self) -> str | None:
        """The name of the file that this one continues, from its first line."""
        entry = parse_entry(self.data.partition(b"\n")[0])
        if entry is None or entry.tag("AT") is None or not entry.text.startswith(_CONTINUED):
            return None
        return entry.text.removeprefix(_CONTINUED)


class Row(NamedTuple):
    """One line of the journal: where it is, its bytes, and what it is if it parses."""

    file: int
    offset: int
    raw: bytes
    entry: Entry | None
    finished: bool

    @property
    def pid(self) -> int:
        """The process that wrote the line, 0 for the script."""
        by = self.entry.author if self.entry is not None else None
        return by.pid if by is not None else 0


@dataclass
class Journal:
    """All lines in the order of the journal, with the text that each one is, if it is one."""

    files: list[File]
    rows: list[Row]
    texts: list[Text | None]

    def placed(self) -> Iterator[tuple[Row, Text]]:
        """The lines that are somebody's text."""
        return ((row, text) for row, text in zip(self.rows, self.texts, strict=True) if text is not None)

    def unplaced(self) -> Iterator[Row]:
        """The other lines."""
        return (row for row, text in zip(self.rows, self.texts, strict=True) if text is None)


def chain(files: Iterable[File], live: str) -> list[File]:
    """The files from the oldest one to the one named ``live``, as their first lines link them."""
    named = {file.name: file for file in files}
    linked: list[File] = []
    name: str | None = live
    while name is not None and (file := named.pop(name, None)) is not None:
        linked.append(file)
        name = file.before
    return linked[::-1]


def files_in(folder: str, log: str) -> list[File]:
    """The log and its rotated files in ``folder``, each file once, whatever its second names."""
    stem = re.escape(log.removesuffix(".log"))
    wanted = re.compile(rf"{stem}\.log|{stem}\.\d{{8}}T\d{{6}}\.\d{{9}}Z\.log")
    files: dict[int, File] = {}
    for name in sorted(os.listdir(folder)):
        if wanted.fullmatch(name):
            path = os.path.join(folder, name)
            inode = os.stat(path).st_ino
            with open(path, "rb") as file:
                files[inode] = File(name, inode, file.read())
    return list(files.values())


def rows_of(files: list[File]) -> Iterator[Row]:
    """Every line of the files."""
    for number, file in enumerate(files):
        offset = 0
        *complete, last = file.data.split(b"\n")
        for raw in complete:
            yield Row(number, offset, raw, parse_entry(raw), True)
            offset += len(raw) + 1
        if last:
            yield Row(number, offset, last, parse_entry(last), False)


def journal_of(files: list[File], books: Books) -> Journal:
    """The journal of ``files``, with each line that is a text of ``books`` matched to it."""
    rows = list(rows_of(files))
    cups: dict[int, int] = {}
    return Journal(files, rows, [_text_of(row, books.texts, books.script_lines, cups) for row in rows])


def cup_words(pid: int, number: int) -> str:
    """The words under which the books have the cup number ``number`` of one process: the line itself names no text."""
    return f"cup {number} of process {pid}"


def cup_in(entry: Entry) -> int | None:
    """The number of the cup that a line records."""
    match = _CUP.fullmatch(entry.text)
    return int(match[1]) if match else None


def words_of(entry: Entry) -> str:
    """The words of a line as its writer was given them."""
    return entry.text if entry.kind == "note" else entry.body


def is_expected(entry: Entry) -> bool:
    """Whether 3am writes this line by itself: repeated after a rotation, around a hypothesis, or as a warning."""
    return entry.tag("AT") is not None or (
        entry.tag("BY") is not None and (entry.text in CEREMONY_TEXTS or entry.text.startswith(_WARNINGS))
    )


def _text_of(
    row: Row, texts: Mapping[str, Text], script_lines: Mapping[bytes, Text], cups: dict[int, int]
) -> Text | None:
    if row.raw in script_lines:
        return script_lines[row.raw]
    entry = row.entry
    if entry is None or entry.author is None or entry.tag("AT") is not None:
        return None
    if cup_in(entry) is not None:
        cups[row.pid] = cups.get(row.pid, 0) + 1
        return texts.get(cup_words(row.pid, cups[row.pid]))
    below = _TYPED_BELOW.fullmatch(entry.text)  # a text that a screen had back stands above what was typed after it
    return texts.get(below[1] if below is not None else words_of(entry))
