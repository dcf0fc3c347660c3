"""stdout is data, stderr is talk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from threeam.core.errors import JournalError
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.core.store.chain import Chain, UnreadableNotices
from threeam.core.store.reader import Line

if TYPE_CHECKING:
    from threeam.core.format.report import ReportSection


def print_out(text: str) -> None:
    """Write lines of data at once, so that the reader of a pipe sees them now.

    Controls are made visible here, whatever the caller did: anybody who can write the log could otherwise drive the
    terminal of the person who prints a report of it.
    """
    safe = "\n".join(map(escape_unprintable, text.split("\n")))
    write_bytes((safe + "\n").encode("utf-8", "backslashreplace"))


def write_bytes(data: bytes, fd: int = 1) -> None:
    """Data as it is. Raises BrokenPipeError when nobody reads any more, and `Untold` for a full disk."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputFailed(f"{'stdout' if fd == 1 else 'stderr'} cannot be written: {error.strerror}") from None


def is_open_on(path: str, fd: int) -> bool:
    """Whether ``fd`` is the file at ``path``: then the log would be written into itself."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except OSError:
        return False


class OutputFailed(JournalError):
    """What was done could not be said on stdout."""


class Echo:
    """Repeats on stdout (or ``fd``) what is written to the log, while anybody reads it: the log comes first."""

    def __init__(self, *, quiet: bool, fd: int = 1) -> None:
        self._quiet = quiet
        self._fd = fd
        self._untold: OutputFailed | None = None

    def __call__(self, data: bytes) -> None:
        """Repeats ``data``."""
        if not self._quiet:
            try:
                write_bytes(data, self._fd)
            except BrokenPipeError:
                self._quiet = True
            except OutputFailed as untold:
                self._quiet, self._untold = True, untold

    def close(self) -> None:
        """Raises the `Untold` that came up, if any: by now everything is in the log."""
        if self._untold is not None:
            raise OutputFailed(f"everything is written, but {self._untold}")


def print_err(text: str) -> None:
    """One line of talk, made safe, so that a path or a message cannot drive the terminal."""
    try:
        os.write(2, f"3am: {escape_unprintable(text)}\n".encode("utf-8", "backslashreplace"))
    except OSError:  # stderr is closed or full: there is nobody left to tell, and the exit code still says it
        pass


_missing: list[UnreadableNotices] = []  # what this command has to tell of the chains that it reads


def track_unreadable_files(chain: Chain) -> None:
    """Make ``chain`` one of those of which `talk_of_unread` tells."""
    _missing.append(UnreadableNotices(chain))


def reset_unreadable_files() -> None:
    """Make `talk_of_unread` tell of no chain any more."""
    _missing.clear()


def report_unreadable_files() -> bool:
    """Say once of each rotated file that it could not be read and is missing; return whether there is one."""
    for missing in _missing:
        for sentence in missing.pop_unreported():
            print_err(sentence)
    return any(_missing)


def print_report(parts: Iterable[ReportSection]) -> None:
    """Lines under their titles, with the stamps that they are about."""
    for part in parts:
        print_out(escape_unprintable(part.title.upper()))
        for line in part.lines:
            more = f"  ({line.detail})" if line.detail else ""
            print_out(escape_unprintable(f"  {line.text}{more}{f'  @{line.stamp}' if line.stamp is not None else ''}"))


def print_json(value: Mapping[str, Any]) -> None:
    """Write one object on one line. What could drive a terminal is escaped, and read back as it is."""
    import json  # for --json only: all commands import this module

    text = json.dumps(value, ensure_ascii=False)
    print_out(text if escape_unprintable(text) == text else json.dumps(value))


def stamp_json(stamp: Stamp) -> dict[str, str]:
    """``ts`` in RFC 3339 with nine digits, ``ts_ns`` as a string: it is more than a double can hold."""
    return {"ts": stamp.rfc3339(), "ts_ns": str(stamp.ns)}


def _place(line: Line) -> dict[str, Any]:
    return {"file": escape_unprintable(os.path.basename(line.segment.path)), "offset": line.offset}


def line_json(line: Line) -> dict[str, Any]:
    """A line of the log as machine output; a foreign one has no stamp and is told by ``foreign``."""
    entry = line.entry
    if entry is None:
        record = {"ts": None, "ts_ns": None, **_place(line), "foreign": True, "text": line.display_text}
        return record | ({"more": line.omitted_bytes} if line.omitted_bytes else {})
    by, hypothesis = entry.author, entry.hypothesis
    value: dict[str, Any] = {
        **stamp_json(entry.stamp),
        **_place(line),
        "coffee": entry.cups,
        "by": escape_unprintable(str(by)) if by else None,
        "kind": entry.kind,
        "text": escape_unprintable(entry.text),
    }
    if hypothesis:
        value |= {"hypothesis": hypothesis[0], "state": escape_unprintable(hypothesis[1])}
    if others := {key: escape_unprintable(value) for key, value in entry.tags if key != "BY"}:
        value["tags"] = others
    if line.omitted_bytes:
        value["more"] = line.omitted_bytes
    if not line.finished:
        value["unfinished"] = True
    return value
