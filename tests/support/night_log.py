"""The lines of a night long ago, of two people and the Bash script: what tests of the commands read."""

from __future__ import annotations

from support.lines import NIGHT
from threeam.core.format.entry import NS_PER_S, Entry, Stamp, format_entry

LONG_AGO = Stamp(NIGHT.ns - 900 * 24 * 3600 * NS_PER_S)
ALICE = ("BY", "alice@db1:4121%3")
BOB = ("BY", "bob@db1:9%1")


def line(ns: int, text: str, *tags: tuple[str, str], cups: int = 0) -> bytes:
    """Return the line of an entry that was written ``ns`` nanoseconds after `LONG_AGO`."""
    return format_entry(Entry(Stamp(LONG_AGO.ns + ns), cups, tags, text))


NIGHT_LOG = (
    line(0, "Acquired sanity lock.", cups=3)
    + line(1, "Hypothesis: the cron job", cups=3)
    + line(2, "Releasing sanity lock.", cups=3)
    + line(60 * NS_PER_S, "Hypothesis: the sweeper", ALICE, ("H1", "open"), cups=2)
    + line(120 * NS_PER_S, "tcpdump on :5432 deadlock", BOB)
    + b"kernel: \x1b[2J oops \xff\n"
    + line(180 * NS_PER_S, "Conclusion: it was off", ALICE, ("H1", "refuted"), cups=2)
)
