"""Messages of a team: encoded and decoded they are the same, and a hostile one is refused with one clear error."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.team import DB1, LATER_SEGMENT, SEGMENT, message
from threeam.team.messages.line_chain import MAX_PIECE_BYTES, extend_chain, extend_chain_over, first_link
from threeam.team.messages.message import HostileMessage, Message, decode, encode_headers
from threeam.team.messages.position import Origin, SegmentEnd

DATA = b"[one]\n[two]\n\0three\x1b\n"
HEADERS = encode_headers(message(DATA, 6, 12))


@given(
    st.binary(min_size=1, max_size=300),
    st.integers(0, 2**53),
    st.integers(1, 999_999),
    st.none() | st.integers(0, 2**53),
    st.none() | st.integers(0, 10**15),
)
def test_a_message_is_the_same_after_its_headers(
    payload: bytes, offset: int, epoch: int, after: int | None, bound_ns: int | None
) -> None:
    link = first_link(SEGMENT) if offset == 0 else hashlib.sha256(payload).digest()
    before = SegmentEnd(LATER_SEGMENT, after) if after is not None and offset == 0 else None
    sent = Message(Origin(DB1.id, epoch), "db1", SEGMENT, offset, link, payload, before, bound_ns)
    assert decode(DB1.id, encode_headers(sent), payload) == sent


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("3am-host", ""),
        ("3am-host", "db1\nX: y"),
        ("3am-host", "\x1b[2J"),
        ("3am-host", "h" * 65),
        ("3am-host", "d\u202eb1"),
        ("3am-epoch", "0"),
        ("3am-epoch", "1000000"),
        ("3am-epoch", "-1"),
        ("3am-epoch", "1 "),
        ("3am-epoch", "\u0661"),
        ("3am-segment", "../../../../etc/passwd"),
        ("3am-segment", "20261124T031407.000000000Z/.."),
        ("3am-segment", "20261124T031407.000000000Z\n"),
        ("3am-segment", ""),
        ("3am-offset", "-1"),
        ("3am-offset", "01"),
        ("3am-offset", "1e3"),
        ("3am-offset", str(2**53 + 1)),
        ("3am-offset", "9" * 5000),
        ("3am-bound", ""),
        ("3am-bound", "-1"),
        ("3am-bound", "Unsynchronised"),
        ("3am-bound", str(10**15 + 1)),
        ("3am-prev", "ab"),
        ("3am-prev", "Z" * 64),
        ("3am-prev", "A" * 64),
    ],
)
def test_a_hostile_header_is_refused(name: str, text: str) -> None:
    with pytest.raises(HostileMessage) as refusal:
        decode(DB1.id, {**HEADERS, name: text}, b"x\n")
    sentence = str(refusal.value)
    assert name in sentence
    assert sentence.isprintable()
    assert len(sentence) < 200


@pytest.mark.parametrize("missing", HEADERS)
def test_a_message_without_a_header_is_refused(missing: str) -> None:
    headers = {name: text for name, text in HEADERS.items() if name != missing}
    with pytest.raises(HostileMessage, match=missing):
        decode(DB1.id, headers, b"x\n")


def test_an_answer_of_the_engine_is_no_message_of_the_origin_on_whose_subject_it_was_stored() -> None:
    with pytest.raises(HostileMessage, match="answer of the engine"):
        decode(DB1.id, {**HEADERS, "Nats-Subject": "3am.night.log.x"}, b"x\n")


@pytest.mark.parametrize("origin", ["..", "d" * 31, "D" * 32, "d" * 32 + "\n", "*", ""])
def test_a_subject_without_an_id_is_refused(origin: str) -> None:
    with pytest.raises(HostileMessage, match="not the id"):
        decode(origin, HEADERS, b"x\n")


@pytest.mark.parametrize("size", [0, 256 * 1024 + 1])
def test_a_payload_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(HostileMessage, match=f"{size} bytes"):
        decode(DB1.id, HEADERS, b"x" * size)


@pytest.mark.parametrize("after", ["", "x 1", f"{SEGMENT} -1", f"{SEGMENT} 1 2", f"../x {SEGMENT}"])
def test_a_hostile_place_of_the_segment_before_is_refused(after: str) -> None:
    headers = encode_headers(message(DATA, 0, 6)) | {"3am-after": after}
    with pytest.raises(HostileMessage, match="3am-after"):
        decode(DB1.id, headers, DATA[:6])


def test_a_segment_cannot_begin_with_the_chain_of_another() -> None:
    headers = encode_headers(message(DATA, 0, 6)) | {"3am-segment": LATER_SEGMENT}
    with pytest.raises(HostileMessage, match="does not begin at its segment"):
        decode(DB1.id, headers, DATA[:6])


lines = st.lists(st.binary(max_size=5).map(lambda text: text.replace(b"\n", b"") + b"\n"), max_size=12)


@given(lines, st.data())
def test_the_chain_does_not_depend_on_the_batches(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    cut = len(b"".join(parts[: data.draw(st.integers(0, len(parts)))]))
    link = first_link(SEGMENT)
    assert extend_chain(extend_chain(link, whole[:cut]), whole[cut:]) == extend_chain(link, whole)
    step = data.draw(st.integers(1, 9))
    assert extend_chain_over(lambda at, size: whole[at : at + size], link, 0, len(whole)) == extend_chain(link, whole)
    if whole:
        assert extend_chain_over(lambda at, size: whole[at : at + size], link, 0, len(whole) + step) is None
        assert extend_chain(link, whole) != extend_chain(link, b"\xff" + whole[1:]) or whole[:1] == b"\xff"


@pytest.mark.parametrize("size", [MAX_PIECE_BYTES - 1, MAX_PIECE_BYTES, 3 * MAX_PIECE_BYTES, 9 * MAX_PIECE_BYTES + 7])
def test_a_long_line_has_a_link_after_each_piece(size: int) -> None:
    whole = b"a\n" + b"x" * size + b"\nend\n"
    expected = extend_chain(first_link(SEGMENT), whole)
    link, at = extend_chain(first_link(SEGMENT), b"a\n"), 2
    while at < len(whole):
        link = extend_chain(link, whole[at : at + MAX_PIECE_BYTES])
        at += MAX_PIECE_BYTES
    assert (link == expected) == (size % MAX_PIECE_BYTES == MAX_PIECE_BYTES - 1 or at >= len(whole))
    assert extend_chain_over(lambda at, n: whole[at : at + n], first_link(SEGMENT), 0, len(whole)) == expected
