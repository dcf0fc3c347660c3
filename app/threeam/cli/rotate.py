"""``3am rotate``: a new log now, whatever the size of this one."""

from __future__ import annotations

import os
from collections.abc import Sequence

from threeam.cli.console import print_err, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import acknowledgement
from threeam.core.errors import RotationFailed, RotationSkipped


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am rotate``."""
    parser = Parser(
        "3am rotate",
        "Gives the log a name with the time in it, and begins a new one that carries hypotheses, cups and doses on. "
        "It happens by itself at rotate_bytes. Prints the path that the old log has now; exit 1 if nothing was done.",
        "example:\n  3am rotate",
    )
    at = context(parser.parse_args(argv))
    rotated = None
    remark: str | None = None
    try:
        with at.writer().lock_log(whole=True, rotating=True) as log:
            rotated = log.rotate()
            remark = (
                "" if rotated.durability_warning else log.prune_rotated()
            )  # the old files may be all that a crash leaves
    except RotationSkipped as not_rotated:
        print_err(str(not_rotated))
        return ExitCode.IO_ERROR if isinstance(not_rotated, RotationFailed) else ExitCode.NEGATIVE
    except KeyboardInterrupt:
        if rotated is None:  # 130 says that nothing was done
            raise
    code = ExitCode.IO_ERROR if rotated.durability_warning else ExitCode.OK
    with acknowledgement(code, len(os.fsencode(rotated.rotated_path))):
        print_out(rotated.rotated_path)
    for sentence in filter(None, (rotated.durability_warning, remark)):
        print_err(sentence)
    return code
