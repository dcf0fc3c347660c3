"""The stamps of logs whose lines are JSON objects or ``key=value`` pairs.

The key is searched among the members of the object itself: a text that looks like a member is not one, nor is a member
of an object in it.
"""

from __future__ import annotations

from threeam.timeline.notation import ACCESS, EPOCH, EPOCH_SECOND_AND_NANO, ISO, Notation
from threeam.timeline.timestamp_format import Example, Layout, Meaning, TimestampFormat

_MAX_END = 131_072  # bytes; Docker writes the stamp after a text of 16 KiB, which escapes make longer
_STRING = rb'"(?>[^"\\]+|\\.)*+"'


def _nested(depth: int) -> bytes:
    """Return the pattern of an object or a list that has at most ``depth`` more in it."""
    inner = rb"|" + _nested(depth - 1) if depth else b""
    return rb'[\[{](?>[^\[\]{}"]+|' + _STRING + inner + rb")*+[\]}]"


_MEMBER = rb"(?>" + _STRING + rb"\s*:\s*(?:" + _STRING + rb'|[^\[\]{}",\s]+|' + _nested(4) + rb")\s*,\s*)"
_BEGIN = rb"\s*\{\s*"
_END = rb'"?\s*[,}]'
_PAIR = rb'(?>[^\s="]+=(?:"(?>[^"\\]+|\\.)*+"|[^\s"]*+) +)'


def _json(notation: Notation, *path: bytes, rank: int = 1, members: bytes = _MEMBER + rb"*?") -> Layout:
    """Return the layout of the value at a path of keys; only members of the outer object stand before it."""
    keys = rb"\s*:\s*\{\s*".join(rb'"' + key.replace(b"$", rb"\$") + rb'"' for key in path)
    quote = rb'"?' if notation is EPOCH else rb'"'
    before = _BEGIN + members + keys + rb"\s*:\s*" + quote
    literal = b'"' + path[-1] + b'"'
    is_double = notation is EPOCH
    return Layout(notation, before, _END, literal=literal, max_end=_MAX_END, is_double=is_double, rank=rank)


def _pair(notation: Notation, key: bytes, rank: int) -> Layout:
    return Layout(
        notation,
        _PAIR + rb"*?" + key + rb'="?',
        rb'"?(?:\s|\Z)',
        literal=key + b"=",
        max_end=4096,
        is_double=notation is EPOCH,
        rank=rank,
    )


_KEYS = (
    b"time",
    b"timestamp",
    b"@timestamp",
    b"ts",
    b"t",
    b"@t",
    b"Timestamp",
    b"datetime",
    b"date",
    b"asctime",
    b"eventTime",
    b"event_time",
)
_START_KEYS = (b"start_time", b"StartUTC", b"startTime", b"started_at", b"EdgeStartTimestamp")
_START_RANK = 50  # after the keys of the time at which a line is written
_EPOCH_KEYS = (*_KEYS, b"timeMillis", b"created", b"epoch")
_PAIR_KEYS = (b"time", b"ts", b"timestamp", b"t", b"at", b"datetime")
_DOCKER_MEMBERS = rb'"log"\s*:\s*' + _STRING + rb'\s*,\s*"stream"\s*:\s*"\w+"\s*,\s*' + _MEMBER + rb"*?"

_MEMBERS = _BEGIN + _MEMBER + rb"*?"
_OTLP_RECORD = (
    _MEMBERS
    + rb'"resourceLogs"\s*:\s*\['
    + _MEMBERS
    + rb'"scopeLogs"\s*:\s*\['
    + _MEMBERS
    + rb'"logRecords"\s*:\s*\['
    + _MEMBERS
    + rb'"timeUnixNano"\s*:\s*"'
)
_LOG4J_INSTANT = Layout(
    EPOCH_SECOND_AND_NANO, _MEMBERS + rb'"instant"\s*:\s*\{\s*', rb"\s*\}", literal=b'"instant"', max_end=_MAX_END
)

