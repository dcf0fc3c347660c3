"""What is kept of the search for clock steps: the next search gives what a search of every byte gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.store import clock_step_index
from threeam.core.store.clock_step_index import clock_step_offsets
from threeam.core.store.journal import Segment
from threeam.core.store.reader import Chunk, chunks_forward

NOTE = b"[2026-11-24T03:14:07.%09d+0000] [COFFEE: 0] [BY: bob@db1:7] note %d\n"
STEP = b"[2026-11-24T03:14:06.%09d+0000] [COFFEE: 0] [BY: bob@db1:7] WARNING: Clock stepped back 1 s.\n"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the result for files of any size, in a folder of the test; return where."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with patch.object(clock_step_index, "_MIN_KEPT_BYTES", 1):
        yield tmp_path / "cache" / "3am" / "clock-steps"


def log_of(kinds: str) -> bytes:
    """Return a line for each letter: s for a step of the clock, u for an unfinished one, and any other for a note."""
    return b"".join(_line(kind, number) for number, kind in enumerate(kinds))


def _line(kind: str, number: int) -> bytes:
    if kind in "su":
        return (STEP % number).removesuffix(b"\n" if kind == "u" else b"")
    return NOTE % (number, number)


def steps_in(data: bytes, end: int) -> list[int]:
    offsets, offset = [], 0
    for line in data.splitlines(keepends=True):
        if b"WARNING: Clock stepped back" in line and offset < end:
            offsets.append(offset)
        offset += len(line)
    return offsets


def written_segment(path: Path, data: bytes) -> Segment:
    path.write_bytes(data)
    return Segment(os.open(path, os.O_RDONLY), str(path))


def searched_bytes(path: Path, data: bytes) -> int:
    """Search ``data`` in the file at ``path``, check the result, and return how many bytes were searched."""
    segment = written_segment(path, data)
    starts: list[int] = []

    def search(segment: Segment, start: int, end: int) -> Iterator[Chunk]:
        starts.append(start)
        return chunks_forward(segment, start, end)

    with patch.object(clock_step_index, "chunks_forward", search):
        assert clock_step_offsets(segment, len(data)) == steps_in(data, len(data))
    return len(data) - starts[0]


@given(st.text("nnns", max_size=8), st.text("nnns", max_size=8), st.booleans())
def test_appended_lines_are_all_that_is_searched_again(
    tmp_path_factory: pytest.TempPathFactory, first: str, second: str, ends_unfinished: bool
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    data = log_of(first)
    searched_bytes(path, data + log_of("u") * ends_unfinished)
    more = data + log_of(second)
    assert searched_bytes(path, more) == (len(more) - len(data) if data else len(more))


@pytest.mark.parametrize("first", ["nsnn", "nnnn"])
@pytest.mark.parametrize("rewritten", ["nnsnn", "snnnn", "nn", ""])
def test_a_file_that_was_rewritten_is_searched_again(tmp_path: Path, first: str, rewritten: str) -> None:
    path = tmp_path / "log"
    searched_bytes(path, log_of(first))
    other = log_of(rewritten).replace(b"bob", b"eve")
    assert searched_bytes(path, other + log_of("n")) == len(other + log_of("n"))


def test_a_step_that_is_not_there_any_more_is_noticed(tmp_path: Path) -> None:
    path, data = tmp_path / "log", log_of("n" * 9 + "s" + "n" * 9)
    searched_bytes(path, data)
    blanked = data.replace(b"Clock", b"-----")  # as long, and far from both ends
    assert searched_bytes(path, blanked) == len(blanked)


@pytest.mark.parametrize("junk", [b"", b"{", b"[1]", b'{"end": 5, "digest": "", "offsets": [9]}', b"\xff"])
def test_what_cannot_be_parsed_is_ignored(tmp_path: Path, kept: Path, junk: bytes) -> None:
    path, data = tmp_path / "log", log_of("nsn")
    searched_bytes(path, data)
    (kept_file,) = kept.iterdir()
    kept_file.write_bytes(junk)
    assert searched_bytes(path, data) == len(data)


def test_an_earlier_end_gives_fewer_steps(tmp_path: Path) -> None:
    data = log_of("nsns")
    segment = written_segment(tmp_path / "log", data)
    assert clock_step_offsets(segment, len(data)) == steps_in(data, len(data))
    assert clock_step_offsets(segment, len(log_of("ns"))) == steps_in(data, len(log_of("ns")))


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    data = log_of("nsns")
    assert [searched_bytes(tmp_path / "log", data) for _ in range(2)] == [len(data)] * 2


def test_few_files_are_kept(tmp_path: Path, kept: Path) -> None:
    segments = [written_segment(tmp_path / f"log-{number}", log_of("nsn")) for number in range(5)]
    with patch.object(clock_step_index, "_MAX_KEPT_FILES", 3):
        for segment in segments:
            clock_step_offsets(segment, segment.size())
    assert len(list(kept.iterdir())) == 3
