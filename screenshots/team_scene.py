"""Another host of the team for the pictures: web1, whose journal is mirrored, and whose clock is measured."""

from __future__ import annotations

import os
from pathlib import Path

from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry
from threeam.core.store.journal import Journal, resolve_journal
from threeam.team.clocks.clock_offset import Offset, Span
from threeam.team.clocks.host_clocks import ClockFile
from threeam.team.messages.position import Origin
from threeam.team.mirrors.mirror import Mirror
from threeam.team.outgoing import Outgoing
from threeam.team.team_status import status_dir

WEB1 = Origin("3f2a" * 8)
_CARL = ("BY", "carl@web1:814%2")
_LINES = (
    (0.0, (_CARL,), "the pool of web1 is full of sleeping connections"),
    (8.4, (_CARL, ("H1", "open")), "Hypothesis: the retry on web1 updates a row that is gone"),
    (21.7, (_CARL, ("MG", "95")), "Coffee: cup 1 of the night."),
    (33.2, (_CARL, ("H1", "open")), "Supports: 3 of 3 retries in the access log"),
)


def mirror_web1(journal: Journal, now: Stamp) -> None:
    """Write the mirror of web1 beside ``journal``, with lines of the last minute before ``now``."""
    begin_ns = now.ns - 40 * NS_PER_S
    source = resolve_journal(f"{os.path.dirname(journal.log_path)}/web1.log")
    entries = [Entry(Stamp(begin_ns + int(s * NS_PER_S)), int(s > 20), tags, text) for s, tags, text in _LINES]
    Path(source.log_path).write_bytes(b"".join(map(format_entry, entries)))
    outgoing, mirror = Outgoing(source), Mirror(journal, WEB1.id)
    cursor = outgoing.begin()
    while cursor is not None and (batch := outgoing.read(cursor)) is not None:
        mirror.write(batch.message(WEB1, "web1", None))
        cursor = batch.end
    mirror.close()
    os.makedirs(status_dir(journal), exist_ok=True)
    ClockFile(journal, WEB1.id).write(Span(begin_ns, now.ns, Offset(2_900_000, 3_300_000)))
