"""Reports with lines of other logs as evidence: where they are from, their bytes, and why these cannot be shown.

The files under `golden/` were read before they were kept. SANITY_GOLDEN=write makes them anew, to be read again.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from support.cited_logs import write_cited_night
from support.commands import Run, good, refused
from support.exports import records
from support.golden import assert_golden
from support.journals import entries
from support.lines import at_minute
from threeam.cli import export, handoff, hyp
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.format.entry import Entry, format_entry
from threeam.core.format.markdown import escape_markdown
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer

Printed = Callable[..., str]
COMMANDS = {"export": export.run, "handoff": handoff.run, "hyp": hyp.run}


@pytest.fixture
def attachment(journal: Journal, writer: Writer, tmp_path: Path) -> Path:
    """The attachment of a night whose evidence quotes `WEB1`."""
    return write_cited_night(journal, writer, tmp_path / "web1.log")


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Printed:
    """What a command prints at minute 30, as if its folder and its process were always the same."""

    def run_command(command: str, *argv: str) -> str:
        monkeypatch.setattr("threeam.cli.context.system_clock", lambda: at_minute(30))
        assert COMMANDS[command](command, list(argv)) == 0
        output = capfdbinary.readouterr()
        assert output.err == b""
        text = output.out.decode()
        for folder in (str(tmp_path), escape_markdown(str(tmp_path))):
            text = text.replace(folder, "/var/log/app")
        return text.replace(f"-{os.getpid()}.out", "-4121.out")

    return run_command


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("cited-handoff.txt", ["handoff"]),
        ("cited-handoff.md", ["handoff", "--md"]),
        ("cited-handoff.json", ["handoff", "--json"]),
        ("cited-export.md", ["export", "md"]),
        ("cited-export.html", ["export", "html"]),
        ("cited-export.jsonl", ["export", "jsonl"]),
        ("cited-hyp.txt", ["hyp", "show", "H1"]),
        ("cited-hyp.json", ["hyp", "show", "H1", "--json"]),
    ],
)
def test_a_report_with_a_quotation_is_what_it_was_when_it_was_read(
    attachment: Path, printed: Printed, name: str, argv: list[str]
) -> None:
    text = printed(*argv)
    if name.endswith(".json"):  # one object on one line; the golden one is for eyes
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
    assert_golden(name, text)


QUOTED = "  at Sweeper.tick(sweeper.py:61)"


@pytest.mark.parametrize("argv", [["handoff", "--md"], ["export", "md"]])
def test_the_quoted_bytes_are_one_block_of_code(attachment: Path, printed: Printed, argv: list[str]) -> None:
    blocks = [token for token in MarkdownIt().parse(printed(*argv)) if token.type == "fence"]
    content = attachment.read_text()
    assert [block.content for block in blocks] == [content]
    assert QUOTED in content
    assert "```" in content, "no line of it ends the block"


def test_the_page_shows_the_quoted_bytes_and_no_markup_of_theirs(attachment: Path, printed: Printed) -> None:
    page = printed("export", "html")
    (quotation,) = re.findall(r'<pre class="quotation">(.*?)</pre>', page, re.DOTALL)
    assert QUOTED in quotation
    assert "&lt;/pre&gt;" in quotation
    assert re.search(r"web1\.log, line 2, stamped 2026-11-24T03:14:07\.100900Z \(.*\), SHA-256 [0-9a-f]{64}", page)


def test_a_record_has_the_quoted_bytes(attachment: Path, printed: Printed) -> None:
    (quotes,) = [record["quotes"] for record in records(printed("export", "jsonl")) if "quotes" in record]
    assert base64.b64decode(quotes["raw"]) == attachment.read_bytes()
    assert (quotes["line"], quotes["ts"], quotes["resolution_ns"]) == (2, "2026-11-24T03:14:07.100900000Z", 1000)
    assert quotes["notes"] == ["zone assumed UTC", "secrets replaced by ***"]


@pytest.mark.parametrize(
    "argv", [["handoff"], ["handoff", "--md"], ["export", "md"], ["export", "html"], ["hyp", "show", "H1"]]
)
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "does not exist: it was removed, or only the author of the line can read it"),
        (
            lambda path: path.write_bytes(b"forged\n"),
            "has other bytes than those that were cited: its SHA-256 is wrong",
        ),
    ],
)
def test_a_report_says_why_there_is_no_quotation(
    attachment: Path, printed: Printed, argv: list[str], spoil: Callable[[Path], None], reason: str
) -> None:
    spoil(attachment)
    text = re.sub(r"\\(.)", r"\1", printed(*argv))
    name = attachment.name.replace(f"-{os.getpid()}.out", "-4121.out")
    assert f"the quoted bytes cannot be shown: /var/log/app/sanity.log.d/{name} {reason}" in text
    assert QUOTED not in text
    assert "forged" not in text


def test_records_say_why_there_are_no_quoted_bytes(attachment: Path, printed: Printed) -> None:
    attachment.unlink()
    (quotes,) = [record["quotes"] for record in records(printed("export", "jsonl")) if "quotes" in record]
    assert (quotes["raw"], quotes["text"]) == (None, None)
    assert "does not exist" in quotes["problem"]


# --- the files go with the journal


def test_an_archive_has_the_cited_bytes_and_an_import_restores_them(
    attachment: Path, run: Run, run_process: Run, log: Path, tmp_path: Path
) -> None:
    packed = run_process("export", "jsonl", "--with-files")
    assert packed.returncode == 0, packed.stderr
    (tmp_path / "night.tar").write_bytes(packed.stdout)
    copy = tmp_path / "copy.log"
    good(run_process("import", "--log", str(copy), "night.tar"))
    assert copy.read_bytes() == log.read_bytes()
    assert (tmp_path / "copy.log.d" / attachment.name).read_bytes() == attachment.read_bytes()
    assert QUOTED in good(run("hyp", "show", "H1", "--log", str(copy)))
    good(run("doctor", "--log", str(copy)))


def test_the_jsonl_of_a_quotation_is_imported_as_the_same_log(
    attachment: Path, run: Run, log: Path, tmp_path: Path
) -> None:
    (tmp_path / "night.jsonl").write_text(good(run("export", "jsonl")))
    good(run("import", "--log", str(tmp_path / "copy.log"), "night.jsonl"))
    assert (tmp_path / "copy.log").read_bytes() == log.read_bytes()


# --- the doctor


def findings(run: Run, *argv: str) -> list[dict[str, object]]:
    done = run("doctor", "--json", *argv)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == (5 if found else 0), done.stderr
    return found


def test_the_doctor_finds_cited_bytes_that_were_changed(attachment: Path, run: Run, log: Path) -> None:
    assert findings(run) == []
    attachment.write_bytes(attachment.read_bytes().replace(b"42", b"43"))
    (finding,) = findings(run)
    number = 1 + [entry.kind for entry in entries(log)].index("Supports")
    assert (finding["what"], finding["line"], finding["file"]) == ("cited", number, "sanity.log")
    assert str(finding["text"]).startswith(f"{attachment} has other bytes than those that were cited")
    data = log.read_bytes()
    assert finding["offset"] == sum(map(len, data.splitlines(keepends=True)[: number - 1]))


def test_the_doctor_finds_cited_bytes_that_are_lost(attachment: Path, run: Run) -> None:
    attachment.unlink()
    (finding,) = findings(run)
    assert str(finding["text"]).startswith(f"the lines that it cites are lost: {attachment} does not exist")
    attachment.symlink_to("/etc/passwd")
    (finding,) = findings(run)
    assert "/etc/passwd" not in str(finding["text"])


def test_the_doctor_does_not_look_for_files_of_others_nor_for_those_of_the_log_that_was_forked(
    attachment: Path, run: Run, log: Path, tmp_path: Path
) -> None:
    good(run("fork", "-q", "--to", str(tmp_path / "fork.log")))
    assert findings(run, "--log", str(tmp_path / "fork.log")) == []
    attachment.unlink()
    log.write_bytes(log.read_bytes().replace(b"[BY: alice@", b"[BY: carol@"))
    assert findings(run) == []


def test_a_line_cannot_name_another_file_as_quoted_bytes(attachment: Path, run: Run, log: Path) -> None:
    (evidence,) = [entry for entry in entries(log) if entry.kind == "Supports"]
    cited = parse_cited_line(evidence)
    assert cited is not None
    for name in ("../sanity.log", "key", "baseline-x-1.json", "cited-1-2.out/../key"):
        tags = cited._replace(file=name).tags
        forged = Entry(at_minute(40), 0, (("BY", "carol@db1:1"), ("H1", "open"), *tags), "Supports: x")
        log.write_bytes(log.read_bytes() + format_entry(forged))
        assert "was not written by 3am" in good(run("hyp", "show", "H1"))


# --- from the shell


def test_evidence_is_cited_from_the_shell(run_process: Run, tmp_path: Path, log: Path) -> None:
    (tmp_path / "web1.log").write_bytes(b"2026-11-24 03:14:07.100900 delete cart=42 password=hunter22\n")
    good(run_process("hyp", "new", "-q", "the sweeper"))
    good(run_process("hyp", "support", "H1", "--cite", "web1.log:1"))
    good(run_process("hyp", "contradict", "-q", "H1", "the clock", "--cite", "web1.log:1", "was wrong"))
    supports, contradicts = [entry for entry in entries(log) if entry.tag("CITED")]
    assert (supports.kind, contradicts.kind) == ("Supports", "Contradicts")
    assert contradicts.text.startswith("Contradicts: web1.log:1 ")
    assert contradicts.text.endswith(" the clock was wrong")
    for entry in (supports, contradicts):
        stored = tmp_path / "sanity.log.d" / (entry.tag("FILE") or "")
        assert stored.read_bytes() == b"2026-11-24 03:14:07.100900 delete cart=42 password=***\n"
        assert stored.stat().st_mode & 0o777 == 0o600
    assert b"hunter22" not in log.read_bytes()
    again = run_process("hyp", "contradict", "H1", "--cite", "web1.log:1")
    assert refused(again, 1).endswith("alice has said already that this line contradicts H1")
    assert len(list((tmp_path / "sanity.log.d").iterdir())) == 2, "a refused line leaves no file"


def test_what_cannot_be_cited_is_one_sentence_and_nothing_is_written(
    run_process: Run, tmp_path: Path, log: Path
) -> None:
    good(run_process("hyp", "new", "-q", "the sweeper"))
    (tmp_path / "web1.log").write_bytes(b"one\ntwo")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before = log.read_bytes()
    for reference, code, sentence in (
        ("web1.log:3", 1, "web1.log has no line 3: it has 2 lines"),
        ("web1.log:0", 2, "0 is not the number of a line: the first one is 1"),
        ("web1.log", 2, "'web1.log' names no line: write FILE:LINE, such as web1.log:8412"),
        ("missing.log:1", 3, "missing.log cannot be opened: No such file or directory"),
        ("folder:1", 3, "folder is "),
        ("fifo:1", 3, "fifo is "),
    ):
        done = run_process("hyp", "support", "H1", "--cite", reference, "my words", timeout=20)
        assert sentence in refused(done, code)
        assert b"3am: not written: my words\n" in done.stderr
    assert "there is no hypothesis H7" in refused(run_process("hyp", "support", "H7", "--cite", "web1.log:1"), 1)
    assert log.read_bytes() == before
    assert not (tmp_path / "sanity.log.d").exists()


def test_words_are_still_required_without_a_cited_line(run: Run) -> None:
    good(run("hyp", "new", "-q", "the sweeper"))
    for argv in (["H1"], ["H1", ""], []):
        assert run("hyp", "support", *argv).returncode == 2
