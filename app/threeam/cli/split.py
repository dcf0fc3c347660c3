"""Finding the command among the words of a command line."""

from __future__ import annotations

from collections.abc import Sequence

_OPTIONS_WITH_VALUE = ("--log", "--lock", "-j", "--journal")  # those that may stand before a command


def split_command(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the first word that is not an option (None if all are options), and the other words.

    A ``-j`` before the command becomes ``--journal``: after ``run``, it may be a number of runs.
    """
    is_value = False
    for index, word in enumerate(argv):
        if is_value:
            is_value = False
        elif word in _OPTIONS_WITH_VALUE:
            is_value = True
        elif word == "--":
            break
        elif not word.startswith("-"):
            before = ["--journal" if option == "-j" else option for option in argv[:index]]
            return word, [*before, *argv[index + 1 :]]
    return None, list(argv)