STRUCTURED_FORMATS = (
    TimestampFormat(
        "docker-json",
        "Docker json-file",
        Meaning.RECEIPT,
        (_json(ISO, b"time", members=_DOCKER_MEMBERS),),
        (
            Example(
                b'{"log":"x \\"time\\":\\n","stream":"stderr","time":"2026-11-24T03:14:07.123456789Z"}',
                1795490047123456789,
                1,
            ),
        ),
    ),
    TimestampFormat(
        "journal-json",
        "journalctl -o json",
        Meaning.RECEIPT,
        (_json(EPOCH, b"__REALTIME_TIMESTAMP"),),
        (
            Example(
                b'{"MESSAGE":"x","__REALTIME_TIMESTAMP":"1795490047123456","_SOURCE_REALTIME_TIMESTAMP":'
                b'"1795490047123400"}',
                1795490047123456000,
                1_000,
            ),
        ),
    ),
    TimestampFormat(
        "mongodb",
        "MongoDB",
        Meaning.EVENT,
        (_json(ISO, b"t", b"$date"),),
        (Example(b'{"t":{"$date":"2026-11-24T03:14:07.123+01:00"},"s":"I"}', 1795486447123000000, 1_000_000),),
    ),
    TimestampFormat(
        "otlp-json",
        "OpenTelemetry",
        Meaning.EVENT,
        (_json(EPOCH, b"timeUnixNano"), Layout(EPOCH, _OTLP_RECORD, rb'"', literal=b'"logRecords"', max_end=_MAX_END)),
        (
            Example(b'{"timeUnixNano":"1795490047123456789","body":{}}', 1795490047123456789, 1),
            Example(
                b'{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":{}}]},"scopeLogs":[{"scope":{},'
                b'"logRecords":[{"timeUnixNano":"1795490047123456789"}]}]}]}',
                1795490047123456789,
                1,
            ),
        ),
    ),
    TimestampFormat(
        "json-start",
        "JSON with the start of a request",
        Meaning.START,
        tuple(_json(notation, key, rank=_START_RANK) for key in _START_KEYS for notation in (ISO, EPOCH)),
        (Example(b'{"status":502,"start_time":"2026-11-24T03:14:07.123Z"}', 1795490047123000000, 1_000_000),),
    ),
    TimestampFormat(
        "json",
        "JSON with date and time",
        Meaning.EVENT,
        (
            *(_json(ISO, key, rank=rank) for rank, key in enumerate(_KEYS, 1)),
            _json(ACCESS, b"time_local"),
            _json(ISO, b"time_iso8601"),
        ),
        (
            Example(b'{"name":"w","pid":42,"time":"2026-11-24T03:14:07.123Z"}', 1795490047123000000, 1_000_000),
            Example(b'{"@timestamp": "2026-11-24T03:14:07.123Z", "message": "x"}', 1795490047123000000, 1_000_000),
            Example(
                b'{"req":{"time":"2020-01-01T00:00:00Z"},"time":"2026-11-24T03:14:07+01:00"}',
                1795486447000000000,
                1_000_000_000,
            ),
        ),
    ),
    TimestampFormat(
        "json-epoch",
        "JSON with seconds since 1970",
        Meaning.EVENT,
        (*(_json(EPOCH, key, rank=rank) for rank, key in enumerate(_EPOCH_KEYS, 1)), _LOG4J_INSTANT),
        (
            Example(b'{"level":"error","ts":1795490047.1234567,"msg":"x"}', 1795490047123456700, 100),
            Example(b'{"level":30,"time":1795490047123,"pid":42}', 1795490047123000000, 1_000_000),
            Example(b'{"level":30,"time":1795490047,"pid":42}', 1795490047000000000, 1_000_000_000),
            Example(
                b'{"instant":{"epochSecond":1795490047,"nanoOfSecond":3000000},"message":"x"}', 1795490047003000000, 1
            ),
        ),
    ),
    TimestampFormat(
        "logfmt",
        "logfmt",
        Meaning.EVENT,
        tuple(_pair(notation, key, rank) for rank, key in enumerate(_PAIR_KEYS, 1) for notation in (ISO, EPOCH)),
        (
            Example(b'time=2026-11-24T03:14:07.123Z level=error msg="x"', 1795490047123000000, 1_000_000),
            Example(b'level=error msg="time=1" ts="2026-11-24 03:14:07+01:00"', 1795486447000000000, 1_000_000_000),
            Example(b"level=error ts=1795490047.123456", 1795490047123456000, 1_000),
        ),
    ),
)
