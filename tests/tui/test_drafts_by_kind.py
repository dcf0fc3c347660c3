"""The draft of each kind of text outlives its screen and comes back in its own box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from drafts import leave_behind_as_another, saved_texts
from hypothesis_pilots import select_line
from night_lines import MS, claim_line, last_entry, stamp_at
from pilots import BY, append, line, night, notes

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui import draft_store


@pytest.mark.parametrize(
    ("begin", "typed", "kind", "written"),
    [
        (("1", "p"), "it will leak", "predict H1", "Prediction: it will leak"),
        ((":correct\n",), " indeed", f"correct @{stamp_at(1)}", f"Correction: @{stamp_at(1)} note 1 indeed"),
        (("s",), "the LED", "words @", "Words: @"),
    ],
)
async def test_what_was_begun_outlives_its_screen(
    journal: Journal,
    log: Path,
    monkeypatch: pytest.MonkeyPatch,
    begin: tuple[str, ...],
    typed: str,
    kind: str,
    written: str,
) -> None:
    append(log, notes(3) + line("Stamp: words follow", 5 * MS, tags=(("STAMP", "now"),)) + claim_line(1))
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)
    async with night(journal) as it:
        await select_line(it, "note 1")
        for keys in begin:
            await it.type(keys)
        await it.eventually(lambda: it.box_kind.startswith(kind), "it is the box for that")
        await it.eventually(lambda: it.unanswered == 0, "nothing is on its way")
        await it.settled()
        name, count = it.box_kind, len(texts(log))
        await it.type(typed)
        text = it.composer.text
        await it.press("escape")
        assert it.in_the_log
        await it.press("q")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert len(texts(log)) == count
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    async with night(journal) as it:
        assert it.box_kind == name
        assert it.composer.text == text
        assert text.endswith(typed)
        assert it.in_the_log
        await it.says("leads to the draft that was left here")
        await it.press("shift+tab")
        assert it.in_the_box
        await it.press("enter")
        await it.eventually(lambda: len(texts(log)) == count + 1, "it can be sent")
        assert last_entry(log).text.startswith(written)
        assert last_entry(log).text.endswith(typed)
        await it.eventually(lambda: not list(Path(journal.folder_beside_log).glob("draft-*")), "no draft is left")
    monkeypatch.setattr(draft_store, "_started", lambda pid: 3)
    async with night(journal) as it:
        assert it.composer.text == ""


@pytest.mark.parametrize("there", [True, False], ids=["as-it-was", "another-log"])
@pytest.mark.parametrize("kind", ["predict H1", f"correct @{stamp_at(1)}", f"words @{stamp_at(1)}"])
async def test_a_draft_of_any_kind_comes_back_whatever_the_log_says_by_now(
    journal: Journal, log: Path, kind: str, there: bool
) -> None:
    if there:
        append(log, notes(3) + line("Stamp: words follow", 5 * MS, tags=(("STAMP", "now"),)) + claim_line(1))
    folder = Path(journal.folder_beside_log)
    folder.mkdir()
    (folder / "draft-4000001-77.json").write_text(json.dumps([str(BY), [[kind, "half a [/foo]", None]]]))
    async with night(journal) as it:
        assert it.box_kind == kind
        assert it.composer.text == "half a [/foo]"
        key = "p" if kind == "predict H1" else "tab"
        await it.says(f"{key} leads to the draft that was left here: half a [/foo]")
        await it.press("i")
        assert it.box_kind == "note"
        assert it.composer.text == ""
        assert (kind, "half a [/foo]") in it.drafts, "and it is still kept"


async def test_a_note_that_was_put_aside_for_a_verdict_is_kept_with_it(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal) as it:
        await it.type("imy precious note")
        await it.press("escape", "1", "x")
        await it.type("because")
        await it.eventually(lambda: "because" in saved_texts(journal), "the verdict is kept")
        assert "my precious note" in saved_texts(journal)
        leave_behind_as_another(journal)
    async with night(journal) as it:
        assert it.box_kind == "refute H1"
        assert it.composer.text == "because"
        await it.press("x", "enter")
        await it.eventually(lambda: texts(log)[1:] == ["Conclusion: because"], "the verdict is written")
        await it.eventually(lambda: it.composer.text == "my precious note", "the note is back")


async def test_the_drafts_of_each_kind_come_back_where_they_were(journal: Journal) -> None:
    async with night(journal) as it:
        await it.type("ihalf a note")
        await it.press("escape", "H")
        await it.type("half a claim")
        await it.eventually(lambda: "half a claim" in saved_texts(journal), "both are kept")
        leave_behind_as_another(journal)
    async with night(journal) as it:
        assert (it.box_kind, it.composer.text) == ("hypothesis", "half a claim")
        await it.press("i")
        assert (it.box_kind, it.composer.text) == ("note", "half a note")
