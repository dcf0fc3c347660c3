"""The colours of a line on a terminal: the time recedes, the kind stands out."""

from __future__ import annotations

import os
import re

from threeam.core.format.kinds import KINDS
from threeam.core.store.reader import Line

_DIM, _AMBER, _CYAN, _RED, _END = "\x1b[2m", "\x1b[33m", "\x1b[36m", "\x1b[31m", "\x1b[0m"
_VIOLET = "\x1b[35m"
_COLOURS = {  # by the style class of the kind; a style that is not here has no colour
    "hypothesis": _CYAN,
    "experiment": _VIOLET,
    "coffee": _AMBER,
    "water": _CYAN,
    "toxic": _RED,
    "dim": _DIM,
    "foreign": _DIM,
}
_HEAD = re.compile(r"(?:\[[^\]]*\] ?)*")  # the stamp and the tags


def is_colour_enabled() -> bool:
    """Return whether stdout is a terminal and colour is not disabled by the user (no-color.org)."""
    return os.isatty(1) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("", "dumb")


def format_coloured(line: Line) -> str:
    """``line`` as it is shown, in colour."""
    entry, text = line.entry, line.display_text
    if entry is None:
        return f"{_DIM}{text}{_END}"
    head = _HEAD.match(text)
    assert head is not None  # it matches nothing at all, too
    cut = min(head.end(), len(text) - len(entry.text) if not entry.text.startswith("[") else head.end())
    colour = _COLOURS.get(KINDS[entry.kind].style, "")
    shown = text[cut:]
    return f"{_DIM}{text[:cut]}{_END}{colour}{shown}{_END}" if colour else f"{_DIM}{text[:cut]}{_END}{shown}"
