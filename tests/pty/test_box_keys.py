"""The keys of the input box as a real terminal sends them: escape and a letter, not a name."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminals import terminal

from support.journals import entries, texts


def test_alt_h_and_alt_n_switch_the_kind_and_type_nothing(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ithe sweeper")
        on.shows("note ▏the sweeper")
        on.send("\x1bh")
        on.shows("hypothesis ▏the sweeper")
        on.send("\x1bn")
        on.shows("note ▏the sweeper")
        on.send("\r")
        on.eventually(lambda: texts(log) == ["the sweeper"], "not one letter more was typed")


def test_alt_c_takes_a_coffee_and_types_nothing(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ihalf")
        on.shows("note ▏half")
        on.send("\x1bc")
        on.eventually(lambda: [entry.cups for entry in entries(log)] == [1], "one cup")
        on.send(" a thought\r")
        on.eventually(lambda: texts(log)[1:] == ["half a thought"], "not one letter more was typed")


def test_esc_and_any_other_key_in_one_read_leave_the_box_and_do_what_the_key_does(log: Path) -> None:
    # So tmux sends them, if the key follows within its escape-time: 500 ms by default.
    with terminal() as on:
        on.opened()
        on.send("ihalf")
        on.shows("note ▏half")
        on.send("\x1b:note from the command line\r")
        on.eventually(lambda: texts(log) == ["from the command line"], "the command is done")
        on.send("\x1bc")
        on.eventually(lambda: [entry.cups for entry in entries(log)] == [0, 1], "in the log it is no alt key")
        on.send("i a thought\r")
        on.eventually(lambda: texts(log)[2:] == ["half a thought"], "not one letter went into the draft")


@pytest.mark.slow
def test_any_byte_can_come_from_the_terminal(log: Path) -> None:
    with terminal() as on:
        on.opened()
        typed = [
            (b"caf\xe9", r"caf\xe9"),
            (b"\x1b[200~caf\xe9 \xfcber\x1b[201~", r"caf\xe9 \xfcber"),
            (b"\x1b[M \xc1\x21after the mouse", "after the mouse"),  # column 161, in the old encoding
            (b"\x1b[M#\xc3\xa9after it", "after it"),  # a column and a row that look like one character
            (b"\x80alone", r"\x80alone"),
            (b"cut \xe2\x98", r"cut \xe2\x98"),
        ]
        for n, (data, text) in enumerate(typed):
            on.send("i")
            on.shows("note ▏what did you see?")
            on.send(data + b"\r")
            on.eventually(lambda n=n: len(texts(log)) > n, f"{data!r} is written")
            assert texts(log)[n] == text
        on.send("i")
        on.send_and_wait_until_read(b"split \xe2\x98")
        on.send(b"\x95\r")
        on.eventually(lambda: texts(log)[len(typed) :] == ["split ☕"], "it is one character")


def test_ctrl_o_breaks_the_line(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ione")
        on.shows("note ▏one")
        on.send("\x0f")
        on.send("two")
        on.shows("two")
        assert texts(log) == []
        on.send("\r")
        on.eventually(lambda: texts(log) == ["one", "| two"], "two lines, one block")


def test_a_bracketed_paste_and_its_enter_in_one_read_are_one_block(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("\x1b[200~Traceback\r  qcG\rKeyError\x1b[201~\r")
        on.eventually(lambda: texts(log) == ["Traceback", "|   qcG", "| KeyError"], "it is one block")


def test_esc_leaves_the_box_and_keeps_the_draft(log: Path) -> None:
    with terminal() as on:
        on.opened()
        on.send("ihalf a thought")
        on.shows("half a thought")
        on.send("\x1b")
        on.shows("c coffee")
        assert "half a thought" in on.shown
        on.send("i!\r")
        on.eventually(lambda: texts(log) == ["half a thought!"], "it goes on where it was")


@pytest.mark.slow
@pytest.mark.parametrize("size", [(999_999, 24), (0, 0)])
def test_a_size_that_no_terminal_has_ends_nothing(log: Path, size: tuple[int, int]) -> None:
    width, height = size
    with terminal() as on:
        on.opened()
        on.send(f"\x1b[48;{height};{width};{height * 16};{width * 8}t")
        on.send("iwords\r")
        on.eventually(lambda: texts(log) == ["words"], "the keys live")
        on.send("\x1b[48;24;100;384;800t")
        on.shows("note: words")
        on.send_and_wait_until_read(b"\x1b")
        on.send("q")
        on.ends_with(0)
