"""What a command printed: kept without its secrets, and shown without its escapes, however it was cut into pieces."""

from __future__ import annotations

import re
from itertools import pairwise
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threeam.core.secrets import LISTED, Redaction, redacted
from threeam.observe import output as output_module
from threeam.observe.output import Output, Safe

SECRET = "hunter2hunter2hunter2hunter2hunter2hunt"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
# Each: a line with it, what of the line has to go, and what stays.
SECRETS = [
    (f"connect postgres://app:{SECRET}@db1:5432/shop", SECRET, "@db1:5432/shop"),
    (f"PASSWORD={SECRET} ./run", SECRET, " ./run"),
    (f'{{"password": "{SECRET}", "user": "app"}}', SECRET, '"user": "app"'),
    (f'{{"client_secret" : "with \\" {SECRET}"}}', SECRET, "client_secret"),
    (f"db.passwd: '{SECRET} and more'", SECRET, "db.passwd"),
    (f"pwd => {SECRET}", SECRET, "pwd"),
    (f"api-key: {SECRET}; next", SECRET, "; next"),
    (f"AWS_SECRET_ACCESS_KEY={SECRET}", SECRET, "AWS_SECRET_ACCESS_KEY"),
    (f"?access_token={SECRET}&page=2", SECRET, "&page=2"),
    (f"Authorization: Bearer {SECRET}", SECRET, "Authorization: "),
    (f"< Set-Cookie: session={SECRET}; HttpOnly", SECRET, "Set-Cookie: "),
    (f"sent Basic {SECRET}==", SECRET, "sent "),
    ("using AKIAIOSFODNN7EXAMPLE now", "AKIAIOSFODNN7EXAMPLE", " now"),
    ("remote: ghp_0123456789abcdefghij0123456789abcdef", "ghp_", "remote: "),
    ("stripe sk_live_0123456789abcdef01", "sk_live", "stripe "),
    ("slack xoxb-123456789012-abcdef", "xoxb", "slack "),
    (f"jwt {JWT} end", JWT, " end"),
    (f"passphrase = {SECRET}", SECRET, "passphrase"),
]
KEY = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAA
AAAABG5vbmUAAAAEbm9uZQ
-----END OPENSSH PRIVATE KEY-----
"""
PLAIN = [
    "row 8812: DELETE at .335, UPDATE at .337",
    "keyword: the token of the parser",
    "std::token::next, secret::get()",
    "https://db1:5432/shop?x=1",
    "mailto:a@b",
    "password prompt appeared",
    "monkey=banana",
    "exit status: 3",
]


def kept_of(pieces: list[bytes], *, regex: str = "", cap: int = 1 << 24) -> tuple[bytes, Output]:
    written: list[bytes] = []
    output = Output(written.append, regex, cap)
    for piece in pieces:
        output.take(piece)
    output.close()
    return b"".join(written), output


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(one % (len(data) + 1) for one in at)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@pytest.mark.parametrize(("line", "secret", "stays"), SECRETS)
def test_what_is_listed_is_left_out_of_what_is_kept(line: str, secret: str, stays: str) -> None:
    for piece in range(1, len(line), 7):
        kept, _ = kept_of([line[:piece].encode(), line[piece:].encode(), b"\nnext line\n"])
        assert secret.encode() not in kept
        assert stays.encode() in kept
        assert b"***" in kept
        assert kept.endswith(b"\nnext line\n")
    assert secret not in redacted(line)


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_no_secret_is_kept_as_it_is(line: str) -> None:
    assert kept_of([line.encode() + b"\n"])[0] == line.encode() + b"\n"


@given(st.lists(st.integers(0, 500)))
def test_a_private_key_is_left_out_with_all_of_its_lines(at: list[int]) -> None:
    kept, _ = kept_of(cut(f"before\n{KEY}between\n{KEY}after\n".encode(), at))
    assert b"b3Blbn" not in kept
    assert b"AAAABG" not in kept
    assert [one for one in kept.split(b"\n") if one in (b"before", b"between", b"after")] == [
        b"before",
        b"between",
        b"after",
    ]


def test_a_private_key_that_does_not_end_takes_what_follows_with_it() -> None:
    kept, _ = kept_of([b"before\n", KEY.encode()[:50]])
    assert kept == b"before\n-----BEGIN OPENSSH PRIVATE KEY-----***\n"


lines = st.lists(
    st.sampled_from([*(line for line, _, _ in SECRETS), *PLAIN, "", "\x1b[31mred", "x" * 300, KEY]), max_size=12
)


@settings(deadline=None)
@given(lines, st.lists(st.integers(0, 5000), max_size=12), st.sampled_from([400, 1 << 20]))
def test_however_it_comes_the_same_is_kept(said: list[str], at: list[int], at_once: int) -> None:
    data = "\n".join(said).encode()
    with patch.object(output_module, "_AT_ONCE", at_once):
        kept, output = kept_of(cut(data, at))
    assert kept == kept_of([data])[0]
    assert output.size == len(data)


@settings(deadline=None)
@given(st.integers(0, 9000), st.integers(1, 700))
def test_over_the_cap_its_first_half_and_its_last_are_kept(count: int, piece: int) -> None:
    data = b"".join(b"line %d\n" % n for n in range(count))
    kept, output = kept_of([data[i : i + piece] for i in range(0, len(data), piece)], cap=4000)
    if len(data) <= 4000:
        assert kept == data
        return
    left_out = re.search(rb"\n\[3am: (\d+) bytes are left out here\]\n", kept)
    begin, _, end = kept.partition(left_out[0]) if left_out else (kept, b"", b"")
    assert data.startswith(begin)
    assert data.endswith(end)
    assert len(begin) + len(end) + (int(left_out[1]) if left_out else 0) == len(data) == output.size


def test_a_failure_is_looked_for_in_all_of_it_also_in_what_is_left_out() -> None:
    data = [b"fine\n" * 300_000, b"deadlock detected\n", b"fine\n" * 600_000]
    assert kept_of(data, regex=r"^deadlock", cap=1000)[1].matched
    assert not kept_of(data, regex=r"^livelock", cap=1000)[1].matched
    assert kept_of([b"dead", b"lock"], regex="deadlock$")[1].matched


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_nothing_that_is_shown_drives_a_terminal(data: bytes, at: list[int]) -> None:
    safe = Safe()
    shown = b"".join(safe(piece) for piece in cut(data, at)).decode()
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", shown.replace("\r\n", "\n")
    )


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=30), st.lists(st.integers(0, 90))
)
def test_a_character_that_is_cut_is_shown_whole(text: str, at: list[int]) -> None:
    safe = Safe()
    assert b"".join(safe(piece) for piece in cut(text.encode(), at)).decode() == text


def test_every_kind_that_is_listed_is_tried_here() -> None:
    for one in LISTED:
        hits = [
            line for line, _, _ in SECRETS if one.pattern.search(line.lower().encode() if one.small else line.encode())
        ]
        assert hits, one.name
    assert Redaction()(b"nothing of that kind") == b"nothing of that kind"
