"""Plain patterns: the standard library's engine finds in them what RE2 finds, in linear time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threeam.core.errors import BadPattern
from threeam.core.store.plain_pattern import plain_pattern
from threeam.core.store.regex import GroupRegex

LITERALS = ("a", "1", "=", " ", "/", r"\.", r"\[", "cart=")
RUNS = (r"\d+", r"\w+", "[0-9a-f]+", "[a1]+", r"[\w.-]+")
PIECES = st.one_of(st.sampled_from(LITERALS), st.sampled_from(RUNS), st.sampled_from(RUNS).map(lambda run: f"({run})"))
DATA = st.text("a1= ./[\n\u00e9-_c", max_size=40).map(lambda text: text.encode())


@pytest.mark.parametrize(
    "text",
    [
        r"cart=(?P<key>\d+)",
        r"req=(?P<actor>\w+) (?P<op>\w+) cart=(?P<key>\d+)",
        r"(\d+)",
        r"/cart/(?<key>[0-9a-f]+)",
        r"id\[(\w+)\]",
        r"job=(?P<key>[\w.-]+)",
    ],
)
def test_a_text_with_runs_in_it_is_plain(text: str) -> None:
    assert plain_pattern(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        r"(\d+)ms",  # a second match may begin inside the run
        r"a(\w+)=",
        r"a=(\d+)(\d+)",
        r"a=(\d+)1",
        r"cart=.*(\d+)",
        r"cart=(\d*)",
        r"cart=(\d+)?",
        r"cart[= ](\d+)",
        r"\\x1b=(\d+)",
        "caf\u00e9=(\\d+)",
        r"cart=(?P<key>[^ ]+)",
        r"^cart=(\d+)",
        r"a|b=(\d+)",
        "cart=",
    ],
)
def test_what_could_match_otherwise_or_slowly_is_not_plain(text: str) -> None:
    assert plain_pattern(text) is None


@given(st.lists(PIECES, min_size=1, max_size=4).map("".join), st.booleans(), DATA)
def test_both_engines_find_the_same(text: str, begins_word: bool, data: bytes) -> None:
    regex = GroupRegex(text, begins_word=begins_word)
    plain = plain_pattern(text, begins_word=begins_word)
    if plain is None:
        return
    groups = range(plain.groups + 1)
    found = [[match.span(group) for group in groups] for match in plain.finditer(data)]
    assert found == [[match.span(group) for group in groups] for match in regex._compiled.finditer(data)]
    assert plain.groupindex == regex.names


@pytest.mark.parametrize("text", [r"cart=(\d+)", r"a=(\w+) (\w+)", r"(\w+)"])
def test_a_line_of_a_megabyte_is_matched_at_once(text: str) -> None:
    pattern = plain_pattern(text)
    assert pattern is not None
    begin_s = time.process_time()
    for data in (b"cart=a=" * 150_000, b"a" * 1_000_000, b"a=" + b"1" * 1_000_000):
        list(pattern.finditer(data))
    assert time.process_time() - begin_s < 5


def test_a_pattern_that_is_not_valid_is_refused_before() -> None:
    with pytest.raises(BadPattern):
        GroupRegex("cart=([9-0]+)")
