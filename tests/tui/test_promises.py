"""Promises of the screen that were broken once: hold times, refused text, marks, moved keys, plain signs."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pilots import BY, append, failing_sync, full_disk, held, line, night, notes, texts
from test_window import SHAPES, STEPS, Small, plain_fold, rows_of, write_log

from threeam.actions import ACTIONS, BY_ID
from threeam.core.follow import Follower
from threeam.core.journal import Journal, journal_at
from threeam.core.settings import Settings
from threeam.tui.window import Window

MOVES = st.lists(
    st.tuples(st.sampled_from(["back", "forward", "start", "end", "before", "after", "raw"]), st.integers(0, 40)),
    max_size=25,
)


def move(window: Window, what: str, index: int) -> None:
    at = min(index, max(0, len(window.rows) - 1))
    match what:
        case "back":
            window.back()
        case "forward":
            window.forward()
        case "start":
            window.to_start()
        case "end":
            window.to_end()
        case "before":
            window.forget_before(at)
        case "after":
            window.forget_after(at)
        case _:
            window.show_raw(True)
            window.show_raw(False)


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, step=STEPS)
def test_paging_back_from_the_end_comes_to_what_all_lines_come_to(shape: list[int], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 1000):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        window = Window(journal_at(str(log)))
        while not window.at_start:
            window.back()
        assert rows_of(window) == plain_fold(log)


@settings(max_examples=150, deadline=None)
@given(shape=SHAPES, step=STEPS, moves=MOVES)
def test_wherever_it_was_paged_and_whatever_it_forgot_the_rows_are_a_slice_of_all(
    shape: list[int], step: int, moves: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 2 * step):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        every = plain_fold(log)
        window = Window(journal_at(str(log)))
        for what, index in moves:
            move(window, what, index)
            rows = rows_of(window)
            if not rows:
                continue
            first = [row.offset for row in every].index(rows[0].offset)
            expected = every[first : first + len(rows)]
            if not window.at_end:  # of a section that goes on after the last row, the hold is not known yet
                expected[-4:] = [
                    want._replace(held_ns=None) if have.held_ns is None else want
                    for have, want in zip(rows[-4:], expected[-4:], strict=True)
                ]
            assert rows == expected, f"after {what}"


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, later=SHAPES, step=STEPS, batch=st.integers(1, 9), paged=st.booleans())
def test_lines_that_come_in_batches_are_folded_as_if_they_had_been_there(
    shape: list[int], later: list[int], step: int, batch: int, paged: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, Small(step, 1000):
        log = Path(folder, "sanity.log")
        write_log(log, shape)
        journal = journal_at(str(log))
        window = Window(journal)
        follower = Follower(journal, window.anchor)
        write_log(log, later)
        arrived = follower.read()
        follower.close()
        told = 0
        for at in range(0, len(arrived), batch):
            told += window.append(arrived[at : at + batch])
            if paged:
                window.back()
        while not window.at_start:
            window.back()
        every = plain_fold(log)
        assert rows_of(window) == every
        assert told == len([row for row in every if row.offset >= arrived[0].offset])


@pytest.mark.parametrize("notes_after", range(5))
def test_no_hypothesis_of_a_long_night_loses_its_hold_time_at_the_edge_of_a_step(
    journal: Journal, log: Path, notes_after: int
) -> None:
    write_log(log, [1] * 500 + [0] * notes_after)
    window = Window(journal)
    while not window.at_start:
        window.back()
    assert [row.text for row in rows_of(window)[:500] if row.held_ns is None] == []


@pytest.mark.parametrize("inside", [1, 2])
def test_what_was_forgotten_comes_back_with_its_hold_time(journal: Journal, log: Path, inside: int) -> None:
    write_log(log, [inside] * 200)
    with Small(60, 101):
        window = Window(journal)
        while not window.at_start:
            window.back()
            window.forget_after(0)
        while not window.at_end:
            window.forward()
        assert rows_of(window) == plain_fold(log), "forgotten at the end"
        window.forget_before(len(window.rows) - 1)
        while not window.at_start:
            window.back()
        assert rows_of(window) == plain_fold(log), "forgotten at the start"


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
        with held(journal.lock):
            await it.command("note an hour of thought")
            await it.eventually(lambda: it.composer.waiting, "it is on its way")
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
        places = {"log": [it.view], "box": [it.composer.box], "anywhere": [it.journal_screen, it.composer.box]}
        for action in ACTIONS:
            for key in filter(None, action.keys.split(",")):
                for owner in places[action.place]:
                    bound = [
                        binding
                        for binding in owner._bindings.key_to_bindings.get(key, [])
                        if binding.id == action.id or (action.id == "leave" and binding.id == "leave-box")
                    ]
                    assert bound, f"{key} ({action.id}) is not bound on {owner}"
                    assert bound[0].description, f"{key} ({action.id}) has no description"
                    assert bound[0].tooltip, f"{key} ({action.id}) has no tooltip on {owner}"


async def test_the_help_shows_the_keys_in_force(journal: Journal) -> None:
    async with night(journal, size=(120, 150), settings=Settings(keys={"coffee": "f2"})) as it:
        await it.press("question_mark")
        row = next(row for row in it.shown.splitlines() if BY_ID["coffee"].about in row)
        assert "f2" in row


async def test_a_writing_key_that_was_moved_says_read_only_too(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(3))
    async with night(journal, read_only=True, settings=Settings(keys={"coffee": "f2"})) as it:
        await it.press("f2")
        assert [notice for notice in it.notices if "read-only" in notice]


async def test_a_restored_draft_is_drawn_without_its_controls(journal: Journal) -> None:
    folder = Path(journal.folder)
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
