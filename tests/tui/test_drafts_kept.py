"""The draft survives the end of its screen, whatever ended it, and comes back once."""

from __future__ import annotations

import errno
import json
import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from pilots import BY, NIGHT, append, full_disk, held, join_writing_threads, line, night

from support.journals import texts
from threeam.core.store.journal import Journal
from threeam.tui import draft_store
from threeam.tui.widgets.log_view import LogView

STAMP = str(NIGHT)


def leave_behind_as_another(journal: Journal) -> None:
    """The draft of this process, as if a process had left it that is no more."""
    path = next(Path(journal.attachments_dir).glob("draft-*.json"))
    (path.parent / "draft-4000001-77.json").write_bytes(path.read_bytes())
    path.unlink()


def leave_behind(
    journal: Journal, text: str, kind: str = "note", *, pid: int = 4_000_001, since: object = None
) -> None:
    """A draft, as a screen leaves it that was killed and is no more."""
    folder = Path(journal.attachments_dir)
    folder.mkdir(exist_ok=True)
    (folder / f"draft-{pid}-77.json").write_text(json.dumps([str(BY), [[kind, text, since]]]))


def kept(journal: Journal) -> str:
    """All that lies beside the log."""
    folder = Path(journal.attachments_dir)
    return "\n".join(path.read_text() for path in whole_files(folder))


def whole_files(folder: Path) -> list[Path]:
    """The files of the folder that have their name: one that is being written gets it when it is whole."""
    return [path for path in folder.glob("*") if path.suffix != ".new"]


async def test_a_draft_lies_beside_the_log_while_it_is_typed(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        await it.type("ihalf a thought")
        await it.eventually(lambda: "half a thought" in kept(journal), "the draft is kept")
        folder = Path(journal.attachments_dir)
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in whole_files(folder))
        assert not log.exists(), "a draft is not a line"


async def test_a_draft_of_a_screen_that_was_killed_is_restored(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)  # this process, in its first life
    async with night(journal) as it:
        await it.type("Hthe [/foo] sweeper\\x1b[2J")
        await it.eventually(lambda: "sweeper" in kept(journal), "the draft is kept")
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


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("note", "half [/foo]", "half [/foo]"),
        ("note", "one\ntwo", "one"),
        ("hypothesis", "the sweeper", "Hypothesis: the sweeper"),
        ("refute H1", "it was not", "Conclusion: it was not"),
    ],
)
async def test_a_draft_that_stands_in_the_log_already_is_not_restored(
    journal: Journal, log: Path, kind: str, text: str, written: str
) -> None:
    tags = () if kind == "note" else (("H1", "open"),)
    append(log, line(written, tags=tags).replace(b"bob@db1:77%1", str(BY).encode()))
    append(log, line("| two").replace(b"bob@db1:77%1", str(BY).encode()) if "\n" in text else b"")
    leave_behind(journal, text, kind)
    async with night(journal) as it:
        assert it.composer.text == ""
        await it.says("is already in the log")
        await it.press("i", "up")
        assert it.composer.text == text, "it is one key away all the same"


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        ("note", "next: restart it", ["Next: restart it"]),
        ("note", "topology: a\nb", ["Topology: a", "| b"]),
        ("note", "changed: the pool (undo: set it to 5)", ["Changed: the pool (undo: set it to 5)"]),
        ("changed", "the pool --undo 'set it to 5'", ["Changed: the pool (undo: set it to 5)"]),
        ("changed", "-H H1 the pool\nof db1", ["Changed: the pool", "| of db1"]),
        (f"correct @{STAMP}", "one\n two", [f"Correction: @{STAMP} one / two"]),
        (f"words @{STAMP}", "the LED\nblinked", [f"Words: @{STAMP} the LED / blinked"]),
        ("words", "the LED", [f"Words: @{STAMP} the LED"]),
        (f"support H1 @{STAMP}", "as predicted", [f"Supports: @{STAMP} as predicted"]),
        ("predict H1", "it stops", ["Prediction: it stops"]),
        ("reopen H1", "it is back", ["Reopened: it is back"]),
        ("note", "a \x1b[2J byte", ["a \\x1b[2J byte"]),
    ],
)
async def test_a_draft_is_compared_with_what_it_writes(
    journal: Journal, log: Path, kind: str, text: str, written: list[str]
) -> None:
    by_alice = str(BY).encode()
    append(log, b"".join(line(text, n).replace(b"bob@db1:77%1", by_alice) for n, text in enumerate(written)))
    leave_behind(journal, text, kind)
    async with night(journal) as it:
        assert it.drafts == []
        await it.press("i", "enter")
        await it.says("nothing to write yet")
    assert texts(log) == written


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("hypothesis", "the sweeper"),
        ("note", "Hypothesis: the sweeper"),
        (f"correct @{STAMP}", f"Words: @{STAMP} the sweeper"),
        (f"support H1 @{STAMP}", "Supports: @2026-11-24T03:14:07.123456788+0000 the sweeper"),
    ],
)
async def test_the_same_words_of_another_kind_do_not_take_a_draft_away(
    journal: Journal, log: Path, kind: str, written: str
) -> None:
    append(log, line(written).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "the sweeper", kind)
    async with night(journal) as it:
        assert it.drafts == [(kind, "the sweeper")]


