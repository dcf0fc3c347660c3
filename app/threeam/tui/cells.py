"""Text as it may be drawn: safe, and as wide in every terminal as it is taken to be here.

Terminals, tmux and Rich do not agree on the width of some characters, and one that is taken for wider than it is
drawn shifts all that stands to the right of it. Measured with tmux 3.3a: a variation selector, a skin tone, a
joiner between emoji, the Hangul fillers, and whatever Unicode has assigned since a terminal's tables were made.
"""

from __future__ import annotations

import re
import unicodedata

from threeam.core.format.entry import escape_unprintable

# Variation selectors, joiners, skin tones, tags of flags: they change how the character before them looks, and no more.
_ZERO_WIDTH_MODIFIERS = re.compile(
    "[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef]"
)
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")


def drawable(text: str) -> str:
    """``text`` with its controls made visible, and without what terminals draw in different widths."""
    text = escape_unprintable(text)
    if text.isascii():
        return text
    text = _ZERO_WIDTH_MODIFIERS.sub("", text)
    if any(map(_has_unstable_width, set(text))):
        text = "".join(_escape(char) if _has_unstable_width(char) else char for char in text)
    return text


def _has_unstable_width(char: str) -> bool:
    return char in _FILLERS or (char > "\x7f" and unicodedata.category(char) == "Cn")


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
