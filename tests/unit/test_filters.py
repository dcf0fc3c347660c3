"""A block is searched as a whole, and finds what a search of each line finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import BadKind, BadPattern
from threeam.core.format.entry import Entry, Stamp, format_entry
from threeam.core.store.filters import (
    ByAuthor,
    Condition,
    InHypothesis,
    IsKind,
    LineFilter,
    MatchesPattern,
    line_offsets,
    parse_kind,
    parse_term,
)
from threeam.core.store.pattern import Pattern

PATTERNS = [
    *(
        "dead",
        "Dead",
        "dead lock",
        "^note",
        "lock$",
        "a.*b",
        "a|b",
        "x*",
        "[ab]+c",
        "h7|deadlock",
        "é",
        "É",
        "ü.?b",
        r"\d+ ms",
    ),
    *(
        r"[^a]b",
        r"a\Z",
        r"(?i)DEAD",
        r"a$|^b",
        r"\bdead\b",
        "",
        ".",
        "^$",
        r"\x1b",
        r"b\W",
        "(a)(b)?",
        r"\.",
    ),
]
WORDS = st.sampled_from(
    ["dead", "Dead lock", "deadlock", "note", "a", "b", "ab", "bc", "é", "Éb", "12 ms", "\x1b[1m", ".", " ", ""]
)
RAW = st.lists(st.one_of(WORDS.map(str.encode), st.binary(max_size=6)), max_size=6).map(b"".join)
LINES = st.lists(RAW.map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")), max_size=12)
TAGGED = st.builds(
    Entry,
    st.builds(Stamp, st.integers(0, 10**18), st.just(0)),
    st.integers(0, 9),
    st.lists(
        st.sampled_from(
            [("BY", "alice@db1:1%1"), ("BY", "bob@db1:2"), ("H7", "open"), ("H77", "open"), ("MG", "95"), ("X", "y")]
        ),
        max_size=3,
        unique_by=lambda tag: tag[0],
    ).map(tuple),
    st.sampled_from(
        ["Hypothesis: it", "Coffee: cup 1", "note: a", "WARNING: no", "a [H7: open] note", "Acquired sanity lock.", ""]
    ),
)
CONDITIONS = st.sampled_from(
    [
        IsKind("note"),
        IsKind("Hypothesis"),
        IsKind("Coffee"),
        IsKind("WARNING"),
        IsKind("ceremony"),
        IsKind("foreign"),
        ByAuthor("alice"),
        ByAuthor("bob"),
        ByAuthor("script"),
        InHypothesis(7),
        MatchesPattern(Pattern("note")),
        MatchesPattern(Pattern("a")),
    ]
)


def expected(lines: list[bytes], holds) -> list[int]:  # type: ignore[no-untyped-def]
    offsets, offset = [], 0
    for raw in lines:
        if holds(raw):
            offsets.append(offset)
        offset += len(raw) + 1
    return offsets


@pytest.mark.parametrize("text", PATTERNS)
@given(lines=LINES)
def test_a_block_finds_the_lines_that_each_line_by_itself_finds(text: str, lines: list[bytes]) -> None:
    pattern = Pattern(text)
    data = b"".join(raw + b"\n" for raw in lines)
    flags = re.ASCII if "\\" in text else 0  # \\b and \\W are those of ASCII
    plain = re.compile(text, flags | (re.IGNORECASE if pattern.ignores_case else 0))
    by_itself = expected(lines, lambda raw: plain.search(raw.decode("utf-8", "backslashreplace")))
    assert list(pattern.matching_line_offsets(data)) == by_itself
    assert expected(lines, pattern.matches) == by_itself


@given(st.lists(TAGGED, max_size=12), st.lists(CONDITIONS, max_size=3), st.lists(CONDITIONS, max_size=2), st.booleans())
def test_wanted_lines_are_those_of_which_all_conditions_hold(
    entries: list[Entry],
    conditions: list[Condition],
    exclusions: list[Condition],
    foreign: bool,
) -> None:
    lines = [format_entry(entry)[:-1] for entry in entries] + [b"foreign [H7: x"] * foreign
    wanted = LineFilter(tuple(conditions), tuple(exclusions))
    data = b"".join(raw + b"\n" for raw in lines)
    assert list(wanted.matching_line_offsets(data)) == expected(lines, wanted.matches)
    assert line_offsets(data) == expected(lines, lambda raw: True)


@pytest.mark.parametrize("text", ["1", "11", r"\d", "T0", "note 1", "2026|note", r"^ \[C", "^.*a"])
@given(lines=st.lists(TAGGED.map(lambda entry: format_entry(entry)[:-1]) | WORDS.map(str.encode)))
def test_words_are_searched_after_the_stamp(text: str, lines: list[bytes]) -> None:
    pattern = Pattern(text, skip_stamp=True)
    stamp = re.compile(rb"^\[\d{4}-[^\]]{29}\]")
    flags = re.IGNORECASE if pattern.ignores_case else 0
    by_itself = expected(
        lines, lambda raw: re.search(text, stamp.sub(b"", raw).decode("utf-8", "backslashreplace"), flags)
    )
    assert list(pattern.matching_line_offsets(b"".join(raw + b"\n" for raw in lines))) == by_itself
    assert expected(lines, pattern.matches) == by_itself


def test_capitals_count_only_if_there_are_any() -> None:
    assert Pattern("dead").matches(b"DEADLOCK")
    assert not Pattern("Dead").matches(b"deadlock")
    assert Pattern(r"\Sead").matches(b"DEAD"), "an escape is no capital"
    assert not Pattern("dead", case_sensitive=True).matches(b"DEAD")


def test_what_is_not_a_regular_expression_is_reported() -> None:
    with pytest.raises(BadPattern, match=r"'\(' is not a regular expression: "):
        Pattern("(")


def test_conditions_are_typed_as_words() -> None:
    assert parse_term("!kind:note") == (True, IsKind("note"))
    assert parse_term("by:alice") == (False, ByAuthor("alice"))
    assert parse_term("H7") == (False, InHypothesis(7))
    out, text = parse_term("!dead lock:")
    assert out
    assert text.name == "dead lock:"
    with pytest.raises(BadKind, match="there is no kind 'nope': the kinds are note, "):
        parse_kind("nope")
