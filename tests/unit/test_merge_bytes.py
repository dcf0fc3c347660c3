"""`3am merge` prints each line once, with all its bytes; its outputs and options agree with one another and sort -m."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter
from datetime import UTC
from itertools import product
from pathlib import Path

import pytest

from support.commands import Run, good
from support.timeline_truth import NIGHT_NS, Program, Row, Told, civil, events_of, merged_rows, table_writers, tell
from threeam.core.format.entry import Stamp
from threeam.timeline.arguments import SourceOptions, open_sources, source_names
from threeam.timeline.columns import merged_bytes

ISO = next(writer for writer in table_writers() if writer.has_zone and writer.resolution_ns == 1)


def stamp(second: int, fraction: str = "000000") -> bytes:
    """Return the stamp of a second of the night."""
    day = civil(NIGHT_NS + second * 1_000_000_000, UTC)
    return f"{day:%Y-%m-%dT%H:%M:%S}.{fraction}Z".encode()


def raw(run: Run, *args: str | Path) -> bytes:
    """Return what `merge -o raw` prints."""
    done = run("merge", "-o", "raw", *map(str, args))
    assert done.returncode == 0, done.stderr
    return done.stdout


def whole_lines(data: bytes) -> list[bytes]:
    """Return the lines of ``data``, the last one with a newline."""
    return [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")] if data else []


STAMPED = stamp(0) + b" first\n"
HOSTILE = {
    "crlf": b"".join(stamp(second) + b" line\r\n" for second in range(5)),
    "crlf with a continuation": stamp(0) + b" a\r\n\tat b\r\n" + stamp(1) + b" c\r\n",
    "no last newline": STAMPED + stamp(1) + b" second",
    "no last newline after a continuation": STAMPED + b"  at x",
    "a last CR without a newline": STAMPED + stamp(1) + b" second\r",
    "NUL": STAMPED + b"\0\0\0\n" + stamp(1) + b" a\0b\n",
    "a block of NUL, as after a crash": STAMPED + b"\0" * 70_000 + stamp(1) + b" later\n" + stamp(2) + b" end\n",
    "invalid UTF-8": STAMPED + stamp(1) + b" \xff\xfe\xc3\n\xf0\x9f\n",
    "a line of 1 MB": STAMPED + stamp(1) + b" " + b"x" * 1_000_000 + b"\n" + stamp(2) + b" end\n",
    "a first line of 1 MB": stamp(0) + b" " + b"x" * 1_000_000 + b"\n" + stamp(2) + b" end\n",
    "a continuation of 1 MB": STAMPED + b"y" * 1_000_000 + b"\n" + stamp(2) + b" end\n",
    "a late line of 1 MB": stamp(5) + b" a\n" + stamp(1) + b" " + b"x" * 1_000_000 + b"\n" + stamp(6) + b" end\n",
    "lines of 64 KiB": b"".join(stamp(second) + b" " + bytes([97 + second]) * 65_536 + b"\n" for second in range(9)),
    "lines of 64 KiB exactly": b"".join(
        (stamp(second) + b" " + b"z" * 65_536)[: 65_536 - 1] + b"\n" for second in range(9)
    ),
    "empty": b"",
    "one newline": b"\n",
    "empty lines": b"\n\n" + STAMPED + b"\n\n\n" + stamp(1) + b" x\n\n",
    "BOM": b"\xef\xbb\xbf" + STAMPED + stamp(1) + b" second\n",
    "BOM only": b"\xef\xbb\xbf",
    "continuations only": b"  at a\n  at b\n\tat c\n",
    "a header": b"# version 1\n# fields: a b\n" + STAMPED + stamp(1) + b" x\n",
    "a header and CRLF": b"# version 1\r\n" + STAMPED.replace(b"\n", b"\r\n"),
    "many continuations": STAMPED + b"".join(b"  frame %d\n" % number for number in range(5000)) + stamp(1) + b" x\n",
    "a late entry with continuations": stamp(5) + b" a\n  b\n" + stamp(1) + b" c\n  d\n\n  e\n" + stamp(6) + b" f\n",
    "a late last line without a newline": stamp(5) + b" a\n" + stamp(1) + b" c",
    "late lines that end the file": stamp(5) + b" a\n" + stamp(1) + b" c\n  d",
    "escape sequences": STAMPED + stamp(1) + b" \x1b]0;pwn\x07\x1b[2J\n",
    "vertical tabs and other line ends": STAMPED + stamp(1) + b" a\x0bb\x0cc\x85d\xe2\x80\xa8e\x1cf\n",
    "lone CR": STAMPED + stamp(1) + b" 10 %\r 20 %\r 30 %\n",
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("with_another", [False, True])
def test_each_line_is_printed_once_with_all_its_bytes(
    run_here: Run, tmp_path: Path, data: bytes, with_another: bool
) -> None:
    Path("hostile.log").write_bytes(data)
    other = b"".join(stamp(second, "500000") + b" other\n" for second in range(-2, 12))
    Path("other.log").write_bytes(other)
    files = ["hostile.log", "other.log"] if with_another else ["hostile.log"]
    expected = whole_lines(data) + (whole_lines(other) if with_another else [])
    printed = raw(run_here, *files)
    assert Counter(whole_lines(printed)) == Counter(expected)
    if not with_another and not data.startswith(stamp(5)):  # no line is late
        assert printed == b"".join(expected)


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_both_ways_to_print_raw_lines_agree(run_here: Run, tmp_path: Path, data: bytes) -> None:
    """Without a filter whole chunks are merged; with --strict, -n or --grep the lines are."""
    Path("hostile.log").write_bytes(data)
    Path("other.log").write_bytes(b"".join(stamp(second, "500000") + b" other\n" for second in range(-2, 12)))
    by_chunks = raw(run_here, "hostile.log", "other.log")
    for options in (("-n", "999999"), ("--grep", "")):
        assert raw(run_here, *options, "hostile.log", "other.log") == by_chunks, options
    strict = run_here("merge", "-o", "raw", "--strict", "hostile.log", "other.log")
    assert strict.stdout == by_chunks


def sort_m(paths: list[Path]) -> bytes:
    """Return what GNU sort -m makes of files that are sorted by their first field."""
    argv = ["sort", "-m", "-s", "-k1,1", *map(str, paths)]
    return subprocess.run(argv, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"}).stdout


@pytest.mark.parametrize("gap_ns", [0, 1, 1_000_000])
def test_raw_equals_sort_m_on_one_layout(run_here: Run, tmp_path: Path, gap_ns: int) -> None:
    rng = random.Random(gap_ns)
    programs = [Program(name, ISO) for name in "abcd"]
    paths = []
    for program in programs:
        ns, lines = NIGHT_NS, []
        for number in range(3000):
            ns += rng.choice((0, 0, gap_ns, gap_ns * 3))
            day = civil(ns, UTC)
            lines.append(f"{day:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09}Z {program.name} {number}\n")
        paths.append(tmp_path / f"{program.name}.log")
        paths[-1].write_text("".join(lines))
    assert raw(run_here, *paths) == sort_m(paths)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Four programs with buffers, continuations, coarse stamps and a shift."""
    rng = random.Random(11)
    writers = table_writers()
    coarse = next(writer for writer in writers if writer.has_zone and writer.resolution_ns == 1_000_000)
    programs = [
        Program("exact", ISO, buffers=3, buffered_lines=4, continuations=3),
        Program("coarse", coarse, buffers=2, buffered_lines=2),
        Program("shifted", ISO, error_ns=90_000_000, shift_ns=-90_000_000, bound_ns=5, continuations=2),
        Program("tidy", ISO),
    ]
    return tell(
        tmp_path_factory.mktemp("told"), rng, programs, events_of(rng, programs, 500, (0, 1000, 400_000, 30_000_000))
    )


