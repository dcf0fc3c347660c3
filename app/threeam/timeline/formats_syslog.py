"""The stamps of syslog daemons, of the journal of systemd, and of the kernel."""

from __future__ import annotations

from threeam.timeline.notation import CTIME, EPOCH, ISO, SINCE_BOOT, SYSLOG, SYSLOG_YEAR, SYSLOG_YEAR_LAST
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

_PRIORITY = rb"(?:<\d{1,3}>)?"
_NO_LEVEL = rb"(?!(?:D?DEBUG|TRACE|INFO?|WARN|ERROR|CRITICAL|NOTICE|FATAL)\b)"
_SENDER = rb" " + _NO_LEVEL + rb"[\w.:%-]+ [\w./@()-]+(?:\[\d+\])?(?: <\w+>)?: "  # host and program
_ZONED = rb"(?:(?<=Z)|(?<=[+-]\d\d:\d\d)|(?<=[+-]\d{4}))"

SYSLOG_FORMATS = (
    TimestampFormat(
        "journal-precise",
        "journalctl -o short-precise",
        Meaning.EVENT,
        (Layout(SYSLOG, _PRIORITY, context=rb"(?<=\.\d{6})" + _SENDER),),
        (Example(b"Nov 24 03:14:07.123456 db1 app[42]: x", 1795486447123456000, 1_000),),
    ),
    TimestampFormat(
        "syslog",
        "syslog, RFC 3164",
        Meaning.RECEIPT,
        (
            Layout(SYSLOG, _PRIORITY, context=_SENDER),
            Layout(SYSLOG_YEAR, _PRIORITY + rb"\*?"),
            Layout(SYSLOG_YEAR_LAST, _PRIORITY),
        ),
        (
            Example(b"Nov 24 03:14:07 db1 cron[812]: sweep", 1795486447000000000, 1_000_000_000),
            Example(b"Nov  4 03:14:07 db1 cron[812]: sweep", 1793758447000000000, 1_000_000_000),
            Example(b"<34>Nov 24 03:14:07 db1 su: x", 1795486447000000000, 1_000_000_000),
            Example(b"Nov 24 03:14:07 UTC db1 su: x", 1795490047000000000, 1_000_000_000),
            Example(b"Nov 24 03:14:07 2026 db1 su: x", 1795486447000000000, 1_000_000_000),
            Example(b"Nov 24 2026 03:14:07.123 sw1 : link down", 1795486447123000000, 1_000_000),
        ),
    ),
    TimestampFormat(
        "rfc5424",
        "syslog, RFC 5424",
        Meaning.EVENT,
        (Layout(ISO, rb"(?:\d{1,5} )?<\d{1,3}>1 ", mark=b">0 0000-00-00"),),
        (Example(b"<34>1 2026-11-24T03:14:07.003Z db1 app 42 ID1 - x", 1795490047003000000, 1_000_000),),
    ),
    TimestampFormat(
        "journal-iso",
        "journalctl -o short-iso, short-iso-precise",
        Meaning.EVENT,
        (Layout(ISO, context=rb"(?<=[+-]\d{4})" + _SENDER),),
        (
            Example(b"2026-11-24T03:14:07.123456+0100 db1 app[42]: x", 1795486447123456000, 1_000),
            Example(b"2026-11-24T03:14:07+0100 db1 app[42]: x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "dmesg-iso",
        "dmesg --time-format iso",
        Meaning.EVENT,
        (Layout(ISO, context=rb"(?<=,\d{6}[+-]\d\d:\d\d) [^\[]"),),
        (Example(b"2026-11-24T03:14:07,123456+01:00 usb 1-1: x", 1795486447123456000, 1_000),),
        caveat="the kernel's clock does not run in a suspend: stamps after one are too early",
    ),
    TimestampFormat(
        "syslog-iso",
        "syslog with RFC 3339 stamps",
        Meaning.EVENT,
        (Layout(ISO, context=_ZONED + _SENDER), Layout(ISO, rb"<\d{1,3}>", context=_SENDER, mark=b">0000-00-00")),
        (Example(b"2026-11-24T03:14:07.123456+01:00 db1 app[42]: x", 1795486447123456000, 1_000),),
    ),
    TimestampFormat(
        "journal-unix",
        "journalctl -o short-unix",
        Meaning.EVENT,
        (Layout(EPOCH, context=_SENDER),),
        (Example(b"1795490047.123456 db1 app[42]: x", 1795490047123456000, 1_000),),
    ),
    TimestampFormat(
        "kernel-monotonic",
        "dmesg, journalctl -o short-monotonic, ftrace, perf script",
        Meaning.EVENT,
        (
            Layout(SINCE_BOOT, rb"(?:<\d{1,3}>)?\[ *", rb"\]"),
            Layout(
                SINCE_BOOT,
                rb" *[^\[\n]{1,60}-\d+ +(?:\([ \d-]{7}\) )?\[\d{3,4}\] (?:[\w.#]{4,6} )? *",
                rb": ",
                mark=b"[000",
            ),
            Layout(SINCE_BOOT, rb" *[^\[\n]{1,60}? +\d+(?:/\d+)? +\[\d{3,4}\] +", rb": ", mark=b"[000"),
        ),
        (
            Example(b"[12345.678901] usb 1-1: x", 1795490047000000000, 1_000),
            Example(b"[12345.678901] db1 app[42]: x", 1795490047000000000, 1_000),
            Example(b"    w-42      [001] d..3. 12345.678901: sched_switch: x", 1795490047000000000, 1_000),
            Example(b"w    42 [001] 12345.678901234:     100 cycles: x", 1795490047000000234, 1),
        ),
        caveat="the time of the boot is that of the last boot of this host, and a suspend is not counted",
    ),
    TimestampFormat(
        "journal-export",
        "journalctl -o export",
        Meaning.RECEIPT,
        (Layout(EPOCH, rb"__REALTIME_TIMESTAMP=", literal=b"__REALTIME_TIMESTAMP="),),
        (Example(b"__REALTIME_TIMESTAMP=1795490047123456", 1795490047123456000, 1_000),),
    ),
    TimestampFormat(
        "dmesg-ctime",
        "dmesg -T",
        Meaning.EVENT,
        (Layout(CTIME, rb"\[", rb"\]"),),
        (Example(b"[Tue Nov 24 03:14:07 2026] usb 1-1: x", 1795486447000000000, 1_000_000_000),),
        caveat="the kernel's clock does not run in a suspend: stamps after one are too early",
    ),
)
