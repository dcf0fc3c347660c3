"""What fails after an open leaves no descriptor, and so no lock, behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from threeam.core.errors import FileUnusable
from threeam.core.store.attachment_kinds import CAPTURED_PANE, PLAN, seal
from threeam.core.store.attachments import read_attachment
from threeam.core.store.journal import Journal
from threeam.tui.draft_store import DraftStore, SavedDraft, SavedDrafts

KEPT = SavedDrafts("alice@db1:4121", (SavedDraft("note", "half a thought", None),))


def fail(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def files(journal: Journal) -> list[str]:
    return sorted(path.name for path in Path(journal.folder_beside_log).iterdir())


@pytest.fixture
def problems() -> list[str]:
    return []


@pytest.fixture
def store(journal: Journal, problems: list[str]) -> Iterator[DraftStore]:
    store = DraftStore(journal, problems.append)
    yield store
    store.stop(10)


def repeat(action: Callable[[], object]) -> int:
    """Return how many descriptors five repetitions of ``action`` leave open."""
    before = descriptors()
    for _ in range(5):
        action()
    return descriptors() - before


def test_drafts_that_cannot_get_their_name(
    store: DraftStore, journal: Journal, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the file nor its lock stays: another screen would wait for it for as long as this one lives."""

    def save() -> None:
        store.save(KEPT)
        store.flush(10)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        assert repeat(save) == 0
        assert [name for name in files(journal) if name.startswith("draft-")] == []
    assert problems == [f"drafts cannot be saved in {journal.folder_beside_log}: Read-only file system"]
    save()
    assert problems[1:] == [""]


def test_what_cannot_be_removed_either_leaves_the_first_error(
    store: DraftStore, problems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def save() -> None:
        store.save(KEPT)
        store.flush(10)

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(os, "unlink", refuse)
        assert repeat(save) == 0
    assert [problem.rpartition(": ")[2] for problem in problems] == ["Read-only file system"]


@pytest.mark.parametrize(("call", "content"), [("replace", '["alice", []]'), ("unlink", "not JSON")])
def test_drafts_that_cannot_be_taken_over(
    store: DraftStore, journal: Journal, call: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(journal.folder_beside_log).mkdir(0o700)
    (Path(journal.folder_beside_log) / f"draft-4000001-77.json{'.1.new' if call == 'unlink' else ''}").write_text(
        content
    )
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        assert repeat(store.restore) == 0


def test_a_folder_in_the_place_of_a_file(
    store: DraftStore, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`open` leaves a descriptor open that it is given, if that is a folder's."""
    name = "pane-1-1.out"
    for folder in ("history", name):
        (Path(journal.folder_beside_log) / folder).mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "state" / "3am" / "key").mkdir(parents=True)

    def read() -> None:
        with pytest.raises(FileUnusable):
            read_attachment(journal, name, CAPTURED_PANE)

    def key() -> None:
        with pytest.raises(FileUnusable):
            seal(PLAN, "plan-1-1.json", b"{}")

    assert [repeat(action) for action in (store.history, read, key)] == [0, 0, 0]
