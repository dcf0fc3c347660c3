"""The look that a user chose last: theme, wrapping and time column, in a file of the state folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.errors import BadSetting
from threeam.core.platform.folders import open_file
from threeam.core.platform.user_dirs import private_state_dir
from threeam.tui.widgets.row_look import TIME_MODES

_MAX_BYTES = 4096
_KEPT_MODES = [mode for mode in TIME_MODES if mode != "t0"]  # the line that T0 is on may be of another journal


class Look(NamedTuple):
    """The look of the screen. ``theme``: None until the user has chosen one."""

    theme: str | None = None
    wrap: bool = True
    time_mode: str = "ms"


def look_path(environ: Mapping[str, str]) -> str | None:
    """Return the path of the file; None for a user without a home folder."""
    try:
        return os.path.join(private_state_dir(environ), "look.json")
    except BadSetting:
        return None


def load_look(path: str | None) -> Look:
    """Return the look in the file at ``path``. Without a file, or for what it does not say, it is the default."""
    if path is None:
        return Look()
    try:
        with open(open_file(path, os.O_RDONLY), "rb") as file:  # it refuses a FIFO, which would never answer
            values = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return Look()
    if not isinstance(values, dict):
        return Look()
    theme, wrap, time_mode = (values.get(name) for name in Look._fields)
    return Look(
        theme if isinstance(theme, str) else None,
        wrap if isinstance(wrap, bool) else Look().wrap,
        time_mode if time_mode in _KEPT_MODES else Look().time_mode,
    )


def save_look(path: str | None, look: Look) -> None:
    """Replace the file at ``path``. Raises OSError."""
    if path is None:
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(look._asdict(), file)
    try:
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
