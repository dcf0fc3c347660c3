"""The table of timestamp formats. Of formats that fit a file equally well, the first is taken."""

from __future__ import annotations

from threeam.timeline.formats_plain import PLAIN_FORMATS
from threeam.timeline.formats_syslog import SYSLOG_FORMATS
from threeam.timeline.timestamp_format import TimestampFormat

FORMATS: tuple[TimestampFormat, ...] = (*SYSLOG_FORMATS, *PLAIN_FORMATS)
