"""The store of drafts: whose they are, when they come back, and a disk without room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from drafts import leave_behind, saved_texts
from pilots import BY

from threeam.core.store.journal import Journal
from threeam.tui import draft_store


def test_what_the_disk_has_no_room_for_in_the_history_is_kept_in_memory(
    journal: Journal, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences: list[str] = []
    store = draft_store.DraftStore(journal, sentences.append)
    store.add_to_history("before")
    store.flush(5)
    really_write = os.write

    def short(fd: int, data: bytes) -> int:
        beside = os.path.samestat(os.fstat(fd), os.stat(Path(journal.folder_beside_log) / "history"))
        return really_write(fd, data[:5] if beside else data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", short)
        store.add_to_history("while it was full")
        store.flush(5)
    store.add_to_history("after")
    store.flush(5)
    assert sentences == []
    assert sorted(store.history()) == ["after", "before", "while it was full"]


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
        assert "being typed" in saved_texts(journal)
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
    next(Path(journal.folder_beside_log).iterdir()).rename(Path(journal.folder_beside_log) / "draft-4000001-0.json")
    first, second = (draft_store.DraftStore(journal, lambda sentence: None) for _ in range(2))
    try:
        restored = first.restore()
        assert restored is not None
        assert [draft.text for draft in restored.drafts] == ["half a thought"]
        assert second.restore() is None
    finally:
        first.stop(10)
        second.stop(10)
