"""Lines are counted once, and then it is known how many stand before any of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.store import reader
from threeam.core.store.filters import LineFilter, MatchesPattern
from threeam.core.store.journal import Journal, Position, resolve_journal
from threeam.core.store.pattern import Pattern
from threeam.core.store.reader import lines_forward
from threeam.core.write.draft import note_draft
from threeam.core.write.writer import Writer
from threeam.tui import line_counter
from threeam.tui.line_counter import LineCounter


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CHUNK_BYTES", 64)
    monkeypatch.setattr(line_counter, "CHUNK_BYTES", 64)


LINES = st.lists(st.sampled_from([b"a\n", b"b\n", b"ab" * 30 + b"\n", b"\n", b"c" * 200 + b"\n"]), max_size=30)


@pytest.mark.parametrize("wanted", [LineFilter(), LineFilter((MatchesPattern(Pattern("a")),))], ids=["all", "some"])
@given(parts=st.lists(LINES, min_size=1, max_size=4), rest=st.binary(max_size=3))
def test_what_stands_before_a_line_is_counted_however_the_log_grows(
    tmp_path_factory: pytest.TempPathFactory, wanted: LineFilter, parts: list[list[bytes]], rest: bytes
) -> None:
    log = tmp_path_factory.mktemp("log") / "sanity.log"
    log.touch()
    journal = resolve_journal(str(log))
    segment = journal.open_live()
    assert segment is not None
    count = LineCounter(journal, wanted)
    data = b""
    for lines in parts:
        data += b"".join(lines)
        log.write_bytes(data + rest.replace(b"\n", b""))
        list(count.count_to(Position(segment, len(data))))
    before = 0
    for line in lines_forward(segment, 0, len(data)):
        assert count.count_before(Position(segment, line.offset)) == before
        before += wanted.matches(line.raw)
    assert count.total == before
    assert count.is_done
    assert count.progress == 1.0


def test_the_files_of_a_journal_are_counted_as_one(journal: Journal, log: Path, writer: Writer) -> None:
    count = LineCounter(journal, LineFilter((MatchesPattern(Pattern("note")),)))
    for number in range(3):
        for n in range(5):
            writer.write(note_draft(f"note {n}"))
        live = journal.open_live()
        assert live is not None
        list(count.count_to(Position(live, live.size())))
        assert count.total == 5 * (number + 1)
        with writer.lock_log(full_state=True) as file:
            file.rotate()
    writer.write(note_draft("the last note"))
    live = journal.open_live()
    assert live is not None
    list(count.count_to(Position(live, live.size())))
    assert count.total == 16
    last = list(lines_forward(live))[-1]
    assert count.count_before(Position(live, last.offset)) == 15


def test_what_was_cut_back_is_counted_again(journal: Journal, log: Path) -> None:
    log.write_bytes(b"a\n" * 100)
    segment = journal.open_live()
    assert segment is not None
    count = LineCounter(journal, LineFilter())
    list(count.count_to(Position(segment, 200)))
    list(count.count_to(Position(segment, 100)))
    assert count.total == 50


def test_what_is_not_counted_yet_is_not_known(journal: Journal, log: Path) -> None:
    log.write_bytes(b"a\n" * 100)
    segment = journal.open_live()
    assert segment is not None
    count = LineCounter(journal, LineFilter((MatchesPattern(Pattern("a")),)))
    steps = count.count_to(Position(segment, 200))
    next(steps)
    assert not count.is_done
    assert 0 < count.progress < 1
    assert count.count_before(Position(segment, 20)) == 10
    assert count.count_before(Position(segment, 190)) is None


def test_the_lines_before_a_torn_end_are_counted(journal: Journal, log: Path, writer: Writer) -> None:
    for n in range(5):
        writer.write(note_draft(f"note {n}"))
    with writer.lock_log(full_state=True) as file:
        file.rotate()
    rotated = next(path for path in log.parent.glob("sanity.2*.log"))
    with rotated.open("ab") as torn:
        torn.write(b"torn")
    live = journal.open_live()
    assert live is not None
    count = LineCounter(journal, LineFilter((MatchesPattern(Pattern("note")),)))
    list(count.count_to(Position(live, live.size())))
    assert count.total == 5
    with rotated.open("ab") as late:
        late.write(b"\na late note\n")
    list(count.count_to(Position(live, live.size())))
    assert count.total == 6
