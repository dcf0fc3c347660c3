"""The stamps of tools that trace and of supervisors that write the output of programs down."""

from __future__ import annotations

from threeam.timeline.notation import (
    CTIME,
    DAY_FIRST,
    DAY_MONTH,
    DOTTED,
    EPOCH,
    EPOCH_SERIAL,
    ISO,
    ISO_UNDERSCORE,
    MONTH_FIRST,
    TAI64N,
    TIME,
)
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

COMPOSE_NAME = rb"(?:\x1b\[[\d;]*[A-Za-z])*[A-Za-z][\w./-]* *\| *(?:\x1b\[[\d;]*m)?"
_PID = rb"(?:\[pid +\d+\] |\d{1,7} +)?"
_CALL = rb" (?:[a-z_]\w*\(|<\.\.\. |\+\+\+ |--- )"
_PACKET = rb" (?:\S+ +(?:In|Out|B|M|P) +)?(?:IP6?|ARP|STP|LLDP|MPLS|[0-9a-f]{2}:[0-9a-f]{2}:)"
_READ_FROM_PIPE = rb" (?:stdout|stderr) [FP] "

SYSTEM_FORMATS = (
    TimestampFormat(
        "cri",
        "containerd, CRI-O",
        Meaning.RECEIPT,
        (Layout(ISO, context=_READ_FROM_PIPE),),
        (Example(b"2026-11-24T03:14:07.123456789+01:00 stderr F x", 1795486447123456789, 1),),
    ),
    TimestampFormat(
        "compose",
        "docker compose, kubectl, stern, with stamps and names",
        Meaning.RECEIPT,
        (
            Layout(ISO, COMPOSE_NAME, context=rb"(?<=Z) ", literal=b"|"),
            Layout(ISO, rb"\[pod/[^\]\n]{1,200}\] ", literal=b"[pod/"),
            Layout(ISO, rb"[a-z0-9][\w.-]* [a-z0-9][\w.-]* ", mark=b" 0000-00-00T"),
        ),
        (
            Example(b"web-1  | 2026-11-24T03:14:07.123456789Z x", 1795490047123456789, 1),
            Example(b"[pod/web-1/app] 2026-11-24T03:14:07.123456789Z x", 1795490047123456789, 1),
            Example(b"web-1 app 2026-11-24T03:14:07.123456789Z x", 1795490047123456789, 1),
        ),
    ),
    TimestampFormat(
        "strace",
        "strace -t, -tt, -ttt",
        Meaning.START,
        (Layout(TIME, _PID, context=_CALL), Layout(EPOCH, _PID, context=_CALL)),
        (
            Example(b'42 03:14:07.123456 write(1, "x", 1) = 1 <0.000031>', 1795486447123456000, 1_000),
            Example(b"[pid    42] 03:14:07.123456 <... read resumed>", 1795486447123456000, 1_000),
            Example(b"1795490047.123456 close(3) = 0", 1795490047123456000, 1_000),
        ),
    ),
    TimestampFormat(
        "tcpdump",
        "tcpdump",
        Meaning.EVENT,
        (Layout(TIME, context=_PACKET), Layout(ISO, context=_PACKET), Layout(EPOCH, context=_PACKET)),
        (
            Example(b"03:14:07.123456 IP 10.0.0.9.80 > 10.0.0.8.5: Flags [S]", 1795486447123456000, 1_000),
            Example(b"2026-11-24 03:14:07.123456 IP 10.0.0.9.80 > 10.0.0.8.5: x", 1795486447123456000, 1_000),
            Example(b"1795490047.123456789 IP 10.0.0.9.80 > 10.0.0.8.5: x", 1795490047123456789, 1),
        ),
    ),
    TimestampFormat(
        "audit",
        "Linux audit",
        Meaning.EVENT,
        (Layout(EPOCH_SERIAL, rb"(?:node=\S{1,80} )?type=\S{1,60} msg=audit\(", rb"\)", literal=b" msg=audit("),),
        (Example(b"type=SYSCALL msg=audit(1795490047.123:456): arch=c000003e", 1795490047123000000, 1_000_000),),
    ),
    TimestampFormat(
        "rfc2822",
        "RFC 2822, date -R",
        Meaning.EVENT,
        (Layout(DAY_MONTH, rb"\[?(?:Date: )?"),),
        (Example(b"Tue, 24 Nov 2026 03:14:07 +0100", 1795486447000000000, 1_000_000_000),),
    ),
    TimestampFormat(
        "ctime",
        "date, ctime(3)",
        Meaning.EVENT,
        (Layout(CTIME),),
        (
            Example(b"Tue Nov 24 03:14:07 CET 2026", 1795486447000000000, 1_000_000_000),
            Example(b"Tue Nov 24 03:14:07 AM UTC 2026", 1795490047000000000, 1_000_000_000),
            Example(b"Tue Nov 24 03:14:07 2026 x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "svlogd",
        "svlogd -tt",
        Meaning.RECEIPT,
        (Layout(ISO_UNDERSCORE, utc=True),),
        (Example(b"2026-11-24_03:14:07.12345 x", 1795490047123450000, 10_000),),
    ),
    TimestampFormat(
        "tai64n",
        "multilog, s6-log, svlogd -t",
        Meaning.RECEIPT,
        (Layout(TAI64N),),
        (Example(b"@400000006b050124075bcd15 x", 1795490047123456789, 1),),
    ),
    TimestampFormat(
        "date-mdy",
        "Windows text, month/day/year",
        Meaning.EVENT,
        (Layout(MONTH_FIRST), Layout(MONTH_FIRST, rb"\[", rb"\]")),
        (
            Example(b"11/24/2026 3:14:07 AM x", 1795486447000000000, 1_000_000_000),
            Example(b"11/24/2026, 12:14:07 AM x", 1795475647000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "date-dmy",
        "Windows text, day/month/year",
        Meaning.EVENT,
        (Layout(DAY_FIRST), Layout(DAY_FIRST, rb"\[", rb"\]"), Layout(DOTTED), Layout(DOTTED, rb"\[", rb"\]")),
        (
            Example(b"24/11/2026 03:14:07 x", 1795486447000000000, 1_000_000_000),
            Example(b"24.11.2026 03:14:07,123 x", 1795486447123000000, 1_000_000),
        ),
    ),
)
