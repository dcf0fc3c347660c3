"""What a person types as a pattern, matched in linear time: what it finds, and what is refused with a remedy."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import BadPattern
from threeam.core.format.entry import escape_unprintable
from threeam.core.store.pattern import Pattern
from threeam.core.store.regex import CapturingRegex, Regex
from threeam.experiments.failure_rule import InvalidFailureRule, parse_failure_rule

LONG = b"id=12345 " * 7000  # 60 KB


@pytest.mark.parametrize("text", [".*id.*timeout", "(x+x+)+y", r"(\w+\s?)+\.$", "(.*?,){11}P", ".*.*.*.*=x", r"\s+$"])
def test_a_long_line_takes_no_longer_than_its_length(text: str) -> None:
    raw = LONG + b"x" * 5000 + b" " * 5000 + b"|"
    assert not Pattern(text).matches(raw)
    assert list(Pattern(text, skip_stamp=True).matching_line_offsets(raw + b"\n")) == []
    assert Pattern(text).spans(raw.decode()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dead(?=lock)", "a lookahead"),
        ("dead(?!lock)", "a lookahead"),
        ("(?<=dead)lock", "a lookbehind"),
        ("(?<!dead)lock", "a lookbehind"),
        (r"(a)\1", "a backreference"),
        ("(?P<a>x)(?P=a)", "a backreference"),
        (r"(?P<a>x)\k<a>", "a backreference"),
        (r"(a)\g1", "a backreference"),
        ("(a(?R)?b)", "a recursion"),
        ("(a(?1)?b)", "a recursion"),
        ("(a)?(?(1)b|c)", "a condition"),
    ],
)
def test_what_cannot_be_linear_is_refused_with_what_to_write(text: str, reason: str) -> None:
    with pytest.raises(
        BadPattern, match=f"has {reason}, .*or combine .*--grep A --not B; on the screen &A and then &!B"
    ):
        Pattern(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(", "missing )"),
        ("a)(b", "unexpected )"),
        ("[", "missing ]"),
        ("*", "no argument for repetition operator: *"),
        ("a**", "bad repetition operator: **"),
        ("a++", "has a possessive quantifier, ++, which RE2 does not support: write +, which takes no longer here"),
        ("a?+b", "has a possessive quantifier, ?+"),
        ("a{2,3}+", "has a possessive quantifier, {2,3}+, which RE2 does not support: write {2,3},"),
        ("(?>a)", "has an atomic group, which RE2 does not support: write (?:"),
        ("(?|a|b)", "has a branch reset group"),
        ("a(?#why)", "has a comment"),
        (r"\q", r"there is no escape \q"),
        (r"\C", r"there is no escape \C"),
        (r"\bécole\b", r"has \b beside a letter that is not ASCII"),
        ("x{1001}", "invalid repetition size: {1001}"),
        ("[\udcff]", "an undecodable byte cannot be in brackets"),
        ("|".join(f"{letter}.{{1000}}q" for letter in "abcd"), "is too large a pattern"),
    ],
)
def test_what_is_not_a_pattern_is_named(text: str, reason: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadPattern, match=re.escape(reason)):
        Regex(text)
    assert capfd.readouterr().err == "", "the engine itself prints nothing"


@pytest.mark.parametrize(
    ("text", "raw", "found"),
    [
        (r"\bdead\b", b"a dead lock", True),
        (r"^lost\Z", b"lost", True),
        (r"\Alost$", b"lost", True),
        ("lost$", b"lost\r", True),
        ("lost$", b"lost update", False),
        (r"x{,2}y", b"y", True),
        (r"a\/b\-c\ d\_", b"a/b-c d_", True),
        (r"[\d.]+ms", b"1.5ms", True),
        (r"[]a-]x", b"]x", True),
        (r"[^]]x", b"]x", False),
        (r"\x41\u00e9\U0001f600\101", "Aé😀A".encode(), True),
        ("(?i)MÜLLER", "müller".encode(), True),
        ("caf.$", "café".encode(), True),
        ("latin.$", b"latin\xe9", False),
        ("lat.*n$", b"lat\xe9n", True),
        (r"lat\xe9n", b"lat\xe9n", True),
        (r"lat\xe9n", "latén".encode(), True),
        ("lat\udce9n", b"lat\xe9n", True),
        (r"a\tb", b"a\tb", True),
        (r"a\tb", rb"a\tb", True),
        (r"a\\tb", b"a\tb", True),
        (r"\x1b\[31m", b"\x1b[31m", True),
        (r"\x1b\[31m", rb"\x1b[31m", True),
        ("a\u202eb", "a\u202eb".encode(), True),
        ("a\u202eb", rb"a\u202eb", True),
        (r"a\u202eb", "a\u202eb".encode(), True),
        (r"a\\u202eb", "a\u202eb".encode(), True),
        (r"a\\u202eb", rb"a\u202eb", True),
        (r"C:\\temp", rb"C:\temp", True),
    ],
)
def test_a_pattern_finds_what_it_says_and_what_is_shown(text: str, raw: bytes, found: bool) -> None:
    pattern = Pattern(text, case_sensitive=True)
    assert pattern.matches(raw) == found
    assert (9 in pattern.matching_line_offsets(b"\xff\xfe\nfirst\n" + raw + b"\n")) == found


@given(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12).filter(bool))
def test_every_text_is_found_as_it_is_and_as_it_is_shown(text: str) -> None:
    pattern = Pattern(re.escape(text), case_sensitive=True)
    for data in (text.encode(), escape_unprintable(text).encode()):
        assert pattern.matches(data), data


def test_a_pattern_that_could_hold_a_screen_up_is_for_the_command_line() -> None:
    Pattern("x.{900}q")
    with pytest.raises(BadPattern, match="is too large a pattern: write smaller numbers of repetitions"):
        Pattern("x.{900}q", skip_stamp=True)
    Pattern(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|" + "|".join(f"word{n}" for n in range(200)), skip_stamp=True)


@pytest.mark.parametrize(
    "text", ["(?:a?){1000}a{1000}b", "((a|b){20}c){25}", "[ab]{600}[ab]{600}", "(?:[]a]{20}){40}[]a]{300}"]
)
def test_a_pattern_whose_repetitions_would_be_slow_is_refused(text: str) -> None:
    """It is not large, but RE2's fast engine runs out of memory for it: 16 s for 900 KB."""
    with pytest.raises(BadPattern, match="is too large a pattern: write smaller numbers of repetitions"):
        Pattern(text)
    with pytest.raises(InvalidFailureRule, match="is too large a pattern: write smaller numbers of repetitions"):
        parse_failure_rule([], text)


