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
    """Run ``3am demo``."""
    parser = Parser(
        "3am demo",
        "A two-minute tour: a night's story, written live by two people and a Bash script, in which each key is "
        "suggested once. It uses a throwaway journal; yours is not touched. Without a terminal it prints the story.",
        "example:\n  3am demo",
        with_journal_options=False,
    )
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="3am-demo-") as folder:
        args.log = os.path.join(folder, "demo.log")
        args.lock = os.path.join(folder, "demo.log.lock")
        args.journal = None
        ctx = context(args)
        if is_dumb_terminal() or not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
            journal = resolve_journal(args.log)
            write_story(journal, FOLD)
            with open(journal.log_path, "rb") as story:
                write_bytes(story.read())
            return ExitCode.OK
        return _run_live(ctx)


def _run_live(ctx: Context) -> int:
    """Write the story on a thread while the full screen shows it."""
    from threeam.cli.screen import show_screen

    stopped = threading.Event()
    failure: Exception | None = None

    def write_live() -> None:
        nonlocal failure
        try:
            play_story(ctx.journal, FOLD, stopped)
        except Exception as error:  # printed after the screen is closed
            failure = error

    thread = threading.Thread(target=write_live, name="story", daemon=True)
    thread.start()
    code = show_screen(ctx)
    stopped.set()
    thread.join(5)
    if failure is not None:
        print_err(f"the story broke off: {failure}")
    return code
