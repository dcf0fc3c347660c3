"""``3am help`` on a terminal: the page is in a pager, and the pager has the keyboard."""

from __future__ import annotations

import shutil

import pytest
from terminals import terminal

CTRL_C = "\x03"
BELL, PROMPT = b"\a", b":\x1b[K"  # what less prints after ctrl+c, and when it waits for a key
needs_less = pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")


@needs_less
@pytest.mark.parametrize("size", [(100, 24), (40, 10)], ids=["wide", "narrow"])
def test_a_page_is_shown_in_less_until_q(size: tuple[int, int]) -> None:
    with terminal("help", "finding", size=size, PAGER="") as on:
        on.shows("Search")
        on.send("G")
        on.shows("(END)")
        on.send("q")
        on.ends_with(0)


@needs_less
def test_ctrl_c_belongs_to_the_pager() -> None:
    with terminal("help", "finding", PAGER="") as on:
        on.eventually(lambda: on.shown.rstrip().endswith(":"), "less waits for a key")
        on.send(CTRL_C)
        # A key before that is lost: less forgets what was typed ahead of ctrl+c.
        on.eventually(lambda: on.shown and PROMPT in on.raw.partition(BELL)[2], "less waits again")
        on.send("G")
        on.shows("(END)")
        assert on.process.poll() is None
        on.send("q")
        on.ends_with(0)


def test_pager_names_another_program_with_its_options() -> None:
    with terminal("help", "keys", PAGER="grep --max-count=1 -- 'key'") as on:
        on.ends_with(0)
        assert "key" in on.shown


@pytest.mark.parametrize("pager", ["no-such-program", "'less"])
def test_without_a_pager_the_page_is_printed(pager: str) -> None:
    with terminal("help", "security", size=(100, 60), PAGER=pager) as on:
        on.ends_with(0)
        assert "Security" in on.shown
        assert "Report a weakness" in on.shown
        assert "](" not in on.shown


def test_a_terminal_that_cannot_move_its_cursor_gets_the_page_as_it_is() -> None:
    with terminal("help", "security", size=(100, 60), TERM="dumb") as on:
        on.ends_with(0)
        assert "# Security" in on.shown
        assert b"\x1b" not in on.raw