@pytest.mark.parametrize("kind", ["words", "words +1"])
async def test_words_whose_stamp_was_never_written_are_a_note_and_not_for_the_next_stamp(
    journal: Journal, log: Path, kind: str
) -> None:
    leave_behind(journal, "old words", kind)
    async with night(journal) as it:
        assert it.drafts == [("note", "old words")]
        it.at_once(*"snew words\n")
        await it.eventually(lambda: len(texts(log)) == 2, "the stamp has its words")
        assert texts(log)[1].endswith(" new words")
        assert it.drafts == [("note", "old words")]


async def test_a_draft_whose_first_line_alone_stands_in_the_log_is_restored(journal: Journal, log: Path) -> None:
    append(log, line("Traceback:").replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "Traceback:\n  an hour of typing below it")
    async with night(journal) as it:
        assert it.composer.text == "Traceback:\n  an hour of typing below it"


async def test_the_same_words_of_somebody_else_do_not_take_a_draft_away(journal: Journal, log: Path) -> None:
    append(log, line("the same words"))
    leave_behind(journal, "the same words")
    async with night(journal) as it:
        assert it.composer.text == "the same words"


async def test_the_same_words_from_before_do_not_take_a_draft_away(journal: Journal, log: Path) -> None:
    append(log, line("hit it again", 0).replace(b"bob@db1:77%1", str(BY).encode()))
    about = log.stat()
    leave_behind(journal, "hit it again", since=[about.st_dev, about.st_ino, about.st_size])
    async with night(journal) as it:
        assert it.composer.text == "hit it again"


async def test_a_draft_that_was_written_with_a_clock_that_was_stepped_back_is_recognised(
    journal: Journal, log: Path
) -> None:
    append(log, line("hit it again", 100))
    about = log.stat()
    append(log, line("hit it again", -60 * 10**9).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "hit it again", since=[about.st_dev, about.st_ino, about.st_size])
    async with night(journal) as it:
        assert it.composer.text == ""


