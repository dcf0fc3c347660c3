"""The files that 3am prints for other programs, from the folder ``share``, with the values of this installation."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from importlib.resources import files

_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")


def read_shared(name: str, values: Mapping[str, str] | None = None) -> str:
    """Return the file ``name``, with each ``@NAME@`` in it replaced by its value."""
    text = files("threeam").joinpath("share", name).read_text(encoding="utf-8")
    return text if values is None else _PLACEHOLDER.sub(lambda match: values[match[1]], text)


def program_path() -> str:
    """Return the path of this program, as it was called; its name if that is not known."""
    path = os.path.abspath(sys.argv[0])
    return path if os.path.basename(path) == "3am" and os.access(path, os.X_OK) else "3am"


def quote_for_fish(text: str) -> str:
    """Return ``text`` as one word of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
