"""The way into the full screen: one app after another, as the user changes the journal, and the exit code."""

from __future__ import annotations

import gc
import os

from threeam.core.platform.disk import network_fs_warning
from threeam.core.state.catalog import list_own_journals
from threeam.core.store.as_of import PointInTime
from threeam.core.store.journal import Journal, resolve_journal
from threeam.core.write.locked_log import WriteOptions
from threeam.core.write.write_stats import WriteStatsPublisher
from threeam.core.write.writer import Writer
from threeam.projections import FOLD
from threeam.tui.app import INTERRUPTED, JournalApp
from threeam.tui.glyphs import can_draw_signs
from threeam.tui.session import Session
from threeam.tui.themes import has_few_colors


def run_app(session: Session, options: WriteOptions | None, as_of: PointInTime | None = None) -> int:
    """Open the screen and return the exit code. Raise `LogUnavailable` before anything is drawn.

    ``session`` names the first journal, and has no writer yet. ``options``: of the writers; None: read-only.
    """
    gc.freeze()  # no collection has to look at what is imported: it stays
    journal = session.journal

    def session_of(journal: Journal) -> Session:
        journal.open_live()  # a folder, a FIFO, a file that cannot be read: say so on the terminal as it was
        notice, writer = network_fs_warning(journal.log_path) or "", None
        if options is not None:
            if (obstacle := journal.write_obstacle()) is not None:
                notice = f"opened read-only: {obstacle}"
            else:
                # The screen waits in plain sight until the lock comes or esc is pressed.
                writer = Writer(journal, FOLD, session.clock, options._replace(lock_timeout=None))
                writer.stats_publisher = WriteStatsPublisher(journal.log_path)
        emoji = session.emoji and can_draw_signs()
        return session._replace(journal=journal, writer=writer, emoji=emoji, notice=notice)

    def all_journals() -> list[Journal]:
        lock = (
            None if journal.lock_path == resolve_journal(journal.log_path).lock_path else journal.lock_path
        )  # one that was asked for
        found = list_own_journals(os.environ, lock)
        return [journal, *(other for other in found if other.log_path != journal.log_path)]

    here = journal
    while True:
        app = JournalApp(session_of(here), as_of, all_journals, has_few_colors=has_few_colors())
        app.run()
        if app.next_journal is None:
            break
        here, as_of = app.next_journal, None
    return app.return_code if app.return_code is not None else INTERRUPTED
