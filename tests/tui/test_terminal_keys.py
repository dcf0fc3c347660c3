"""What the bytes of a terminal become: alt+key, or Esc and a key, or a function key."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import constants, events

from threeam.tui.terminal_driver import EscapedKey, KeyParser


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    return clock


def keys(parser: KeyParser, data: str) -> list[str]:
    """The keys of one read; ``alt|key`` is both at once."""
    names = []
    for event in parser.feed(data):
        assert isinstance(event, events.Key)
        names.append(f"{event.as_alt_key.key}|{event.key}" if isinstance(event, EscapedKey) else event.key)
    return names


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("\x1bh", ["alt+h|h"]),
        ("\x1bH", ["alt+shift+h|H"]),
        ("\x1b1", ["alt+1|1"]),
        ("\x1bf", ["alt+f|f"]),
        ("\x1bcab", ["alt+c|c", "a", "b"]),
        ("\x1b:", ["alt+colon|colon"]),
        ("\x1b\r", ["alt+enter|enter"]),
        ("\x1b\x7f", ["alt+backspace|backspace"]),
        ("\x1b\t", ["alt+tab|tab"]),
        ("\x1b\x1bh", ["escape", "alt+h|h"]),
        ("\x1b[A", ["up"]),
        ("\x1bOA", ["up"]),
        ("\x1b[1;5C", ["ctrl+right"]),
        ("\x1b[104;3u", ["alt+h"]),  # the kitty protocol says it itself
    ],
)
def test_esc_and_a_key_in_one_read(data: str, expected: list[str]) -> None:
    assert keys(KeyParser(), data) == expected


@pytest.mark.parametrize(("gap_s", "expected"), [(0.001, ["alt+h|h"]), (0.02, ["escape", "h"])])
def test_esc_and_a_key_in_two_reads_are_one_key_only_if_no_hand_is_so_quick(
    clock: Clock, gap_s: float, expected: list[str]
) -> None:
    parser = KeyParser()
    assert keys(parser, "\x1b") == []
    clock.now += gap_s
    assert keys(parser, "h") == expected
    clock.now += 1
    assert keys(parser, "\x1bh") == ["alt+h|h"], "what came before says nothing about the next read"


def test_alt_and_a_key_after_esc_alone(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", -1.0)
    parser = KeyParser()
    assert keys(parser, "\x1b") == []
    assert [event.key for event in parser.tick() if isinstance(event, events.Key)] == ["escape"]
    clock.now += 1
    assert keys(parser, "\x1bh") == ["alt+h|h"]


def test_a_function_key_in_two_reads_is_one_key(clock: Clock) -> None:
    parser = KeyParser()
    assert keys(parser, "\x1b") == []
    clock.now += 0.02
    assert keys(parser, "[A\x1bh") == ["up", "alt+h|h"]


@pytest.mark.parametrize(("data", "expected"), [("\x1b", ["escape"]), ("\x1b[", ["escape", "left_square_bracket"])])
def test_esc_after_which_nothing_comes(monkeypatch: pytest.MonkeyPatch, data: str, expected: list[str]) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", -1.0)
    parser = KeyParser()
    assert keys(parser, data) == []
    assert [event.key for event in parser.tick() if isinstance(event, events.Key)] == expected


@pytest.mark.parametrize("cut", range(8, 35))
def test_a_paste_is_not_a_key_whatever_is_in_it(cut: int) -> None:
    parser, data = KeyParser(), "h\x1b[200~a\x1bh \x1b[31mred\x1b[0m q\x1b[201~j"
    events_of_it = [*parser.feed(data[:cut]), *parser.feed(data[cut:])]
    first, paste, last = events_of_it
    assert isinstance(first, events.Key)
    assert isinstance(last, events.Key)
    assert (first.key, last.key) == ("h", "j")
    assert isinstance(paste, events.Paste)
    assert paste.text == "a\x1bh \x1b[31mred\x1b[0m q"


def told(parser: KeyParser, *reads: str) -> list[tuple[str, str]]:
    """What a stream becomes that comes in these reads."""
    collected = []
    for read in reads:
        for event in parser.feed(read):
            assert isinstance(event, events.Key | events.Paste)
            collected.append((type(event).__name__, event.key if isinstance(event, events.Key) else event.text))
    return collected


START, END = "\x1b[200~", "\x1b[201~"
PIECES = [
    START,
    END,
    "q",
    "\x1b",
    "\x1b[",
    "\x1b[A",
    "\x1b[20",
    "\x1b[2",
    "0~",
    "1~",
    "\x1bq",
    "\x1b[15~",
    " c",
    "é",
    "\x1b[104;3u",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join), st.data())
def test_where_a_stream_is_cut_into_reads_changes_nothing(stream: str, data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: 0.0)
        complete = told(KeyParser(), stream)
        assert told(KeyParser(), *stream) == complete
        cuts = sorted(data.draw(st.sets(st.integers(1, len(stream)))))
        reads = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        assert told(KeyParser(), *filter(None, reads)) == complete


def test_a_paste_whose_markers_are_cut_anywhere_is_not_a_key(clock: Clock) -> None:
    stream = f"h{START}ab\x1bq c\0 \x1b[31mred{END}j"
    expected = [("Key", "h"), ("Paste", "ab\x1bq c \x1b[31mred"), ("Key", "j")]
    for first in range(1, len(stream)):
        for second in range(first, len(stream)):
            reads = filter(None, (stream[:first], stream[first:second], stream[second:]))
            assert told(KeyParser(), *reads) == expected


def test_the_beginning_of_a_marker_is_keys_if_nothing_more_comes(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ESCAPE_DELAY", -1.0)
    parser = KeyParser()
    assert keys(parser, "\x1b[20") == []
    assert [event.key for event in parser.tick() if isinstance(event, events.Key)][-2:] == ["2", "0"]
    assert keys(parser, "0~q") == ["0", "tilde", "q"], "the keys that were typed are not the rest of a marker"


@pytest.mark.parametrize(
    "sequence",
    ["\x1b[97:65;2u", "\x1b[1114112u", "\x1b[999999999999u", "\x1b[97;2;1114112u", "\x1b[27;5;1114112~"],
)
def test_a_report_of_a_key_that_does_not_exist_ends_nothing(sequence: str) -> None:
    parser = KeyParser()
    assert not any(message.is_printable for message in parser.feed(sequence) if isinstance(message, events.Key))
    assert keys(parser, "a")[-1] == "a"
