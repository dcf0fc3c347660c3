"""The draft survives the end of its screen, whatever ended it, and comes back once."""

from __future__ import annotations

import errno
import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from drafts import leave_behind, saved_files, saved_texts
from pilots import BY, full_disk, held, join_writing_threads, line, night

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui import draft_store
from threeam.tui.widgets.log_view import LogView


async def test_a_draft_lies_beside_the_log_while_it_is_typed(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.eventually(lambda: "half a thought" in saved_texts(journal), "the draft is kept")
        folder = Path(journal.folder_beside_log)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in saved_files(folder))
        assert not log.exists(), "a draft is not a line"


async def test_a_draft_of_a_screen_that_was_killed_is_restored(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)  # this process, in its first life
    async with night(journal) as it:
        await it.type("Hthe [/foo] sweeper\\x1b[2J")
        await it.eventually(lambda: "sweeper" in saved_texts(journal), "the draft is kept")
        # and no more: the screen is thrown away without leave()
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    async with night(journal) as it:
        assert it.composer.text == "the [/foo] sweeper\\x1b[2J"
        assert it.box_kind == "hypothesis"
        assert it.in_the_log, "the log has the focus at the start"
        await it.says("draft")
        await it.press("i", "alt+h", "enter")
        await it.eventually(lambda: texts(log) == ["Hypothesis: the [/foo] sweeper\\x1b[2J"], "it can be sent")


async def test_a_draft_of_several_lines_is_restored_whole(journal: Journal) -> None:
    leave_behind(journal, "Traceback\n  File\nKeyError", "hypothesis")
    async with night(journal) as it:
        assert it.composer.text == "Traceback\n  File\nKeyError"
        assert it.box_kind == "hypothesis"


async def test_notes_typed_ahead_are_drafts_of_their_own(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)
    with held(journal.lock_path):
        async with night(journal) as it:
            await it.type("ione\nitwo\nithr")
            await it.eventually(lambda: '"thr"' in saved_texts(journal), "all are kept")
            # and the screen is killed
            saved = json.loads(next(Path(journal.folder_beside_log).glob("draft-*.json")).read_text())
            assert [draft[1] for draft in saved[1]] == ["thr", "one", "two"]
    join_writing_threads()
    # As if it had been killed when the first was written; what it wrote after it was closed is not there.
    log.write_bytes(line("one").replace(b"bob@db1:77%1", str(BY).encode()))
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    (Path(journal.folder_beside_log) / f"draft-{os.getpid()}-1.json").write_text(json.dumps(saved))
    async with night(journal) as it:
        assert it.composer.text == "thr"
        await it.press("i", "up")
        assert it.composer.text == "two"


