"""Each kind of secret in the table is left out, in any pieces; what stands around it stays; the time is linear."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from itertools import cycle, islice
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.entry import Stamp
from threeam.core.secret_kinds import KINDS
from threeam.core.secrets import Redaction, redacted, redacted_words, shown_command
from threeam.observe.capture import Pane, captured
from threeam.observe.identity import identity_of
from threeam.observe.output import Output
from threeam.observe.rule import rule_of

MIB = 1 << 20
SECRET = "hunter2"
EXAMPLES = [(kind.name, example) for kind in KINDS for example in kind.secrets]
PLAIN = [(kind.name, example) for kind in KINDS for example in kind.plain]


def filled(example: str) -> str:
    """The example with letters and digits in place of ``{20}``."""
    return re.sub(r"\{(\d+)\}", lambda count: "".join(islice(cycle("a1B2c3D4e5F6"), int(count[1]))), example)


def bare(example: str) -> str:
    return filled(example).replace("«", "").replace("»", "")


def starred(example: str) -> str:
    return re.sub("«[^»]*»", "***", filled(example))


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_a_secret_of_the_table_is_replaced_and_nothing_else(kind: str, example: str) -> None:
    assert Redaction()(bare(example).encode()).decode() == starred(example)


@pytest.mark.parametrize(("kind", "example"), PLAIN)
def test_what_only_looks_like_a_secret_stays(kind: str, example: str) -> None:
    assert Redaction()(example.encode()).decode() == example
    assert redacted(example) == example


@given(st.permutations(range(len(EXAMPLES))))
def test_many_secrets_in_one_output_are_all_replaced(order: list[int]) -> None:
    chosen = [EXAMPLES[index][1] for index in order[:12] if "BEGIN" not in EXAMPLES[index][1]]
    text = "".join(f"{bare(example)}\nnext\n" for example in chosen)
    assert Redaction()(text.encode()).decode() == "".join(f"{starred(example)}\nnext\n" for example in chosen)


@pytest.mark.parametrize("example", ["PASSWORD=«hunter2hunter2», next", "api_key: '«a x»' AKIA", "«ghp_{36}» x"])
@pytest.mark.parametrize("back", [0, 1, 5, 12, 30])
def test_a_secret_across_the_pieces_of_a_long_line_is_replaced(example: str, back: int) -> None:
    """A line without an end is looked through 2 MiB at a time."""
    kept: list[bytes] = []
    output = Output(kept.append)
    text = f"{'x ' * (MIB - back // 2)}{' ' * (back % 2)}{bare(example)}".encode()
    for begin in range(0, len(text), 65_536):
        output.take(text[begin : begin + 65_536])
    output.take(b"y " * (2 * MIB))
    output.close()
    assert b"".join(kept) == text.replace(bare(example).encode(), starred(example).encode()) + b"y " * (2 * MIB)


@pytest.mark.parametrize(("begin", "end"), [("PASSWORD=", " next"), ('"password": "', '", "user": "app"')])
def test_a_secret_that_is_longer_than_what_is_held_back_is_dropped_to_its_end(begin: str, end: str) -> None:
    redaction = Redaction()
    kept = redaction(begin.encode(), more=True)
    for _ in range(8):
        kept += redaction(b"S3cr3t" * 100_000, more=True)
    kept += redaction(end.encode() + b"\n")
    assert b"S3cr3t" not in kept
    assert len(kept) < 100
    assert kept.startswith(begin.rstrip('"').encode())
    assert kept.endswith(end.lstrip('"').encode() + b"\n")


def test_a_list_that_goes_on_in_the_next_lines_is_left_out() -> None:
    redaction = Redaction()
    kept = b"".join(
        redaction(line, more=True)
        for line in (b'"tokens": [\n  "hunter2",\n', b'  "hunter2"\n],\n', b'"user": "app"\n')
    )
    assert SECRET.encode() not in kept
    assert kept.endswith(b'"user": "app"\n')


# The words of a command.

COMMANDS = [
    (["sh", "-c", "echo password=x; exit 7"], "sh -c 'echo password=***; exit 7'"),
    (["psql", "--password", "a hunter2", "-h", "db1"], "psql --password *** -h db1"),
    (["curl", "--token=a hunter2", "x"], "curl --token=*** x"),
    (["curl", "-u", "app:a hunter2", "https://h/"], "curl -u app:*** https://h/"),
    (["env", "DB_PASSWORD=a hunter2", "./run"], "env DB_PASSWORD=*** ./run"),
    (["env", "PASS=hunter2", "./run"], "env PASS=*** ./run"),
    (["mysql", "-uroot", "-phunter2", "shop"], "mysql -uroot -p*** shop"),
    (["sshpass", "-p", "hunter2", "ssh", "h"], "sshpass -p *** ssh h"),
    (["curl", "-H", "Authorization: Bearer hunter2", "x"], "curl -H 'Authorization: ***' x"),
    (["psql", "postgres://app:hunter2@db1/shop"], "psql postgres://app:***@db1/shop"),
    (["psql", "-c", "ALTER ROLE a PASSWORD 'hunter2' LOGIN"], None),
    (["docker", "run", "-u", "1000:1000", "--password-stdin", "x"], "docker run -u 1000:1000 --password-stdin x"),
    (["./run", "it's", "--rate", "3"], None),
]


@pytest.mark.parametrize(
    ("words", "line"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_command_is_shown_without_its_secrets_and_its_quotes_are_balanced(words: list[str], line: str | None) -> None:
    shown = shown_command(words)
    assert SECRET not in shown
    assert shlex.split(shown) == redacted_words(words)
    assert line is None or shown == line


def test_two_commands_that_differ_in_a_secret_are_the_same_command() -> None:
    """What tells commands apart stands in the log, as a hash: nobody may try passwords on it."""

    def identity(*words: str) -> str:
        return identity_of(words, rule_of([], None), None, "/").arguments

    assert identity("psql", "--password", "a") == identity("psql", "--password", "b")
    assert identity("psql", "--user", "a") != identity("psql", "--user", "b")


# A private key whose beginning is out of sight.


@pytest.mark.parametrize("prefix", ["", "| ", "  ", "\x1b[2m", "db1 | "])
def test_the_lines_of_a_key_before_its_end_are_left_out(prefix: str) -> None:
    lines = ["A" * 64, "B" * 64, "hunter2=="]
    seen = "".join(f"{prefix}{line}\n" for line in [*lines, "-----END RSA PRIVATE KEY-----", "$ "])
    shown = Redaction()(seen.encode()).decode()
    assert not re.search("AAA|BBB|hunter2", shown), shown
    assert shown.endswith(f"{prefix}$ \n")


def test_the_lines_of_a_key_with_line_numbers_are_left_out() -> None:
    lines = ["$ tail key.pem | cat -n", "A" * 64, "B" * 64, "hunter2", "-----END PRIVATE KEY-----"]
    shown = Redaction()("".join(f"{number:6}\t{line}\n" for number, line in enumerate(lines)).encode()).decode()
    assert not re.search("AAA|BBB|hunter2", shown), shown
    assert "$ tail key.pem" in shown


# Time.


def adversarial() -> list[str]:
    """What looks like the beginning of a secret of each kind, again and again, and is none."""
    begins = {bare(kind.secrets[0])[: len(bare(kind.secrets[0])) // 2 + 1] for kind in KINDS}
    triggers = {trigger for kind in KINDS for trigger in kind.triggers}
    more = {
        *("password ", "password $a$", "://a:", "password='\\", "token=[a ", 'token=a"b', "token=a'b\"c ", "\\" * 99),
        *("-eyJaaaaaaaaa", "eyJaaaaaaaaa.", "basic aaaaaaaa", "-----BEGIN PRIVATE KEY-----", "identified by "),
        *("passwordpasswordpassword" + " " * 99, "a:1:a:a", "--a-a-a-a", "-u a", "token" + "_" * 200, "\x1b[1;1;"),
    }
    return sorted(begins | triggers | more)


def cpu_seconds(work: Callable[[bytes], object], text: bytes) -> float:
    times = []
    for _ in range(2):
        begun = time.process_time()
        work(text)
        times.append(time.process_time() - begun)
    return min(times)


def test_the_time_grows_with_the_length_and_not_with_its_square() -> None:
    """Four times the length takes four times the time, and would take sixteen times if a pattern were quadratic."""
    compile_first = Redaction()
    compile_first(b"x")
    slow = []
    for piece in adversarial():
        short, long = ((piece * (size // len(piece))).encode() for size in (1 << 14, 1 << 16))
        before, after = (cpu_seconds(lambda text: Redaction()(text), text) for text in (short, long))
        if after > 0.02 and after > 9 * before:
            slow.append((piece, before, after))
    assert slow == []


def test_the_title_of_a_pane_is_written_without_its_secrets() -> None:
    """Many shells put the command that runs there."""
    pane = Pane("%1", "main:0.1", "curl", "curl --token hunter2")
    first, *_ = captured(pane, ["x"], "pane.out", None).lines(cast(Any, None), cast(Any, None), Stamp(0))
    assert first.text == "Captured: %1 main:0.1 curl (curl --token ***), the last line:"
