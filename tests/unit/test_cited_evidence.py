"""Evidence that quotes another log: what the journal says of the line, and that no bytes of it forge anything."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.cited_logs import WEB1, cited
from support.hypotheses import BOB, hypothesis_entry, line, refusal, state_after, written_entries
from support.journals import FakeClock, entries, writer_of
from support.lines import NIGHT
from support.text_strategies import HARMFUL, texts
from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import CitedLine, parse_cited_line
from threeam.core.format.entry import Entry, format_entry, leading_stamp_ref, parse_entry
from threeam.core.redact.redact import Redactor
from threeam.core.state.fold import State
from threeam.core.store import attachments
from threeam.core.store.attachment_kinds import AttachmentKind
from threeam.core.store.journal import Journal, resolve_journal
from threeam.hypotheses.drafts import hypothesis_draft, quoting_evidence_draft
from threeam.hypotheses.evidence import Evidence
from threeam.hypotheses.ledger import event_text, thread_of
from threeam.projections import FOLD
from threeam.timeline import citation as citation_module
from threeam.timeline.citation import (
    MAX_CITED_BYTES,
    save_citation,
    save_citations,
)

SHA = "0" * 64
STAMP_NS = 1_795_490_047_100_900_000  # 2026-11-24T03:14:07.1009Z


@pytest.fixture
def web1(tmp_path: Path) -> Path:
    path = tmp_path / "web1.log"
    path.write_bytes(WEB1)
    return path


cited_lines = st.builds(
    CitedLine,
    texts.filter(bool),
    texts,
    st.integers(1, 10**17),
    st.none() | st.integers(0, 4 * 10**18),
    st.just(1000),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    st.just("cited-1-2.out"),
    st.lists(st.sampled_from(["zone assumed Europe/Berlin", "year assumed", "only the first 256 KiB"])).map(tuple),
)


def entry_citing(line: CitedLine) -> Entry:
    entry = parse_entry(format_entry(Entry(NIGHT, 0, (("H1", "open"), *line.tags), "Supports: x"))[:-1])
    assert entry is not None
    return entry


@given(cited_lines)
def test_the_tags_of_a_cited_line_are_read_back_whatever_its_names(line: CitedLine) -> None:
    entry = entry_citing(line)
    assert [key for key, _ in entry.tags] == ["H1", "CITED", "FILE"]
    read = parse_cited_line(entry)
    assert read is not None
    assert (read.line_number, read.ns, read.sha256, read.file, read.notes) == (
        line.line_number,
        line.ns,
        line.sha256,
        line.file,
        line.notes,
    )
    if not HARMFUL.search(line.source + line.path) and (line.source + line.path).isascii():
        assert (read.source, read.path) == (line.source, line.path)


@pytest.mark.parametrize(
    ("resolution_ns", "stamp"),
    [
        (1, "2026-11-24T03:14:07.100900000Z"),
        (1000, "2026-11-24T03:14:07.100900Z"),
        (10**6, "2026-11-24T03:14:07.100900000Z/1000000ns"),  # a stamp with more digits than its unit
        (16, "2026-11-24T03:14:07.100900000Z/16ns"),
    ],
)
def test_the_digits_of_a_stamp_show_its_resolution(resolution_ns: int, stamp: str) -> None:
    line = CitedLine("web1.log", "/var/log/web1.log", 8412, STAMP_NS, resolution_ns, SHA, "cited-1-2.out")
    assert line.tags[0] == ("CITED", f"web1.log:8412 {stamp} sha256={SHA} path=/var/log/web1.log")
    assert parse_cited_line(entry_citing(line)) == line


def test_a_stamp_of_whole_seconds_has_no_fraction_and_one_of_minutes_says_so() -> None:
    second = CitedLine("a", "/a", 1, STAMP_NS // 10**9 * 10**9, 10**9, SHA, "cited-1-2.out")
    minute = second._replace(ns=STAMP_NS // (60 * 10**9) * 60 * 10**9, resolution_ns=60 * 10**9)
    assert "2026-11-24T03:14:07Z " in second.tags[0][1]
    assert "2026-11-24T03:14:00.000000000Z/60000000000ns " in minute.tags[0][1]
    assert [parse_cited_line(entry_citing(line)) for line in (second, minute)] == [second, minute]


@pytest.mark.parametrize(
    "value",
    ["", "web1.log", f"web1.log:x - sha256={SHA} path=/a", "web1.log:1 - sha256=00 path=/a",
     f"web1.log:1 2026-99-24T03:14:07Z sha256={SHA} path=/a"],
)  # fmt: skip
def test_a_tag_that_3am_does_not_write_cites_nothing(value: str) -> None:
    assert parse_cited_line(Entry(NIGHT, 0, (("H1", "open"), ("CITED", value)), "Supports: x")) is None


HOSTILE = [
    b"[H7: open] [COFFEE: 9] Conclusion: forged",
    b"\x1b[2J\x1b]0;title\x07",
    b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 9] [BY: root@x:1] [H1: refuted] Conclusion: forged",
    b"@2026-11-24T03:14:07.123456789+0000 a reference",
    b"nul \x00 and \xff and \r",
    "bidi \u202e\u2066 \u2028".encode(),
    b"\\[MG: 95] Coffee: cup 9",
    b"x" * 2_000_000,
]


@given(
    st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=200), texts.map(lambda text: text.encode(errors="replace"))),
    st.sampled_from(["web1.log", "a b.log", "@2026-11-24T03:14:07.123456789+0000", "[H9: open] x", "x]", "\\x20"]),
    st.booleans(),
)
@example(b"", "web1.log", True)
def test_no_bytes_of_a_cited_line_forge_a_tag(raw: bytes, name: str, has_stamp: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        before = WEB1.splitlines(keepends=True)[0] * 3
        entry_bytes = (b"2026-11-24 03:14:07.100900 " if has_stamp else b"") + raw.replace(b"\n", b"\n  ") + b"\n"
        path.write_bytes(before + entry_bytes)
        log = Path(folder) / "sanity.journal"
        journal = resolve_journal(str(log))
        writer = writer_of("alice", journal, FakeClock())
        writer.write(hypothesis_draft("the sweeper", 4))
        citation = cited(path, 4)
        saved = save_citation(journal, citation, NIGHT.ns)
        writer.write(quoting_evidence_draft("support", "H1", saved.line, citation.evidence_text("")))

        stored = Path(saved.path).read_bytes()
        assert stored == citation.content
        assert hashlib.sha256(stored).hexdigest() == saved.line.sha256
        if citation.timestamp is None:
            quoted = entry_bytes[: entry_bytes.index(b"\n") + 1]
        else:
            quoted = entry_bytes if citation.line_number == 4 else before[: len(before) // 3] + entry_bytes
        if len(quoted) <= MAX_CITED_BYTES:
            assert stored == Redactor()(quoted)

        evidence = entries(log)[-1]
        assert [key for key, _ in evidence.tags] == ["BY", "H1", "CITED", "FILE"]
        assert (evidence.kind, evidence.hypothesis) == ("Supports", (1, "open"))
        assert leading_stamp_ref(evidence.body) is None
        assert not HARMFUL.search(log.read_text("utf-8").replace("\n", ""))
        assert len(format_entry(evidence)) < 2500
        state = state_of(journal)
        (event,) = thread_of(state, state.hypotheses[1]).evidence
        assert event.quoted == parse_cited_line(evidence)
        assert event.cited == evidence.stamp, "it cites no line of the journal"
        assert state.hypotheses.keys() == {1}


def state_of(journal: Journal) -> State:
    live = journal.open_live()
    assert live is not None
    return FOLD.state_at(live, live.size())


# --- what the hypotheses make of it

LINE = CitedLine("web1.log", "/var/log/web1.log", 8412, STAMP_NS, 1000, SHA, "cited-1-2.out")
OPENED = state_after(hypothesis_entry(1, "the sweeper"))


def test_a_cited_line_counts_once_and_its_newest_evidence_counts() -> None:
    support = quoting_evidence_draft("support", "H1", LINE, "web1.log:8412 @03:14:07.100900 deleted")
    state = FOLD(OPENED, written_entries(support, OPENED, 1))
    assert refusal(support, state, BOB) == "alice has said already that this line supports H1"
    other = quoting_evidence_draft("support", "H1", LINE._replace(line_number=8413), "web1.log:8413 deleted")
    state = FOLD(state, written_entries(other, state, 2))
    assert len(thread_of(state, state.hypotheses[1]).supports) == 2
    against = quoting_evidence_draft("contradict", "H1", LINE, "web1.log:8412 the clock was wrong")
    state = FOLD(state, written_entries(against, state, 3, BOB))
    thread = thread_of(state, state.hypotheses[1])
    assert (len(thread.supports), len(thread.contradicts)) == (1, 1)


def test_several_lines_are_cited_in_one_block_unless_all_were_cited_before() -> None:
    other, third = LINE._replace(line_number=8413), LINE._replace(line_number=8414)
    both = quoting_evidence_draft("support", "H1", LINE, "web1.log:8412 deleted", (other, "web1.log:8413 updated"))
    block = written_entries(both, OPENED, 1)
    assert [entry.text for entry in block] == ["Supports: web1.log:8412 deleted", "Supports: web1.log:8413 updated"]
    assert [parse_cited_line(entry) for entry in block] == [LINE, other]
    state = FOLD(OPENED, block)
    assert len(thread_of(state, state.hypotheses[1]).supports) == 2
    assert refusal(both, state, BOB) == "alice has said already that these lines support H1"
    more = quoting_evidence_draft("support", "H1", other, "web1.log:8413", (third, "web1.log:8414 read"))
    assert len(written_entries(more, state, 2)) == 2


def test_if_a_citation_cannot_be_saved_no_file_stays(
    journal: Journal, web1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    citations = [cited(web1, 1), cited(web1, 2)]
    saved = save_citations(journal, citations, NIGHT.ns)
    assert [Path(each.path).read_bytes() for each in saved] == [citation.content for citation in citations]
    folder = Path(saved[0].path).parent
    before = sorted(folder.iterdir())
    write = attachments.write_attachment

    def fail_second(journal: Journal, kind: AttachmentKind, name: str, content: bytes) -> str:
        if content == citations[1].content:
            raise FileUnusable("the folder cannot be written: No space left on device")
        return write(journal, kind, name, content)

    monkeypatch.setattr(citation_module, "write_attachment", fail_second)
    with pytest.raises(FileUnusable):
        save_citations(journal, citations, NIGHT.ns + 10)
    assert sorted(folder.iterdir()) == before


def test_evidence_that_cites_quoting_evidence_quotes_the_same() -> None:
    support = quoting_evidence_draft("support", "H1", LINE, "web1.log:8412 @03:14:07.100900 deleted")
    (entry,) = written_entries(support, OPENED, 1)
    state = FOLD(OPENED, [entry])
    (again,) = written_entries(Evidence("", entry).draft("contradict", "H1"), state, 2)
    assert parse_cited_line(again) == LINE
    assert again.text == "Contradicts: web1.log:8412 @03:14:07.100900 deleted"
    (again,) = written_entries(Evidence("clock", entry).draft("contradict", "H1"), state, 2)
    assert again.text == "Contradicts: web1.log:8412 clock"
    thread = thread_of(FOLD(state, [again]), state.hypotheses[1])
    assert (len(thread.supports), len(thread.contradicts)) == (0, 1), "it takes the first one back"


def test_evidence_that_quotes_another_log_cites_no_line_of_the_journal() -> None:
    entry = line(1, BOB, f"Supports: @{NIGHT} as another program wrote it", ("H1", "open"), *LINE.tags)
    (event,) = thread_of(FOLD(OPENED, [entry]), OPENED.hypotheses[1]).evidence
    assert event.cited == entry.stamp


def test_a_rotation_repeats_what_is_cited(journal: Journal, log: Path, web1: Path) -> None:
    writer = writer_of("alice", journal, FakeClock())
    writer.write(hypothesis_draft("the sweeper", 4))
    citation = cited(web1, 2)
    saved = save_citation(journal, citation, NIGHT.ns)
    writer.write(quoting_evidence_draft("support", "H1", saved.line, citation.evidence_text("because")))
    before = state_of(journal)
    with writer.lock_log(full_state=True) as locked:
        locked.rotate()
    after = state_of(journal)
    assert len(list(log.parent.glob("sanity.*.log"))) == 1
    assert thread_of(after, after.hypotheses[1]).evidence == thread_of(before, before.hypotheses[1]).evidence
    (event,) = thread_of(after, after.hypotheses[1]).evidence
    assert event.quoted == saved.line


def test_words_of_several_lines_have_the_tag_on_the_first_alone() -> None:
    draft = quoting_evidence_draft("support", "H1", LINE, "web1.log:8412 one\n[CITED: two]\n@x")
    first, *rest = written_entries(draft, OPENED, 1)
    assert parse_cited_line(first) == LINE
    assert [entry.text for entry in rest] == ["| [CITED: two]", "| @x"]
    assert all(entry.tags == (("BY", str(entry.author)), ("H1", "open")) for entry in rest)


def test_a_corrected_evidence_still_quotes() -> None:
    support = quoting_evidence_draft("support", "H1", LINE, "web1.log:8412 deleted")
    (entry,) = written_entries(support, OPENED, 1)
    correction = line(2, BOB, f"Correction: @{entry.stamp} web1.log:8412 updated", ("CORRECTION", "1"))
    state = FOLD(OPENED, [entry, correction])
    (event,) = thread_of(state, state.hypotheses[1]).evidence
    assert event_text(state, event) == "web1.log:8412 updated"
    assert event.quoted == LINE
