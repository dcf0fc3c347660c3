"""Exports: the postmortem as Markdown and as a page, the lines as JSONL and CSV, and the log made again of its JSONL.

The files under `golden/` were read before they were kept. SANITY_GOLDEN=write makes them anew, to be read again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from support.commands import Run
from support.exports import ALICE, BOB, good, line, postmortem_of, records, refused, rows, write_rotated_night
from support.golden import assert_golden
from support.lines import at_minute
from threeam.cli import export as command
from threeam.reports.export_records import csv_header
from threeam.reports.html_report import postmortem_to_html
from threeam.reports.markdown_report import postmortem_to_markdown

Exported = Callable[..., str]
NOW = at_minute(30)


@pytest.fixture
def night(log: Path) -> Path:
    """A night with all that there is to export, rotated in its middle."""
    write_rotated_night(log)
    return log


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Exported:
    """What ``3am export …`` prints half an hour after the night began."""

    def run_export(*argv: str) -> str:
        monkeypatch.setattr("threeam.cli.context.system_clock", lambda: NOW)
        assert command.run("export", list(argv)) == 0
        printed = capfdbinary.readouterr()
        assert printed.err == b""
        return printed.out.decode()

    return run_export


# --- golden files


@pytest.mark.parametrize("shape", ["md", "html", "jsonl", "csv"])
def test_the_export_is_what_it_was_when_it_was_read(night: Path, exported: Exported, shape: str) -> None:
    assert_golden(f"export.{shape}", exported(shape))


def test_recheck_is_in_every_export(night: Path, exported: Exported, run: Run) -> None:
    assert "- `2026-11-24T03:28:07.123456789+0000` alice: H1 confirmed: 1,200 sweeps" in exported("md")
    assert exported("md").count("recheck") >= 3, "in the summary, the timeline and the open questions"
    assert '<span class="recheck">recheck: too many cups</span>' in exported("html")
    assert [record["text"] for record in records(exported("jsonl")) if record.get("recheck")] == [
        "Conclusion: 1,200 sweeps and no overlap"
    ]
    assert [record["text"] for record in rows(exported("csv")) if record["recheck"]] == [
        "Conclusion: 1,200 sweeps and no overlap"
    ]
    listed = [json.loads(line) for line in good(run("hyp", "list", "--json")).splitlines()]
    assert {hypothesis["number"]: hypothesis["recheck"] for hypothesis in listed} == {None: False, 1: True, 2: False}
    assert "recheck" in good(run("handoff")).decode()
    assert b"recheck" in good(run("handoff", "--md"))
    handed = json.loads(good(run("handoff", "--json")))
    assert [hypothesis["recheck"] for hypothesis in handed["hypotheses"] if hypothesis["number"] == 1] == [True]


def test_a_correction_is_what_is_read_and_the_first_words_stand_beside_it(night: Path, exported: Exported) -> None:
    text = exported("md")
    assert "H2 reads go to replica\\_2" in text
    assert "(it was: Hypothesis: reads go to replica 1)" in text
    assert "<del>Hypothesis: reads go to replica 1</del>" in exported("html")


def test_what_came_through_a_pipe_is_counted_and_what_is_cited_of_it_is_there(night: Path) -> None:
    shown = [event.text for event in postmortem_of(night).events]
    assert "UPDATE 2 ms after DELETE [row 8812]" in shown
    assert "DELETE again" not in shown  # it is only near the cited one
    assert "DELETE again" in [line.text for event in postmortem_of(night).events for line in event.excerpt]
    assert postmortem_of(night).omitted_lines == 0


# --- what is asked for


@pytest.mark.parametrize("shape", ["md", "html", "jsonl", "csv"])
def test_since_and_until_restrict_each(night: Path, exported: Exported, shape: str) -> None:
    text = exported(shape, "--since", "03:22:30", "--until", f"@{at_minute(10)}")
    assert "paged" not in text
    assert "0.4 ms" not in text.partition("Timeline")[2].partition("Theories")[0]
    if shape == "jsonl":
        assert [record["kind"] for record in records(text)] == ["Correction", "ceremony"]
    elif shape == "csv":
        assert [record["kind"] for record in rows(text)] == ["Correction", "ceremony"]


def test_since_and_until_have_both_their_ends(night: Path, exported: Exported) -> None:
    text = exported("jsonl", "--since", f"@{at_minute(0)}", "--until", f"@{at_minute(1)}")
    assert [record["at"] for record in records(text)] == [str(at_minute(0)), str(at_minute(1))]


def test_hyp_restricts_to_what_belongs_to_it(night: Path, exported: Exported) -> None:
    exported_records = records(exported("jsonl", "--hyp", "H2"))
    assert [record["kind"] for record in exported_records] == ["Hypothesis", "Contradicts", "Conclusion"]
    text = exported("md", "--hyp", "2")
    assert "### H2" in text
    assert "H1" not in text
    assert "cron" not in text


def test_a_report_on_one_hypothesis_is_about_nothing_else(night: Path, exported: Exported) -> None:
    markdown = exported("md", "--hyp", "H2")
    assert "SWEEP" not in markdown, "a change of somebody's"
    assert "## Open questions\n\nNothing." in markdown
    assert "UPDATE 2 ms after DELETE" in markdown, "the line that its evidence cites"


@pytest.mark.parametrize("more", [(), ("--hyp", "H1"), ("--since", f"@{at_minute(20)}")], ids=str)
def test_no_link_of_the_page_is_dead(night: Path, exported: Exported, more: tuple[str, ...]) -> None:
    page = exported("html", *more)
    assert set(re.findall(r'href="#(at-\d+)"', page)) <= set(re.findall(r'id="(at-\d+)"', page))


def test_hyp_of_an_unknown_number_says_which_there_are(night: Path, run: Run) -> None:
    for shape in ("md", "html", "jsonl", "csv"):
        assert "there is no hypothesis H77: there are" in refused(run("export", shape, "--hyp", "H77"), 1)


def test_without_a_log_nothing_is_exported(run: Run, log: Path) -> None:
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
    assert "written by no one" in exported("md")
    assert "written by no one" in exported("html")


def test_a_line_that_is_not_an_entry_is_reported_and_does_nothing(log: Path) -> None:
    log.write_bytes(line(0, ALICE, "a") + b"<script>alert(1)</script> \x1b[2J\n" * 150 + b"\0" * 3000 + b"\n")
    report_made = postmortem_of(log)
    assert [event.foreign for event in report_made.events] == [False] + [True] * 100
    assert report_made.omitted_lines == 51
    shown = postmortem_to_html(report_made)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\x1b[2J" in shown
    assert "<script" not in shown
    assert "alert" in postmortem_to_markdown(report_made)
    log.write_bytes(b"\0" * 3000)
    assert "\\x00 (3,000 times)" in postmortem_to_html(postmortem_of(log))


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
    positions = [timeline.index(word) for word in ("first", "cited", "second", "third", "fourth")]
    assert positions == sorted(positions)


@pytest.mark.parametrize("minutes", [(3, 9, 2), (3, 1, 9)])
def test_the_length_of_a_night_is_not_known_if_the_clock_was_stepped_back(log: Path, minutes: Sequence[int]) -> None:
    log.write_bytes(b"".join(line(minute, ALICE, "a") for minute in minutes))
    summary = postmortem_to_markdown(postmortem_of(log)).partition("## Impact")[0]
    assert "; the clock was stepped back in between, so the length is not known" in summary
    assert " min\n" not in summary
    log.write_bytes(b"".join(line(minute, ALICE, "a") for minute in (3, 9)))
    assert "6m" in postmortem_to_markdown(postmortem_of(log))


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


def test_an_experiment_for_no_hypothesis_is_under_none(run: Run, log: Path) -> None:
    plan = ("R1", "0/4"), ("PLAN", "n=4 seed=1 same=x arms=bare"), ("FILE", "plan-1-1.json")
    script = line(0, None, "Hypothesis: of the script, without a number")
    log.write_bytes(script + line(1, ALICE, "Plan: ./repro; 4 runs of bare, seed 1", *plan))
    printed = good(run("export", "md")).decode()
    assert "of the script, without a number" in printed
    assert "experiment R1" not in printed
