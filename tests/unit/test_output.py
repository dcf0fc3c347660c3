"""What a command printed: kept without its secrets, and shown without its escapes, however it was cut into pieces."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import cache
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.journals import FakeClock
from threeam.core.redact.redact import Redactor, redact
from threeam.core.store.attachment_kinds import RUN_OUTPUT
from threeam.core.store.journal import Journal
from threeam.experiments.failure_rule import parse_failure_rule
from threeam.experiments.runs import single_run as single_run_module
from threeam.experiments.runs.single_run import SingleRun, run_once
from threeam.process import output as output_module
from threeam.process.execute import STDOUT, ExecutionResult
from threeam.process.output import MAX_SAVED_BYTES, OutputRecorder, TerminalSanitizer, record_output

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
MIB = 1 << 20
OTHERS_LONGEST = 2 * MIB  # bytes that may be looked through at once, and so over the cap
LEFT_OUT = re.compile(rb"\n\[3am: (\d+) bytes are left out here\]\n")


def kept_of(pieces: Iterable[bytes], regex: str = "", cap: int = MAX_SAVED_BYTES) -> tuple[bytes, OutputRecorder]:
    written: list[bytes] = []
    output = OutputRecorder(written.append, regex, cap)
    for piece in pieces:
        output.feed(piece)
    output.close()
    return b"".join(written), output


def split_at(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[begin:end] for begin, end in pairwise(edges)]


@pytest.mark.parametrize(("line", "secret", "stays"), SECRETS)
def test_what_is_listed_is_left_out_of_what_is_kept(line: str, secret: str, stays: str) -> None:
    for piece in range(1, len(line), 7):
        saved, _ = kept_of([line[:piece].encode(), line[piece:].encode(), b"\nnext line\n"])
        assert secret.encode() not in saved
        assert stays.encode() in saved
        assert b"***" in saved
        assert saved.endswith(b"\nnext line\n")
    assert secret not in redact(line)


@pytest.mark.parametrize("line", PLAIN)
def test_what_is_not_a_secret_is_kept_as_it_is(line: str) -> None:
    assert kept_of([line.encode() + b"\n"])[0] == line.encode() + b"\n"


@given(st.lists(st.integers(0, 500)))
def test_a_private_key_is_left_out_with_all_of_its_lines(cuts: list[int]) -> None:
    saved, _ = kept_of(split_at(f"before\n{KEY}between\n{KEY}after\n".encode(), cuts))
    assert b"b3Blbn" not in saved
    assert b"AAAABG" not in saved
    assert [line for line in saved.split(b"\n") if line in (b"before", b"between", b"after")] == [
        b"before",
        b"between",
        b"after",
    ]


def test_a_private_key_that_does_not_end_takes_what_follows_with_it() -> None:
    saved, _ = kept_of([b"before\n", KEY.encode()[:50]])
    assert saved == b"before\n-----BEGIN OPENSSH PRIVATE KEY-----***\n"


lines = st.lists(
    st.sampled_from([*(line for line, _, _ in SECRETS), *PLAIN, "", "\x1b[31mred", "x" * 300, KEY]), max_size=12
)


@given(lines, st.lists(st.integers(0, 5000), max_size=12), st.sampled_from([400, 1 << 20]))
def test_however_it_comes_the_same_is_kept(texts: list[str], cuts: list[int], at_once: int) -> None:
    data = "\n".join(texts).encode()
    with patch.object(output_module, "_FLUSH_BYTES", at_once):
        saved, output = kept_of(split_at(data, cuts))
    assert saved == kept_of([data])[0]
    assert output.size == len(data)


@given(st.integers(0, 9000), st.integers(1, 700))
def test_over_the_cap_its_first_half_and_its_last_are_kept(count: int, piece: int) -> None:
    data = b"".join(b"line %d\n" % n for n in range(count))
    saved, output = kept_of([data[i : i + piece] for i in range(0, len(data), piece)], cap=4000)
    if len(data) <= 4000:
        assert saved == data
        return
    left_out = re.search(rb"\n\[3am: (\d+) bytes are left out here\]\n", saved)
    begin, _, end = saved.partition(left_out[0]) if left_out else (saved, b"", b"")
    assert data.startswith(begin)
    assert data.endswith(end)
    assert len(begin) + len(end) + (int(left_out[1]) if left_out else 0) == len(data) == output.size


def test_a_failure_is_looked_for_in_all_of_it_also_in_what_is_left_out() -> None:
    data = [b"fine\n" * 300_000, b"deadlock detected\n", b"fine\n" * 600_000]
    assert kept_of(data, regex=r"^deadlock", cap=1000)[1].matched
    assert not kept_of(data, regex=r"^livelock", cap=1000)[1].matched
    assert kept_of([b"dead", b"lock"], regex="deadlock$")[1].matched


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_nothing_that_is_shown_drives_a_terminal(data: bytes, cuts: list[int]) -> None:
    safe = TerminalSanitizer()
    shown = b"".join(safe(piece) for piece in split_at(data, cuts)).decode()
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", shown.replace("\r\n", "\n")
    )


@given(
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=30), st.lists(st.integers(0, 90))
)
def test_a_character_that_is_cut_is_shown_whole(text: str, cuts: list[int]) -> None:
    safe = TerminalSanitizer()
    assert b"".join(safe(piece) for piece in split_at(text.encode(), cuts)).decode() == text


# In the corners.


def in_pieces(data: bytes, piece_bytes: int) -> Iterable[bytes]:
    return (data[i : i + piece_bytes] for i in range(0, len(data), piece_bytes))


# The cap.


@cache
def flood() -> bytes:
    """More than is kept."""
    return b"".join(b"%08d of a flood\n" % n for n in range(40 * MIB // 18))


@pytest.mark.parametrize("piece", [65_536, 65_521, 3_000_000])
def test_a_flood_is_kept_to_the_cap_with_its_head_and_its_tail(piece: int) -> None:
    data = flood()
    saved, output = kept_of(in_pieces(data, piece))
    match = LEFT_OUT.search(saved)
    assert match
    head, tail = saved[: match.start()], saved[match.end() :]
    assert data.startswith(head)
    assert data.endswith(tail)
    assert min(len(head), len(tail)) >= MAX_SAVED_BYTES // 2
    assert len(head) + len(tail) <= MAX_SAVED_BYTES + max(OTHERS_LONGEST, piece)
    assert len(head) + len(tail) + int(match[1]) == output.size == len(data)


def test_what_is_just_as_long_as_the_cap_is_kept_whole() -> None:
    data = (b"x" * 1023 + b"\n") * (MAX_SAVED_BYTES // 1024)
    assert kept_of(in_pieces(data, 65_536))[0] == data


def test_a_small_cap_is_one_too() -> None:
    saved, _ = kept_of([b"line\n" * 20_000], cap=4000)
    assert LEFT_OUT.search(saved)
    assert len(saved) < 5000


# Secrets, as programs really print them.


@pytest.mark.parametrize(
    "line",
    [
        "postgres://app:p@hunter2@db1/shop",
        f"postgres://app:{'x' * 600}hunter2@db1/shop",
        r"""level=info body="{\"password\":\"hunter2\"}" """,
        "\x1b[36mpassword\x1b[0m=hunter2",
        "\x1b[36mpassword=\x1b[0mhunter2",
        "PGPASSWORD=hunter2 psql",
        "x-api-key: hunter2",
        "{'passwd': 'hunter2'}",
        '"token" : "a\\"hunter2"',
        "redis://:hunter2@cache:6379",
        "https://bob:hunter2@h/ https://eve:hunter2@h/",
        "proxy-authorization: basic hunter2",
    ],
    ids=lambda line: line[:24].strip(),
)
@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_no_form_of_a_listed_secret_is_kept(line: str, piece: int) -> None:
    saved, _ = kept_of(in_pieces(f"before\n{line}\nafter\n".encode(), piece))
    assert b"hunter2" not in saved
    assert saved.startswith(b"before\n")
    assert saved.endswith(b"\nafter\n")


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", "\n  | "])
def test_a_private_key_of_any_kind_is_left_out(kind: str, newline: str) -> None:
    lines = [f"-----BEGIN {kind}PRIVATE KEY-----", "MIIEhunter2AAAA", "hunter2==", f"-----END {kind}PRIVATE KEY-----"]
    saved, _ = kept_of(in_pieces(f"before\nkey: {newline.join(lines)}\nafter\n".encode(), 5))
    assert b"hunter2" not in saved
    assert saved.startswith(b"before\n")
    assert saved.endswith(b"\nafter\n")


def test_a_key_that_was_only_spoken_of_does_not_take_the_rest_with_it() -> None:
    data = b"error: expected -----BEGIN RSA PRIVATE KEY-----, got 'garbage'\n" + b"Traceback, line %d\n" * 300
    assert b"Traceback" in kept_of([data])[0]


def test_a_public_key_is_not_a_secret() -> None:
    data = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYH\n-----END PUBLIC KEY-----\n"
    assert kept_of([data])[0] == data


@given(st.lists(st.sampled_from(["deadlock", "at 0x7f", "row 8812", "DELETE", "took 2 ms", "é", "\x1b[1m"])))
def test_ordinary_lines_stay_byte_for_byte(words: list[str]) -> None:
    data = " ".join(words).encode() + b"\n"
    assert Redactor()(data) == data


def test_ordinary_words_that_look_a_little_like_a_secret_stay() -> None:
    for data in (b"Basic functionality works\n", b"Unexpected token: }\n", b"a secret to everybody\n"):
        assert Redactor()(data) == data


# What is looked for.


@pytest.mark.parametrize("regex", ["^[^o]|^$", "^$"])
def test_there_is_no_line_after_the_last_newline(regex: str) -> None:
    assert not kept_of([b"ok 1\n", b"ok 2\n"], regex)[1].matched
    assert kept_of([b"ok 1\n", b"\n", b"ok 2\n"], regex)[1].matched


@pytest.mark.parametrize("cuts", [[], [4], [5], [6], [2, 5, 9]])
@pytest.mark.parametrize(
    ("regex", "matched"), [("boom$", True), ("^boom$", True), ("^$", False), ("boom\\r$", True), ("^b\\r$", False)]
)
def test_a_line_that_ends_as_on_windows_ends_there_for_a_failure_too(
    cuts: list[int], regex: str, matched: bool
) -> None:
    saved, output = kept_of(split_at(b"boom\r\nafter it\r\n", cuts), regex)
    assert output.matched is matched
    assert saved == b"boom\r\nafter it\r\n", "what is kept stays as it was printed"


def test_a_command_that_printed_nothing_has_no_line_that_matches() -> None:
    assert not kept_of([], "^$")[1].matched


def test_many_small_writes_without_a_newline_are_taken_as_fast_as_lines() -> None:
    """Progress bars and base64: the clock of a run goes on while it is taken. CPU time, so that others do not count."""

    def cpu_seconds(piece: bytes) -> float:
        output = OutputRecorder(lambda data: None)
        begun = time.process_time()
        for _ in range(2 * MIB // 64):
            output.feed(piece)
        return time.process_time() - begun

    assert cpu_seconds(b"." * 64) < 20 * cpu_seconds(b"." * 63 + b"\n") + 0.2


# Beside the journal.


def test_it_is_kept_whole_for_its_person_alone(journal: Journal) -> None:
    done, output, saved = record_output(
        journal, RUN_OUTPUT, "R1-1-1.out", "dead", lambda output: output.feed(b"deadlock\n")
    )
    assert done is None
    assert output.matched
    assert saved.name == "R1-1-1.out"
    with open(saved.path, "rb") as file:
        assert file.read() == b"deadlock\n"
    assert os.stat(saved.path).st_mode & 0o777 == 0o600


def test_where_nothing_was_printed_nothing_is_left(journal: Journal) -> None:
    code, output, saved = record_output(journal, RUN_OUTPUT, "R1-1-1.out", "", lambda output: 7)
    assert (code, output.size, saved.path, saved.problem) == (7, 0, "", "")
    assert not os.path.exists(os.path.join(journal.folder_beside_log, "R1-1-1.out"))


def test_what_a_run_prints_is_redacted_after_its_end_and_shown_as_it_comes(
    journal: Journal, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the clock of a run goes on, and its pipe fills, nothing is done with what it prints but to show it."""
    happened: list[str] = []

    def execute(_command: object, take: Callable[[int, bytes], object], *_: object, **__: object) -> ExecutionResult:
        for _piece in range(50):
            take(STDOUT, b"-" * (64 * 1024 - 1) + b"\n")
        take(STDOUT, b"password=hunter2\n")
        happened.append("ended")
        return ExecutionResult(1, 1, 0)

    class Recorded(Redactor):
        def __call__(self, data: bytes, *, has_more: bool = False) -> bytes:
            happened.append("redacted")
            return super().__call__(data, has_more=has_more)

    monkeypatch.setattr(output_module, "Redactor", Recorded)
    monkeypatch.setattr(single_run_module, "execute", execute)
    monkeypatch.setattr(single_run_module, "adopt_orphans", lambda: None)
    monkeypatch.setattr(single_run_module, "process_guard", nullcontext)
    once = SingleRun(["x"], parse_failure_rule([], None), None, merge_stderr=True)
    _, _, saved = run_once(journal, once, lambda _, data: happened.append("shown"), lambda _: None, clock)
    assert happened == ["shown"] * 51 + ["ended", "redacted"]
    assert Path(saved.path).read_bytes().endswith(b"-\npassword=***\n")


