"""Recognizing a journal: nothing is appended to a file that is obviously another program's."""

from __future__ import annotations

import os
import re

from threeam.core.store.segment import Segment

UTF16_HINT = "UTF-16, as some Windows tools write it, but a journal is UTF-8: iconv -f UTF-16 -t UTF-8 converts it"
_HEAD_BYTES = 1024  # bytes; enough for the beginning of the first line
_EDGE_BYTES = 128 * 1024  # bytes at each end of the file that are searched; more than the longest line that 3am writes
# The beginning of a line, by the Bash script or 3am. The stamp may be of a date(1) without nanoseconds. A byte order
# mark may come before it, or the NULs that are left if a file is truncated under a program that does not append.
_JOURNAL_LINE = re.compile(rb"(?:^|(?<=\0))(?:\xef\xbb\xbf)?\[[^\]\n]{1,64}\] \[COFFEE: \d", re.MULTILINE)
_LINE_TEMPLATE = "[0000-00-00T00:00:00.000000000+0000] [COFFEE: "  # the beginning of a torn first line has this shape
_CONTROL_CHAR = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ROTATED_PATH = re.compile(r"(.+)\.\d{8}T\d{6}\.\d{9}Z\.log", re.DOTALL)


def is_journal(log: Segment, *, accept_plain_text: bool) -> bool:
    """Return whether ``log`` is empty, or has lines of a journal at its beginning or end. Raises OSError.

    ``accept_plain_text``: accept any text, since only journals lie at this path; a user may have written lines by hand.
    """
    if _JOURNAL_LINE.search(head := log.read(0, _HEAD_BYTES)) or not head:
        return True
    head = log.read(0, _EDGE_BYTES)
    if _JOURNAL_LINE.search(head) or _JOURNAL_LINE.search(log.read(max(0, log.size() - _EDGE_BYTES), _EDGE_BYTES)):
        return True
    return (b"\n" not in head and _is_torn_first_line(head)) or (accept_plain_text and not _CONTROL_CHAR.search(head))


def is_utf16(data: bytes) -> bool:
    """Return whether ``data`` is UTF-16: it has a byte order mark, or almost all of its NULs are every other byte."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    pairs = len(data) // 2
    few, many = sorted((data[0::2].count(0), data[1::2].count(0)))
    return pairs >= 4 and many >= pairs * 3 // 4 and few <= pairs // 8


def live_log_path(path: str) -> str | None:
    """Return the path of the live log if ``path`` is that of one of its rotated files, else None."""
    match = _ROTATED_PATH.fullmatch(path)
    candidates = (match[1] + ".log", match[1]) if match is not None else ()
    return next(filter(os.path.isfile, candidates), None)


def _is_torn_first_line(torn: bytes) -> bool:
    """Return whether ``torn`` is the beginning of the first line of a journal."""
    return all(
        chr(byte).isdigit() if shape == "0" else chr(byte) in "+-" if shape == "+" else chr(byte) == shape
        for byte, shape in zip(torn, _LINE_TEMPLATE, strict=False)
    )
