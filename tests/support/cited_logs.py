"""A log of another program for the tests of citations, and a night whose evidence quotes it."""

from __future__ import annotations

from pathlib import Path

from support.lines import NIGHT
from threeam.core.store.journal import Journal
from threeam.core.write.writer import Writer
from threeam.hypotheses.drafts import hypothesis_draft, quoting_evidence_draft
from threeam.timeline.arguments import SourceName, SourceOptions, open_source
from threeam.timeline.citation import Citation, read_citation, save_citation
from threeam.timeline.source import Source

WEB1 = (
    b"2026-11-24 03:14:07.100200 INFO app[11] start req=9f3\n"
    b"2026-11-24 03:14:07.100900 INFO app[11] delete cart=42 password=hunter22\n"
    b"  at Sweeper.tick(sweeper.py:61)\n"
    b"  ``` not the end of a block </pre>\n"
    b"2026-11-24 03:14:07.140000 ERROR app[11] 0 rows updated\n"
)


def opened(path: Path) -> Source:
    """Return the log at ``path`` as a source, with the format of its timestamps as it is detected."""
    source, problem = open_source(SourceName(path.stem, str(path)), 0, SourceOptions({}, {}, {}, {}))
    assert problem == ""
    return source


def cited(path: Path, number: int) -> Citation:
    """Return the citation of a line by its number."""
    return read_citation(f"{path}:{number}")


def write_cited_night(journal: Journal, writer: Writer, web1: Path) -> Path:
    """Write a log of two hypotheses; evidence for the first quotes line 2 of `WEB1`. Return the attachment."""
    web1.write_bytes(WEB1)
    writer.write(hypothesis_draft("the sweeper races the writer", 4))
    citation = cited(web1, 2)._replace(notes=("zone assumed UTC", "secrets replaced by ***"))
    saved = save_citation(journal, citation, NIGHT.ns)
    writer.write(quoting_evidence_draft("support", "H1", saved.line, citation.evidence_text("")))
    return Path(saved.path)