async def test_what_is_typed_after_enter_is_kept_while_the_lock_is_held(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("ifirst\nisecond\nithird")
            await it.eventually(lambda: "third" in saved_texts(journal), "it is kept")
            assert "first" in saved_texts(journal)
            assert "second" in saved_texts(journal)


async def test_a_draft_comes_back_once(journal: Journal) -> None:
    leave_behind(journal, "half a thought")
    async with night(journal) as it:
        assert it.composer.text == "half a thought"
        async with night(journal) as other:
            assert other.composer.text == ""


async def test_of_several_drafts_the_newest_is_in_the_box_and_the_others_one_key_away(journal: Journal) -> None:
    leave_behind(journal, "older", pid=4_000_001)
    leave_behind(journal, "newer", pid=4_000_002)
    for pid, modified_s in ((4_000_001, 100), (4_000_002, 200)):
        os.utime(Path(journal.folder_beside_log) / f"draft-{pid}-77.json", (modified_s, modified_s))
    async with night(journal) as it:
        assert it.composer.text == "newer"
        await it.eventually(lambda: "older" in saved_texts(journal), "the older one is in the history")
    async with night(journal) as it:
        await it.press("i", "up")
        assert it.composer.text == "older"


async def test_drafts_that_were_cut_off_stop_nothing(journal: Journal) -> None:
    folder = Path(journal.folder_beside_log)
    folder.mkdir()
    broken = [b"", b"{", b"[1]", b"\xff\xfe", b'["note"]', b'["note", "x", "y", "z"]', b"\x00" * 100]
    for n, data in enumerate(broken):
        (folder / f"draft-400000{n}-77.json").write_bytes(data)
    (folder / "history").write_bytes(b"\n".join(broken))
    async with night(journal) as it:
        assert it.composer.text == ""
        await it.type("inote\n")
        await it.eventually(lambda: it.composer.text == "", "a note can be written")


async def test_a_written_text_leaves_no_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("iwritten\n")
        await it.eventually(lambda: texts(log) == ["written"], "it is written")
        await it.eventually(lambda: not list(Path(journal.folder_beside_log).glob("draft-*")), "no draft is left")


async def test_quitting_while_the_lock_is_held_keeps_the_draft(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            await it.pilot.click(LogView)
            assert it.in_the_log
            await it.press("q")
            await it.says("q again")
            assert it.app.is_running
            await it.press("q")
            await it.eventually(lambda: not it.app.is_running, "it has ended")
            assert "my words" in saved_texts(journal)
    assert texts(log) == []
    assert it.app.return_code == 0


async def test_quitting_once_while_the_lock_is_held_writes_first(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("imy words\n")
            await it.shows("waits for the lock")
            await it.pilot.click(LogView)
            await it.press("q")
            await it.says("q again")
        await it.eventually(lambda: not it.app.is_running, "it has ended")
    assert texts(log) == ["my words"]
    assert not list(Path(journal.folder_beside_log).glob("draft-*"))


async def test_a_folder_where_no_draft_can_be_kept_is_reported_and_stops_nothing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(journal.folder_beside_log).write_text("a file, not a folder")
    monkeypatch.setenv("XDG_STATE_HOME", "/proc")  # where no folder can be made
    Path(os.environ["XDG_RUNTIME_DIR"]).write_text("nor in memory")
    async with night(journal) as it:
        await it.type("isome")
        await it.says("drafts cannot be saved")
        await it.type(" words")
        assert len([notice for notice in it.notices if "drafts cannot be saved" in notice]) == 1
        await it.press("enter")
        await it.eventually(lambda: texts(log) == ["some words"], "it is written")


async def test_a_note_that_waits_on_a_full_disk_outlives_its_screen(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)
    really_open = os.open

    def no_room(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        folder = os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd is not None else ""
        if folder == journal.folder_beside_log and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really_open(path, flags, mode, dir_fd=dir_fd)

    memory = Path(os.environ["XDG_RUNTIME_DIR"])
    with ExitStack() as disk:  # it is full until the screen is gone
        async with night(journal) as it:
            await it.type("ibefore it was ")
            await it.eventually(lambda: "before it was" in saved_texts(journal), "the draft is kept beside the log")
            patch = disk.enter_context(monkeypatch.context())
            disk.enter_context(full_disk(patch, log))
            patch.setattr(os, "open", no_room)
            await it.type("full\n")
            await it.shows("written as soon as there is room")
            await it.eventually(lambda: list(memory.rglob("draft-*.json")) != [], "it is kept in memory")
            await it.eventually(lambda: saved_texts(journal) == "", "and only once")
            # and the screen is killed
    join_writing_threads()
    log.write_bytes(b"")  # what the screen wrote when the room came back
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    async with night(journal) as it:
        assert it.composer.text == "before it was full"
        await it.press("i")
        await it.type("!")
        await it.eventually(lambda: "full!" in saved_texts(journal), "it lies beside the log again")
        assert list(memory.rglob("draft-*.json")) == []


async def test_a_folder_in_memory_that_is_somebody_elses_keeps_nothing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = Path(os.environ["XDG_RUNTIME_DIR"]) / "3am" / (str(log).strip("/").replace("/", "%") + ".d")
    planted.mkdir(parents=True)
    (planted / "draft-4000001-77.json").write_text(json.dumps([str(BY), [["note", "planted", 0]]]))
    os.chown(planted, 12345, 12345)
    async with night(journal) as it:
        assert it.composer.text == ""


@pytest.mark.parametrize(("cut", "text"), [(None, "the whole sentence"), (-3, "the whole")])
async def test_a_screen_killed_before_its_file_had_its_name(
    journal: Journal, log: Path, cut: int | None, text: str
) -> None:
    leave_behind(journal, "the whole")
    path = next(Path(journal.folder_beside_log).glob("draft-*.json"))
    os.utime(path, (1, 1))
    path.with_name(path.name + ".77.new").write_text(
        json.dumps([str(BY), [["note", "the whole sentence", None]]])[:cut]
    )
    async with night(journal) as it:
        assert it.composer.text == text
        await it.press("i", "up")
        assert it.composer.text == text, "and no second time"
        assert list(Path(journal.folder_beside_log).glob("*.new")) == []
