"""The bytes that evidence quotes of other logs, as reports and machines read them."""

from __future__ import annotations

import base64
from typing import Any

from threeam.core.errors import FileUnusable
from threeam.core.format.cited_line import CitedLine
from threeam.core.format.entry import Stamp, decode_utf8, escape_unprintable
from threeam.core.format.report import Quotation
from threeam.core.store.cited_files import read_cited_attachment
from threeam.core.store.journal import Journal

_MAX_LINE_CHARS = 2000  # of one line in a report


class QuotationReader:
    """Reads the attachments of cited lines in ``journal``. A quotation is read once, since a screen asks often."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._quotations: dict[tuple[CitedLine, int], Quotation] = {}

    def quotation(self, cited: CitedLine, max_lines: int) -> Quotation:
        """Return the quotation of ``cited`` in at most ``max_lines`` lines."""
        if (cited, max_lines) not in self._quotations:
            self._quotations[cited, max_lines] = self._read_quotation(cited, max_lines)
        return self._quotations[cited, max_lines]

    def _read_quotation(self, cited: CitedLine, max_lines: int) -> Quotation:
        source = describe_source(cited)
        try:
            content = read_cited_attachment(self._journal, cited).content
        except FileUnusable as error:
            return Quotation(f"{source}: the quoted bytes cannot be shown: {error}")
        lines = content.removesuffix(b"\n").split(b"\n")
        omitted = len(lines) - max_lines
        more = f"; {omitted:,} more lines are in {cited.file}" if omitted > 0 else ""
        return Quotation(source + more, tuple(map(_shown_line, lines[:max_lines])))

    def to_json(self, cited: CitedLine) -> dict[str, Any]:
        """Return the cited line for machine output: where it is from, its text, and its bytes in base64 (``raw``)."""
        stamp = {"ts": None, "ts_ns": None} if cited.ns is None else Stamp(cited.ns).to_json()
        value: dict[str, Any] = {
            "source": escape_unprintable(cited.source),
            "path": escape_unprintable(cited.path),
            "line": cited.line_number,
            **stamp,
            "resolution_ns": cited.resolution_ns or None,
            "sha256": cited.sha256,
            "file": escape_unprintable(cited.file),
            "notes": [escape_unprintable(note) for note in cited.notes],
        }
        try:
            content = read_cited_attachment(self._journal, cited).content
        except FileUnusable as error:
            return value | {"text": None, "raw": None, "problem": escape_unprintable(str(error))}
        lines = content.removesuffix(b"\n").split(b"\n")
        text = "\n".join(escape_unprintable(decode_utf8(line.removesuffix(b"\r"))) for line in lines)
        return value | {"text": text, "raw": base64.b64encode(content).decode()}


def describe_source(cited: CitedLine) -> str:
    """Return where a cited line is from: file, line number, stamp, what was assumed or left out, and SHA-256."""
    name = "" if cited.path.rpartition("/")[2] == cited.source else f"{cited.source}, "
    stamp = f"stamped {cited.rfc3339}" if cited.ns is not None else "without a stamp"
    notes = f" ({'; '.join(cited.notes)})" if cited.notes else ""
    return f"{name}{cited.path}, line {cited.line_number}, {stamp}{notes}, SHA-256 {cited.sha256}"


def _shown_line(raw: bytes) -> str:
    text = escape_unprintable(decode_utf8(raw.removesuffix(b"\r")))
    return text if len(text) <= _MAX_LINE_CHARS else text[:_MAX_LINE_CHARS] + "…"
