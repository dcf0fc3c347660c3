"""Exports: the postmortem as Markdown and as a page, the lines as JSONL and CSV, and the log made again of its JSONL.

The files under `golden/` were read before they were kept. SANITY_GOLDEN=write makes them anew, to be read again.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from support.commands import Done, Run
from support.golden import assert_golden
from support.journals import FakeClock, writer_of
from support.lines import HARMFUL, NIGHT, at_minute, entry_of
from threeam.cli import export as command
from threeam.cli.main import main
from threeam.core.format.entry import Author, Entry, Stamp, escape_unprintable, format_entry
from threeam.core.store import reader
from threeam.core.store.journal import resolve_journal
from threeam.core.store.reader import Line, lines_forward
from threeam.projections import FOLD
from threeam.reports.export_records import (
    CSV_COLUMNS,
    InvalidRecord,
    RecordDecoder,
    csv_header,
    csv_rows,
    json_lines,
    record_to_bytes,
)
from threeam.reports.html_report import anchor_id, link_stamps, postmortem_to_html
from threeam.reports.markdown_report import postmortem_to_markdown
from threeam.reports.postmortem import Postmortem, build_postmortem
from threeam.tracing.observations import IntervalSet

Exported = Callable[..., str]

ALICE, BOB, SCRIPT = Author("alice", "db1", 4121, "%3"), Author("bob", "db1", 9, "%1"), None


def line(minutes: float, by: Author | None, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    return format_entry(entry_of(by, at_minute(minutes), text, tags, cups))


BEFORE = (
    line(0, ALICE, "paged: *somebody else's* cart <b>once</b>, `GET /cart/8812`")
    + line(1, ALICE, "Coffee: cup 1 of the night.", ("MG", "95"), cups=1)
    + line(2, ALICE, "Hypothesis: the sweeper races the writer", ("H1", "open"), cups=1)
    + line(3, BOB, "UPDATE 2 ms after DELETE [row 8812]", ("VIA", "stdin"))
    + line(3.1, BOB, "DELETE again", ("VIA", "stdin"))
    + b"kernel: \x1b[2J oops \xff\n"
    + line(4, ALICE, "Prediction: with it off, 500 runs stay clean", ("H1", "open"), cups=1)
    + line(5, BOB, f"Supports: @{at_minute(3)} updated after it was gone", ("H1", "open"))
    + line(6, BOB, "Hypothesis: reads go to replica 1", ("H2", "open"))
    + line(7, ALICE, f"Contradicts: @{at_minute(3)} the row is on the primary", ("H2", "open"), cups=1)
)
AFTER = (
    line(8, BOB, "Conclusion: lag was 0.4 ms", ("H2", "refuted"))
    + line(9, ALICE, f"Correction: @{at_minute(6)} reads go to replica_2", ("CORRECTION", "1"), cups=1)
    + line(10, SCRIPT, "Acquired sanity lock.", cups=3)
    + line(11, SCRIPT, "Hypothesis: cron | <script>alert(1)</script>", cups=3)
    + line(12, SCRIPT, "Releasing sanity lock.", cups=3)
    + line(13, ALICE, "Stamp: words follow", ("STAMP", "now"), cups=5)
    + line(13.5, ALICE, f"Words: @{at_minute(13)} the pager again", ("STAMP", "words"), cups=5)
    + line(14, ALICE, "Conclusion: 1,200 sweeps and no overlap", ("H1", "confirmed"), ("RECHECK", "toxic"), cups=5)
    + line(15, ALICE, "Changed: SWEEP_LOCK=/shared on canary (undo: unset it)", ("CHANGE", "open"), cups=5)
    + line(16, ALICE, "Changed: debug log on (undo: off)", ("CHANGE", "open"), cups=5)
    + line(17, BOB, f"Undone: @{at_minute(16)} off", ("CHANGE", "undone"))
    + line(18, BOB, "=cmd|' /C calc'!A0, \"quoted\"")
    + line(19, ALICE, "Next: take the row lock in Sweeper.tick", ("NOTED", "next"), cups=5)
    + line(20, ALICE, "Stamp: words follow", ("STAMP", "now"), cups=5)
    + b"[2026-11-24T03:3"
)
NOW = at_minute(30)


@pytest.fixture
def night(log: Path) -> Path:
    """A night with all that there is to export, rotated in its middle."""
    log.write_bytes(BEFORE)
    with writer_of("carol", resolve_journal(str(log)), FakeClock(at_minute(7.5))).lock_log(whole=True) as locked:
        locked.rotate()
    with log.open("ab") as file:
        file.write(AFTER)
    return log


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Exported:
    """What ``3am export …`` prints half an hour after the night began."""

    def run_export(*argv: str) -> str:
        monkeypatch.setattr("threeam.cli.context.system_clock", lambda: NOW)
        assert command.run("export", list(argv)) == 0
        said = capfdbinary.readouterr()
        assert said.err == b""
        return said.out.decode()

    return run_export


def lines_in(log: Path) -> list[Line]:
    """All lines of a log, through all its files."""
    journal = resolve_journal(str(log))
    live = journal.open_live()
    assert live is not None
    return [one for segment in journal.segments_forward(live) for one in lines_forward(segment)]


def told(log: Path, name: str = "sanity.log") -> Postmortem:
    live = resolve_journal(str(log)).open_live()
    assert live is not None
    return build_postmortem(name, FOLD.state_at(live, live.size()), lines_in(log))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(one) for one in text.splitlines()]


def good(done: Done) -> bytes:
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    return done.stdout


def refused(done: Done, code: int) -> str:
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert done.stdout == b""
    return said


# --- golden files


@pytest.mark.parametrize("shape", ["md", "html", "jsonl", "csv"])
def test_the_export_is_what_it_was_when_it_was_read(night: Path, exported: Exported, shape: str) -> None:
    assert_golden(f"export.{shape}", exported(shape))


def test_recheck_is_in_every_export(night: Path, exported: Exported, run: Run) -> None:
    assert "- `2026-11-24T03:28:07.123456789+0000` alice: H1 confirmed: 1,200 sweeps" in exported("md")
    assert exported("md").count("recheck") >= 3, "in the summary, the timeline and the open questions"
    assert '<span class="recheck">recheck: too many cups</span>' in exported("html")
    assert [one["text"] for one in records(exported("jsonl")) if one.get("recheck")] == [
        "Conclusion: 1,200 sweeps and no overlap"
    ]
    assert [one["text"] for one in rows(exported("csv")) if one["recheck"]] == [
        "Conclusion: 1,200 sweeps and no overlap"
    ]
    listed = [json.loads(one) for one in good(run("hyp", "list", "--json")).splitlines()]
    assert {one["number"]: one["recheck"] for one in listed} == {None: False, 1: True, 2: False}
    assert "recheck" in good(run("handoff")).decode()
    assert b"recheck" in good(run("handoff", "--md"))
    handed = json.loads(good(run("handoff", "--json")))
    assert [one["recheck"] for one in handed["hypotheses"] if one["number"] == 1] == [True]


def test_a_correction_is_what_is_read_and_the_first_words_stand_beside_it(night: Path, exported: Exported) -> None:
    text = exported("md")
    assert "H2 reads go to replica\\_2" in text
    assert "(it was: Hypothesis: reads go to replica 1)" in text
    assert "<del>Hypothesis: reads go to replica 1</del>" in exported("html")


def test_what_came_through_a_pipe_is_counted_and_what_is_cited_of_it_is_there(night: Path) -> None:
    shown = [event.text for event in told(night).events]
    assert "UPDATE 2 ms after DELETE [row 8812]" in shown
    assert "DELETE again" not in shown
    assert told(night).omitted_lines == 1  # that one


# --- what is asked for


@pytest.mark.parametrize("shape", ["md", "html", "jsonl", "csv"])
def test_since_and_until_restrict_each(night: Path, exported: Exported, shape: str) -> None:
    text = exported(shape, "--since", "03:22:30", "--until", f"@{at_minute(10)}")
    assert "paged" not in text
    assert "0.4 ms" not in text.partition("Timeline")[2].partition("Theories")[0]
    if shape == "jsonl":
        assert [one["kind"] for one in records(text)] == ["Correction", "ceremony"]
    elif shape == "csv":
        assert [one["kind"] for one in rows(text)] == ["Correction", "ceremony"]


def test_since_and_until_have_both_their_ends(night: Path, exported: Exported) -> None:
    text = exported("jsonl", "--since", f"@{at_minute(0)}", "--until", f"@{at_minute(1)}")
    assert [one["at"] for one in records(text)] == [str(at_minute(0)), str(at_minute(1))]


def test_hyp_restricts_to_what_belongs_to_it(night: Path, exported: Exported) -> None:
    found = records(exported("jsonl", "--hyp", "H2"))
    assert [one["kind"] for one in found] == ["Hypothesis", "Contradicts", "Conclusion"]
    text = exported("md", "--hyp", "2")
    assert "### H2" in text
    assert "H1" not in text
    assert "cron" not in text


def test_a_report_on_one_hypothesis_is_about_nothing_else(night: Path, exported: Exported) -> None:
    told = exported("md", "--hyp", "H2")
    assert "SWEEP" not in told, "a change of somebody's"
    assert "## Open questions\n\nNothing." in told
    assert "UPDATE 2 ms after DELETE" in told, "the line that its evidence cites"


@pytest.mark.parametrize("more", [(), ("--hyp", "H1"), ("--since", f"@{at_minute(20)}")], ids=str)
def test_no_link_of_the_page_is_dead(night: Path, exported: Exported, more: tuple[str, ...]) -> None:
    page = exported("html", *more)
    assert set(re.findall(r'href="#(at-\d+)"', page)) <= set(re.findall(r'id="(at-\d+)"', page))


def test_hyp_of_none_says_which_there_are(night: Path, run: Run) -> None:
    for shape in ("md", "html", "jsonl", "csv"):
        assert "there is no hypothesis H77: there are" in refused(run("export", shape, "--hyp", "H77"), 1)


def test_where_there_is_no_log_nothing_is_exported(run: Run, log: Path) -> None:
    for shape in ("md", "html", "jsonl", "csv"):
        assert "there is no log at" in refused(run("export", shape), 1)
    assert not log.exists()


@pytest.mark.parametrize(
    "argv", [[], ["pdf"], ["md", "--hyp", "x"], ["md", "--since", "tea"], ["csv", "extra"]], ids=" ".join
)
def test_what_cannot_be_asked_is_bad_usage(run: Run, night: Path, argv: list[str]) -> None:
    refused(run("export", *argv), 2)


def test_an_export_changes_nothing(run: Run, night: Path) -> None:
    before = sorted((path.name, path.lstat().st_mtime_ns, path.lstat().st_size) for path in night.parent.iterdir())
    for shape in ("md", "html", "jsonl", "csv"):
        good(run("export", shape))
    after = sorted((path.name, path.lstat().st_mtime_ns, path.lstat().st_size) for path in night.parent.iterdir())
    assert after == before


def test_an_empty_log_is_exported_too(exported: Exported, log: Path) -> None:
    log.touch()
    assert exported("jsonl") == ""
    assert exported("csv") == csv_header()
    assert "written by nobody" in exported("md")
    assert "written by nobody" in exported("html")


# --- nothing of a line is interpreted


HOSTILE = (
    "<script>alert(1)</script>",
    "</style></title></textarea><style>*{display:none}",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }} {% for x in range(9) %}x{% endfor %} {# gone #}",
    "&lt;b&gt; &amp; &#60;",
    "-->]]><!--",
    "[click](javascript:alert(1))",
    "](javascript:alert(1)) ![x](http://evil.example/x.png)",
    "<http://evil.example> http://evil.example www.evil.example",
    "`` ``` ~~~ ` # > - * _ | --- ===",
    "# a title",
    "- [ ] a task",
    "12. a list",
    "=cmd|' /C calc'!A0",
    "+1",
    "-1",
    "@SUM(1,2)",
    "'=1",
    '"quoted", and; more\ta tab',
    "two\nlines\r\nand a third",
    "nul \x00 esc \x1b[2J bell \x07 del \x7f c1 \x9b",
    "bidi \u202e\u2066 line \u2028 mark \u200f",
    "undecodable \udcff",
)
KNOWN = {
    *("html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "ul", "li", "a", "span", "table"),
    *("tr", "td", "del", "svg", "line", "text", "rect", "circle", "div", "tbody"),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "viewbox", "role", "aria-label"),
    *("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height", "fill", "stroke"),
}
VALUES = re.compile(r"[\w #./:;,=%()'-]*", re.ASCII)


class Reading(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_pi(self, data: str) -> None:
        self.comments.append(data)

    @property
    def ids(self) -> set[str | None]:
        return {attrs["id"] for _, attrs in self.elements if "id" in attrs}

    @property
    def links(self) -> list[str]:
        return [attrs["href"] or "" for _, attrs in self.elements if "href" in attrs]


def hostile_night(log: Path, words: Iterable[str]) -> list[str]:
    """A log that says ``words`` wherever there are words; gives them as they stand in it."""
    raw = b""
    said = [escape_unprintable(word) for word in words]
    for n, shown in enumerate(said):
        base = 10 * n
        raw += (
            line(base, ALICE, shown)
            + line(base + 1, ALICE, f"Hypothesis: {shown}", (f"H{n + 1}", "open"))
            + line(base + 2, ALICE, f"Prediction: {shown}", (f"H{n + 1}", "open"))
            + line(base + 3, BOB, f"Supports: @{at_minute(base)} {shown}", (f"H{n + 1}", "open"))
            + line(base + 4, BOB, f"Changed: {shown} (undo: {shown})", ("CHANGE", "open"))
            + line(base + 5, BOB, f"Undone: @{at_minute(base + 4)} {shown}", ("CHANGE", "undone"))
            + line(base + 6, ALICE, f"Correction: @{at_minute(base)} {shown}", ("CORRECTION", "1"))
            + line(base + 7, ALICE, f"Next: {shown}", ("NOTED", "next"))
            + line(base + 8, ALICE, f"Conclusion: {shown}", (f"H{n + 1}", "refuted" if n % 2 else "confirmed"))
        )
        raw += shown.encode() + b"\n"
    log.write_bytes(raw)
    return said


def test_the_page_interprets_nothing(log: Path) -> None:
    said = hostile_night(log, HOSTILE)
    text = postmortem_to_html(told(log, escape_unprintable('sanity"><script>.log')))
    read = Reading(text)
    assert {tag for tag, _ in read.elements} <= KNOWN
    assert read.comments == []
    for tag, attrs in read.elements:
        assert set(attrs) <= ATTRIBUTES, tag
        assert all(VALUES.fullmatch(value or "") for value in attrs.values()), attrs
    shown = "".join(read.text)
    for one in said:
        assert one in shown
    assert "49" not in re.sub(r"[\d.:T+-]{6,}", "", shown)
    assert all(link.startswith("#at-") for link in read.links)
    assert not HARMFUL.search(text)
    assert "url(" not in text
    assert "@import" not in text


def test_each_stamp_in_the_page_is_a_link_to_its_row(night: Path) -> None:
    read = Reading(postmortem_to_html(told(night)))
    assert {link.removeprefix("#") for link in read.links} <= read.ids
    assert len(read.ids) == sum(1 + len(event.amendment_stamps) for event in told(night).events if not event.foreign)
    assert "#" + anchor_id(at_minute(3)) in read.links


def test_a_stamp_links_in_whatever_zone_it_is_cited() -> None:
    cited = Stamp(at_minute(3).ns, 3600)
    shown = link_stamps(f"see @{cited} & <b>", frozenset({at_minute(3).ns}))
    assert f'href="#{anchor_id(at_minute(3))}"' in shown
    assert shown.endswith("</a> &amp; &lt;b&gt;")
    assert link_stamps(f"see @{cited} & <b>", frozenset()) == f"see @{cited} &amp; &lt;b&gt;", "it is not on the page"


MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
BENIGN = {"heading_open", "heading_close", "paragraph_open", "paragraph_close", "bullet_list_open", "list_item_open"}
BENIGN |= {"bullet_list_close", "list_item_close", "inline", "text", "text_special", "em_open", "em_close"}
BENIGN |= {"code_inline", "softbreak"}


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in MARKDOWN.parse(text):
        found += [token, *(token.children or [])]
    return found


def test_the_markdown_interprets_nothing(log: Path) -> None:
    said = hostile_night(log, HOSTILE)
    text = postmortem_to_markdown(told(log, escape_unprintable("*sanity*](javascript:x).log")))
    found = tokens(text)
    assert {one.type for one in found} <= BENIGN
    inline = ["".join(child.content for child in one.children or []) for one in found if one.type == "inline"]
    for one in said:
        assert any(one.strip() in shown for shown in inline), one
    emphasised = [one for one in found if one.type == "em_open"]
    assert len(emphasised) == 2, "the two hints"
    codes = [one.content for one in found if one.type == "code_inline"]
    assert all(re.fullmatch(r"@?2026-\d\d-\d\dT[\d:.]+\+0000|.*[@#]\w.*", code) for code in codes)
    titles = [one.tag for one in found if one.type == "heading_open"]
    assert titles.count("h1") == 1
    assert titles.count("h2") == 7
    assert titles.count("h3") == len(HOSTILE)
    assert not HARMFUL.search(text)


def test_no_cell_of_the_csv_is_calculated(log: Path) -> None:
    said = hostile_night(log, HOSTILE)
    log.write_bytes(log.read_bytes() + b"=1+1 is foreign\n@foreign\n+\n-\n\t\n\r\n")
    text = csv_header() + "".join(text for line in lines_in(log) for text in csv_rows(line, IntervalSet()))
    head, *body = csv.reader(io.StringIO(text, newline=""))
    assert tuple(head) == CSV_COLUMNS
    for row in body:
        assert len(row) == len(CSV_COLUMNS)
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), cell
            assert "\n" not in cell
    cells = [row[CSV_COLUMNS.index("text")] for row in body]
    for one in said:
        assert one in cells or f"'{one}" in cells
    assert not HARMFUL.search(text.replace("\r\n", "\n"))


def test_a_quote_in_front_is_taken_away_again_without_a_doubt(log: Path) -> None:
    """A cell that begins with one has one more, so that a machine can tell what was there."""
    for text in ("'=1", "=1", "x", "'"):
        log.write_bytes(line(0, ALICE, text))
        (row,) = rows(csv_header() + "".join(csv_rows(lines_in(log)[0], IntervalSet())))
        assert (row["text"][1:] if row["text"].startswith("'") else row["text"]) == text


def test_a_line_that_is_not_an_entry_is_told_and_does_nothing(log: Path) -> None:
    log.write_bytes(line(0, ALICE, "a") + b"<script>alert(1)</script> \x1b[2J\n" * 150 + b"\0" * 3000 + b"\n")
    report_made = told(log)
    assert [event.foreign for event in report_made.events] == [False] + [True] * 100
    assert report_made.omitted_lines == 51
    shown = postmortem_to_html(report_made)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\x1b[2J" in shown
    assert "<script" not in shown
    assert "alert" in postmortem_to_markdown(report_made)
    log.write_bytes(b"\0" * 3000)
    assert "\\x00 (3,000 times)" in postmortem_to_html(told(log))


def test_what_belongs_to_a_hypothesis_keeps_the_order_of_the_file(run: Run, log: Path) -> None:
    about = ("H1", "open")
    texts = ["Hypothesis: x", "first", "second", "third", "fourth"]
    minutes = [3, 9, 9, 2, 4]  # the script writes the same stamp twice, and after a step of the clock earlier ones
    entries = [line(minute, None, text, about) for minute, text in zip(minutes, texts, strict=True)]
    cited, at_cited = line(1, BOB, "cited"), at_minute(1)
    log.write_bytes(
        b"".join(entries[:2]) + cited + b"".join(entries[2:]) + line(8, BOB, f"Supports: @{at_cited} it", about)
    )
    told_lines = good(run("export", "md", "--hyp", "H1")).decode()
    timeline = told_lines[told_lines.index("## Timeline") :]
    found = [timeline.index(word) for word in ("first", "cited", "second", "third", "fourth")]
    assert found == sorted(found)


@pytest.mark.parametrize("minutes", [(3, 9, 2), (3, 1, 9)])
def test_the_length_of_a_night_is_not_known_if_the_clock_was_stepped_back(log: Path, minutes: Sequence[int]) -> None:
    log.write_bytes(b"".join(line(minute, ALICE, "a") for minute in minutes))
    summary = postmortem_to_markdown(told(log)).partition("## Impact")[0]
    assert "; the clock was stepped back in between, so the length is not known" in summary
    assert " min\n" not in summary
    log.write_bytes(b"".join(line(minute, ALICE, "a") for minute in (3, 9)))
    assert "0 h 6 min" in postmortem_to_markdown(told(log))


def test_evidence_has_the_corrected_words(run: Run, log: Path) -> None:
    log.write_bytes(line(0, ALICE, "Hypothesis: x", ("H1", "open")) + line(1, ALICE, "the lag was 4 s"))
    good(run("hyp", "support", "H1", f"@{at_minute(1)}"))
    good(run("correct", f"@{at_minute(1)}", "the lag was 40 ms"))
    evidence = "the lag was 40 ms (before it was corrected: the lag was 4 s)"
    assert evidence in good(run("handoff")).decode()
    assert json.loads(good(run("handoff", "--json")))["hypotheses"][0]["moves"][0]["text"] == evidence
    postmortem = good(run("export", "md")).decode()
    section = postmortem[postmortem.index("## Evidence") : postmortem.index("## What was changed")]
    assert "the lag was 40 ms" in section
    assert "4 s" not in section


# --- and back


def again(text: str) -> bytes:
    return b"".join(record_to_bytes(json.loads(one)) for one in text.splitlines())


def test_the_jsonl_gives_the_log_back_byte_for_byte(run: Run, night: Path, tmp_path: Path) -> None:
    told = good(run("export", "jsonl"))
    (tmp_path / "night.jsonl").write_bytes(told)
    (rotated,), new = night.parent.glob("sanity.2*.log"), tmp_path / "new.log"
    raw = rotated.read_bytes() + AFTER  # without the lines that the rotation repeats
    done = run("--log", str(new), "import", str(tmp_path / "night.jsonl"))
    assert (done.returncode, done.stdout) == (0, b"")
    assert new.read_bytes() == raw
    assert not list(tmp_path.glob("*.creating"))
    assert (new.stat().st_mode & 0o777) == 0o600
    assert good(run("--log", str(new), "export", "jsonl")) == told


def test_stdin_is_imported(run: Run, night: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.log"
    told = good(run("export", "jsonl"))
    assert run("--log", str(new), "import", "-", stdin=told).returncode == 0
    assert new.read_bytes().endswith(AFTER)


def test_an_imported_journal_goes_on(run: Run, tmp_path: Path, log: Path) -> None:
    log.write_bytes(BEFORE)
    told = good(run("export", "jsonl"))
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", "-", stdin=told).returncode == 0
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
def test_what_is_no_record_is_said_with_its_line_and_leaves_no_log(
    capfd: pytest.CaptureFixture[str], log: Path, tmp_path: Path, bad: str
) -> None:

    file = tmp_path / "bad.jsonl"
    file.write_text(f"{GOOD}\n{bad}\n{GOOD}\n")
    assert main(["import", str(file)]) == 2
    said = capfd.readouterr().err
    assert "line 2" in said
    assert len(said.splitlines()) == 1
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
    told = good(run("export", "jsonl"))
    (tmp_path / "night.jsonl").write_bytes(told)
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", str(tmp_path / "night.jsonl")).returncode == 0
    assert new.read_bytes().startswith(BEFORE + b"torn\n")


def test_an_endless_line_is_refused(run: Run, log: Path) -> None:
    done = run("import", "/dev/zero")
    assert (done.returncode, log.exists()) == (2, False)
    assert b"line 1: it is longer than the 16 MiB" in done.stderr


def test_a_long_line_is_exported_in_pieces_and_imported_whole(run: Run, log: Path, tmp_path: Path) -> None:
    log.write_bytes(BEFORE[:-1] + b"x" * 3_000_000 + b"\n" + b"\0" * 2_000_000)
    told = good(run("export", "jsonl"))
    assert max(map(len, told.splitlines())) < 3_000_000
    (tmp_path / "night.jsonl").write_bytes(told)
    new = tmp_path / "new.log"
    assert run("--log", str(new), "import", str(tmp_path / "night.jsonl")).returncode == 0
    assert new.read_bytes() == log.read_bytes()


def test_a_file_that_is_not_there_is_said(run: Run, log: Path, tmp_path: Path) -> None:
    assert "nowhere" in refused(run("import", str(tmp_path / "nowhere")), 3)
    assert not log.exists()


def test_bad_bytes_are_no_json(run: Run, log: Path) -> None:
    said = run("import", "-", stdin=b"\xff\xfe\x00\n")
    assert "line 1" in refused(said, 2)
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


some_text = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(HOSTILE)
some_tags = st.lists(
    st.tuples(st.sampled_from(["BY", "H1", "MG", "VIA", "NEW7"]), st.text(max_size=8).filter(lambda v: v != "")),
    max_size=3,
)
entry_lines = st.builds(
    lambda ns, zone, cups, tags, text: format_entry(
        Entry(Stamp(NIGHT.ns + ns, zone * 60), cups, tuple(tags), text.encode("utf-8", "replace").decode())
    ),
    st.integers(0, 10**15),
    st.integers(-14 * 60, 14 * 60),
    st.integers(0, 999_999_999),
    some_tags,
    some_text.filter(lambda text: not any(0xD800 <= ord(one) <= 0xDFFF for one in text)),
)
foreign_lines = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"") + b"\n")
mangled_lines = st.tuples(entry_lines, st.sampled_from([b"\r\n", b" \n", b"\xff\n", b"\x00\n", b"\x1b[2J\n"])).map(
    lambda both: both[0][:-1] + both[1]
)
any_log = st.lists(entry_lines | foreign_lines | mangled_lines, max_size=8).map(b"".join)


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
        lines = lines_in(log)
        shown = [text for one in lines for text in json_lines(one, IntervalSet())]
        records = RecordDecoder()
        assert b"".join(records.decode(json.loads(one)) for one in shown) == whole + torn
        records.check_complete()
        for one in shown:
            assert one.count("\n") == 1
            assert not HARMFUL.search(one[:-1]), "a terminal is not driven by it"
        cells = csv_header() + "".join(text for line in lines for text in csv_rows(line, IntervalSet()))
        assert b"".join(map(line_of_row, rows(cells))) == whole + torn


@given(any_log)
def test_any_log_has_a_page_and_a_postmortem_that_do_nothing(whole: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "any.log"
        log.write_bytes(whole)
        text = postmortem_to_html(told(log))
        read = Reading(text)
        assert {tag for tag, _ in read.elements} <= KNOWN
        assert all(set(attrs) <= ATTRIBUTES for _, attrs in read.elements)
        assert not HARMFUL.search(text)
        found = tokens(postmortem_to_markdown(told(log)))
        assert {one.type for one in found} <= BENIGN


def test_the_stdout_of_an_export_drives_no_terminal(run: Run, log: Path) -> None:
    log.write_bytes(line(0, ALICE, "x") + b"\x1b[2J \x9b \x07 \x7f \xc2\x9b \xe2\x80\xae \xff\n" + BEFORE)
    for shape in ("md", "html", "jsonl", "csv"):
        printed = good(run("export", shape)).decode()
        assert not HARMFUL.search(printed.replace("\r\n", "\n")), shape


def test_a_name_of_a_log_is_shown_and_not_read(run: Run, tmp_path: Path) -> None:
    log = tmp_path / "<script>*x*.log"
    log.write_bytes(BEFORE)
    argv: Sequence[str] = ["--log", str(log), "export"]
    assert "<title>Postmortem: &lt;script&gt;*x*.log</title>" in good(run(*argv, "html")).decode()
    assert good(run(*argv, "md")).decode().startswith("# Postmortem: \\<script\\>\\*x\\*.log\n")
