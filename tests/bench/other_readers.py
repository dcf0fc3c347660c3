"""Other readers of logs, where they are installed: how they open a log at its end, and how they follow one."""

from __future__ import annotations

import shutil

import pytest

OPEN_COMMANDS = {"less": ("less", "+G"), "lnav": ("lnav",)}
FOLLOW_COMMANDS = {"less": ("less", "+F"), "lnav": ("lnav",)}

installed_readers = pytest.mark.parametrize("name", [name for name in OPEN_COMMANDS if shutil.which(name)])
