"""One submission from the shell: written and printed; refused, and handed back; or unsure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from select import PIPE_BUF, select

from threeam.cli.console import OutputFailed, is_open_on, print_err, write_bytes
from threeam.cli.context import Context
from threeam.cli.exits import ExitCode
from threeam.cli.signals import settle_exit_code
from threeam.core.errors import JournalError, Unsure
from threeam.core.platform.signals import defer_interrupts
from threeam.core.write.draft import Draft
from threeam.core.write.locked_log import INTERRUPTED_REASON


def submit(
    context: Callable[[], Context],
    draft_in: Callable[[Context], Draft],
    text: str,
    *,
    quiet: bool,
    beside: str = "",
    fd: int = 1,
    exit_code: int | None = ExitCode.OK,
) -> int:
    """Writes what ``draft_in`` makes of the context, prints it as it was written, and gives the exit code.

    ``exit_code``: the command's exit code if the lines are written and printed. A signal cannot change it after that.
    None if the command does more than to print something: it returns 0, and a signal still interrupts the command.

    ``beside``: a file that the lines name; it goes where they are refused. ``fd``: where it is printed. ``context`` is
    called here, so that ``text`` is handed back whatever is wrong with the journal, and if a signal comes meanwhile.
    """
    try:
        at = context()
        writer = at.writer()
    except (JournalError, KeyboardInterrupt):
        clean_up_refused(text, beside)
        raise
    try:
        block = writer.write(draft_in(at))
        printed = b"" if quiet or is_open_on(at.journal.log_path, fd) else block.raw  # 3am log … >>the.log: it is there
        with acknowledgement(exit_code, len(printed), fd):
            write_bytes(printed, fd)
    except Unsure:
        raise
    except OutputFailed as untold:
        print_err(f"written as @{writer.first_stamp}, but {untold}")
        return ExitCode.IO_ERROR
    except JournalError:
        clean_up_refused(text, beside)
        raise
    except KeyboardInterrupt:
        if writer.first_stamp is not None:  # 130 would say that nothing was written
            raise Unsure(writer.first_stamp, INTERRUPTED_REASON, interrupted=True) from None
        clean_up_refused(text, beside)
        raise
    if any(entry.hypothesis for entry in block.entries):
        from threeam.hypotheses.guards import warnings_for

        for remark in warnings_for(block.prior_state, block.entries):
            print_err(remark)
    return ExitCode.OK if exit_code is None else exit_code


@contextmanager
def acknowledgement(exit_code: int | None, size: int, fd: int = 1) -> Iterator[None]:
    """Print in the body what was written: after it, a signal does not change ``exit_code`` any more (unless None).

    ``size``: the bytes that are printed on ``fd``. A signal that comes while they are printed waits, unless the
    print has to wait for its reader.
    """
    try:
        is_ready = size <= PIPE_BUF and bool(select([], [fd], [], 0)[1])
    except (OSError, ValueError):  # the print reports it
        is_ready = False
    with defer_interrupts(is_ready):
        yield
        if exit_code is not None:
            settle_exit_code(exit_code)


def clean_up_refused(text: str, beside: str) -> None:
    """What was refused is still the caller's, and nothing is left of it."""
    report_unwritten([text])
    if beside:
        from threeam.core.store.attachments import discard_attachment  # only what has kept a file needs it

        discard_attachment(beside)


def report_unwritten(texts: Iterable[str]) -> None:
    """What was refused is still the caller's: it goes to stderr."""
    for text in texts:
        if text:
            print_err(f"not written: {text}")
