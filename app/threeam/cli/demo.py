"""``3am demo``: a two-minute tour on a throwaway journal."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Sequence

from threeam.cli.console import print_err, write_bytes
from threeam.cli.context import Context, context
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.screen import is_dumb_terminal
from threeam.core.store.journal import resolve_journal
from threeam.demo import play_story, write_story
from threeam.projections import FOLD


def run(_command: str, argv: Sequence[str]) -> int:
    """Runs ``3am demo``."""
    parser = Parser(
        "3am demo",
        "A two-minute tour: a night's story with two people and a Bash script that write live, and each key suggested "
        "once. On a throwaway journal; yours is not touched. Without a terminal it prints the story.",
        "example:\n  3am demo",
        on_journal=False,
    )
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="3am-demo-") as folder:
        args.log, args.lock, args.journal = (
            os.path.join(folder, "demo.log"),
            os.path.join(folder, "demo.log.lock"),
            None,
        )
        at = context(args)
        if is_dumb_terminal() or not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
            journal = resolve_journal(args.log)
            write_story(journal, FOLD)
            with open(journal.log_path, "rb") as story:
                write_bytes(story.read())
            return ExitCode.OK
        return _live(at)


def _live(at: Context) -> int:
    from threeam.cli.screen import show_screen

    stopped = threading.Event()
    failed: list[BaseException] = []

    def tell_it() -> None:
        try:
            play_story(at.journal, FOLD, stopped)
        except Exception as error:  # told after the screen is closed
            failed.append(error)

    teller = threading.Thread(target=tell_it, name="story", daemon=True)
    teller.start()
    code = show_screen(at)
    stopped.set()
    teller.join(5)
    if failed:
        print_err(f"the story broke off: {failed[0]}")
    return code
