"""Lines of other logs as evidence: which bytes are copied, and which time they state."""

from __future__ import annotations

import gzip
import os
import tempfile
import time
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.cited_logs import WEB1, cited, opened
from threeam.core.errors import BadInput, PreconditionFailed
from threeam.core.format.entry import BOM
from threeam.core.redact.redact import Redactor
from threeam.core.store.reader import lines_forward
from threeam.timeline.citation import (
    MAX_CITED_BYTES,
    cite_line,
    read_citation,
)
from threeam.timeline.instant import Timestamp
from threeam.timeline.missing_date import UnclearStamps
from threeam.timeline.source import FIRST_KEY

STAMP_NS = 1_795_490_047_100_900_000  # 2026-11-24T03:14:07.1009Z


@pytest.fixture
def web1(tmp_path: Path) -> Path:
    path = tmp_path / "web1.log"
    path.write_bytes(WEB1)
    return path


def assumptions(path: Path) -> tuple[str, ...]:
    detection = opened(path).detection
    assert detection is not None
    assert detection.assumptions, "the zone is not in the file"
    return detection.assumptions


# --- which bytes


def test_an_entry_is_cited_with_its_continuation_lines(web1: Path) -> None:
    citation = cited(web1, 2)
    assert citation.content == b"".join(WEB1.splitlines(keepends=True)[1:4]).replace(b"hunter22", b"***")
    assert (citation.line_number, citation.path) == (2, str(web1))
    assert citation.timestamp == Timestamp(STAMP_NS, 1000)
    assert citation.notes == (*assumptions(web1), "secrets replaced by ***")
    assert citation.evidence_text("") == "web1.log:2 @03:14:07.100900 INFO app[11] delete cart=42 password=***"
    assert citation.evidence_text(" deleted first ") == "web1.log:2 @03:14:07.100900 deleted first"


@pytest.mark.parametrize("number", [3, 4])
def test_a_line_without_a_stamp_is_cited_with_the_entry_that_it_belongs_to(web1: Path, number: int) -> None:
    assert cited(web1, number) == cited(web1, 2)


def test_without_timestamps_each_line_is_an_entry(tmp_path: Path) -> None:
    path = tmp_path / "plain.log"
    path.write_bytes(b"start\n  delete cart=42\nend\n")
    citation = cited(path, 2)
    assert (citation.content, citation.timestamp, citation.notes) == (b"  delete cart=42\n", None, ())
    assert citation.evidence_text("") == "plain.log:2   delete cart=42"


def test_lines_before_the_first_timestamp_are_entries_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "web1.log"
    path.write_bytes(b"=== boot ===\n" + WEB1)
    citation = cited(path, 1)
    assert (citation.content, citation.timestamp) == (b"=== boot ===\n", None)


def test_a_line_on_the_screen_is_cited_by_its_number_in_the_file(web1: Path) -> None:
    source = opened(web1)
    rows = list(source.lines_after(FIRST_KEY))
    assert [cite_line(source, row.line) for row in rows] == [cited(web1, number) for number in range(1, 6)]
    assert [cite_line(source, row.line).line_number for row in rows] == [1, 2, 2, 2, 5]


def test_a_line_of_a_log_that_was_truncated_since_is_refused(web1: Path) -> None:
    source = opened(web1)
    *_, last = lines_forward(source.segment)
    os.truncate(web1, 10)
    with pytest.raises(PreconditionFailed, match="was truncated: the line is not in it any more"):
        cite_line(source, last)


def test_a_compressed_log_is_cited_by_the_lines_of_its_content(tmp_path: Path, web1: Path) -> None:
    packed = tmp_path / "web1.log.1.gz"
    packed.write_bytes(gzip.compress(WEB1))
    assert cited(packed, 3) == cited(web1, 3)._replace(source="web1.log.1.gz", path=str(packed))


def test_a_byte_order_mark_and_line_ends_of_another_system_stay_in_the_copy_alone(tmp_path: Path) -> None:
    path = tmp_path / "win.log"
    path.write_bytes(BOM + WEB1.replace(b"\n", b"\r\n"))
    citation = cited(path, 1)
    assert citation.content == BOM + b"2026-11-24 03:14:07.100200 INFO app[11] start req=9f3\r\n"
    assert citation.evidence_text("") == "win.log:1 @03:14:07.100200 INFO app[11] start req=9f3"
    source = opened(path)
    assert cite_line(source, next(lines_forward(source.segment))) == citation


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("2026-11-24T03:14:07.100900Z delete", "@03:14:07.100900 delete"),
        ("2026-11-24T04:14:07.100900+01:00 delete", "@04:14:07.100900 delete"),
        ("[2026-11-24 03:14:07.100900] delete", "@03:14:07.100900 delete"),
        ("[Tue Nov 24 03:14:07.100900 2026] [core:notice] delete", None),
        ("Nov 24 03:14:07 web1 app[11]: delete", "@03:14:07 web1 app[11]: delete"),
        ("<14>Nov 24 03:14:07 web1 app[11]: delete", "@03:14:07 web1 app[11]: delete"),
        ('::1 - - [24/Nov/2026:03:14:07 +0000] "GET /"', '@03:14:07 ::1 - - [24/Nov/2026:03:14:07 +0000] "GET /"'),
        ("1795490047.100900 delete", "@1795490047.100900 delete"),
        ("1795490047.100900 restart at 05:22:07", "@1795490047.100900 restart at 05:22:07"),
    ],
)  # fmt: skip
def test_the_stamp_of_a_line_stands_before_its_excerpt_as_the_line_has_it(
    tmp_path: Path, line: str, text: str | None
) -> None:
    path = tmp_path / "any.log"
    path.write_text(f"{line}\n" * 3)
    citation = cited(path, 2)
    assert citation.timestamp is not None, "the format is known"
    assert citation.timestamp.ns // 10**9 == STAMP_NS // 10**9
    assert text is None or citation.evidence_text("") == f"any.log:2 {text}"


