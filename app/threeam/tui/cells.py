"""Text that is safe to draw, and that has the same width in every terminal as it is computed to have here.

Terminals, tmux and Rich do not agree on the width of some characters. If one is drawn narrower than computed, all
text to the right of it is shifted. Measured with tmux 3.3a: variation selectors, skin tones, joiners between emoji,
the Hangul fillers, and all characters that Unicode has assigned since the terminal's tables were made.
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
    """Return ``text`` with controls escaped, and without the characters that terminals draw in different widths."""
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
