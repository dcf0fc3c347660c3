"""The output of commands: data on stdout, messages on stderr, both safe to show on a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from threeam.core.errors import JournalError
from threeam.core.format.entry import escape_unprintable
from threeam.core.platform.whole_write import write_all
from threeam.core.store.chain import Chain, UnreadableNotices
from threeam.core.store.reader import Line

if TYPE_CHECKING:
    from threeam.core.format.report import Quotation, ReportLine, ReportSection

_STDOUT = 1
_BUFFER_CHARS = 64 * 1024  # characters in one write to stdout


def print_out(text: str) -> None:
    """Print lines of data on stdout without buffering, so that the reader of a pipe sees them at once.

    Control characters are escaped here in any case: otherwise anyone who can write to the log could control the
    terminal on which a report of it is printed.
    """
    safe = "\n".join(map(escape_unprintable, text.split("\n")))
    write_bytes((safe + "\n").encode("utf-8", "backslashreplace"))


def write_bytes(data: bytes, fd: int = _STDOUT) -> None:
    """Write ``data`` as it is. Raises `BrokenPipeError` if the reader is gone, `OutputFailed` if the disk is full."""
    try:
        write_all(fd, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(f"{'stdout' if fd == _STDOUT else 'stderr'} cannot be written: {error.strerror}") from None


def write_texts(texts: Iterable[str]) -> int:
    """Write ``texts`` to stdout in large writes, and return how many there were."""
    buffer: list[str] = []
    count = size = 0
    for text in texts:
        buffer.append(text)
        count, size = count + 1, size + len(text)
        if size > _BUFFER_CHARS:
            write_bytes("".join(buffer).encode("utf-8", "backslashreplace"))
            buffer, size = [], 0
    write_bytes("".join(buffer).encode("utf-8", "backslashreplace"))
    return count


def is_open_on(path: str, fd: int) -> bool:
    """Return whether ``fd`` is the file at ``path``: what is printed there would be appended to the log itself."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except OSError:
        return False


class OutputFailed(JournalError):
    """A failed write to stdout or stderr; what the command did is not undone."""


class Echo:
    """A copy on stdout of what is written to the log at ``log_path``. Its failure does not stop the writing.

    With ``3am … >>the.log`` there is no copy: the lines are in that file already.
    """

    def __init__(self, log_path: str, *, quiet: bool) -> None:
        self._quiet = quiet or is_open_on(log_path, _STDOUT)
        self._failure: OutputFailed | None = None

    def __call__(self, data: bytes) -> None:
        """Print ``data``, unless an earlier print failed."""
        if not self._quiet:
            try:
                write_bytes(data, _STDOUT)
            except BrokenPipeError:
                self._quiet = True
            except OutputFailed as failure:
                self._quiet, self._failure = True, failure

    def close(self) -> None:
        """Raise `OutputFailed` if a print failed. Call this once everything is in the log."""
        if self._failure is not None:
            raise OutputFailed(f"everything is written, but {self._failure}")


def print_err(text: str) -> None:
    """Print a message of one line on stderr, with control characters escaped."""
    try:
        os.write(2, f"3am: {escape_unprintable(text)}\n".encode("utf-8", "backslashreplace"))
    except OSError:  # stderr is closed or full; the exit code remains
        pass


_unreadable_notices: list[UnreadableNotices] = []  # of the chains that this command reads


def track_unreadable_files(chain: Chain) -> None:
    """Make `report_unreadable_files` report those of ``chain``."""
    _unreadable_notices.append(UnreadableNotices(chain))


def reset_unreadable_files() -> None:
    """Make `report_unreadable_files` report nothing more of the chains so far."""
    _unreadable_notices.clear()


def report_unreadable_files() -> bool:
    """Print once which rotated files could not be read; return whether there are any."""
    for notices in _unreadable_notices:
        for sentence in notices.pop_unreported():
            print_err(sentence)
    return any(_unreadable_notices)


def print_report(sections: Iterable[ReportSection], *, details_below: bool = False) -> None:
    """Print the sections of a report: a title, and indented lines as `print_report_lines` prints them."""
    for section in sections:
        print_out(section.title.upper())
        print_report_lines(section.lines, "  ", details_below=details_below)


def print_report_lines(lines: Iterable[ReportLine], indent: str = "", *, details_below: bool = False) -> None:
    """Print lines of a report with their details and the stamps that they cite.

    ``details_below``: the details are commands or queries, and each is on a line of its own. Otherwise they follow the
    text in brackets.
    """
    for line in lines:
        stamp = f"  @{line.stamp}" if line.stamp is not None else ""
        detail = f"  ({line.detail})" if line.detail and not details_below else ""
        print_out(escape_unprintable(f"{indent}{line.text}{detail}{stamp}"))
        if line.detail and details_below:
            depth = len(line.text) - len(line.text.lstrip(" "))
            print_out(escape_unprintable(f"{indent}{' ' * depth}    {line.detail}"))
        if line.quotation is not None:
            depth = len(line.text) - len(line.text.lstrip(" "))
            print_quotation(line.quotation, f"{indent}{' ' * depth}    ")


def print_quotation(quotation: Quotation, indent: str) -> None:
    """Print where the lines of another log are from, if it is said, and then these lines, each behind a bar."""
    if quotation.caption:
        print_out(escape_unprintable(f"{indent}{quotation.caption}"))
    for line in quotation.lines:
        print_out(escape_unprintable(f"{indent}│ {line}"))


def print_json(value: Mapping[str, Any]) -> None:
    """Print an object as one line of JSON. Unprintable characters are JSON escapes, which a parser reverses."""
    import json  # only for --json: every command imports this module

    text = json.dumps(value, ensure_ascii=False)
    print_out(text if escape_unprintable(text) == text else json.dumps(value))


def _location_json(line: Line) -> dict[str, Any]:
    return {"file": escape_unprintable(os.path.basename(line.segment.path)), "offset": line.offset}


def line_json(line: Line) -> dict[str, Any]:
    """Return a line of the log for machine output. A foreign line has no stamp, and ``foreign`` is true."""
    entry = line.entry
    if entry is None:
        record = {
            "at": None,
            "ts": None,
            "ts_ns": None,
            **_location_json(line),
            "foreign": True,
            "text": line.display_text,
        }
        return record | ({"more": line.omitted_bytes} if line.omitted_bytes else {})
    author, hypothesis = entry.author, entry.hypothesis
    value: dict[str, Any] = {
        "at": str(entry.stamp),  # with @ in front, commands take it, and ts too
        **entry.stamp.to_json(),
        **_location_json(line),
        "coffee": entry.cups,
        "by": escape_unprintable(str(author)) if author else None,
        "kind": entry.kind,
        "text": escape_unprintable(entry.text),
    }
    if hypothesis:
        value |= {"hypothesis": hypothesis[0], "state": escape_unprintable(hypothesis[1])}
    if other_tags := {key: escape_unprintable(value) for key, value in entry.tags if key != "BY"}:
        value["tags"] = other_tags
    if line.omitted_bytes:
        value["more"] = line.omitted_bytes
    if not line.finished:
        value["unfinished"] = True
    return value
