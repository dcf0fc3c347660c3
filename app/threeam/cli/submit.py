"""One submission from the shell: written and printed; refused, and handed back; or unsure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from threeam.cli.console import OutputFailed, is_open_on, print_err, write_bytes
from threeam.cli.context import Context
from threeam.cli.exits import ExitCode
from threeam.core.errors import JournalError, Unsure
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
) -> int:
    """Writes what ``draft_in`` makes of the context, prints it as it was written, and gives the exit code.

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
        if not quiet and not is_open_on(at.journal.log_path, fd):  # 3am log … >>the.log: it is there already
            write_bytes(block.raw, fd)
        if any(entry.hypothesis for entry in block.entries):
            from threeam.hypotheses.guards import warnings_for

            for remark in warnings_for(block.prior_state, block.entries):
                print_err(remark)
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
    return ExitCode.OK


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