# What is shown.


@given(
    st.lists(st.sampled_from([b"\x1b", b"[2J", b"\xc2", b"\x9b", b"31m", b"\r", b"\n", b"\t", b"\xe2\x80", b"\xae"]))
)
def test_no_escape_reaches_the_terminal_whatever_the_pieces(pieces: list[bytes]) -> None:
    safe = TerminalSanitizer()
    shown = b"".join(map(safe, pieces)).decode()
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert not re.search(r"\r(?!\n)", shown)


@given(st.text(st.sampled_from("aé☕\U0001f980\n\t"), max_size=20), st.integers(1, 5))
def test_text_is_shown_as_it_was_printed_also_in_pieces(text: str, piece: int) -> None:
    safe = TerminalSanitizer()
    assert b"".join(map(safe, in_pieces(text.encode(), piece))) == text.encode()


@pytest.mark.parametrize("pieces", [[b"a\r\nb"], [b"a\r", b"\nb"], [b"a", b"\r", b"\n", b"b"]])
def test_a_line_that_ends_as_on_windows_is_shown_alike_wherever_it_is_cut(pieces: list[bytes]) -> None:
    safe = TerminalSanitizer()
    assert b"".join(map(safe, pieces)) == b"a\r\nb"


def test_a_key_whose_beginning_is_out_of_sight_is_left_out_too() -> None:
    """The last lines of a pane may begin inside of one."""
    seen = b"$ cat key.pem | tail -n 4\nMIIEhunter2AAAA\nhunter2==\n-----END RSA PRIVATE KEY-----\n$ \n"
    assert Redactor()(seen) == b"$ cat key.pem | tail -n 4\n***\n-----END RSA PRIVATE KEY-----\n$ \n"
