"""The exit codes, which scripts may rely on."""

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    NO = 1
    USAGE = 2
    IO = 3
    LOCK = 4
    DAMAGE = 5
    INTERRUPTED = 130
