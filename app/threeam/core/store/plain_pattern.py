"""Patterns so plain that the engine of the standard library matches them in linear time, and as RE2 does.

Such a pattern is a text with runs of one class in it, as in ``cart=(?P<key>\\d+)``. RE2 takes as long as for any other
pattern to hand over a match, which is four times as long as this engine takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r"(?P<open>\((?:\?P?<[A-Za-z_]\w*>)?)?"
    r"(?P<run>(?P<chars>\\[dw]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|\\[dw]|[A-Za-z0-9_.:/])+-?\])\+)(?(open)\))"
    r"|(?P<literal>[A-Za-z0-9_ =:/@#,;<>%!~\"'&-]|\\[^A-Za-z0-9\s\\])",
    re.ASCII,
)


def plain_pattern(text: str, *, begins_word: bool = False) -> re.Pattern[bytes] | None:
    """Return the valid pattern ``text`` as one of the standard library; None if it is not plain enough.

    ``begins_word``: a match begins at the begin or the end of a word, as with ``\b``.
    No run can be followed by one of its own characters, so it never gives back what it has taken. No run has all the
    characters of the text before the first run, so a second match cannot begin inside of one.
    """
    pieces = list(_pieces(text))
    if not text.isascii() or "".join(piece[0] for piece in pieces) != text:
        return None
    runs = [index for index, piece in enumerate(pieces) if piece["run"]]
    if not runs:
        return None
    lead = [_literal(piece) for piece in pieces[: runs[0]]]
    translated: list[str] = []
    for index, piece in enumerate(pieces):
        if not piece["run"]:
            translated.append(re.escape(_literal(piece)))
            continue
        chars = re.compile(piece["chars"], re.ASCII)
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        if following is not None and (following["run"] or chars.fullmatch(_literal(following))):
            return None
        if len(pieces) > 1 and all(chars.fullmatch(char) for char in lead):
            return None
        translated.append(piece[0].replace(piece["run"], piece["run"] + "+").replace("(?<", "(?P<"))
    if begins_word and lead and re.match(r"\w", lead[0], re.ASCII):
        # It is asked for after the text: so the engine searches for the text, and does not stop at each byte.
        translated.insert(len(lead), rf"(?<!\w{re.escape(''.join(lead))})")
    elif begins_word:
        translated.insert(0, r"\b")
    return re.compile("".join(translated).encode())


def _pieces(text: str) -> Iterator[re.Match[str]]:
    index = 0
    while (piece := _PIECE.match(text, index)) is not None:
        yield piece
        index = piece.end()


def _literal(piece: re.Match[str]) -> str:
    return piece["literal"][-1]
