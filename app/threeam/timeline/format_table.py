"""The table of timestamp formats. Of formats that name the lines of a file equally well, the first is taken."""

from __future__ import annotations

from threeam.timeline.formats_application import APPLICATION_FORMATS
from threeam.timeline.formats_database import DATABASE_FORMATS
from threeam.timeline.formats_plain import PLAIN_FORMATS
from threeam.timeline.formats_structured import STRUCTURED_FORMATS
from threeam.timeline.formats_syslog import SYSLOG_FORMATS
from threeam.timeline.formats_system import SYSTEM_FORMATS
from threeam.timeline.formats_web import WEB_FORMATS
from threeam.timeline.timestamp_format import TimestampFormat

FORMATS: tuple[TimestampFormat, ...] = (
    *SYSLOG_FORMATS,
    *WEB_FORMATS,
    *DATABASE_FORMATS,
    *APPLICATION_FORMATS,
    *SYSTEM_FORMATS,
    *STRUCTURED_FORMATS,
    *PLAIN_FORMATS,
)
"""The formats of no certain program are the last ones, so that any context is preferred to them."""
