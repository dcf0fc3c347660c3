"""Each kind of secret in the table is left out, in any pieces; what stands around it stays; the steps are linear."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.format.entry import Stamp
from threeam.core.redact import redact as secrets
from threeam.core.redact.redact import Redactor, format_redacted_command, redact, redact_argv
from threeam.core.redact.secret_patterns import SECRET_KINDS
from threeam.experiments.failure_rule import parse_failure_rule
from threeam.experiments.fingerprint import identity_of
from threeam.process.output import OutputRecorder
from threeam.tracing.capture import Pane, captured_draft

MIB = 1 << 20
SECRET = "hunter2"
EXAMPLES = [(kind.name, example) for kind in SECRET_KINDS for example in kind.examples]
PLAIN = [(kind.name, example) for kind in SECRET_KINDS for example in kind.counterexamples]


def filled(example: str) -> str:
    """The example with letters and digits in place of ``{20}``."""
    return re.sub(r"\{(\d+)\}", lambda count: "".join(islice(cycle("a1B2c3D4e5F6"), int(count[1]))), example)


def bare(example: str) -> str:
    return filled(example).replace("«", "").replace("»", "")


def starred(example: str) -> str:
    return re.sub("«[^»]*»", "***", filled(example))


@pytest.mark.parametrize(("kind", "example"), EXAMPLES)
def test_a_secret_of_the_table_is_replaced_and_nothing_else(kind: str, example: str) -> None:
    assert Redactor()(bare(example).encode()).decode() == starred(example)


@pytest.mark.parametrize(("kind", "example"), PLAIN)
def test_what_only_looks_like_a_secret_stays(kind: str, example: str) -> None:
    assert Redactor()(example.encode()).decode() == example
    assert redact(example) == example


@given(st.permutations(range(len(EXAMPLES))))
def test_many_secrets_in_one_output_are_all_replaced(order: list[int]) -> None:
    chosen = [EXAMPLES[index][1] for index in order[:12] if "BEGIN" not in EXAMPLES[index][1]]
    text = "".join(f"{bare(example)}\nnext\n" for example in chosen)
    assert Redactor()(text.encode()).decode() == "".join(f"{starred(example)}\nnext\n" for example in chosen)


@pytest.mark.parametrize("example", ["PASSWORD=«hunter2hunter2», next", "api_key: '«a x»' AKIA", "«ghp_{36}» x"])
@pytest.mark.parametrize("back", [0, 1, 5, 12, 30])
def test_a_secret_across_the_pieces_of_a_long_line_is_replaced(example: str, back: int) -> None:
    """A line without an end is looked through 2 MiB at a time."""
    redacted: list[bytes] = []
    output = OutputRecorder(redacted.append)
    text = f"{'x ' * (MIB - back // 2)}{' ' * (back % 2)}{bare(example)}".encode()
    for begin in range(0, len(text), 65_536):
        output.feed(text[begin : begin + 65_536])
    output.feed(b"y " * (2 * MIB))
    output.close()
    assert b"".join(redacted) == text.replace(bare(example).encode(), starred(example).encode()) + b"y " * (2 * MIB)


@pytest.mark.parametrize(("begin", "end"), [("PASSWORD=", " next"), ('"password": "', '", "user": "app"')])
def test_a_secret_that_is_longer_than_what_is_held_back_is_dropped_to_its_end(begin: str, end: str) -> None:
    redaction = Redactor()
    redacted = redaction(begin.encode(), has_more=True)
    for _ in range(8):
        redacted += redaction(b"S3cr3t" * 100_000, has_more=True)
    redacted += redaction(end.encode() + b"\n")
    assert b"S3cr3t" not in redacted
    assert len(redacted) < 100
    assert redacted.startswith(begin.rstrip('"').encode())
    assert redacted.endswith(end.lstrip('"').encode() + b"\n")


def test_a_list_that_goes_on_in_the_next_lines_is_left_out() -> None:
    redaction = Redactor()
    redacted = b"".join(
        redaction(line, has_more=True)
        for line in (b'"tokens": [\n  "hunter2",\n', b'  "hunter2"\n],\n', b'"user": "app"\n')
    )
    assert SECRET.encode() not in redacted
    assert redacted.endswith(b'"user": "app"\n')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AKIATOKEN0123456789A-token: hunter2", "***-token: ***"),
        ("AKIATOKEN0123456789A-AKIATOKEN0123456789A-secret: hunter2", "***-***-secret: ***"),
    ],
)
def test_a_secret_that_is_found_in_a_name_does_not_hide_the_value_of_the_name(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_name_of_any_length_is_one() -> None:
    assert redact(f"token{'_of_a_server' * 2000}=hunter2 x").endswith("=*** x")
    assert redact("password_path=/x token_file: /y client-secret-dir=/z") == (
        "password_path=/x token_file: /y client-secret-dir=/z"
    )


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
    shown = format_redacted_command(words)
    assert SECRET not in shown
    assert shlex.split(shown) == redact_argv(words)
    assert line is None or shown == line


def test_two_commands_that_differ_in_a_secret_are_the_same_command() -> None:
    """What tells commands apart stands in the log, as a hash: nobody may try passwords on it."""

    def identity(*words: str) -> str:
        return identity_of(words, parse_failure_rule([], None), None, "/").arguments

    assert identity("psql", "--password", "a") == identity("psql", "--password", "b")
    assert identity("psql", "--user", "a") != identity("psql", "--user", "b")


# A private key whose beginning is out of sight.


@pytest.mark.parametrize("prefix", ["", "| ", "  ", "\x1b[2m", "db1 | "])
def test_the_lines_of_a_key_before_its_end_are_left_out(prefix: str) -> None:
    lines = ["A" * 64, "B" * 64, "hunter2=="]
    seen = "".join(f"{prefix}{line}\n" for line in [*lines, "-----END RSA PRIVATE KEY-----", "$ "])
    shown = Redactor()(seen.encode()).decode()
    assert not re.search("AAA|BBB|hunter2", shown), shown
    assert shown.endswith(f"{prefix}$ \n")


def test_the_lines_of_a_key_with_line_numbers_are_left_out() -> None:
    lines = ["$ tail key.pem | cat -n", "A" * 64, "B" * 64, "hunter2", "-----END PRIVATE KEY-----"]
    shown = Redactor()("".join(f"{number:6}\t{line}\n" for number, line in enumerate(lines)).encode()).decode()
    assert not re.search("AAA|BBB|hunter2", shown), shown
    assert "$ tail key.pem" in shown


# Steps. They are counted, since a time depends on what else the machine does.

SIZE = 1 << 11


class Steps:
    """Count the calls of regular expressions, and the bytes that the searches for triggers go through."""

    def __init__(self) -> None:
        self.calls = 0
        self.scanned = 0


class Counted:
    """A compiled pattern whose calls are counted in ``steps``."""

    def __init__(self, pattern: Any, steps: Steps) -> None:
        self._pattern = pattern
        self._steps = steps

    def _counted(self, match: Any, data: bytes, begin: int) -> Any:
        self._steps.calls += 1
        self._steps.scanned += (match.end() if match is not None else len(data)) - begin
        return match

    def search(self, data: bytes, begin: int, end: int | None = None) -> Any:
        return self._counted(self._pattern.search(data, begin, end), data[:end], begin)

    def finditer(self, data: bytes, begin: int) -> Iterator[Any]:
        for match in self._pattern.finditer(data, begin):
            yield self._counted(match, data, begin)
            begin = match.end()
        self._counted(None, data, begin)

    def match(self, data: bytes, place: int) -> Any:
        self._steps.calls += 1
        return self._pattern.match(data, place)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """The steps of each redaction from here on."""
    table, count = secrets._compiled_kinds(), Steps()
    counted = secrets._CompiledKinds(
        Counted(table.triggers, count),
        Counted(table.secret_names, count),
        Counted(table.secret_name_triggers, count),
        {
            letters: cast(Any, tuple(Counted(pattern, count) for pattern in patterns))
            for letters, patterns in table.patterns_by_prefix.items()
        },
        cast(Any, tuple(Counted(pattern, count) for pattern in table.line_patterns)),
    )
    monkeypatch.setattr(secrets, "_compiled_kinds", lambda: counted)
    return count


ORDINARY = [
    "-" * 80 + "\n",
    "-",
    "=",
    "| name | size |\n|------|---|\n| a | 1 |\n",
    "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-old\n+new\n",
    "PASS\n",
    "PASS: test_reader\n--- PASS: TestReader (0.01s)\nok 12 passed\n",
    "./configure --prefix=/usr --enable-x --user-install\n",
    "GET http://localhost:8080/api?key=3 https://db1/x, primary key: id, a token, a password prompt, skip, api\n",
    "-----BEGIN CERTIFICATE-----\nMIIE\n",
]
# Twenty bytes in which a pattern that looks too far would find what it waits for.
ENDS = [b"", *(end * 20 for end in (b"@", b"x@", b"\n", b'"', b"'", b"=x", b": x", b")", b"]", b"0", b".a"))]


@pytest.mark.parametrize("text", ORDINARY)
def test_text_without_secrets_needs_no_step_of_python(steps: Steps, text: str) -> None:
    """Each step takes a microsecond or more: one for each dash made a log of dashes a hundred times slower."""
    Redactor()((text * (SIZE // len(text))).encode())
    assert steps.calls == 3, "one pass for names, one for other triggers, one for whole lines"


def adversarial() -> list[str]:
    """What looks like the beginning of a secret of each kind, and is none."""
    examples = [bare(kind_example) for _, kind_example in EXAMPLES]
    begins = {example[: len(example) // 2 + 1] for example in examples}
    triggers = {filled(example.partition("«")[0]) + filled(example.partition("«")[2])[:9] for _, example in EXAMPLES}
    more = {
        *("password ", "password $a$", "://a:", "password='\\", "token=[a ", 'token=a"b', "token=a'b\"c ", "\\" * 99),
        *("-eyJaaaaaaaaa", "eyJaaaaaaaaa.", "basic aaaaaaaa", "-----BEGIN PRIVATE KEY-----", "identified by "),
        *("passwordpasswordpassword" + " " * 99, "a:1:a:a", "--a-a-a-a", "-u a", "token" + "_" * 200, "\x1b[1;1;"),
        *("-----BEGIN ", "-----BEGIN", "password=", "pwd", "PASS", "pass=", "pass:", "-", '"', "'", "://", ",-ua"),
        *("sk-", "-sk-", "Q~", "8Q~", ":AA", "token-file", "key", "api key ", "Bearer ", "Bearer a", "--token"),
        "AKIATOKEN0123456789A-",  # a key that takes the beginning of a name, again and again
    }
    return sorted(begins | triggers | more)


@pytest.mark.parametrize("end", ["", "=", "_file=", "@"])
def test_the_steps_grow_with_the_length_and_not_with_its_square(steps: Steps, end: str) -> None:
    many = []
    for piece in adversarial():
        text = (piece * (SIZE // len(piece)) + end).encode()
        steps.calls = steps.scanned = 0
        Redactor()(text)
        if steps.calls > 2 * len(text) or steps.scanned > 12 * len(text):
            many.append((piece, steps.calls / len(text), steps.scanned / len(text)))
    assert many == []


def test_an_attempt_that_fails_has_not_looked_far() -> None:
    """What stands 6 KiB behind its beginning does not change it: none goes through the same text again and again."""
    table, far = secrets._compiled_kinds(), []
    for piece in adversarial():
        text = b"\n" + (piece * (6 * 1024 // len(piece) + 1)).encode()
        names = (match.start() for match in table.secret_names.finditer(text, 1))
        for place in sorted([*islice(names, 20), *islice(secrets._trigger_offsets(table, text, 1), 20)]):
            if place > len(piece):
                break
            patterns = [
                pattern
                for pattern in table.patterns_by_prefix[text[place : place + 2].lower()]
                if pattern.match(text, place) is None
            ]
            far += [
                (piece, pattern.pattern)
                for pattern in patterns
                if any(pattern.match(text + end, place) for end in ENDS)
            ]
    assert far == []


def test_the_title_of_a_pane_is_written_without_its_secrets() -> None:
    """Many shells put the command that runs there."""
    pane = Pane("%1", "main:0.1", "curl", "curl --token hunter2")
    first, *_ = captured_draft(pane, ["x"], "pane.out", None).make_lines(cast(Any, None), cast(Any, None), Stamp(0))
    assert first.text == "Captured: %1 main:0.1 curl (curl --token ***), the last line:"