async def test_a_draft_with_spaces_around_it_is_recognised(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis:   padded ", tags=(("H1", "open"),)).replace(b"bob@db1:77%1", str(BY).encode()))
    leave_behind(journal, "  padded ", "hypothesis")
    async with night(journal) as it:
        assert it.composer.text == ""


def test_what_the_disk_has_no_room_for_in_the_history_is_kept_in_memory(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    store = draft_store.DraftStore(journal, said.append)
    store.add_to_history("before")
    store.flush(5)
    really_write = os.write

    def short(fd: int, data: bytes) -> int:
        beside = os.path.samestat(os.fstat(fd), os.stat(Path(journal.attachments_dir) / "history"))
        return really_write(fd, data[:5] if beside else data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        store.add_to_history("while it was full")
        store.flush(5)
    store.add_to_history("after")
    store.flush(5)
    assert said == []
    assert sorted(store.history()) == ["after", "before", "while it was full"]


async def test_notes_typed_ahead_are_drafts_of_their_own(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draft_store, "_started", lambda pid: 1)
    with held(journal.lock_path):
        async with night(journal) as it:
            await it.type("ione\ntwo\nthr")
            await it.eventually(lambda: '"thr"' in kept(journal), "all are kept")
            # and the screen is killed
            left = json.loads(next(Path(journal.attachments_dir).glob("draft-*.json")).read_text())
            assert [draft[1] for draft in left[1]] == ["one", "two", "thr"]
    join_writing_threads()
    # As if it had been killed when the first was written; what it wrote after it was closed is not there.
    log.write_bytes(line("one").replace(b"bob@db1:77%1", str(BY).encode()))
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    (Path(journal.attachments_dir) / f"draft-{os.getpid()}-1.json").write_text(json.dumps(left))
    async with night(journal) as it:
        assert it.composer.text == "two"
        await it.press("i", "up")
        assert it.composer.text == "thr"


async def test_a_note_that_was_put_aside_for_a_verdict_is_kept_with_it(journal: Journal, log: Path) -> None:
    append(log, line("Hypothesis: a claim", tags=(("H1", "open"),)))
    async with night(journal) as it:
        await it.type("imy precious note")
        await it.press("escape", "1", "x")
        await it.type("because")
        await it.eventually(lambda: "because" in kept(journal), "the verdict is kept")
        assert "my precious note" in kept(journal)
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
        await it.eventually(lambda: "half a claim" in kept(journal), "both are kept")
        leave_behind_as_another(journal)
    async with night(journal) as it:
        assert (it.box_kind, it.composer.text) == ("hypothesis", "half a claim")
        await it.press("i")
        assert (it.box_kind, it.composer.text) == ("note", "half a note")


async def test_what_is_typed_after_enter_is_kept_while_the_lock_is_held(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("ifirst\nsecond\nthird")
            await it.eventually(lambda: "third" in kept(journal), "it is kept")
            assert "first" in kept(journal)
            assert "second" in kept(journal)


async def test_a_draft_comes_back_once(journal: Journal) -> None:
    leave_behind(journal, "half a thought")
    async with night(journal) as it:
        assert it.composer.text == "half a thought"
        async with night(journal) as other:
            assert other.composer.text == ""


async def test_of_several_drafts_the_newest_is_in_the_box_and_the_others_one_key_away(journal: Journal) -> None:
    leave_behind(journal, "older", pid=4_000_001)
    leave_behind(journal, "newer", pid=4_000_002)
    for pid, at in ((4_000_001, 100), (4_000_002, 200)):
        os.utime(Path(journal.attachments_dir) / f"draft-{pid}-77.json", (at, at))
    async with night(journal) as it:
        assert it.composer.text == "newer"
        await it.eventually(lambda: "older" in kept(journal), "the older one is in the history")
    async with night(journal) as it:
        await it.press("i", "up")
        assert it.composer.text == "older"


async def test_drafts_that_were_cut_off_stop_nothing(journal: Journal) -> None:
    folder = Path(journal.attachments_dir)
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
        await it.eventually(lambda: not list(Path(journal.attachments_dir).glob("draft-*")), "no draft is left")


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
            assert "my words" in kept(journal)
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
    assert not list(Path(journal.attachments_dir).glob("draft-*"))


async def test_a_folder_where_no_draft_can_be_kept_is_said_and_stops_nothing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(journal.attachments_dir).write_text("a file, not a folder")
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
        if folder == journal.attachments_dir and flags & os.O_CREAT:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really_open(path, flags, mode, dir_fd=dir_fd)

    memory = Path(os.environ["XDG_RUNTIME_DIR"])
    with ExitStack() as disk:  # it is full until the screen is gone
        async with night(journal) as it:
            await it.type("ibefore it was ")
            await it.eventually(lambda: "before it was" in kept(journal), "the draft is kept beside the log")
            patch = disk.enter_context(monkeypatch.context())
            disk.enter_context(full_disk(patch, log))
            patch.setattr(os, "open", no_room)
            await it.type("full\n")
            await it.shows("written as soon as there is room")
            await it.eventually(lambda: list(memory.rglob("draft-*.json")) != [], "it is kept in memory")
            await it.eventually(lambda: kept(journal) == "", "and only once")
            # and the screen is killed
    join_writing_threads()
    log.write_bytes(b"")  # what the screen wrote when the room came back
    monkeypatch.setattr(draft_store, "_started", lambda pid: 2)
    async with night(journal) as it:
        assert it.composer.text == "before it was full"
        await it.press("i")
        await it.type("!")
        await it.eventually(lambda: "full!" in kept(journal), "it lies beside the log again")
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
    path = next(Path(journal.attachments_dir).glob("draft-*.json"))
    os.utime(path, (1, 1))
    path.with_name(path.name + ".77.new").write_text(
        json.dumps([str(BY), [["note", "the whole sentence", None]]])[:cut]
    )
    async with night(journal) as it:
        assert it.composer.text == text
        await it.press("i", "up")
        assert it.composer.text == text, "and no second time"
        assert list(Path(journal.attachments_dir).glob("*.new")) == []


def test_the_draft_of_a_living_screen_in_another_pid_namespace_is_left_to_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There its process has another number, or none: only the lock says that it lives."""
    living = draft_store.DraftStore(journal, lambda sentence: None)
    living.save(draft_store.SavedDrafts(str(BY), (draft_store.SavedDraft("note", "being typed", None),)))
    living.flush(10)
    monkeypatch.setattr(draft_store, "_started", lambda pid: 0)  # as /proc says it of a process that it does not show
    other = draft_store.DraftStore(journal, lambda sentence: None)
    try:
        assert other.restore() is None
        assert "being typed" in kept(journal)
        living.stop(10)
        restored = other.restore()
        assert restored is not None
        assert [draft.text for draft in restored.drafts] == ["being typed"]
    finally:
        living.stop(10)
        other.stop(10)


def test_a_draft_comes_back_when_the_same_process_opens_its_journal_again(journal: Journal) -> None:
    """ctrl+p changes to another journal, and back."""
    first = draft_store.DraftStore(journal, lambda sentence: None)
    first.save(draft_store.SavedDrafts(str(BY), (draft_store.SavedDraft("note", "half a thought", None),)))
    first.stop(10)
    second = draft_store.DraftStore(journal, lambda sentence: None)
    restored = second.restore()
    second.stop(10)
    assert restored is not None
    assert [draft.text for draft in restored.drafts] == ["half a thought"]


def test_a_draft_comes_back_if_it_is_not_known_when_its_process_began(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without /proc every process seems to have begun at 0, and only the lock says whether the screen lives."""
    monkeypatch.setattr(draft_store, "_started", lambda pid: 0)
    leave_behind(journal, "half a thought")
    next(Path(journal.attachments_dir).iterdir()).rename(Path(journal.attachments_dir) / "draft-4000001-0.json")
    first, second = (draft_store.DraftStore(journal, lambda sentence: None) for _ in range(2))
    try:
        restored = first.restore()
        assert restored is not None
        assert [draft.text for draft in restored.drafts] == ["half a thought"]
        assert second.restore() is None
    finally:
        first.stop(10)
        second.stop(10)
