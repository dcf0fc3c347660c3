"""Text as Markdown shows it, and does not read it."""

from __future__ import annotations

import re

from threeam.core.entry import visible

# What is markup anywhere; what would make a block of a line; what GitHub makes a link of by itself.
_MARKUP = re.compile(r"[\\`*_\[\]<>&~|$]|(?<=[a-zA-Z]):(?=//)|(?<=[wW]{3})\.")
_BLOCK = re.compile(r"(\d{1,9})([.)])|([#+\-=>:])")


def as_markdown(text: str) -> str:
    """``text``, one line, so that Markdown shows it as it is."""
    text = _MARKUP.sub(r"\\\g<0>", visible(text).strip())
    if found := _BLOCK.match(text):
        text = f"{found[1]}\\{found[2]}{text[found.end() :]}" if found[1] else "\\" + text
    return text
