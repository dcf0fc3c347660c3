"""Logs of other programs for the tests of citations, and a reader of their timestamps."""

from __future__ import annotations

import re
from pathlib import Path

from support.lines import NIGHT, parse_stamp
from threeam.core.platform.folders import open_file
from threeam.core.store.journal import Journal
from threeam.core.store.segment import Segment
from threeam.core.write.writer import Writer
from threeam.hypotheses.drafts import hypothesis_draft, quoting_evidence_draft
from threeam.timeline.citation import LogFile, cite_line_number, save_citation
from threeam.timeline.instant import Timestamp

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)\.(\d{6}) ", re.ASCII)

WEB1 = (
    b"2026-11-24 03:14:07.100200 INFO app[11] start req=9f3\n"
    b"2026-11-24 03:14:07.100900 INFO app[11] delete cart=42 password=hunter22\n"
    b"  at Sweeper.tick(sweeper.py:61)\n"
    b"  ``` not the end of a block </pre>\n"
    b"2026-11-24 03:14:07.140000 ERROR app[11] 0 rows updated\n"
)


class MicrosecondReader:
    """Reads stamps such as ``2026-11-24 03:14:07.100900`` at the beginning of a line, in UTC."""

    def read(self, raw: bytes) -> Timestamp | None:
        match = _STAMP.match(raw)
        if match is None:
            return None
        day, time, fraction = (group.decode() for group in match.groups())
        return Timestamp(parse_stamp(f"{day}T{time}.{fraction}000+0000").ns, 1000)


def log_file(path: Path, *, has_stamps: bool = True, assumptions: tuple[str, ...] = ()) -> LogFile:
    """Return the log at ``path`` as a source to cite from."""
    segment = Segment(open_file(str(path), 0), str(path))
    return LogFile(path.name, segment, MicrosecondReader() if has_stamps else None, assumptions)


def write_cited_night(journal: Journal, writer: Writer, web1: Path) -> Path:
    """Write a log of two hypotheses; evidence for the first quotes line 2 of `WEB1`. Return the attachment."""
    web1.write_bytes(WEB1)
    writer.write(hypothesis_draft("the sweeper races the writer", 4))
    citation = cite_line_number(log_file(web1, assumptions=("zone assumed UTC",)), 2)
    saved = save_citation(journal, citation, NIGHT.ns)
    writer.write(quoting_evidence_draft("support", "H1", saved.line, citation.evidence_text("")))
    return Path(saved.path)
