"""The stamps of the logging libraries of programming languages, and of programs that use them."""

from __future__ import annotations

from threeam.timeline.notation import (
    BASIC,
    DASHED,
    GLOG,
    GLOG_TWO_DIGIT_YEAR,
    GLOG_YEAR,
    ISO,
    LOGCAT,
    MONTH_NAME_FIRST,
    SLASHED,
    TIME,
    TWO_DIGIT_YEAR,
    TWO_DIGIT_YEAR_SLASHED,
)
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

_JAVA_LEVEL = rb"(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)"
_JAVA = (
    rb"(?: -)? +(?:\[[^\]\n]+\] +" + _JAVA_LEVEL + rb"|" + _JAVA_LEVEL + rb" +(?:\d+ --- )?\[|" + _JAVA_LEVEL + rb" +"
    rb"[\w.$]+(?::|\s-))"
)
_PYTHON = rb"(?<=,\d{3}) (?:[- ]*[\w.]+ - )?(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[: ]+[\w. -]"
_JAVA_BRACKET = rb"\[(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) *\]"
_KAFKA = rb" (?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) "

APPLICATION_FORMATS = (
    TimestampFormat(
        "python",
        "Python logging",
        Meaning.EVENT,
        (Layout(ISO, context=_PYTHON),),
        (
            Example(b"2026-11-24 03:14:07,123 ERROR worker: x", 1795486447123000000, 1_000_000),
            Example(b"2026-11-24 03:14:07,123 - worker - ERROR - x", 1795486447123000000, 1_000_000),
        ),
    ),
    TimestampFormat(
        "java",
        "log4j, logback",
        Meaning.EVENT,
        (Layout(ISO, context=_JAVA), Layout(TIME, context=_JAVA)),
        (
            Example(b"2026-11-24 03:14:07,123 [exec-9] ERROR c.s.Cart - x", 1795486447123000000, 1_000_000),
            Example(b"2026-11-24 03:14:07.123  INFO 42 --- [main] c.s.Cart : x", 1795486447123000000, 1_000_000),
            Example(b"03:14:07.123 [main] INFO c.s.Cart - x", 1795486447123000000, 1_000_000),
        ),
    ),
    TimestampFormat(
        "java-util-logging",
        "java.util.logging, Tomcat",
        Meaning.EVENT,
        (Layout(DASHED, context=rb" [A-Z]+ \["), Layout(MONTH_NAME_FIRST)),
        (
            Example(b"24-Nov-2026 03:14:07.123 INFO [main] org.x.Cart x", 1795486447123000000, 1_000_000),
            Example(b"Nov 24, 2026 3:14:07 AM org.x.Cart sweep", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "spark",
        "Spark, Hadoop with short dates",
        Meaning.EVENT,
        (
            Layout(TWO_DIGIT_YEAR_SLASHED, after=rb"(?= " + _JAVA_LEVEL + rb" )"),
            Layout(TWO_DIGIT_YEAR, after=rb"(?= \d+ " + _JAVA_LEVEL + rb" )"),
        ),
        (
            Example(b"26/11/24 03:14:07 INFO Cart: x", 1795486447000000000, 1_000_000_000),
            Example(b"261124 031407 42 INFO dfs.Cart: x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "go",
        "Go log",
        Meaning.EVENT,
        (Layout(SLASHED),),
        (
            Example(b"2026/11/24 03:14:07.123456 x", 1795486447123456000, 1_000),
            Example(b"2026/11/24 03:14:07 x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "glog",
        "glog, klog",
        Meaning.EVENT,
        (Layout(GLOG, rb"[DIWEFV]"), Layout(GLOG_YEAR, rb"[DIWEFV]")),
        (
            Example(b"E1124 03:14:07.123456   42 sync.go:211] x", 1795486447123456000, 1_000),
            Example(b"E20261124 03:14:07.123456   42 sync.cc:211] x", 1795486447123456000, 1_000),
        ),
    ),
    TimestampFormat(
        "cockroachdb",
        "CockroachDB",
        Meaning.EVENT,
        (Layout(GLOG_TWO_DIGIT_YEAR, rb"[DIWEF]", utc=True),),
        (Example(b"I261124 03:14:07.123456 42 sql/a.go:42 x", 1795490047123456000, 1_000),),
    ),
    TimestampFormat(
        "zabbix",
        "Zabbix",
        Meaning.EVENT,
        (Layout(BASIC, rb" *\d{1,7}:", mark=b":00000000:"),),
        (Example(b"   812:20261124:031407.123 x", 1795486447123000000, 1_000_000),),
    ),
    TimestampFormat(
        "logcat",
        "Android logcat",
        Meaning.EVENT,
        (Layout(LOGCAT, after=rb" +(?:\d+ +\d+ )?[VDIWEFS][ /]"),),
        (
            Example(b"11-24 03:14:07.123   812   840 I Cart: x", 1795486447123000000, 1_000_000),
            Example(b"11-24 03:14:07.123 I/Cart( 812): x", 1795486447123000000, 1_000_000),
        ),
    ),
    TimestampFormat(
        "rails",
        "Rails",
        Meaning.START,
        (
            Layout(
                ISO, rb'Started [A-Z]+ "[^"\n]{0,400}" for \S{1,60} at ', rb"\s*\Z", literal=b"Started ", max_end=512
            ),
        ),
        (
            Example(
                b'Started GET "/c/42" for 10.0.0.9 at 2026-11-24 03:14:07 +0100', 1795486447000000000, 1_000_000_000
            ),
        ),
    ),
    TimestampFormat(
        "ruby",
        "Ruby Logger",
        Meaning.EVENT,
        (Layout(ISO, rb"[DIWEFA], \[", rb" #", mark=b", [0000-00-00"),),
        (Example(b"E, [2026-11-24T03:14:07.123456 #42] ERROR -- : x", 1795486447123456000, 1_000),),
    ),
    TimestampFormat(
        "sidekiq",
        "Sidekiq",
        Meaning.EVENT,
        (Layout(ISO, context=rb" pid=\d+ tid="),),
        (
            Example(
                b"2026-11-24T03:14:07.123Z pid=42 tid=ab class=Sweep jid=9f INFO: start", 1795490047123000000, 1_000_000
            ),
        ),
    ),
    TimestampFormat(
        "rabbitmq",
        "RabbitMQ",
        Meaning.EVENT,
        (
            Layout(ISO, context=rb" \[\w+\] <\d"),
            Layout(DASHED, rb"=[A-Z ]{4,20} REPORT==== ", rb" ===", literal=b" REPORT==== "),
        ),
        (
            Example(b"2026-11-24 03:14:07.123456+01:00 [error] <0.700.0> x", 1795486447123456000, 1_000),
            Example(b"=ERROR REPORT==== 24-Nov-2026::03:14:07 ===", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "kafka",
        "Kafka",
        Meaning.EVENT,
        (Layout(ISO, rb"\[", rb"\]", context=_KAFKA),),
        (Example(b"[2026-11-24 03:14:07,123] WARN x (kafka.server.Cart)", 1795486447123000000, 1_000_000),),
    ),
    TimestampFormat(
        "elasticsearch",
        "Elasticsearch",
        Meaning.EVENT,
        (Layout(ISO, rb"\[", rb"\]", context=_JAVA_BRACKET),),
        (Example(b"[2026-11-24T03:14:07,123][WARN ][o.e.Cart] [db1] x", 1795486447123000000, 1_000_000),),
    ),
)
