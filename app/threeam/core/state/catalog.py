"""The journals of one folder: one for each bug."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.errors import BadSetting, JournalError
from threeam.core.format.entry import Entry
from threeam.core.platform.user_dirs import user_state_dir
from threeam.core.state.fold import Fold
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.store.reader import last_entry

_LOG_NAME = re.compile(r"[^.].*\.log")
_ROTATED_SUFFIX = re.compile(r"\.\d{8}T\d{6}\.\d{9}Z\.log\Z")


class JournalSummary(NamedTuple):
    """A journal in a line: its last entry, the number of open hypotheses, and the size of all its files.

    ``problem``: why these are unknown; empty as a rule.
    """

    journal: Journal
    newest_entry: Entry | None = None
    open_count: int = 0
    size_bytes: int = 0
    problem: str = ""


def list_own_journals(environ: Mapping[str, str], lock_path: str | None = None) -> list[Journal]:
    """Return the journals of the user's state folder; none without a home. ``lock_path``: as in `list_journals`."""
    try:
        folder = user_state_dir(environ)
    except BadSetting:
        return []
    return list_journals(folder, lock_path)


def list_journals(folder: str, lock_path: str | None = None) -> list[Journal]:
    """Return the journals whose logs are in ``folder``, by name, without rotated files.

    ``lock_path``: one lock for all of them; None: each has its own.
    """
    try:
        names = sorted(
            name for name in os.listdir(folder) if _LOG_NAME.fullmatch(name) and not _ROTATED_SUFFIX.search(name)
        )
    except OSError:  # it does not exist yet, or we may not read it
        return []
    journals: dict[str, Journal] = {}
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            try:
                journal = resolve_journal(path, lock_path, state_dir=folder)
            except JournalError:  # a symlink of another user
                continue
            journals.setdefault(journal.log_path, journal)  # a symlink of our own is another name of the same log
    return list(journals.values())


def journal_name(journal: Journal) -> str:
    """Return its name for the option ``-j``."""
    return journal.log_name.removesuffix(".log")


def summarize_journal(journal: Journal, fold: Fold) -> JournalSummary:
    """Return the summary of ``journal``, by a byte search through its live log."""
    try:
        live = journal.open_live()
        if live is None:
            return JournalSummary(journal)
        end = live.size()
        last = last_entry(live, end)
        size = sum(segment.size() for segment in journal.segments_backward(live))
        open_count = len(fold.state_at(live, end).open_hypotheses())
        return JournalSummary(journal, last[1] if last is not None else None, open_count, size)
    except (OSError, JournalError) as error:
        return JournalSummary(journal, problem=error.strerror or "" if isinstance(error, OSError) else str(error))
