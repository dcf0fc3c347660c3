"""Finding the command among the words of a command line."""

from __future__ import annotations

from collections.abc import Sequence

_WITH_VALUE = ("--log", "--lock", "-j", "--journal")  # the options that may stand before a command


def split_command(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """The first word that is no option, and everything else."""
    skip = False
    for i, word in enumerate(argv):
        if skip:
            skip = False
        elif word in _WITH_VALUE:
            skip = True
        elif word == "--":
            break
        elif not word.startswith("-"):
            return word, [*argv[:i], *argv[i + 1 :]]
    return None, list(argv)