def test_a_named_log_is_cited_by_that_name(tmp_path: Path, web1: Path) -> None:
    assert read_citation(f"shop={web1}:5").evidence_text("") == ("shop:5 @03:14:07.140000 ERROR app[11] 0 rows updated")


def test_stamps_that_do_not_say_which_time_they_mean_are_not_read(web1: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise UnclearStamps("the dates can be day/month or month/day")

    monkeypatch.setattr("threeam.timeline.citation.open_source", refuse)
    citation = cited(web1, 1)
    assert (citation.timestamp, citation.content) == (None, WEB1.splitlines(keepends=True)[0])
    assert citation.notes == ("no time was read: 3am sources says why",)


def test_a_stamp_of_the_hour_that_occurred_twice_is_read_only_if_the_file_shows_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        path = tmp_path / "autumn.log"
        clock = [(1, 59), (2, 30), (2, 59), (2, 0), (2, 30), (3, 0)]  # from 2:59 it went back to 2:00
        path.write_bytes(b"".join(b"2026-10-25 %02d:%02d:00.5 tick\n" % shown for shown in clock))
        times = [cited(path, number).timestamp for number in range(1, 7)]
        assert [stamp is not None and (stamp.ns - times[0].ns) // (60 * 10**9) for stamp in times if times[0]] == [
            0, 31, 60, 61, 91, 121,
        ]  # fmt: skip
        source = opened(path)  # and not scanned yet, as on a screen that has just been opened
        citations = [cite_line(source, line) for line in lines_forward(source.segment)]
        assert [citation.timestamp is None for citation in citations] == [False, True, True, True, True, False]
        assert citations[1].notes == ("its clock showed this hour twice",)
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.lists(st.binary(max_size=5).map(lambda raw: raw.replace(b"\n", b"")), max_size=6), st.booleans())
def test_a_line_number_is_that_of_every_editor(raws: list[bytes], is_finished: bool) -> None:
    data = b"\n".join(raws) + (b"\n" if is_finished and raws else b"")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.log"
        path.write_bytes(data)
        lines = data.split(b"\n")
        count = len(lines) - (not lines[-1])
        for number in range(1, count + 1):
            citation = cited(path, number)
            assert citation.content.removesuffix(b"\n") == (Redactor()(lines[number - 1]))
        with pytest.raises(PreconditionFailed, match=rf"has no line {count + 1}: it has (?:no lines|{count} lines?)$"):
            cited(path, count + 1)


def test_a_reference_is_a_file_and_a_number(web1: Path) -> None:
    for reference in ("web1.log", "web1.log:", ":3", "web1.log:x", "web1.log:-1", "web1.log:0", "web1.log:٣"):
        with pytest.raises(BadInput, match="line"):
            read_citation(reference)
    assert read_citation("web1.log:1").content == WEB1.splitlines(keepends=True)[0]


def test_a_long_line_is_cut_and_the_cut_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(b"2026-11-24 03:14:07.100900 " + "é".encode() * 1024 * 1024 + b"\nnext\n")
    citation = cited(path, 1)
    mark = b"\n[3am: the rest of the entry is left out here]\n"
    assert citation.content.endswith(mark)
    assert MAX_CITED_BYTES - 4 < len(citation.content) - len(mark) <= MAX_CITED_BYTES
    citation.content.decode()  # no character is cut
    assert citation.notes == (*assumptions(path), "only the first 256 KiB")
    assert len(citation.evidence_text("")) < 250


def test_an_entry_with_many_continuation_lines_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "trace.log"
    later = b"".join(b"2026-11-24 03:14:%02d.100900 tick\n" % second for second in range(8, 60))
    path.write_bytes(WEB1 + b"2026-11-24 03:14:07.200900 boom\n" + b"  at x\n" * 50_000 + later)
    citation = cited(path, 6)
    assert MAX_CITED_BYTES < len(citation.content) < MAX_CITED_BYTES + 100
    assert citation.notes == (*assumptions(path), "only the first 256 KiB")


def test_a_secret_at_the_cut_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    token = b"ghp_" + b"a1B2" * 9  # its first half alone is not known as a secret
    path.write_bytes(b"x" * (MAX_CITED_BYTES - 20) + b" " + token + b" " + b"y" * 1000 + b"\n")
    assert b"a1B2" not in cited(path, 1).content


def test_a_line_of_a_private_key_that_began_before_it_is_no_evidence(tmp_path: Path) -> None:
    path = tmp_path / "key.log"
    key_line = b"MIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW9p"
    path.write_bytes(b"loading\n-----BEGIN RSA PRIVATE KEY-----\n" + key_line + b"\n-----END RSA PRIVATE KEY-----\n")
    assert key_line not in cited(path, 3).content
