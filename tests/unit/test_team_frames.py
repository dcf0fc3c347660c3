"""The frames of a journal in a pipe, in pieces of any size, and what a hostile host may put there."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.team import DB1, SEGMENT, message
from threeam.team.messages.line_chain import first_link
from threeam.team.messages.message import MAX_PAYLOAD_BYTES, HostileMessage, Message, decode, encode_headers
from threeam.team.messages.position import Origin, SegmentEnd
from threeam.team.ssh.frames import (
    Answer,
    Frame,
    FrameReader,
    Here,
    HostileStream,
    Lines,
    encode_answer,
    encode_greeting,
    encode_here,
    encode_lines,
)
from threeam.team.ssh.line_cursor import LineCursor, parse_cursor

GREETING = encode_greeting(DB1.id)


def read(data: bytes, *sizes: int) -> list[Frame]:
    """Return the frames of ``data``, fed in pieces of ``sizes``, and the rest at once."""
    reader, frames = FrameReader(), list[Frame]()
    for size in sizes:
        frames += reader.feed(data[:size])
        data = data[size:]
    return frames + reader.feed(data)


@given(
    st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=4),
    st.lists(st.integers(0, 90)),
    st.sampled_from([b"", b"Welcome to db1\n\n", b"here 9\n3am-mirror\n"]),
)
def test_frames_are_the_same_in_pieces_of_any_size(payloads: list[bytes], sizes: list[int], banner: bytes) -> None:
    data, stream, sent = b"".join(payloads), banner + GREETING, list[Message]()
    begin = 0
    for payload in payloads:
        sent.append(message(data, begin, begin + len(payload)))
        begin += len(payload)
        stream += encode_lines(sent[-1]) + encode_here(payload) + encode_answer(begin, payload)
    frames = read(stream, *sizes)
    lines = [frame for frame in frames if isinstance(frame, Lines)]
    assert [decode(DB1.id, each.headers, each.payload) for each in lines] == sent
    for kind in (Here, Answer):
        assert [frame.data for frame in frames if isinstance(frame, kind)] == payloads


@pytest.mark.parametrize(
    ("stream", "what"),
    [
        (b"x" * 70_000, "without an end"),
        (b"banner\n" * 10_000, "prints too much"),
        (GREETING + b"lines 1" + b"0" * 70_000, "without an end"),
        (b"3am-mirror 3 " + GREETING[-33:], "another version"),
        (GREETING + GREETING, "would not send"),
        (GREETING + b"\x1b[2Jlines 1 {}\nx", "would not send"),
        (GREETING + b"lines -1 {}\n", "would not send"),
        (GREETING + b"lines 1 a\x1bb\nx", "would not send"),
        (GREETING + b"lines %d {}\n" % (MAX_PAYLOAD_BYTES + 1), "would not send"),
        (GREETING + b"here 999999999\n", "would not send"),
        (GREETING + b"answer 1 1001\n", "would not send"),
        (GREETING + b"ask 1 999999\n", "would not send"),
        (GREETING + "lines ١ {}\nx".encode(), "would not send"),
    ],
    ids=range(13),
)
def test_a_hostile_stream_ends_the_connection(stream: bytes, what: str) -> None:
    with pytest.raises(HostileStream, match=what):
        read(stream, 100, 5000)


@pytest.mark.parametrize(
    "headers", [b"{}", b"{1}", b"{%s}" % (b'"a":{' * 600 + b"}" * 600), b'{"3am-epoch": 1}'], ids=range(4)
)
def test_hostile_headers_make_a_message_that_is_refused(headers: bytes) -> None:
    (frame,) = read(GREETING + b"lines 2 %s\nx\n" % headers)
    assert isinstance(frame, Lines)
    with pytest.raises(HostileMessage):
        decode(DB1.id, frame.headers, frame.payload)


def test_a_frame_can_be_as_long_as_a_message() -> None:
    data = b"x" * (MAX_PAYLOAD_BYTES - 1) + b"\n"
    longest = message(data, 0, len(data))._replace(host="h" * 64, after=SegmentEnd(SEGMENT, 2**53))
    (frame,) = read(GREETING + encode_lines(longest))
    assert isinstance(frame, Lines)
    assert json.loads(json.dumps(frame.headers)) == encode_headers(longest)
    assert frame.payload == data


LINK = first_link(SEGMENT).hex()


@pytest.mark.parametrize(
    "text",
    [
        "begin",
        "",
        f"{'D' * 32}:1:{SEGMENT}:0:{LINK}",
        f"{DB1.id}:0:{SEGMENT}:0:{LINK}",
        f"{DB1.id}:999999:{SEGMENT}:0:{LINK}",
        f"{DB1.id}:1:../../etc/passwd:0:{LINK}",
        f"{DB1.id}:1:{SEGMENT}:{2**53 + 1}:{LINK}",
        f"{DB1.id}:1:{SEGMENT}:-1:{LINK}",
        f"{DB1.id}:1:{SEGMENT}:0:{LINK[:-1]}",
        f"{DB1.id}:1:{SEGMENT}:0:{LINK}\n",
    ],
)
def test_what_is_not_a_cursor_is_no_place(text: str) -> None:
    assert parse_cursor(text) is None


def test_a_cursor_is_the_same_after_its_text() -> None:
    place = LineCursor(Origin(DB1.id, 7), SegmentEnd(SEGMENT, 2**53), first_link(SEGMENT))
    assert parse_cursor(str(place)) == place
