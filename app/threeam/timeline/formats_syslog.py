"""The stamps of syslog daemons and of the journal of systemd."""

from __future__ import annotations

from threeam.timeline.notation import SYSLOG
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

SYSLOG_FILE = TimestampFormat(
    "syslog",
    "syslog",
    Meaning.RECEIPT,
    (Layout(SYSLOG, rb"(?:<\d{1,3}>)?"),),
    (
        Example(b"Nov 24 03:14:07 db1 cron[812]: sweep", 1795486447000000000, 1_000_000_000),
        Example(b"Nov  4 03:14:07 db1 cron[812]: sweep", 1793758447000000000, 1_000_000_000),
    ),
)
SYSLOG_FORMATS = (SYSLOG_FILE,)
