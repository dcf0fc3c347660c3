"""A line of each of 43 kinds of program is read: the format that is found, what it means, the instant, the unit."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from threeam.timeline.detect import detect
from threeam.timeline.instant import Timestamp
from threeam.timeline.timestamp_format import Context, Meaning

S, MS, US = 1_000_000_000, 1_000_000, 1_000
UTC_7 = 1_795_490_047 * S  # 2026-11-24T03:14:07Z
CET_7 = UTC_7 - 3600 * S  # 2026-11-24T03:14:07+01:00
BOOT = UTC_7 - 12345 * S
CONTEXT = Context(UTC_7 + 60 * S, ZoneInfo("Europe/Berlin"), boot_ns=BOOT)
NOW, START, END, RECEIPT = Meaning

LINES: list[tuple[int, bytes, str, Meaning, int, int]] = [
    (1, b"Nov 24 03:14:07 db1 cron[812]: sweep", "syslog", RECEIPT, CET_7, S),
    (2, b"2026-11-24T03:14:07.123456+01:00 db1 app[42]: x", "syslog-iso", NOW, CET_7 + 123456 * US, US),
    (3, b"<34>1 2026-11-24T03:14:07.003Z db1 app 42 ID1 - x", "rfc5424", NOW, UTC_7 + 3 * MS, MS),
    (4, b"Nov 24 03:14:07.123456 db1 app[42]: x", "journal-precise", NOW, CET_7 + 123456 * US, US),
    (5, b"2026-11-24T03:14:07.123456+0100 db1 app[42]: x", "journal-iso", NOW, CET_7 + 123456 * US, US),
    (6, b"1795490047.123456 db1 app[42]: x", "journal-unix", NOW, UTC_7 + 123456 * US, US),
    (7, b"[12345.678901] usb 1-1: x", "kernel-monotonic", NOW, UTC_7 + 678901 * US, US),
    (7, b"w-42 [001] 12345.678901: sched_switch", "kernel-monotonic", NOW, UTC_7 + 678901 * US, US),
    (8, b"__REALTIME_TIMESTAMP=1795490047123456", "journal-export", RECEIPT, UTC_7 + 123456 * US, US),
    (9, b"[Tue Nov 24 03:14:07 2026] x", "dmesg-ctime", NOW, CET_7, S),
    (9, b"2026-11-24T03:14:07,123456+01:00 x", "dmesg-iso", NOW, CET_7 + 123456 * US, US),
    (10, b'10.0.0.9 - - [24/Nov/2026:03:14:07 +0100] "GET /cart/42" 502 0', "nginx-access", END, CET_7, S),
    (11, b"2026/11/24 03:14:07 [error] 812#0: *9 upstream x", "nginx-error", NOW, CET_7, S),
    (12, b"[Tue Nov 24 03:14:07.123456 2026] [proxy:error] [pid 42] x", "apache-error", NOW, CET_7 + 123456 * US, US),
    (13, b"2026-11-24 03:14:07.123 CET [42] alice@shop ERROR: x", "postgresql", NOW, CET_7 + 123 * MS, MS),
    (13, b"1795490047.123 [42] LOG: x", "postgresql", NOW, UTC_7 + 123 * MS, MS),
    (14, b"2026-11-24T03:14:07.123456Z 42 [Warning] [MY-010055] x", "mysql-error", NOW, UTC_7 + 123456 * US, US),
    (15, b"261124  3:14:07 [Note] x", "mysql5", NOW, CET_7, S),
    (15, b"2026-11-24  3:14:07 42 [Note] x", "mysql5", NOW, CET_7, S),
    (16, b"2026-11-24T03:14:07.123456Z    42 Query UPDATE x", "mysql-general", START, UTC_7 + 123456 * US, US),
    (16, b"# Time: 2026-11-24T03:14:07.123456Z", "mysql-slow", END, UTC_7 + 123456 * US, US),
    (17, b"812:M 24 Nov 2026 03:14:07.123 * saving", "redis", NOW, CET_7 + 123 * MS, MS),
    (
        18,
        b"Nov 24 03:14:07 lb1 haproxy[7]: 10.0.0.9:51234 [24/Nov/2026:03:14:06.991] fe be/s1 0/0/1/131/132 200 x",
        "haproxy",
        END,
        CET_7 + 123 * MS,
        2 * MS,
    ),
    (19, b"2026-11-24 03:14:07,123 [exec-9] ERROR c.s.Cart - x", "java", NOW, CET_7 + 123 * MS, MS),
    (19, b"03:14:07.123 [main] INFO c.s.Cart - x", "java", NOW, CET_7 + 123 * MS, MS),
    (20, b"2026-11-24 03:14:07,123 ERROR worker: x", "python", NOW, CET_7 + 123 * MS, MS),
    (21, b"2026/11/24 03:14:07.123456 x", "go", NOW, CET_7 + 123456 * US, US),
    (22, b"E1124 03:14:07.123456   42 sync.go:211] x", "glog", NOW, CET_7 + 123456 * US, US),
    (23, b'{"level":"error","ts":1795490047.1234567,"msg":"x"}', "json-epoch", NOW, UTC_7 + 123456700, 100),
    (23, b'{"level":50,"time":1795490047123}', "json-epoch", NOW, UTC_7 + 123 * MS, MS),
    (23, b'{"timeUnixNano":"1795490047123456789"}', "otlp-json", NOW, UTC_7 + 123456789, 1),
    (24, b'{"name":"w","pid":42,"time":"2026-11-24T03:14:07.123Z"}', "json", NOW, UTC_7 + 123 * MS, MS),
    (24, b'{"t":{"$date":"2026-11-24T03:14:07.123Z"}}', "mongodb", NOW, UTC_7 + 123 * MS, MS),
    (25, b'time=2026-11-24T03:14:07.123Z level=error msg="x"', "logfmt", NOW, UTC_7 + 123 * MS, MS),
    (
        26,
        b'{"log":"x\\n","stream":"stderr","time":"2026-11-24T03:14:07.123456789Z"}',
        "docker-json",
        RECEIPT,
        UTC_7 + 123456789,
        1,
    ),
    (27, b"2026-11-24T03:14:07.123456789+01:00 stderr F x", "cri", RECEIPT, CET_7 + 123456789, 1),
    (28, b"web-1  | 2026-11-24T03:14:07.123456789Z x", "compose", RECEIPT, UTC_7 + 123456789, 1),
    (29, b"42 03:14:07.123456 write(1) = 1 <0.000031>", "strace", START, CET_7 + 123456 * US, US),
    (29, b"42 1795490047.123456 write(1) = 1", "strace", START, UTC_7 + 123456 * US, US),
    (30, b"03:14:07.123456 IP a > b", "tcpdump", NOW, CET_7 + 123456 * US, US),
    (30, b"2026-11-24 03:14:07.123456 IP a > b", "tcpdump", NOW, CET_7 + 123456 * US, US),
    (30, b"03:14:07.123456789 IP a > b", "tcpdump", NOW, CET_7 + 123456789, 1),
    (31, b"type=SYSCALL msg=audit(1795490047.123:456): x", "audit", NOW, UTC_7 + 123 * MS, MS),
    (32, b"Tue, 24 Nov 2026 03:14:07 +0100", "rfc2822", NOW, CET_7, S),
    (33, b"Tue Nov 24 03:14:07 CET 2026", "ctime", NOW, CET_7, S),
    (34, b'Started GET "/c/42" for 10.0.0.9 at 2026-11-24 03:14:07 +0100', "rails", START, CET_7, S),
    (34, b"E, [2026-11-24T03:14:07.123456 #42] ERROR -- : x", "ruby", NOW, CET_7 + 123456 * US, US),
    (35, b"2026-11-24T03:14:07.123Z pid=42 tid=ab class=Sweep INFO: start", "sidekiq", NOW, UTC_7 + 123 * MS, MS),
    (36, b"2026-11-24 03:14:07.123456+01:00 [error] <0.700.0> x", "rabbitmq", NOW, CET_7 + 123456 * US, US),
    (36, b"=ERROR REPORT==== 24-Nov-2026::03:14:07 ===", "rabbitmq", NOW, CET_7, S),
    (37, b"[2026-11-24 03:14:07,123] WARN x (kafka.server.A)", "kafka", NOW, CET_7 + 123 * MS, MS),
    (37, b"[2026-11-24T03:14:07,123][WARN ][o.e.Cart] x", "elasticsearch", NOW, CET_7 + 123 * MS, MS),
    (38, b"ERROR [ReadStage-3] 2026-11-24 03:14:07,123 File.java:42 - x", "cassandra", NOW, CET_7 + 123 * MS, MS),
    (39, b'[2026-11-24T03:14:07.123Z] "GET / HTTP/2" 200 x', "envoy", START, UTC_7 + 123 * MS, MS),
    (40, b"#Fields: date time c-ip\n2026-11-24 03:14:07 10.0.0.9 GET /", "iis", END, UTC_7, S),
    (40, b'[GIN] 2026/11/24 - 03:14:07 | 200 |  4.15s |  10.0.0.9 | PUT "/c/42"', "gin", END, CET_7, S),
    (41, b"11/24/2026 3:14:07 AM x", "date-mdy", NOW, CET_7, S),
    (42, b"2026-11-24_03:14:07.12345 x", "svlogd", RECEIPT, UTC_7 + 123450 * US, 10 * US),
    (42, b"@400000006b050124075bcd15 x", "tai64n", RECEIPT, UTC_7 + 123456789, 1),
    (43, b"[2026-11-24T03:14:07.123456789+0000] [COFFEE: 3] x", "3am", NOW, UTC_7 + 123456789, 1),
]


@pytest.mark.parametrize(
    ("line", "name", "meaning", "ns", "resolution_ns"),
    [case[1:] for case in LINES],
    ids=[f"{row}" for row, *_ in LINES],
)
def test_a_line_of_each_program_is_read(line: bytes, name: str, meaning: Meaning, ns: int, resolution_ns: int) -> None:
    *header, last = line.split(b"\n")
    detection = detect([*header, last], CONTEXT)
    assert detection is not None
    assert (detection.format.name, detection.format.meaning) == (name, meaning)
    assert detection.reader.read(last) == Timestamp(ns, resolution_ns)


def test_there_are_43_kinds_of_program() -> None:
    assert {row for row, *_ in LINES} == set(range(1, 44))
