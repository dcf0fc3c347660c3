"""The stamps of web servers and proxies."""

from __future__ import annotations

from threeam.timeline.notation import ACCESS, CTIME, EPOCH, ISO, SLASHED, SLASHED_DASH
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

# The first bracket of the line begins the stamp, and a quote follows: a client can write neither in its name.
_CLIENT = rb"[^\[\"]{5,200}\["
_REQUEST = rb"\] \""
_CTIME_BRACKET = (rb"\[", rb"\]")
_HAPROXY_SENDER = rb"(?:<\d{1,3}>)?(?:(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\S{6,30}) \S+ [\w-]+\[\d+\]: )?"
_UWSGI = rb"\[pid: \d+\|app: [\d-]+\|req: [\d-]+/\d+\] [^\[\n]{0,160}\["
_IIS_HEADER = b"#Fields: date time"

WEB_FORMATS = (
    TimestampFormat(
        "traefik-access",
        "Traefik access log",
        Meaning.START,
        (Layout(ACCESS, _CLIENT, _REQUEST, context=rb'[^"]*" \d+ \d+ "[^"]*" "[^"]*" \d+ "[^"]*" "[^"]*" \d+ms'),),
        (
            Example(
                b'10.0.0.9 - - [24/Nov/2026:03:14:07 +0000] "GET / HTTP/1.1" 200 5 "-" "-" 1 "a@b" "http://c:80" 3ms',
                1795490047000000000,
                1_000_000_000,
            ),
        ),
    ),
    TimestampFormat(
        "apache-access",
        "Apache access log",
        Meaning.START,
        (Layout(ACCESS, _CLIENT, _REQUEST, context=rb'[^"]*" \d{3} ', runs_back=True),),
        (
            Example(
                b'10.0.0.9 - - [24/Nov/2026:03:14:07 +0100] "GET /cart/42 HTTP/1.1" 502 0',
                1795486447000000000,
                1_000_000_000,
                (b'10.0.0.9 - - [24/Nov/2026:03:14:08 +0100] "GET /cart/41 HTTP/1.1" 200 0',),
            ),
        ),
        caveat="stamps taken for the starts of the requests, since they run back; nginx-access: their ends",
    ),
    TimestampFormat(
        "nginx-access",
        "nginx access log",
        Meaning.END,
        (Layout(ACCESS, _CLIENT, _REQUEST), Layout(ISO, _CLIENT, _REQUEST, mark=b"[0000-00-00")),
        (
            Example(
                b'10.0.0.9 - alice [24/Nov/2026:03:14:07 +0100] "GET /cart/42 HTTP/2.0" 502 0 "-" "-"',
                1795486447000000000,
                1_000_000_000,
            ),
            Example(b'::1 - - [2026-11-24T03:14:07+01:00] "GET / HTTP/2.0" 502 0', 1795486447000000000, 1_000_000_000),
        ),
        caveat="stamps taken for the ends of the requests, as nginx writes them; apache-access: their starts",
    ),
    TimestampFormat(
        "nginx-error",
        "nginx error log",
        Meaning.EVENT,
        (Layout(SLASHED, context=rb" \[\w+\] \d+#\d+: "),),
        (Example(b"2026/11/24 03:14:07 [error] 812#0: *9 upstream x", 1795486447000000000, 1_000_000_000),),
    ),
    TimestampFormat(
        "apache-error",
        "Apache error log",
        Meaning.EVENT,
        (Layout(CTIME, *_CTIME_BRACKET, context=rb" \[(?:[\w-]*:)?\w+\] "),),
        (
            Example(b"[Tue Nov 24 03:14:07.123456 2026] [proxy:error] [pid 42] x", 1795486447123456000, 1_000),
            Example(b"[Tue Nov 24 03:14:07 2026] [error] [client 10.0.0.9] x", 1795486447000000000, 1_000_000_000),
        ),
    ),
    TimestampFormat(
        "gin",
        "Gin's log of requests",
        Meaning.END,
        (Layout(SLASHED_DASH, rb"\[GIN\] ", rb" \|"),),
        (
            Example(
                b'[GIN] 2026/11/24 - 03:14:07 | 200 |  4.150123s |  10.0.0.9 | PUT  "/carts/42"',
                1795486447000000000,
                1_000_000_000,
            ),
        ),
    ),
    TimestampFormat(
        "haproxy",
        "HAProxy, accept date plus total time",
        Meaning.END,
        (
            Layout(
                ACCESS,
                _HAPROXY_SENDER + rb"[\w.:]+:\d+ \[",
                rb"\] \S+ \S+ (?:-?\d+/){2,4}\+?(?P<total_ms>\d{1,9}) ",
                is_preferred=True,
                max_end=512,
            ),
        ),
        (
            Example(
                b"Nov 24 03:14:07 lb1 haproxy[7]: 10.0.0.9:51234 [24/Nov/2026:03:14:06.991] fe be/s1 0/0/1/131/132 200"
                b" 345 - - ---- 1/1/0/0/0 0/0",
                1795486447123000000,
                2_000_000,
            ),
        ),
    ),
    TimestampFormat(
        "envoy",
        "Envoy access log",
        Meaning.START,
        (Layout(ISO, rb"\[", rb"\]", context=rb' "[A-Z-]+ '),),
        (Example(b'[2026-11-24T03:14:07.123Z] "GET / HTTP/2" 200 - 0 5 3', 1795490047123000000, 1_000_000),),
    ),
    TimestampFormat(
        "iis",
        "IIS and other W3C logs",
        Meaning.END,
        (Layout(ISO, context=rb"[ \t]", file_mark=_IIS_HEADER, utc=True),),
        (Example(b"2026-11-24 03:14:07 10.0.0.9 GET /", 1795490047000000000, 1_000_000_000, (_IIS_HEADER,)),),
    ),
    TimestampFormat(
        "elb",
        "AWS load balancers",
        Meaning.END,
        (
            Layout(ISO, rb"(?:https?|h2|grpcs?|wss?) ", context=rb" \S+ [\d.]+:\d+ "),
            Layout(ISO, context=rb" [\w-]+ [\d.]+:\d+ [\d.:-]+ "),
        ),
        (
            Example(
                b"https 2026-11-24T03:14:07.123456Z app/a/1 10.0.0.9:80 10.0.0.8:80 0.1", 1795490047123456000, 1_000
            ),
            Example(b"2026-11-24T03:14:07.123456Z lb1 10.0.0.9:80 10.0.0.8:80 0.1", 1795490047123456000, 1_000),
        ),
    ),
    TimestampFormat(
        "squid",
        "Squid access log",
        Meaning.END,
        (Layout(EPOCH, context=rb" +\d+ \S+ [A-Z_]+/\d{3} "),),
        (Example(b"1795490047.123    132 10.0.0.9 TCP_MISS/200 5 GET http://a/", 1795490047123000000, 1_000_000),),
    ),
    TimestampFormat(
        "uwsgi",
        "uWSGI request log",
        Meaning.START,
        (Layout(CTIME, _UWSGI, rb"\]"),),
        (
            Example(
                b"[pid: 42|app: 0|req: 1/1] 10.0.0.9 () {28 vars in 300 bytes} [Tue Nov 24 03:14:07 2026] GET / => x",
                1795486447000000000,
                1_000_000_000,
            ),
        ),
    ),
)
