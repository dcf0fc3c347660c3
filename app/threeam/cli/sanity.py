"""``3am sanity``: a drop-in replacement for the Bash script of the essay."""

from __future__ import annotations

import time
from collections.abc import Sequence

from threeam.cli.console import Echo
from threeam.cli.context import context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.submit import report_unwritten
from threeam.core.errors import JournalError, Unsure
from threeam.core.format.times import parse_seconds
from threeam.core.write.draft import script_lines

DEFAULT_MESSAGE = "Staring into the void. The void is returning a 502 Bad Gateway."
_MAX_DELAY_S = 3600


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am sanity``."""
    parser = Parser(
        "3am sanity",
        "Does what 3am-sanity-lock.sh does: takes the lock, writes the script's lines to the log and to stdout, and "
        "pauses while it holds the lock, as the script does.",
        "example:\n  3am sanity 5 'the cron job and the API share a row'",
    )
    parser.add_argument("cups", nargs="?", type=_parse_cups, default=0, metavar="CUPS", help="cups so far (default: 0)")
    parser.add_argument(
        "message", nargs="?", default=DEFAULT_MESSAGE, metavar="MESSAGE", help="the hypothesis (default: the void)"
    )
    parser.add_argument(
        "--delay", type=_parse_delay, default=1.0, metavar="DURATION", help="hold the lock this long (default: 1s)"
    )
    args = parser.parse_args(argv)
    message = args.message or DEFAULT_MESSAGE  # ${2:-…} in the script: empty counts as absent
    writer = None
    try:
        ctx = context(args)
        echo = Echo(ctx.journal.log_path, quiet=False)
        writer = ctx.writer()
        with writer.lock_log(full_state=False, interruptible=True) as log:
            for index, text in enumerate(script_lines(args.cups, message)):
                if index == 1:
                    time.sleep(args.delay)
                echo(log.write_script_line(text, args.cups))
    except Unsure:
        raise
    except (JournalError, KeyboardInterrupt) as error:
        report_unwritten([message])
        if isinstance(error, KeyboardInterrupt) and writer is not None and writer.first_stamp is not None:
            raise Unsure(writer.first_stamp, "the rest was interrupted") from None
        raise
    echo.close()
    return ExitCode.OK


def _parse_cups(text: str) -> int:
    if text == "":  # ${1:-0}
        return 0
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(text)
    return int(text)


def _parse_delay(text: str) -> float:
    seconds = parse_seconds(text)
    if not 0 <= seconds <= _MAX_DELAY_S:
        raise ValueError(text)
    return seconds


_parse_cups.__name__ = "number of cups"  # argparse prints these names in its messages
_parse_delay.__name__ = parse_seconds.__name__
