"""Keys and their timestamps in files: read a chunk at a time, as if each line were read alone."""

from __future__ import annotations

import threading
from itertools import dropwhile
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.log_sources import BASE_NS, source_of, stamped
from support.two_hosts import simulate
from threeam.core.format.entry import Stamp
from threeam.core.store import reader
from threeam.core.store.regex import CapturingRegex
from threeam.timeline.align_sources import _keyed_lines, align_by_key
from threeam.timeline.instant import Order, Timestamp
from threeam.timeline.merge import merged_after, order_between
from threeam.timeline.source import Source

KEY = CapturingRegex(r"req=(\w*)", "key")
words = st.sampled_from([b"req=1", b"a req=2 req=3", b"nothing", b"req=", b"\xff req=4", "é req=5".encode(), b""])
lines = st.lists(st.tuples(st.booleans(), words, st.sampled_from([b"\n", b"\n", b"\r\n"])), min_size=1, max_size=40)


def read_alone(source: Source) -> list[tuple[bytes, Timestamp | None]]:
    """Return the keys of the lines with the timestamps of their entries, from the first timestamp on."""
    placed_lines = source.lines_in_file_order()
    from_first = dropwhile(lambda placed: source.read_timestamp(placed.line) is None, placed_lines)
    return [(key, placed.timestamp) for placed in from_first if (key := KEY.capture(placed.line.raw))]


@given(lines, st.sampled_from([64, 100, 300, reader.CHUNK_BYTES]), st.booleans())
def test_a_file_is_read_as_if_each_line_were_read_alone(
    written: list[tuple[bool, bytes, bytes]], chunk_bytes: int, is_finished: bool
) -> None:
    data = b"".join(
        (stamped(BASE_NS + number * 10**6).encode() + b" " if has_stamp else b"    ") + text + end
        for number, (has_stamp, text, end) in enumerate(written)
    )
    with TemporaryDirectory() as folder:
        path = Path(folder, "app.log")
        path.write_bytes(data if is_finished else data.rstrip(b"\r\n"))
        source = source_of(path)
        if source.detection is None:
            return
        with patch.object(reader, "CHUNK_BYTES", chunk_bytes):
            assert list(_keyed_lines(source, KEY)) == read_alone(source)


def test_many_lines_that_continue_one_entry_take_linear_time(tmp_path: Path) -> None:
    """Each of them is looked at a few times, not once for each line after it."""
    path = tmp_path / "app.log"
    begins = [stamped(BASE_NS + number, "begin") + "\n" for number in range(500)]
    path.write_text("".join([*begins, "    req=1 at a line of a stack\n" * 100_000, *begins[250:]]))
    source = source_of(path)
    calls = 0
    read = Source.read_timestamp

    def counted(self: Source, line: reader.Line) -> Timestamp | None:
        nonlocal calls
        calls += 1
        return read(self, line)

    assert source.make_index() is not None
    with patch.object(Source, "read_timestamp", counted):
        assert sum(1 for _ in _keyed_lines(source, KEY)) == 100_000
    assert calls < 300_000


def test_a_long_line_and_a_pattern_that_backtracks_take_bounded_time(tmp_path: Path) -> None:
    for name, ns in (("web1", 0), ("web2", 5000)):
        text = "(x+x+)+y " + "x" * 3_000_000
        path = tmp_path / f"{name}.log"
        path.write_text("".join(stamped(BASE_NS + ns + n, text if n == 1 else f"req={n}") + "\n" for n in range(5)))
    sources = source_of(tmp_path / "web1.log"), source_of(tmp_path / "web2.log", 1)
    finished = threading.Event()

    def work() -> None:
        align_by_key(*sources, CapturingRegex(r"(?:(?:x+x+)+y|req=(?P<key>\w+))", "key"))
        finished.set()

    threading.Thread(target=work, daemon=True).start()
    assert finished.wait(30)


@pytest.mark.parametrize("seed", range(40))
def test_files_that_were_aligned_are_merged_without_a_false_order(tmp_path: Path, seed: int) -> None:
    """Each line has its true time in its text; between two lines of different hosts it must allow what is claimed."""
    logs = simulate(seed, requests=200)
    for name, log in (("web1", logs.a), ("web2", logs.b)):
        digits = len(str(10**9 // log[0].stamp.resolution_ns)) - 1
        times = (str(Stamp(line.stamp.ns))[: 20 + digits].rstrip(".") for line in log)
        texts = (f"{at}Z {line.raw.decode()} true={line.true_ns}\n" for at, line in zip(times, log, strict=True))
        (tmp_path / f"{name}.log").write_text("".join(texts))
    caller, called = source_of(tmp_path / "web1.log"), source_of(tmp_path / "web2.log", 1)
    correction = align_by_key(caller, called, KEY).correction
    assert correction is not None
    called.correction = correction
    lines = list(merged_after([caller, called]))
    assert len(lines) == len(logs.a) + len(logs.b)
    true_ns = [int(placed.line.raw.rpartition(b"=")[2]) for placed in lines]
    claimed = 0
    for distance in (1, 2, 5, 20):
        for number in range(len(lines) - distance):
            first, second = lines[number], lines[number + distance]
            if first.source is second.source:
                continue
            order = order_between(second, first)
            assert order is not Order.AFTER or true_ns[number] < true_ns[number + distance]
            assert order is not Order.BEFORE or true_ns[number + distance] < true_ns[number]
            claimed += order is not Order.UNKNOWN
    assert claimed or correction.bound_ns is None or correction.bound_ns > 10**6
