"""A check of a command before anything is planned, run or written: can it be run at all?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from threeam.core.errors import BadInput


def check_runnable(command: Sequence[str]) -> None:
    """Raise `BadInput` if ``command`` does not begin with an executable program."""
    name = command[0]
    if shutil.which(name) is not None:
        return
    if os.path.exists(name):
        raise BadInput(f"{name} cannot be run: it is not a program that you may execute")
    shell = f"; a line for the shell: 3am run -- sh -c '{name}'" if " " in name else ""
    raise BadInput(f"{name}: there is no such command{shell}")
