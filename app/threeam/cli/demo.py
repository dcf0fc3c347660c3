"""``3am demo``: a two-minute tour on a throwaway journal."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Sequence

from threeam.cli.console import put, talk
from threeam.cli.context import Context, context
from threeam.cli.exits import Exit
from threeam.cli.parser import Parser
from threeam.cli.screen import is_dumb
from threeam.core.store.journal import resolve_journal
from threeam.demo import tell, tell_live
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
        if is_dumb() or not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
            journal = resolve_journal(args.log)
            tell(journal, FOLD)
            with open(journal.log_path, "rb") as story:
                put(story.read())
            return Exit.DONE
        return _live(at)


def _live(at: Context) -> int:
    from threeam.cli.screen import show

    stopped = threading.Event()
    failed: list[BaseException] = []

    def tell_it() -> None:
        try:
            tell_live(at.journal, FOLD, stopped)
        except Exception as error:  # told after the screen is closed
            failed.append(error)

    teller = threading.Thread(target=tell_it, name="story", daemon=True)
    teller.start()
    code = show(at)
    stopped.set()
    teller.join(5)
    if failed:
        talk(f"the story broke off: {failed[0]}")
    return code
