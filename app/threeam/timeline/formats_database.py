"""The stamps of databases."""

from __future__ import annotations

from threeam.timeline.notation import DAY_MONTH, EPOCH, ISO, TWO_DIGIT_YEAR
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

_POSTGRESQL_LEVEL = rb"(?:LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|STATEMENT|DETAIL|HINT|CONTEXT): "
_POSTGRESQL = rb"(?: \[\d+\]|:)[^\n]{0,120}?" + _POSTGRESQL_LEVEL
_POSTGRESQL_CSV = rb',(?:"[^"]*")?,(?:"[^"]*")?,\d+,'
_MYSQL_COMMAND = rb"(?:Connect|Query|Quit|Init DB|Execute|Prepare|Close stmt|Statistics|Field List|Change user)"

_MYSQL5_END = rb"(?= (?:\[|\d+ \[|mysqld|InnoDB)|\t)"

DATABASE_FORMATS = (
    TimestampFormat(
        "postgresql",
        "PostgreSQL, %t, %m or %n, and its CSV log",
        Meaning.EVENT,
        (
            Layout(ISO, context=rb"(?:" + _POSTGRESQL + rb"|" + _POSTGRESQL_CSV + rb")"),
            Layout(EPOCH, context=_POSTGRESQL),
            Layout(ISO, rb"< ?", rb" ?>", context=_POSTGRESQL_LEVEL),
        ),
        (
            Example(b"2026-11-24 03:14:07.123 CET [42] alice@shop ERROR:  x", 1795486447123000000, 1_000_000),
            Example(b"2026-11-24 03:14:07 UTC:10.0.0.9(51234):a@shop:[42]:LOG:  x", 1795490047000000000, 1_000_000_000),
            Example(b'2026-11-24 03:14:07.123 GMT,"alice","shop",42,"[local]"', 1795490047123000000, 1_000_000),
            Example(b"< 2026-11-24 03:14:07.123 CET >LOG:  x", 1795486447123000000, 1_000_000),
            Example(b"1795490047.123 [42] LOG:  x", 1795490047123000000, 1_000_000),
        ),
    ),
    TimestampFormat(
        "mysql5",
        "MySQL 5 and MariaDB error log",
        Meaning.EVENT,
        (
            Layout(TWO_DIGIT_YEAR, after=_MYSQL5_END),
            Layout(ISO, context=rb"(?<=\d:\d\d:\d\d) \d+ \[(?:Note|Warning|ERROR)\]"),
        ),
        (
            Example(b"261124  3:14:07 [Note] x", 1795486447000000000, 1_000_000_000),
            Example(b"2026-11-24  3:14:07 42 [Note] x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "mysql-error",
        "MySQL 8 error log",
        Meaning.EVENT,
        (Layout(ISO, context=rb" \d+ \[(?:System|Note|Warning|ERROR)\]"),),
        (Example(b"2026-11-24T03:14:07.123456Z 42 [Warning] [MY-010055] [Server] x", 1795490047123456000, 1_000),),
    ),
    TimestampFormat(
        "mysql-general",
        "MySQL general log",
        Meaning.START,
        (Layout(ISO, context=rb"\s+\d+ " + _MYSQL_COMMAND),),
        (Example(b"2026-11-24T03:14:07.123456Z\t   42 Query\tUPDATE carts", 1795490047123456000, 1_000),),
    ),
    TimestampFormat(
        "mariadb-general",
        "MariaDB and MySQL 5 general log",
        Meaning.START,
        (Layout(TWO_DIGIT_YEAR, after=_MYSQL5_END, context=rb"\t *\d+ " + _MYSQL_COMMAND),),
        (Example(b"261124  3:14:07\t    42 Query\tUPDATE carts", 1795486447000000000, 1_000_000_000),),
    ),
    TimestampFormat(
        "mysql-slow",
        "MySQL slow log",
        Meaning.END,
        (Layout(ISO, rb"# Time: ", literal=b"# Time: "), Layout(TWO_DIGIT_YEAR, rb"# Time: ", literal=b"# Time: ")),
        (
            Example(b"# Time: 2026-11-24T03:14:07.123456Z", 1795490047123456000, 1_000),
            Example(b"# Time: 261124  3:14:07", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "redis",
        "Redis",
        Meaning.EVENT,
        (Layout(DAY_MONTH, rb"\d+:[XCSM] ", rb" [*#.-] "),),
        (Example(b"812:M 24 Nov 2026 03:14:07.123 * saving", 1795486447123000000, 1_000_000),),
    ),
    TimestampFormat(
        "cassandra",
        "Cassandra",
        Meaning.EVENT,
        (Layout(ISO, rb"[A-Z]+ +\[[^\]\n]{1,160}\] ", mark=b"] 0000-00-00"),),
        (Example(b"ERROR [ReadStage-3] 2026-11-24 03:14:07,123 File.java:42 - x", 1795486447123000000, 1_000_000),),
    ),
)
