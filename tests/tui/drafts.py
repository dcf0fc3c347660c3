"""Drafts beside the log, as a screen leaves them that has ended."""

from __future__ import annotations

import json
from pathlib import Path

from pilots import BY

from threeam.core.store.journal import Journal


def leave_behind_as_another(journal: Journal) -> None:
    """The draft of this process, as if a process had left it that is no more."""
    path = next(Path(journal.folder_beside_log).glob("draft-*.json"))
    (path.parent / "draft-4000001-77.json").write_bytes(path.read_bytes())
    path.unlink()


def leave_behind(
    journal: Journal, text: str, kind: str = "note", *, pid: int = 4_000_001, since: object = None
) -> None:
    """A draft, as a screen leaves it that was killed and is no more."""
    folder = Path(journal.folder_beside_log)
    folder.mkdir(exist_ok=True)
    (folder / f"draft-{pid}-77.json").write_text(json.dumps([str(BY), [[kind, text, since]]]))


def saved_texts(journal: Journal) -> str:
    """All that lies beside the log."""
    folder = Path(journal.folder_beside_log)
    return "\n".join(path.read_text() for path in saved_files(folder))


def saved_files(folder: Path) -> list[Path]:
    """The files of the folder that have their name: one that is being written gets it when it is whole."""
    return [path for path in folder.glob("*") if path.suffix != ".new"]
