"""Controls in a text: made visible once, and nothing else is changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.lines import NIGHT
from support.text_strategies import HARMFUL, texts
from threeam.core.format.entry import (
    Entry,
    decode_utf8,
    escape_unprintable,
    format_entry,
    parse_entry,
)


@given(texts)
def test_making_visible_twice_changes_nothing_more(text: str) -> None:
    once = escape_unprintable(text)
    assert escape_unprintable(once) == once
    assert not HARMFUL.search(once)
    once.encode()


@given(st.binary())
def test_any_bytes_can_be_shown(raw: bytes) -> None:
    shown = escape_unprintable(decode_utf8(raw))
    assert not HARMFUL.search(shown)
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x00", "\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028", "\\u2028"),
        ("\r", "\\x0d"),
        ("\udcff", "\\xff"),
        ("naïve ☕ 漢字", "naïve ☕ 漢字"),
        ("pass\u200bword \u00ad\u2060\ufeff", "pass\\u200bword \\xad\\u2060\\ufeff"),
        ("a\u200db a\u200cb", "a\\u200db a\\u200cb"),
        ("a\ufe0f \u2764\ufe0f\ufe0f", "a\\ufe0f \u2764\ufe0f\\ufe0f"),
        ("x\U000e0068\U000e0069\U000e007f", "x\\U000e0068\\U000e0069\\U000e007f"),
        ("\U0001f3f4\U000e0067\U000e0068", "\U0001f3f4\\U000e0067\\U000e0068"),
        ("\u3164\u115f\u034f", "\\u3164\\u115f\\u034f"),
    ],
)
def test_controls_are_made_visible_and_words_are_left_alone(text: str, shown: str) -> None:
    assert escape_unprintable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f469\u200d\U0001f4bb",  # a woman with a computer
        "\U0001f468\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f468",  # two men and a heart
        "\u2764\ufe0f and 1\ufe0f\u20e3",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian
        "\u0915\u094d\u200d\u0937 \u0d28\u0d4d\u200d",  # Hindi, and Malayalam at the end of a word
        "\u845b\U000e0100",  # an ideograph in a form of its own
        "\u182e\u180b",  # Mongolian
    ],
)
def test_what_words_and_emoji_need_stays(text: str) -> None:
    assert escape_unprintable(text) == text


ODD = "ab1#\x1b\u200b\u200c\u200d\ufe0f\u20e3\u2764\U0001f469\U0001f3f4\U000e0067\U000e007f"


ODD += "\u0915\u182e\u180b\u845b\U000e0100"


@given(st.text(st.sampled_from(ODD), max_size=12))
def test_the_unseen_is_made_visible_once_and_read_back(text: str) -> None:
    once = escape_unprintable(text)
    assert escape_unprintable(once) == once
    entry = Entry(NIGHT, 0, (), once)
    assert parse_entry(format_entry(entry)[:-1]) == entry


def test_undecodable_bytes_are_shown_by_their_value() -> None:
    assert decode_utf8(b"a\xff\xc3b") == "a\\xff\\xc3b"
