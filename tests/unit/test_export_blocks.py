"""A postmortem shows a pasted text as one code block, and the lines of a pipe around a cited one."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from support.exports import ALICE, BOB, HOSTILE, SCRIPT, line, postmortem_of
from support.lines import at_minute, entry_of
from threeam.core.format.entry import Author, escape_unprintable, format_entry
from threeam.reports.html_report import anchor_id, postmortem_to_html
from threeam.reports.markdown_report import postmortem_to_markdown

TRACE = ("Traceback (most recent call last):", '  File "/srv/app/db.py", line 9', "```", "Deadlock: <b>40P01</b>")


def pasted(minute: float, by: Author, *texts: str) -> bytes:
    """The lines of one submission, 1 ns apart."""
    first = at_minute(minute)
    lines = [texts[0], *(f"| {text}" for text in texts[1:])]
    stamps = [first._replace(ns=first.ns + n) for n in range(len(lines))]
    return b"".join(format_entry(entry_of(by, stamp, text)) for stamp, text in zip(stamps, lines, strict=True))


def stream(count: int) -> bytes:
    return b"".join(line(10 + n / 60, BOB, f"kernel: {n}", ("VIA", "stdin")) for n in range(count))


CITED = at_minute(10 + 5 / 60)
EVIDENCE = line(20, ALICE, f"Supports: @{CITED} out of memory", ("H1", "open"))
CLAIM = line(0, ALICE, "Hypothesis: the OOM killer", ("H1", "open"))


def code_blocks(markdown: str) -> list[str]:
    return [token.content for token in MarkdownIt("commonmark").parse(markdown) if token.type == "fence"]


def test_a_pasted_block_is_one_entry_and_one_code_block(log: Path) -> None:
    log.write_bytes(pasted(1, ALICE, *TRACE) + line(2, ALICE, "so what"))
    postmortem = postmortem_of(log)
    assert [event.text for event in postmortem.events] == [TRACE[0], "so what"]
    assert code_blocks(postmortem_to_markdown(postmortem)) == ["\n".join(TRACE[1:]) + "\n"]
    page = postmortem_to_html(postmortem)
    (block,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    assert re.sub(r"</?span[^>]*>", "", block).splitlines() == [
        "  File &#34;/srv/app/db.py&#34;, line 9",
        "```",
        "Deadlock: &lt;b&gt;40P01&lt;/b&gt;",
    ]


def test_nothing_in_a_block_ends_it_or_is_interpreted(log: Path) -> None:
    words = [" ".join(escape_unprintable(word).split("\n")) for word in HOSTILE if word.isprintable()]
    log.write_bytes(pasted(1, ALICE, "a paste", *words, "`" * 7, "    ~~~", "</pre></td></table><script>"))
    postmortem = postmortem_of(log)
    (block,) = code_blocks(postmortem_to_markdown(postmortem))
    assert block.splitlines() == [*words, "`" * 7, "    ~~~", "</pre></td></table><script>"]
    page = postmortem_to_html(postmortem)
    assert page.count("<script") == page.count("<img") == 0
    assert page.count("<pre>") == page.count("</pre>") == 1


def test_a_line_of_a_block_can_be_cited(log: Path) -> None:
    third = at_minute(1)._replace(ns=at_minute(1).ns + 3)
    log.write_bytes(CLAIM + pasted(1, ALICE, *TRACE) + line(2, BOB, f"Supports: @{third} here", ("H1", "open")))
    page = postmortem_to_html(postmortem_of(log))
    assert page.count(f'id="{anchor_id(third)}"') == 1
    assert f'href="#{anchor_id(third)}"' in page
    evidence = postmortem_to_markdown(postmortem_of(log)).partition("## Evidence")[2]
    assert "- Deadlock: \\<b\\>40P01\\</b\\> (alice · supports H1, says bob: here)" in evidence


@pytest.mark.parametrize(
    "other",
    [
        pasted(1.0001, BOB, "mine", "of bob"),
        line(1.0001, ALICE, "| typed later with a bar"),
        b"foreign\n" + line(1.0001, ALICE, "| a bar"),
    ],
    ids=["another author", "another time", "a foreign line between"],
)
def test_what_is_not_of_the_block_has_its_own_row(log: Path, other: bytes) -> None:
    log.write_bytes(pasted(1, ALICE, "first", "second") + other)
    events = postmortem_of(log).events
    assert [line.text for line in events[0].block] == ["second"]
    assert len(events) >= 2


def test_a_corrected_line_of_a_block_keeps_its_row(log: Path) -> None:
    second = at_minute(1)._replace(ns=at_minute(1).ns + 1)
    correction = line(2, ALICE, f"Correction: @{second} | better", ("CORRECTION", "1"))
    log.write_bytes(pasted(1, ALICE, "first", "second", "third") + correction)
    first, corrected = postmortem_of(log).events[:2]
    assert (first.block, corrected.original_text) == ((), "| second")
    assert corrected.text == "| better"


def test_evidence_shows_the_lines_of_the_pipe_around_the_cited_one(log: Path) -> None:
    log.write_bytes(CLAIM + stream(12) + EVIDENCE)
    postmortem = postmortem_of(log)
    evidence = postmortem.events[-1]
    assert [(quoted.text, quoted.is_cited) for quoted in evidence.excerpt] == [
        (f"kernel: {n}", n == 5) for n in range(2, 9)
    ]
    (block,) = code_blocks(postmortem_to_markdown(postmortem))
    assert block.splitlines()[3] == "> 03:24:12.123 kernel: 5"
    assert block.splitlines()[4] == "  03:24:13.123 kernel: 6"
    page = postmortem_to_html(postmortem)
    (excerpt,) = re.findall(r'<pre class="excerpt">(.*?)</pre>', page, re.DOTALL)
    assert re.findall(r'<span class="cited">(.*?)</span>', excerpt) == ["&gt; 03:24:12.123 kernel: 5"]
    assert postmortem.omitted_lines == 5
    assert "5 lines that came through a pipe, or of another program, are not in it." in page


@pytest.mark.parametrize(("first", "last"), [(0, 0), (4, 6), (5, 5)])
def test_an_excerpt_at_an_end_of_the_stream_is_shorter(log: Path, first: int, last: int) -> None:
    lines = stream(last + 1).splitlines(keepends=True)[first:]
    cited = at_minute(10 + first / 60)
    log.write_bytes(CLAIM + b"".join(lines) + line(20, ALICE, f"Contradicts: @{cited} no", ("H1", "open")) + stream(0))
    assert len(postmortem_of(log).events[-1].excerpt) == len(lines)


def test_the_chart_has_lanes_for_experiments_and_warnings_and_a_legend(log: Path) -> None:
    log.write_bytes(
        line(1, ALICE, "Coffee: cup 5 of the night.", ("MG", "95"), cups=5)
        + line(2, SCRIPT, "WARNING: Sanity levels toxic.", cups=5)
        + line(3, ALICE, "Plan: ./repro; 2 runs of bare, seed 1", ("R1", "0/2"), ("PLAN", "n=2 seed=1 arms=bare"))
        + line(4, ALICE, "Verdict: bare 1/2 failed", ("R1", "2/2"), ("VERDICT", "{}"))
    )
    page = postmortem_to_html(postmortem_of(log))
    lanes = {float(y) - 3: name for y, name in re.findall(r'<text x="1006" y="([\d.]+)">(\w+)</text>', page)}
    dots = re.findall(r'<circle cx="[\d.]+" cy="([\d.]+)" r="4.5" fill="(#\w+)"><title>\S+ (\w+)', page)
    assert [(kind, lanes[float(y)]) for y, _, kind in dots] == [
        ("Coffee", "coffee"),
        ("WARNING", "warnings"),
        ("Plan", "experiments"),
        ("Verdict", "experiments"),
    ]
    legend = page.partition('<div class="legend">')[2].partition("</div>")[0]
    assert all(colour in legend for _, colour, _ in dots)
    assert all(before < after for before, after in pairwise(sorted(lanes)))
