"""``3am rotate``: a new log now, whatever the size of this one."""

from __future__ import annotations

from collections.abc import Sequence

from threeam.cli.console import out, talk
from threeam.cli.context import context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.core.errors import CannotRotate, NotRotated


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am rotate``."""
    parser = Parser(
        "3am rotate",
        "Gives the log a name with the time in it, and begins a new one that carries hypotheses, cups and doses on. "
        "It happens by itself at rotate_bytes. Prints the path that the old log has now; exit 1 if nothing was done.",
        "example:\n  3am rotate",
    )
    at = context(parser.parse_args(argv))
    try:
        with at.writer().locked(whole=True, rotating=True) as log:
            rotated = log.rotate()
            remark = "" if rotated.doubt else log.prune_rotated()  # the old files may be all that a crash leaves
    except NotRotated as not_rotated:
        talk(str(not_rotated))
        return Exit.IO if isinstance(not_rotated, CannotRotate) else Exit.NO
    out(rotated.path)
    for sentence in filter(None, (rotated.doubt, remark)):
        talk(sentence)
    return Exit.IO if rotated.doubt else Exit.DONE
