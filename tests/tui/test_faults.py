"""What goes wrong below the screen: it says so, goes on, and loses nothing."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from pilots import SMALL, append, full_disk, held, line, night, notes

from support.journals import entries, texts
from threeam.core.state.fold import Fold
from threeam.core.store.follow import Follower
from threeam.core.store.journal import Journal
from threeam.core.store.reader import Line
from threeam.core.write.draft import Draft, note_draft
from threeam.core.write.lock import SanityLock
from threeam.tui.outbox import WriteRequest
from threeam.tui.prompts import BoxKind


@pytest.mark.parametrize("fault", [OSError(errno.ESTALE, "Stale file handle"), ValueError("ours")], ids=["io", "ours"])
async def test_a_follower_that_fails_says_stale_and_goes_on(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    log.write_bytes(notes(3))

    def failing(follower: Follower) -> list[Line]:
        raise fault

    async with night(journal) as it:
        with monkeypatch.context() as patch:
            patch.setattr(Follower, "read", failing)
            append(log, line("written meanwhile"))
            await it.eventually(lambda: "STALE" in it.header, "the header says that this is not the truth")
            await it.says(str(fault))
        await it.eventually(lambda: "LIVE" in it.header, "it follows again")
        await it.shows("written meanwhile")


async def test_a_rotated_file_that_cannot_be_read_is_named_once(journal: Journal, log: Path) -> None:
    stamp = "2026-11-24T03:14:07.123456789+0000"
    away = log.parent / "sanity.20261124T031407.123456789Z.log"
    away.symlink_to(log.parent / "elsewhere")
    log.write_bytes(f"[{stamp}] [COFFEE: 0] [BY: a@b:1] [AT: {stamp}] Continued from {away.name}\n".encode() + notes(3))
    async with night(journal) as it:
        await it.says(f"{away} cannot be read (it is a symlink)")
        await it.press("g", "G")
        await it.shows("note 2")
        assert len([notice for notice in it.notices if "cannot be read" in notice]) == 1


async def test_reading_that_fails_while_paging_says_so_and_ends_nothing(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(2000))

    def failing(fd: int, size: int, offset: int) -> bytes:
        raise OSError(errno.ESTALE, "Stale file handle")

    async with night(journal) as it:
        with monkeypatch.context() as patch:
            patch.setattr(os, "pread", failing)
            await it.press("g")
            await it.says("Stale file handle")
        await it.press("F")
        await it.shows("note 1999")
        await it.press("g")
        await it.shows("note 0")


async def test_the_end_of_a_log_that_became_a_folder_is_what_was_read(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    async with night(journal) as it:
        await it.press("k")
        log.rename(f"{log}.1")
        log.mkdir()
        await it.press("g", "G", "z", "z")
        await it.shows("note 49")
        assert it.app.is_running


async def test_z_after_a_truncation_shows_what_is_in_the_file(journal: Journal, log: Path) -> None:
    log.write_bytes(notes(50))
    async with night(journal) as it:
        await it.press("k")
        os.truncate(log, 0)
        append(log, line("new words"))
        await it.says("truncated")
        await it.press("z", "z", "G")
        await it.shows("new words")
        assert "foreign" not in it.shown


async def test_an_error_of_ours_in_the_writer_keeps_the_text_and_the_next_one_is_written(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[object]:
        raise ValueError("ours")

    async with night(journal) as it:
        with monkeypatch.context() as patch:
            patch.setattr(BoxKind, "draft", lambda *_, **__: Draft(broken))  # type: ignore[arg-type]
            await it.type("imy words\n")
            await it.says("ValueError: ours")
            assert it.composer.text == "my words"
        await it.press("i", "enter")
        await it.eventually(lambda: texts(log) == ["my words"], "it is written")


async def test_the_state_is_that_of_the_new_file_after_a_rename_that_left_a_torn_line(
    journal: Journal, log: Path
) -> None:
    log.write_bytes(line("Hypothesis: old", tags=(("H1", "open"),)) + b"[2026-11-24T03:14:0")
    async with night(journal) as it:
        await it.shows("unfinished")
        log.rename(f"{log}.1")
        append(log, line("Hypothesis: new", tags=(("H7", "open"),)))
        await it.shows("H7 Hypothesis: new")
        assert [hypothesis.name for hypothesis in it.journal_screen.state.hypotheses.values()] == ["H7"]


@pytest.mark.parametrize("wrap", [True, False])
async def test_after_a_resize_the_last_line_is_at_the_bottom(journal: Journal, log: Path, wrap: bool) -> None:
    log.write_bytes(b"".join(line(f"{n} " + "many words " * 12, n) for n in range(60)) + line("the last", 60))
    async with night(journal, size=(100, 30)) as it:
        if wrap:
            await it.press("w")
        for size in (SMALL, (100, 16), (40, 10), (120, 36)):
            await it.pilot.resize_terminal(*size)
            await it.settled()
            assert "the last" in it.rows[-1], f"at {size}\n{it.shown}"
            assert all(len(row) <= size[0] for row in it.rows)


async def test_what_waits_together_is_written_under_one_hold(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    really_acquire = SanityLock.acquire

    def acquire(lock: SanityLock, *args: object, **kwargs: object) -> None:
        asked.append(lock.path)
        really_acquire(lock, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(SanityLock, "acquire", acquire)
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.press("c")
            await it.says("waits for the lock")
            await it.command("water")
            await it.type("iand a note\n")
            await it.eventually(lambda: it.unanswered == 3, "three wait")
        await it.eventually(lambda: it.unanswered == 0, "all are answered")
    assert len(asked) == 1
    assert [entry.kind for entry in entries(log)] == ["Coffee", "Water", "note"]


async def test_each_coffee_behind_a_note_that_waits_is_one_cup(journal: Journal, log: Path) -> None:
    async with night(journal) as it:
        with held(journal.lock_path):
            await it.type("ia note\n")
            await it.shows("waits for the lock")
            await it.press("c", "c", "c")
        await it.eventually(lambda: it.unanswered == 0, "all are answered")
    assert [entry.cups for entry in entries(log) if entry.kind == "Coffee"] == [1, 2, 3]


async def test_a_text_that_has_no_room_is_written_when_there_is_some(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.type("imy words\n")
            await it.says("the disk is full")
            await it.shows("written as soon as there is room")
            assert it.composer.text == "my words"
            await it.press("c")
            assert texts(log) == []
        await it.eventually(lambda: texts(log) == ["my words", "Coffee: cup 1 of the night."], "both are written, once")
        await it.eventually(lambda: it.composer.text == "", "the box is free")


async def test_esc_takes_a_text_back_that_has_no_room(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            await it.type("imy words\n")
            await it.shows("written as soon as there is room")
            await it.press("escape")
            await it.says("taken back")
        assert it.composer.text == "my words"
        assert it.unanswered == 0
    assert texts(log) == []


@pytest.mark.parametrize("is_fact_first", [False, True])
async def test_esc_takes_back_only_what_can_be_when_there_is_no_room(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch, is_fact_first: bool
) -> None:
    async with night(journal) as it:
        with full_disk(monkeypatch, log):
            drafts = [(note_draft("a cup"), "cup", False), (note_draft("terminated 4711"), "terminated 4711", True)]
            for draft, title, is_irrevocable in reversed(drafts) if is_fact_first else drafts:
                it.journal_screen.writing.submit(WriteRequest(draft, title, is_irrevocable=is_irrevocable))
            await it.says("the disk is full")
            await it.press("escape")
            await it.says("cup: not written")
            assert it.unanswered == 1
        await it.eventually(lambda: it.unanswered == 0, "there is room again")
    assert texts(log) == ["terminated 4711"]


async def test_the_header_says_how_little_room_is_left(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(3))
    async with night(journal) as it:
        with monkeypatch.context() as patch:
            patch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_bavail=40, f_frsize=1024))
            await it.eventually(lambda: "DISK 40 KiB" in it.header, "it is in the header")
            assert it.journal_screen.header.has_class("-alarm")
        await it.eventually(lambda: "DISK" not in it.header, "there is room again")
        assert not it.journal_screen.header.has_class("-alarm")


async def test_lines_that_were_read_when_the_fold_failed_are_shown_later(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.write_bytes(notes(3))

    def failing(*_: object) -> object:
        raise OSError(errno.EIO, "Input/output error")

    async with night(journal) as it:
        with monkeypatch.context() as patch:
            patch.setattr(Fold, "__call__", failing)
            append(log, line("read, and not folded"))
            await it.eventually(lambda: "STALE" in it.header, "the header says that this is not the truth")
        await it.shows("read, and not folded")
        await it.eventually(lambda: "LIVE" in it.header, "it follows again")
