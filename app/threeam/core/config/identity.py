"""The author of this process: user, host, process and pane, for the ``BY`` tag."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from threeam.core.format.entry import Author, escape_tag_value


def current_author(environ: Mapping[str, str], uid: int) -> Author:
    """Return the author of this process; under sudo, the user who called it."""
    user = environ.get("SUDO_USER") if uid == 0 else None
    if not user:
        from getpass import getuser

        try:
            user = getuser()
        except (KeyError, OSError):  # a uid without a name, as containers have
            user = f"uid{uid}"
    pane = environ.get("TMUX_PANE", "") if environ.get("TMUX") else ""
    return Author(
        re.sub(r"[\s@:\]\[]", "_", escape_tag_value(user)),
        re.sub(r"[\s@:\]\[]", "_", escape_tag_value(os.uname().nodename)),
        os.getpid(),
        pane if re.fullmatch(r"%\d{1,9}", pane) else "",
    )
