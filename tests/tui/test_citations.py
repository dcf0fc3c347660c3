"""Lines of other logs as evidence on the screen: cited by a command or from a row, and shown with their bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis_pilots import select_line, wait_for_board, wait_for_report, wait_for_state
from night_lines import claim_line, stamp_at
from pilots import WIDE, Night, append, night, notes

from support.cited_logs import WEB1
from support.journals import entries, texts
from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import parse_cited_line
from threeam.core.store.journal import Journal
from threeam.tui.screens.runs import OutputScreen

SUPPORTS = "Supports: web1.log:2 @03:14:07.100900 INFO app[11] delete cart=42 password=***"


@pytest.fixture
def web1(tmp_path: Path) -> Path:
    path = tmp_path / "web1.log"
    path.write_bytes(WEB1)
    return path


def attachments(log: Path) -> list[str]:
    folder = Path(f"{log}.d")
    return sorted(name for name in os.listdir(folder) if name.startswith("cited-")) if folder.exists() else []


async def open_at(it: Night, web1: Path, words: str) -> None:
    """Opens the log beside the journal, picks the hypothesis, and goes to the row with these words."""
    await wait_for_state(it)
    await it.command(f"open {web1}")
    await it.eventually(lambda: "start req=9f3" in it.shown, "its rows are shown")
    await it.press("1")
    await select_line(it, words)


async def test_a_command_cites_a_line_of_another_log(journal: Journal, log: Path, web1: Path) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE) as it:
        await wait_for_state(it)
        await it.command(f"support H1 --cite {web1}:2")
        await wait_for_board(it, "+1 −0")
        await it.command(f"contradict H1 --cite {web1}:5 the clock was wrong")
        await wait_for_board(it, "+1 −1")
    assert texts(log)[1:] == [SUPPORTS, "Contradicts: web1.log:5 @03:14:07.140000 the clock was wrong"]
    assert attachments(log) == [entry.tag("FILE") for entry in entries(log)[1:]]


async def test_a_row_of_another_log_is_cited_with_the_words_that_are_asked_for(
    journal: Journal, log: Path, web1: Path
) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE) as it:
        await open_at(it, web1, "password=hunter22")
        await it.press("+")
        await it.eventually(lambda: it.box_kind == "support H1 web1.log:2", "the box asks for words")
        assert attachments(log) == [], "nothing is saved before it is sent"
        await it.press("enter")
        await wait_for_board(it, "+1 −0")
        await it.press("j", "-")  # its continuation line
        await it.eventually(lambda: it.box_kind == "contradict H1 web1.log:2", "the box asks for words")
        await it.type("this is the sweeper\n")
        await wait_for_board(it, "+0 −1")
        await it.press("g", "+")
        await it.eventually(lambda: it.box_kind == "support H1 web1.log:1", "the box asks for words")
    assert texts(log)[1:] == [SUPPORTS, "Contradicts: web1.log:2 @03:14:07.100900 this is the sweeper"]
    assert len(attachments(log)) == 2


async def test_a_line_of_the_journal_is_cited_as_before_if_other_logs_are_open(
    journal: Journal, log: Path, web1: Path
) -> None:
    append(log, claim_line(1) + notes(1, 200))
    async with night(journal, size=WIDE) as it:
        await open_at(it, web1, "note 200")
        await it.press("+", "enter")
        await wait_for_board(it, "+1 −0")
    assert texts(log)[-1] == f"Supports: @{stamp_at(200)} note 200"
    assert attachments(log) == []


async def test_a_citation_that_is_refused_leaves_no_file_and_gives_the_words_back(
    journal: Journal, log: Path, web1: Path
) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE) as it:
        await open_at(it, web1, "start req=9f3")
        for words in ("first", "second"):
            await it.press("+")
            await it.eventually(lambda: it.in_the_box, "the box asks for words")
            await it.type(f"{words}\n")
            await it.eventually(lambda: not it.composer.is_waiting, "it has its answer")
        await it.says("alice has said already that this line supports H1")
        assert "second" in [text for _, text in it.drafts]
        await it.eventually(lambda: len(attachments(log)) == 1, "the file of the second one is removed")
    assert len(texts(log)) == 2


async def test_a_citation_that_cannot_be_saved_is_not_written_and_its_words_come_back(
    journal: Journal, log: Path, web1: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, claim_line(1))

    def fail(*_: object) -> NoReturn:
        raise FileUnusable("the folder cannot be written: No space left on device")

    monkeypatch.setattr("threeam.timeline.citation.write_attachment", fail)
    async with night(journal, size=WIDE) as it:
        await open_at(it, web1, "start req=9f3")
        await it.press("+")
        await it.eventually(lambda: it.in_the_box, "the box asks for words")
        await it.type("my words\n")
        await it.says("No space left on device")
        await it.eventually(lambda: not it.composer.is_waiting, "the box is free")
        assert it.composer.text == "my words"
        monkeypatch.undo()
        await it.press("+")
        await it.eventually(lambda: it.in_the_box, "the box has the words")
        await it.press("enter")
        await wait_for_board(it, "+1 −0")
    assert texts(log)[1:] == ["Supports: web1.log:1 @03:14:07.100200 my words"]


async def test_a_line_that_cannot_be_cited_is_one_sentence(journal: Journal, log: Path, web1: Path) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE) as it:
        await wait_for_state(it)
        await it.command(f"support H1 --cite {web1}:99")
        await it.says("has no line 99: it has 5 lines")
        await it.command("support H1 --cite web1.log")
        await it.says("names no line: write FILE:LINE")
    assert len(texts(log)) == 1


async def test_the_quoted_lines_are_in_the_thread_and_o_shows_the_attachment(
    journal: Journal, log: Path, web1: Path
) -> None:
    append(log, claim_line(1))
    async with night(journal, size=WIDE) as it:
        await wait_for_state(it)
        await it.command(f"support H1 --cite {web1}:2")
        await wait_for_board(it, "+1 −0")
        await it.command("thread H1")
        await wait_for_report(it)
        assert "│   at Sweeper.tick(sweeper.py:61)" in it.shown
        assert "web1.log, line 2, " in it.shown
        assert "2026-11-24T03:14:07.100900Z (" in it.shown
        assert "secrets replaced by ***), SHA-256" in it.shown
        await it.press("escape")
        await select_line(it, SUPPORTS)
        await it.press("enter", "o")
        await it.eventually(lambda: isinstance(it.app.screen, OutputScreen), "the attachment is open")
        await it.eventually(lambda: "at Sweeper.tick(sweeper.py:61)" in it.shown, "it shows the lines")
        await it.press("escape")
        (name,) = attachments(log)
        (Path(f"{log}.d") / name).write_bytes(b"forged\n")
        await it.press("enter", "o")
        await it.says("has other bytes than those that were cited")
    cited = parse_cited_line(entries(log)[-1])
    assert cited is not None
    assert cited.file == name