def texts(rows: list[Row]) -> list[str]:
    """Return the lines of rows."""
    return [row["text"] for row in rows]


def test_all_outputs_have_the_same_lines_in_the_same_order(run_here: Run, told: Told) -> None:
    rows = merged_rows(run_here, *told.arguments)
    lines = good(run_here("merge", "-o", "raw", *told.arguments)).splitlines()
    assert texts(rows) == lines
    for output in ("short", "delta"):
        shown = good(run_here("merge", "-o", output, *told.arguments)).splitlines()
        assert len(shown) == len(rows)
        for row, line in zip(rows, shown, strict=True):
            assert row["text"] in line
            assert ("≈" in line.partition(row["source"])[0]) == (row["order"] == "unknown")
            assert ("↥" in line) == (row["late_ns"] > 0 and not row["continues"])


@pytest.mark.parametrize("count", [0, 7, 5000])
@pytest.mark.parametrize("pattern", ["", "event .*7", "nothing at all"])
def test_the_last_lines_are_those_that_end_the_whole_output(
    run_here: Run, told: Told, count: int, pattern: str
) -> None:
    grep = ("--grep", pattern) if pattern else ()
    rows = texts(merged_rows(run_here, *grep, *told.arguments))
    last = texts(merged_rows(run_here, *grep, "-n", str(count), *told.arguments))
    assert last == rows[len(rows) - min(count, len(rows)) :]
    assert good(run_here("merge", "-o", "raw", "-n", str(count), *grep, *told.arguments)).splitlines() == last


