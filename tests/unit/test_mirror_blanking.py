"""A message that names a blanked entry: no file of the mirror has its words, and the mirror goes on as before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from itertools import count
from pathlib import Path
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from support.journals import temporary_journal
from support.team import DB1, SEGMENT, content, message
from threeam.core.store.journal import Journal
from threeam.team.blanking.blank_list import BlankedLine
from threeam.team.blanking.blank_question import answer_question, questions
from threeam.team.messages.hole import fill
from threeam.team.messages.line_chain import MAX_PIECE_BYTES
from threeam.team.messages.message import Message
from threeam.team.mirrors import mirror_blanking
from threeam.team.mirrors.mirror import Mirror, read_mirror

SECRET = b"tok-Aeng3eiy8Ohj"
STAMP = "2026-11-24T03:14:07.%09d+0000"
ENTRY = STAMP % 3


def row(number: int, text: str) -> bytes:
    return f"[{STAMP % number}] [COFFEE: 3] [BY: alice@db1:7] {text}\n".encode()


X = row(3, "the token is tok-Aeng3eiy8Ohj")
LINES = [  # the words of X are in all but the first two
    row(1, "a note"),
    b"of another program\n",
    row(4, "quoted: the token is tok-Aeng3eiy8Ohj"),
    row(5, f"[AT: {ENTRY}] [H1: open] Hypothesis: the token is tok-Aeng3eiy8Ohj"),
    b"the token is tok-Aeng3eiy8Ohj\n",
    b"x" * (MAX_PIECE_BYTES - 20) + b"the token is tok-Aeng3eiy8Ohj, in a line of two pieces\n",
]


def messages(data: bytes, epoch: int, begin: int = 0) -> Iterator[Message]:
    """Yield the messages that send ``data`` from ``begin`` on: each a line, or a piece of one."""
    while begin < len(data):
        end = min(data.find(b"\n", begin) + 1 or len(data), begin + MAX_PIECE_BYTES)
        yield message(data, begin, end, epoch=epoch)
        begin = end


def naming(data: bytes, epoch: int) -> Message:
    return next(messages(data, epoch))._replace(entries=(ENTRY,))


def write(journal: Journal, sent: Sequence[Message]) -> None:
    mirror = Mirror(journal, DB1.id)
    try:
        for each in sent:
            mirror.write(each)
    finally:
        mirror.close()


def files_of(journal: Journal) -> bytes:
    return b"".join(path.read_bytes() for path in Path(journal.folder_beside_log).rglob("*") if path.is_file())


def is_clean(journal: Journal) -> bool:
    (question,) = questions(DB1.id, [BlankedLine(SEGMENT, 0, len(X), ENTRY, ENTRY)])
    return answer_question(journal, question) == b"0"


epochs = st.lists(st.lists(st.sampled_from(LINES), max_size=4), min_size=1, max_size=3)


@given(epochs, st.integers(0, 2), st.integers(0, 20), st.integers(0, 9))
def test_the_words_are_in_no_epoch_whatever_is_killed_or_torn(
    histories: list[list[bytes]], with_entry: int, torn: int, killed_at: int
) -> None:
    datas = [b"".join([LINES[0], *lines]) for lines in histories]
    datas[with_entry % len(datas)] += X
    with temporary_journal() as journal:
        for epoch, data in enumerate(datas, 1):
            write(journal, [*messages(data, epoch)])
        for files in read_mirror(journal, DB1.id)[:-1]:
            if X not in content(files):
                os.truncate(files.parts[-1].path, max(len(LINES[0]), files.parts[-1].end - torn))
        last = naming(datas[-1], len(datas))
        assert not is_clean(journal)
        with ExitStack() as stack:
            calls = count()
            for name in ("write_about", "write_all_at", "fdatasync_fd"):
                function = partial(_fail_at, calls, killed_at, getattr(mirror_blanking, name))
                stack.enter_context(patch.object(mirror_blanking, name, function))
            stack.enter_context(suppress(OSError))
            write(journal, [last])
        write(journal, [last])
        assert SECRET not in files_of(journal)
        assert b"the token" not in files_of(journal)
        assert is_clean(journal)
        write(journal, [*messages(datas[-1], len(datas))])  # the words come again, and are known by their places
        assert SECRET not in files_of(journal)
        latest = read_mirror(journal, DB1.id)[-1]
        expected = b"".join(
            fill(each.payload) if b"the token" in line or line == LINES[5] else each.payload
            for each in messages(datas[-1], 1)
            for line in [line_at(datas[-1], each.offset)]
        )
        assert content(latest) == expected
        grown = datas[-1] + row(9, "later")
        write(journal, [*messages(grown, len(datas), len(datas[-1]))])  # the chain goes on
        assert content(read_mirror(journal, DB1.id)[-1]) == expected + row(9, "later")


def _fail_at(calls: Iterator[int], number: int, function: Callable[..., None], *args: object) -> None:
    if next(calls) >= number:
        raise OSError
    function(*args)


def line_at(data: bytes, offset: int) -> bytes:
    begin = data.rfind(b"\n", 0, offset) + 1
    return data[begin : data.find(b"\n", offset) + 1]
