"""A real terminal is asked how wide it has drawn what Rich takes to be so wide."""

from __future__ import annotations

import sys
from pathlib import Path

from terminals import needs_tmux, tmux

pytestmark = needs_tmux

HOSTILE = [
    *(
        "漢字",
        "e\u0301x",
        "a\u0300\u0301",
        "\u0301x",
        "Z\u0335\u0321\u034d",
        "ｱﾞ",
        "\u0f40\u0f71",
        "กำ",
        "\u1112\u1161\u11ab",
    ),
    *(
        "👩\u200d👩\u200d👧",
        "❤\ufe0f",
        "⚠\ufe0f",
        "☕\ufe0e",
        "🇩🇪",
        "🇩",
        "👍🏽",
        "1\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e007f",
    ),
    *(
        "a\u200bb",
        "a\u200cb",
        "a\u200db",
        "a\ufeffb",
        "a\u2060b",
        "a\u00adb",
        "a\u3164b",
        "a\u180bb",
        "a\u034fb",
        "a\u20dd",
    ),
    *(
        "שלום",
        "مرحبا",
        "\u202eabc",
        "\x1b[31m",
        "\ue0b0",
        "±§",
        "𝔘",
        "𠀀",
        "\U0001fae8",
        "\U0001fae9",
        "\U000e1000",
        "\ufffe",
    ),
]
# Prints each, asks the terminal where its cursor is then, and writes down where Rich takes it to be.
ASK = """
import os, re, sys, termios, tty
from rich.cells import cell_len
from threeam.tui.cells import drawable
before = termios.tcgetattr(0)
tty.setraw(0)
wrong = []
for text in map(drawable, eval(sys.argv[2])):
    os.write(1, b"\\r\\x1b[2K" + text.encode() + b"\\x1b[6n")
    answer = b""
    while not answer.endswith(b"R"):
        answer += os.read(0, 1)
    column = int(re.search(rb";(\\d+)R", answer)[1]) - 1
    if column != cell_len(text):
        wrong.append(f"{ascii(text)} is {column} cells wide, and was taken to be {cell_len(text)}")
termios.tcsetattr(0, termios.TCSANOW, before)
with open(sys.argv[1], "w") as file:
    file.write("\\n".join(wrong) + "\\nthat is all")
"""


def test_what_is_drawn_is_as_wide_as_it_is_taken_to_be(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    with tmux() as server:
        server.pane()
        server("new-window", sys.executable, "-c", ASK, str(answer), ascii(HOSTILE))
        server.eventually(lambda: answer.exists() and "that is all" in answer.read_text(), "the terminal has answered")
    assert answer.read_text() == "\nthat is all"
