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


class Ended(KeyboardInterrupt):
    """A signal other than SIGINT asks the program to end; what it has not written is handed back, as after ctrl+c."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number
