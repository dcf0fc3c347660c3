"""``3am rotate``: a rotation of the log now, whatever its size."""

from __future__ import annotations

import os
from collections.abc import Sequence

from threeam.cli.console import print_err, print_out
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import acknowledgement
from threeam.core.errors import RotationFailed, RotationSkipped
from threeam.core.write.rotate import RotationResult


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am rotate``."""
    parser = Parser(
        "3am rotate",
        "Renames the log, with the time in its new name, and begins a new one that carries over hypotheses, cups and "
        "doses. This happens automatically at rotate_bytes. Prints the new path of the old log. Exit 1 if there is "
        "nothing to rotate.",
        "example:\n  3am rotate",
    )
    ctx = context(parser.parse_args(argv))
    rotated: RotationResult | None = None
    prune_warning = ""
    try:
        with ctx.writer().lock_log(full_state=True, will_rotate=True) as log:
            rotated = log.rotate()
            if not rotated.durability_warning:  # otherwise a crash may leave nothing but the old files
                prune_warning = log.prune_rotated()
    except RotationSkipped as error:
        print_err(str(error))
        return ExitCode.IO_ERROR if isinstance(error, RotationFailed) else ExitCode.NEGATIVE
    except KeyboardInterrupt:  # deferred until the lock was released
        if rotated is None:
            raise
    code = ExitCode.IO_ERROR if rotated.durability_warning else ExitCode.OK
    with acknowledgement(code, len(os.fsencode(rotated.rotated_path))):
        print_out(rotated.rotated_path)
    for warning in filter(None, (rotated.durability_warning, prune_warning)):
        print_err(warning)
    return code
