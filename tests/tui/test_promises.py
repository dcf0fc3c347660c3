"""Promises of the screen that were broken once: refused text, marks, moved keys, plain signs."""

from __future__ import annotations

import gc
import json
from pathlib import Path

import pytest
from pilots import BY, append, failing_sync, full_disk, held, line, night, notes
from textual.dom import DOMNode
from textual_internals import bindings_of

from support.journals import texts
from threeam.actions import ACTIONS, BY_ID
from threeam.core.config.settings import Settings
from threeam.core.store.journal import Journal


@pytest.mark.parametrize("word", ["note", "hyp"])
async def test_a_refused_text_of_the_command_line_stays_in_the_box(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.command(f"{word} [/foo] an hour of thought")
            await it.says("full")
        assert "an hour of thought" in it.composer.text, "the text of a refused write stays in the box"


async def test_a_text_of_the_command_line_stays_in_the_box_while_it_waits(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.command("note an hour of thought")
            await it.eventually(lambda: it.composer.is_waiting, "it is on its way")
            await it.pilot.pause(0.2)
            assert "an hour of thought" in it.composer.text, "the text of a write that waits stays in the box"
        await it.eventually(lambda: texts(log) == ["an hour of thought"], "it is written")


async def test_an_unsure_row_is_marked(journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with night(journal, sync=True) as it:
        with failing_sync(monkeypatch):
            await it.type("imy words\n")
            await it.says("unsure")
        await it.shows("note: my words")
        it.app.clear_notifications()
        await it.settled()
        assert any("my words" in row and "unsure" in row for row in it.rows), "the row of an unsure write has a mark"


async def test_every_action_with_keys_is_bound_with_its_id_a_description_and_a_tooltip(journal: Journal) -> None:
    async with night(journal) as it:
        places: dict[str, list[DOMNode]] = {
            "log": [it.view],
            "box": [it.composer.box],
            "anywhere": [it.journal_screen, it.composer.box],
        }
        for action in ACTIONS:
            for key in filter(None, action.keys.split(",")):
                for owner in [it.app] if action.id == "palette" else places[action.scope]:
                    bound = [
                        binding
                        for binding in bindings_of(owner).key_to_bindings.get(key, [])
                        if binding.id == action.id
                    ]
                    assert bound, f"{key} ({action.id}) is not bound on {owner}"
                    assert bound[0].description, f"{key} ({action.id}) has no description"
                    assert bound[0].tooltip, f"{key} ({action.id}) has no tooltip on {owner}"


async def test_the_help_shows_the_keys_in_force(journal: Journal) -> None:
    async with night(journal, size=(120, 150), settings=Settings(keys={"coffee": "f2"})) as it:
        await it.press("question_mark")
        row = next(row for row in it.shown.splitlines() if BY_ID["coffee"].description in row)
        assert "f2" in row


async def test_a_writing_key_that_was_moved_says_read_only_too(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal, read_only=True, settings=Settings(keys={"coffee": "f2"})) as it:
        await it.press("f2")
        assert [notice for notice in it.notices if "read-only" in notice]


async def test_a_restored_draft_is_drawn_without_its_controls(journal: Journal) -> None:
    folder = Path(journal.folder_beside_log)
    folder.mkdir()
    (folder / "draft-4000001-77.json").write_text(json.dumps([str(BY), [["note", "before \x1b]0;owned\x07 after", 0]]]))
    (folder / "history").write_text(json.dumps("earlier \x1b[8m") + "\n")
    async with night(journal) as it:
        await it.shows("before")
        assert "\x1b" not in it.shown
        await it.press("i", "up")
        assert "\x1b" not in it.shown


async def test_without_emoji_every_sign_is_ascii(journal: Journal, log: Path) -> None:
    append(log, b"foreign\n" + line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal, emoji=False) as it:
        await it.press("c")
        await it.eventually(lambda: "c 1" in it.header, "one cup")
        assert sorted({char for char in it.shown if not char.isascii()}) == []


async def test_garbage_is_collected_from_the_first_frame_on(journal: Journal) -> None:
    gc.disable()  # as the console script does
    try:
        async with night(journal) as it:
            await it.eventually(gc.isenabled, "garbage is collected")
    finally:
        gc.enable()