def test_only_repetitions_count_as_copies() -> None:
    Pattern("|".join(f"word{n}" for n in range(1000)))
    Pattern(r"(?i)[{500}]{400}\{900}(?:a{500}b?)*|[*++]", case_sensitive=True)
    with pytest.raises(BadPattern, match="is too large a pattern"):
        Pattern("[ab]{300}", skip_stamp=True)
    Pattern("[ab]{200}", skip_stamp=True)


@pytest.mark.parametrize(
    "code",
    [0x00AD, 0x200B, 0x200D, 0x2060, 0xFEFF, 0xFE0F, 0xE0001, 0xE007F, 0x1B, 0x202E],
    ids=lambda code: f"U+{code:04X}",
)
def test_a_character_that_nobody_sees_is_found_as_it_is_shown(code: int) -> None:
    char, shown = chr(code), escape_unprintable(chr(code))
    for typed in (char, shown, re.escape(shown)):
        pattern = Pattern(f"dead{typed}lock")
        assert pattern.matches(f"a dead{char}lock".encode())
        assert pattern.matches(f"a dead{shown}lock".encode())
        assert pattern.spans(f"a dead{shown}lock") == [(2, 10 + len(shown))]


def test_matches_are_counted_in_characters() -> None:
    assert Pattern("b+").spans("éé bb 漢b") == [(3, 5), (7, 8)]
    assert Pattern("x*").spans("axxa") == [(1, 3)], "nothing is drawn for an empty match"


def test_the_rule_of_a_run_is_a_pattern_as_any_other() -> None:
    assert parse_failure_rule([], r"lost \d+$").regex == r"lost \d+$"
    with pytest.raises(InvalidFailureRule, match=r"--fail-regex .* has a lookahead"):
        parse_failure_rule([], "a(?=b)")


PIECES = st.tuples(
    st.sampled_from(["a", "b", "1", r"\d", r"\w", "[ab]", "[^a]", "(?:ab)", "(a|b)", ".", r"\.", ",", "{", "}"]),
    st.sampled_from(["", "", "*", "+", "?", "*?", "{2}", "{1,2}", "{2,}", "{,2}", "{,}", "{}", "{a}", "{1,2}?"]),
).map("".join)


@given(st.lists(PIECES, min_size=1, max_size=5).map("".join), st.text("ab1,{}. ", max_size=12))
def test_it_finds_what_the_standard_library_finds(pattern: str, text: str) -> None:
    try:
        expected = re.search(pattern, text) is not None
    except re.error:  # `{1}{2}` and the like, which RE2 refuses too or reads in its own way
        return
    try:
        regex = Regex(pattern)
    except BadPattern:
        return
    assert regex.has_match(text.encode()) is expected


# --- a group


@pytest.mark.parametrize(
    ("text", "data", "captured"),
    [
        (r"req=(\w+)", b"a req=17 req=18", b"17"),
        (r"(?P<key>\d+) ms", b"took 42 ms", b"42"),
        (r"(get|put) (?P<key>/\S*)", b"put /cart/1", b"/cart/1"),
        (r"(?:req|id)=(\w*)", b"id=", None),  # an empty key is none
        (r"req=(\w+)", b"nothing", None),
        (r"req=(\w+)|id=", b"id=9", None),
        (r"id=(.)", b"id=\xff", b"\\"),  # an undecodable byte is read as its escape
        (r"é=(\w+)", "é=7".encode(), b"7"),
    ],
)
def test_the_text_of_a_group_is_that_of_the_first_match(text: str, data: bytes, captured: bytes | None) -> None:
    assert CapturingRegex(text, "key").capture(data) == captured


@pytest.mark.parametrize("text", [r"req=\w+", r"(a)(b)", r"(?P<id>a)", r"(?P<id>a)(b)", ""])
def test_a_pattern_without_the_group_is_refused(text: str) -> None:
    with pytest.raises(BadPattern, match="needs a group that is the key: 'id="):
        CapturingRegex(text, "key")


@pytest.mark.parametrize("text", ["(a", r"(\w{900}\w{900})", r"(?=(a))", r"(.{1000}){1000}"])
def test_a_pattern_with_a_group_has_the_limits_of_the_others(text: str) -> None:
    with pytest.raises(BadPattern):
        CapturingRegex(text, "key")


def test_a_group_in_a_long_line_takes_no_longer_than_its_length() -> None:
    assert CapturingRegex(r"(\w+\s?)+\.$", "key").capture(LONG) is None