RANGE_POINTS = (-1, 0, 57, 400, 10_000)


@pytest.mark.parametrize(("first", "last"), [pair for pair in product(RANGE_POINTS, repeat=2) if pair[0] <= pair[1]])
def test_a_range_of_time_is_cut_out_of_the_whole_output(run_here: Run, told: Told, first: int, last: int) -> None:
    rows = merged_rows(run_here, *told.arguments)
    instants: list[int] = sorted(row["ns"] for row in rows)

    def instant(number: int) -> int:
        if number < 0:
            return instants[0] - 10**9
        return instants[number] if number < len(instants) else instants[-1] + 10**9

    since, until = instant(first), instant(last)
    options = ("--since", f"@{Stamp(since)}", "--until", f"@{Stamp(until)}")
    expected = texts([row for row in rows if since <= row["ns"] <= until])
    assert texts(merged_rows(run_here, *options, *told.arguments)) == expected
    assert good(run_here("merge", "-o", "raw", *options, *told.arguments)).splitlines() == expected
    assert texts(merged_rows(run_here, *options, "-n", "30", *told.arguments)) == expected[-30:]


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_what_stands_before_the_stamps_does_not_change_their_order(run_here: Run, tmp_path: Path, digits: int) -> None:
    """Thousands of lines, as the index scans them by whole chunks; the letter of the level is before each stamp."""
    rng = random.Random(digits)
    truth: list[tuple[int, str, str]] = []
    for source in "abc":
        ns = NIGHT_NS
        for number in range(4000):
            ns += rng.choice((0, 10 ** (9 - digits), 400_000_000))
            day = civil(ns, UTC)
            fraction = f",{ns % 10**9:09}"[: digits + 1] if digits else ""
            line = f"{rng.choice('DEIW')}, [{day:%Y-%m-%dT%H:%M:%S}{fraction} #42] INFO -- : {source} {number}"
            truth.append((ns // 10 ** (9 - digits), source, line))
        (tmp_path / f"{source}.log").write_text("".join(f"{line}\n" for _, name, line in truth if name == source))
    truth.sort(key=lambda row: row[:2])
    assert raw(run_here, "a.log", "b.log", "c.log").decode().splitlines() == [line for *_, line in truth]


@pytest.mark.parametrize("changed", ["2026-11-24T03:14:0", "garbage ", "\n" * 18])
def test_a_file_that_is_changed_in_place_while_it_is_read_loses_no_line(tmp_path: Path, changed: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(stamp(second) + b" line\n" for second in range(20_000)))
    opened = open_sources(source_names([str(path)]), SourceOptions({}, {}, {}, {}))
    (source,) = opened.sources
    source.make_index()
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(changed.encode() * 1000)
    assert b"".join(merged_bytes(opened.sources)) == path.read_bytes()
