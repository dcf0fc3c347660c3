"""The JSONL of an export, imported again: the same log byte for byte, and no line more."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.commands import Run
from support.exports import AFTER, BEFORE, any_log, good, lines_in, refused, rows, write_rotated_night
from support.lines import HARMFUL
from threeam.cli.main import main
from threeam.core.store import reader
from threeam.core.store.journal import resolve_journal
from threeam.hypotheses.quotations import QuotationReader
from threeam.reports.export_records import (
    InvalidRecord,
    RecordDecoder,
    csv_header,
    csv_rows,
    json_lines,
    record_to_bytes,
)
from threeam.tracing.observations import IntervalSet


@pytest.fixture
def night(log: Path) -> Path:
    """A night with all that there is to export, rotated in its middle."""
    write_rotated_night(log)
    return log


def test_the_jsonl_gives_the_log_back_byte_for_byte(run: Run, night: Path, tmp_path: Path) -> None:
    exported = good(run("export", "jsonl"))
    (tmp_path / "night.jsonl").write_bytes(exported)
    (rotated,), new = night.parent.glob("sanity.2*.log"), tmp_path / "new.log"
    raw = rotated.read_bytes() + AFTER  # without the lines that the rotation repeats
    done = run("--log", str(new), "import", str(tmp_path / "night.jsonl"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert new.read_bytes() == raw
    assert not list(tmp_path.glob("*.creating"))
    assert (new.stat().st_mode & 0o777) == 0o600
    assert good(run("--log", str(new), "export", "jsonl")) == exported


def test_stdin_is_imported(run: Run, night: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.log"
    exported = good(run("export", "jsonl"))
    assert run("--log", str(new), "import", "-", stdin=exported).returncode == 0
    assert new.read_bytes().endswith(AFTER)


def test_an_imported_journal_goes_on(run: Run, tmp_path: Path, log: Path) -> None:
    log.write_bytes(BEFORE)
    exported = good(run("export", "jsonl"))
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", "-", stdin=exported).returncode == 0
    assert run("--log", str(new), "hyp", "new", "another").returncode == 0
    assert b"[H3: open]" in new.read_bytes()


@pytest.mark.parametrize("there", [b"", b"mine\n"], ids=["empty", "not-empty"])
def test_an_existing_journal_is_refused_and_stays(run: Run, log: Path, tmp_path: Path, there: bytes) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(json.dumps({"raw": base64.b64encode(b"x").decode()}) + "\n")
    log.write_bytes(there)
    assert str(log) in refused(run("import", str(file)), 1)
    assert log.read_bytes() == there


GOOD = json.dumps({"raw": base64.b64encode(b"x").decode()})
AT = "2026-11-24T03:14:07.123456789+0000"


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        "",
        "7",
        "[]",
        '"text"',
        "null",
        "{}",
        '{"raw": 7}',
        '{"raw": "not base64!"}',
        '{"raw": "\\u2603"}',
        json.dumps({"at": AT, "coffee": 0, "tags": []}),
        json.dumps({"at": AT, "coffee": 0, "text": "x"}),
        json.dumps({"at": "yesterday", "coffee": 0, "tags": [], "text": "x"}),
        json.dumps({"at": 7, "coffee": 0, "tags": [], "text": "x"}),
        json.dumps({"at": AT, "coffee": "many", "tags": [], "text": "x"}),
        json.dumps({"at": AT, "coffee": 0, "tags": [["A"]], "text": "x"}),
        json.dumps({"at": AT, "coffee": 0, "tags": 7, "text": "x"}),
        "[" * 100_000,
        '{"raw": ',
    ],
    ids=lambda bad: bad[:30],
)
def test_what_is_not_a_record_is_reported_with_its_line_and_leaves_no_log(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path, bad: str
) -> None:

    file = tmp_path / "bad.jsonl"
    file.write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    assert main(["import", str(file)]) == 2
    stderr = capfd.readouterr().err
    assert "line 2" in stderr
    assert len(stderr.splitlines()) == 1
    assert not log.exists()
    assert not list(tmp_path.glob("*.creating"))


RAW = base64.b64encode(b"x").decode()


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([{"raw": RAW}, {"raw": RAW, "unfinished": True}, {"raw": RAW}], "line 2: it is unfinished"),
        ([{"raw": RAW, "more": 1}], "line 1: 1 bytes of its line are missing"),
        ([{"raw": RAW, "more": 1}, {"raw": RAW}], "line 2: the rest of a long line is missing before it"),
        ([{"raw": RAW, "more": 1}, {"raw": RAW, "continues": True, "more": 3}], "line 2: its 'more'"),
        ([{"raw": RAW, "continues": True}], "line 1: it continues no line"),
        ([{"raw": RAW, "more": "1"}], "line 1: its 'more'"),
    ],
)
def test_lines_are_never_glued_to_each_other(
    run: Run, log: Path, tmp_path: Path, records: list[dict[str, object]], words: str
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    done = run("import", str(file))
    assert (done.returncode, log.exists()) == (2, False)
    assert words in done.stderr.decode()


def test_a_torn_line_at_the_end_of_a_rotated_file_is_ended(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(BEFORE)
    assert run("rotate").returncode == 0
    (rotated,) = log.parent.glob("sanity.2*.log")
    with rotated.open("ab") as file:
        file.write(b"torn")
    exported = good(run("export", "jsonl"))
    (tmp_path / "night.jsonl").write_bytes(exported)
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", str(tmp_path / "night.jsonl")).returncode == 0
    assert new.read_bytes().startswith(BEFORE + b"torn\n")


def test_an_endless_line_is_refused(run: Run, log: Path) -> None:
    done = run("import", "/dev/zero")
    assert (done.returncode, log.exists()) == (2, False)
    assert b"line 1: it is longer than the limit of 16 MiB" in done.stderr


def test_a_long_line_is_exported_in_pieces_and_imported_whole(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(BEFORE[:-1] + b"x" * 3_000_000 + b"\n" + b"\0" * 2_000_000)
    exported = good(run("export", "jsonl"))
    assert max(map(len, exported.splitlines())) < 3_000_000
    (tmp_path / "night.jsonl").write_bytes(exported)
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", str(tmp_path / "night.jsonl")).returncode == 0
    assert new.read_bytes() == log.read_bytes()


def test_a_file_that_is_not_there_is_reported(run: Run, log: Path, tmp_path: Path) -> None:
    assert "nowhere" in refused(run("import", str(tmp_path / "nowhere")), 3)
    assert not log.exists()


def test_bad_bytes_are_no_json(run: Run, log: Path) -> None:
    done = run("import", "-", stdin=b"\xff\xfe\x00\n")
    assert "line 1" in refused(done, 2)
    assert not log.exists()


def test_a_record_is_no_way_to_forge_a_second_line() -> None:
    fine = {"at": AT, "coffee": 0, "tags": [["BY", "x@y:1"]], "text": "a"}
    assert record_to_bytes(fine).count(b"\n") == 1
    for forged in (
        {"tags": [["BY", "x] [H1: refuted"]]},
        {"tags": [["A\nB", "x"]]},
        {"tags": [["by", "x"]]},
        {"text": "a\nb [H2: open]"},
        {"coffee": -5},
        {"coffee": 1e400},
        {"raw": "YQpi"},
    ):
        with pytest.raises(InvalidRecord):
            record_to_bytes(fine | forged)
    with pytest.raises(InvalidRecord):
        record_to_bytes([fine])


def line_of_row(row: dict[str, str]) -> bytes:
    """The line that a row of the CSV is of: no byte is lost there either."""
    cells = {name: cell[1:] if cell.startswith("'") else cell for name, cell in row.items()}
    record: dict[str, object] = dict(cells)
    if cells["at"] and not cells["raw"]:
        del record["raw"]
        record["tags"] = json.loads(cells["tags"])
        record["coffee"] = int(cells["coffee"])
    record["unfinished"] = cells["unfinished"] == "True"
    return record_to_bytes(record)


@given(
    any_log,
    st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")),
    st.sampled_from([8, 30, reader.MAX_HELD_LINE_BYTES]),
)
@example(b"", b"", 8)
@example(b"\n\n\n", b"", 8)
@example(b"", b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] unfinished", reader.MAX_HELD_LINE_BYTES)
@example(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 007] x\n", b"", reader.MAX_HELD_LINE_BYTES)
@example(
    b"[2026-11-24T03:14:07.123456789-0000] [COFFEE: 0] x\n[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0]\n",
    b"",
    reader.MAX_HELD_LINE_BYTES,
)
@example(b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] a\r\n", b"\r", reader.MAX_HELD_LINE_BYTES)
@example(
    b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] \\[H1: open] \\\\[H1: open]\n",
    b"\xff",
    reader.MAX_HELD_LINE_BYTES,
)
@example(
    "[2026-11-24T03:14:07.123456789+0000] [COFFEE: 0] \u2028 \u202e \x1b \x85\n".encode(),
    b"",
    reader.MAX_HELD_LINE_BYTES,
)
def test_any_log_is_the_same_after_export_and_import(whole: bytes, torn: bytes, held: int) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(reader, "MAX_HELD_LINE_BYTES", held),
        patch.object(reader, "CHUNK_BYTES", min(held, reader.CHUNK_BYTES)),
    ):
        log = Path(folder) / "any.log"
        log.write_bytes(whole + torn)
        lines, quotations = lines_in(log), QuotationReader(resolve_journal(str(log)))
        shown = [text for line in lines for text in json_lines(line, IntervalSet(), quotations)]
        records = RecordDecoder()
        assert b"".join(records.decode(json.loads(line)) for line in shown) == whole + torn
        records.check_complete()
        for row in shown:
            assert row.count("\n") == 1
            assert not HARMFUL.search(row[:-1]), "a terminal is not driven by it"
        cells = csv_header() + "".join(text for line in lines for text in csv_rows(line, IntervalSet()))
        assert b"".join(map(line_of_row, rows(cells))) == whole + torn
