"""``3am help``: the pages of the manual."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from threeam.cli.console import print_out, write_bytes
from threeam.cli.exits import ExitCode
from threeam.cli.parser import Parser
from threeam.cli.screen import is_dumb_terminal
from threeam.manual.pages import MARKDOWN_STYLES, for_terminal, list_topics, read_page

_MAX_COLUMNS = 100  # longer lines are hard to read
_LESS_OPTIONS = "FRX"  # a page that fits is printed; colours are drawn; the page stays on the screen


def run(_command: str, argv: Sequence[str]) -> int:
    """Run ``3am help``."""
    parser = Parser(
        "3am help",
        "Shows a page of the manual: in $PAGER (less) on a terminal, as Markdown in a pipe. The name of a command is a "
        "topic, too. Without a topic it lists them.",
        "examples:\n  3am help\n  3am help experiments\n  3am help run\n  3am help log-format | grep RECHECK",
        with_journal_options=False,
    )
    parser.add_argument("topic", nargs="*", metavar="TOPIC", help="a page, or a command such as run or hyp new")
    topic = " ".join(parser.parse_args(argv).topic)
    if not topic:
        print_out(f"topics (3am help TOPIC shows one):\n{list_topics()}\n\n3am COMMAND --help is the short form.")
        return ExitCode.OK
    page = read_page(topic)
    if sys.stdout.isatty() and not is_dumb_terminal():
        _show(_render(for_terminal(page, "3am help")))
    else:
        write_bytes(page.encode())
    return ExitCode.OK


def _render(markdown: str) -> str:
    """Return a page as lines for the terminal."""
    from shutil import get_terminal_size

    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    width = min(_MAX_COLUMNS, get_terminal_size().columns)
    console = Console(width=width, force_terminal=True, highlight=False, theme=Theme(MARKDOWN_STYLES))
    with console.capture() as capture:
        console.print(Markdown(markdown, hyperlinks=False, code_theme="ansi_dark"))
    return capture.get()


def _show(text: str) -> None:
    """Show ``text`` in the pager, or print it if there is no pager."""
    import signal
    import subprocess
    from shlex import split
    from shutil import which

    try:
        words = split(os.environ.get("PAGER") or "less")
    except ValueError:  # an unbalanced quote
        words = []
    program = which(words[0]) if words else None
    if program is None:
        write_bytes(text.encode())
        return
    environ = {**os.environ, "LESS": os.environ.get("LESS") or _LESS_OPTIONS}
    # Ctrl+c belongs to the pager: if 3am ended before it, the shell and the pager would both read the keyboard. A
    # handler is not inherited by the pager; SIG_IGN would be.
    signal.signal(signal.SIGINT, lambda _number, _frame: None)
    pager = subprocess.Popen([program, *words[1:]], stdin=subprocess.PIPE, env=environ)
    pager.communicate(text.encode())  # it ignores that a pager which was left early has closed its pipe
