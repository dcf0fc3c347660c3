"""The attachments with the bytes of cited lines of other logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import CitedLine, parse_cited_line
from threeam.core.format.entry import Entry
from threeam.core.store.attachment_kinds import CITED_LINES
from threeam.core.store.attachments import Attachment, read_attachment
from threeam.core.store.doctor import Finding, make_finding
from threeam.core.store.journal import Journal, Segment
from threeam.core.store.reader import Line, matching_lines_backward, read_chunks

_CITING_OR_FORKED = re.compile(rb"\] \[(?:CITED|FORK): ")


class ChangedAttachment(FileUnusable):
    """An attachment whose bytes are not those that were cited."""


def read_cited_attachment(journal: Journal, cited: CitedLine) -> Attachment:
    """Return the attachment with the bytes that evidence cites.

    Raises `FileUnusable`, and `ChangedAttachment` if it has other bytes now.
    """
    import hashlib  # only where evidence cites another log

    attachment = read_attachment(journal, cited.file, CITED_LINES)
    if hashlib.sha256(attachment.content).hexdigest() != cited.sha256:
        raise ChangedAttachment(f"{attachment.path} has other bytes than those that were cited: its SHA-256 is wrong")
    return attachment


def check_cited_files(journal: Journal, segments_backward: Iterable[Segment], user: str) -> Iterator[Finding]:
    """Yield a finding for each citation whose attachment has other bytes, or is missing though ``user`` wrote it.

    The attachments of other users cannot be read, and a fork of a journal has none of the lines that were copied.
    """
    is_copied = False
    for segment in segments_backward:
        for line in matching_lines_backward(segment, segment.size(), _CITING_OR_FORKED):
            entry = line.entry
            if entry is None or line.is_repeated:
                continue
            is_copied = is_copied or entry.kind == "Forked"
            is_own = entry.author is not None and entry.author.user == user
            if (problem := _problem(journal, entry, must_exist=is_own and not is_copied)) is not None:
                yield make_finding(line, _line_number(line), "cited", problem)


def _problem(journal: Journal, entry: Entry, *, must_exist: bool) -> str | None:
    cited = parse_cited_line(entry)
    if cited is None:
        return None
    try:
        read_cited_attachment(journal, cited)
    except ChangedAttachment as error:
        return str(error)
    except FileUnusable as error:
        return f"the lines that it cites are lost: {error}" if must_exist else None
    return None


def _line_number(line: Line) -> int:
    return 1 + sum(data.count(b"\n") for data in read_chunks(line.segment, 0, line.offset))
