"""Escaping of characters that are not safe to print: those that move a cursor, reorder text, or cannot be seen.

Some invisible characters are part of the words around them, and stay: the joiners in Arabic and in the scripts of
India and its neighbours, those in an emoji of several people, the selectors after a symbol or an ideograph, and the
tags in the flags of England, Scotland and Wales. A visible character beside them decides, so escaping twice gives the
same as escaping once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

# Letters that join: Arabic to Mandaic, Devanagari to Sinhala, Myanmar, Khmer, Mongolian, Balinese and their like.
_JOINING_LETTERS = (
    "\u0620-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1820-\u18aa\u1b00-\u1b7f\ua840-\ua9df"
)
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299"
)
_EMOJI += "\U0001f000-\U0001faff"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SYMBOLS = _EMOJI + _IDEOGRAPHS + "\u2200-\u22ff\u1000-\u109f\ua840-\ua877"  # with a selector of their own form

# Unsafe, whatever is beside them: C0 with tab, DEL, C1, the line and paragraph separators, all bidirectional controls,
# and the surrogates that Python uses for undecodable bytes. Never visible: fillers, zero-width spaces, invisible
# operators, annotations.
_ALWAYS_UNSAFE = (
    "\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)


@cache  # compiled at the first use: it takes as long as the other imports of a short command
def _suspect_pattern() -> re.Pattern[str]:
    """Return a pattern for each character that may be unsafe: ten times as fast as one that looks at its neighbours."""
    selectors = "\u200c\u200d\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0020-\U000e007f\U000e0100-\U000e01ef"
    return re.compile(f"[{_ALWAYS_UNSAFE}{selectors}]")


@cache
def _unsafe_pattern() -> re.Pattern[str]:
    return re.compile(
        f"[{_ALWAYS_UNSAFE}]"
        f"|(?<![{_JOINING_LETTERS}])\u200c"
        f"|(?<![{_JOINING_LETTERS}])(?!(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d[{_EMOJI}])\u200d"
        f"|(?<![{_SYMBOLS}])(?!(?<=[0-9#*])\ufe0f\u20e3)[\ufe00-\ufe0f]"
        f"|(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]"
        "|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]"
        # A flag of tags is matched as a whole, and stays; any other tag does not.
        "|(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f|[\U000e0020-\U000e007f]"
    )


@cache
def _control_pattern() -> re.Pattern[str]:
    return re.compile("[\x00-\x1f\x7f]")


def escape_unprintable(text: str) -> str:
    """Return ``text`` with each unsafe or invisible character escaped (``\\x1b``, ``\\u202e``, ``\\xff``)."""
    return _escape(text, _escape_char)


def escape_json(text: str) -> str:
    """Return ``text``, which is JSON, with those characters as JSON escapes: the same JSON, and safe to print."""
    return _escape(text, _json_escape)


def _escape(text: str, escape_match: Callable[[re.Match[str]], str]) -> str:
    if text.isascii():
        return text if text.isprintable() else _control_pattern().sub(escape_match, text)
    return _unsafe_pattern().sub(escape_match, text) if _suspect_pattern().search(text) else text


def _escape_char(match: re.Match[str]) -> str:
    characters = match[0]
    if len(characters) > 1:  # a flag
        return characters
    code = ord(characters)
    if code == 9:
        return "\\t"
    if 0xDC80 <= code <= 0xDCFF:  # a byte that os.fsdecode could not read
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(match: re.Match[str]) -> str:
    data = match[0].encode("utf-16-be", "surrogatepass")
    return "".join([f"\\u{data[index]:02x}{data[index + 1]:02x}" for index in range(0, len(data), 2)])
