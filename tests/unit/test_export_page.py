"""The page and the Markdown of an export: nothing of a line is interpreted in them."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Iterable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from markdown_it import MarkdownIt
from markdown_it.token import Token

from support.commands import Run
from support.exports import (
    ALICE,
    BEFORE,
    BOB,
    HOSTILE,
    any_log,
    good,
    line,
    lines_in,
    postmortem_of,
    rows,
    write_rotated_night,
)
from support.lines import HARMFUL, at_minute
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.reports.export_records import CSV_COLUMNS, csv_header, csv_rows
from threeam.reports.html_report import anchor_id, link_stamps, postmortem_to_html
from threeam.reports.markdown_report import postmortem_to_markdown
from threeam.tracing.observations import IntervalSet


@pytest.fixture
def night(log: Path) -> Path:
    """A night with all that there is to export, rotated in its middle."""
    write_rotated_night(log)
    return log


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
    words_shown = [escape_unprintable(word) for word in words]
    for n, shown in enumerate(words_shown):
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
    return words_shown


def test_the_page_interprets_nothing(log: Path) -> None:
    words_shown = hostile_night(log, HOSTILE)
    text = postmortem_to_html(postmortem_of(log, escape_unprintable('sanity"><script>.log')))
    read = Reading(text)
    assert {tag for tag, _ in read.elements} <= KNOWN
    assert read.comments == []
    for tag, attrs in read.elements:
        assert set(attrs) <= ATTRIBUTES, tag
        assert all(VALUES.fullmatch(value or "") for value in attrs.values()), attrs
    shown = "".join(read.text)
    for word in words_shown:
        assert word in shown
    assert "49" not in re.sub(r"[\d.:T+-]{6,}", "", shown)
    assert all(link.startswith("#at-") for link in read.links)
    assert not HARMFUL.search(text)
    assert "url(" not in text
    assert "@import" not in text


def test_each_stamp_in_the_page_is_a_link_to_its_row(night: Path) -> None:
    read = Reading(postmortem_to_html(postmortem_of(night)))
    assert {link.removeprefix("#") for link in read.links} <= read.ids
    assert len(read.ids) == sum(
        1 + len(event.amendment_stamps) for event in postmortem_of(night).events if not event.foreign
    )
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


BENIGN |= {"code_inline", "softbreak", "fence"}


def tokens(text: str) -> list[Token]:
    parsed: list[Token] = []
    for token in MARKDOWN.parse(text):
        parsed += [token, *(token.children or [])]
    return parsed


def test_the_markdown_interprets_nothing(log: Path) -> None:
    words_shown = hostile_night(log, HOSTILE)
    text = postmortem_to_markdown(postmortem_of(log, escape_unprintable("*sanity*](javascript:x).log")))
    parsed = tokens(text)
    assert {token.type for token in parsed} <= BENIGN
    inline = ["".join(child.content for child in token.children or []) for token in parsed if token.type == "inline"]
    for word in words_shown:
        assert any(word.strip() in shown for shown in inline), word
    emphasised = [token for token in parsed if token.type == "em_open"]
    assert len(emphasised) == 4, "the four hints"
    codes = [token.content for token in parsed if token.type == "code_inline"]
    assert all(re.fullmatch(r"@?2026-\d\d-\d\dT[\d:.]+\+0000|.*[@#]\w.*", code) for code in codes)
    titles = [token.tag for token in parsed if token.type == "heading_open"]
    assert titles.count("h1") == 1
    assert titles.count("h2") == 9
    assert titles.count("h3") == len(HOSTILE)
    assert not HARMFUL.search(text)


def test_no_cell_of_the_csv_is_calculated(log: Path) -> None:
    words_shown = hostile_night(log, HOSTILE)
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
    for word in words_shown:
        assert word in cells or f"'{word}" in cells
    assert not HARMFUL.search(text.replace("\r\n", "\n"))


def test_a_quote_in_front_is_taken_away_again_without_a_doubt(log: Path) -> None:
    """A cell that begins with one has one more, so that a machine can tell what was there."""
    for text in ("'=1", "=1", "x", "'"):
        log.write_bytes(line(0, ALICE, text))
        (row,) = rows(csv_header() + "".join(csv_rows(lines_in(log)[0], IntervalSet())))
        assert (row["text"][1:] if row["text"].startswith("'") else row["text"]) == text


@given(any_log)
def test_any_log_has_a_page_and_a_postmortem_that_do_nothing(whole: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "any.log"
        log.write_bytes(whole)
        text = postmortem_to_html(postmortem_of(log))
        read = Reading(text)
        assert {tag for tag, _ in read.elements} <= KNOWN
        assert all(set(attrs) <= ATTRIBUTES for _, attrs in read.elements)
        assert not HARMFUL.search(text)
        parsed = tokens(postmortem_to_markdown(postmortem_of(log)))
        assert {token.type for token in parsed} <= BENIGN


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
