"""Writing one draft from the command line: it is written and printed, refused and handed back, or unsure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from select import PIPE_BUF, select
from typing import NamedTuple

from threeam.cli.console import OutputFailed, is_open_on, print_err, write_bytes
from threeam.cli.context import Context
from threeam.cli.exits import ExitCode
from threeam.cli.signals import settle_exit_code
from threeam.core.errors import JournalError, Unsure
from threeam.core.platform.signals import defer_interrupts
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import INTERRUPTED_REASON


class Receipt(NamedTuple):
    """The output of a command once its lines are written, and its exit code.

    ``quiet``: nothing is printed. ``fd``: where else they are printed. ``exit_code``: the command's exit code once the
    lines are written and printed. A signal cannot change it after that. None if the command has more to do than to
    print something: 0 is returned, and a signal still interrupts it. ``render``: returns the text to print for the
    lines as they were written.
    """

    quiet: bool
    fd: int = 1
    exit_code: int | None = ExitCode.OK
    render: Callable[[bytes], bytes] = bytes


def submit(
    get_context: Callable[[], Context],
    make_draft: Callable[[Context], Draft],
    text: str,
    receipt: Receipt,
    *,
    attachment_path: str = "",
) -> int:
    """Write the draft, print its lines as they were written, and return the exit code.

    ``text``: the user's words. If they are not written, they go to stderr. ``get_context`` is called here, so that
    this also holds if the settings are invalid, or if a signal comes meanwhile. ``attachment_path``: a file that the
    lines name; it is deleted if they are not written.
    """
    quiet, fd, exit_code, render = receipt
    try:
        ctx = get_context()
        writer = ctx.writer()
    except (JournalError, KeyboardInterrupt):
        clean_up_refused(text, attachment_path)
        raise
    try:
        block = writer.write(make_draft(ctx))
        # With `3am log … >>the.log` the line is in that file already.
        printed = b"" if quiet or is_open_on(ctx.journal.log_path, fd) else render(block.raw)
        with acknowledgement(exit_code, len(printed), fd):
            write_bytes(printed, fd)
    except Unsure:
        raise
    except OutputFailed as error:
        print_err(f"written as @{writer.first_stamp}, but {error}")
        return ExitCode.IO_ERROR
    except JournalError:
        clean_up_refused(text, attachment_path)
        raise
    except KeyboardInterrupt:
        if writer.first_stamp is not None:  # 130 would say that nothing was written
            raise Unsure(writer.first_stamp, INTERRUPTED_REASON, interrupted=True) from None
        clean_up_refused(text, attachment_path)
        raise
    if any(entry.hypothesis for entry in block.entries):
        from threeam.cli.team_hosts import has_evidence_on_hosts
        from threeam.hypotheses.guards import warnings_for

        for warning in warnings_for(block.prior_state, block.entries, partial(has_evidence_on_hosts, ctx)):
            print_err(warning)
    return ExitCode.OK if exit_code is None else exit_code


@contextmanager
def acknowledgement(exit_code: int | None, size: int, fd: int = 1) -> Iterator[None]:
    """Print in the body what was written. After it, a signal ends the process with ``exit_code`` (unless it is None).

    ``size``: how many bytes are printed on ``fd``. A signal during the print is deferred until its end, unless the
    print may have to wait for a reader.
    """
    try:
        is_ready = size <= PIPE_BUF and bool(select([], [fd], [], 0)[1])
    except (OSError, ValueError):  # the print reports it
        is_ready = False
    with defer_interrupts(is_ready):
        yield
        if exit_code is not None:
            settle_exit_code(exit_code)


def clean_up_refused(text: str, attachment_path: str) -> None:
    """Hand ``text`` back to the user, and delete the attachment of the lines that were not written."""
    report_unwritten([text])
    if attachment_path:
        from threeam.core.store.attachments import discard_attachment  # only for a command with an attachment

        discard_attachment(attachment_path)


def report_unwritten(texts: Iterable[str]) -> None:
    """Print the words that were not written on stderr: they still belong to the user."""
    for text in texts:
        if text:
            print_err(f"not written: {text}")
