"""The lines of runs on the screen: which lines are hidden, the attachment of a line, and its text in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from threeam.core.format.entry import Entry, escape_unprintable, parse_entry
from threeam.experiments.runs.run_tags import run_label

_TAGS_PATTERN = rb"(?: \[[A-Z0-9]+: [^\]\n]*\])*"
# Anchored at the beginning of a line: a note may quote a run line.
_EXPERIMENT_RUN_LINE = re.compile(
    rb"^\[[^\]\n]+\]" + _TAGS_PATTERN + rb" \[R\d{1,9}: \d{1,9}/(?!1\])\d{1,9}\]" + _TAGS_PATTERN + rb" Run: ",
    re.MULTILINE,
)


class IsExperimentRun(NamedTuple):
    """A condition of a `LineFilter`: the line is about one run of an experiment."""

    name: str = "one of many runs"

    def matches(self, raw: bytes) -> bool:
        return b"] Run: " in raw and _EXPERIMENT_RUN_LINE.search(raw) is not None

    def matching_line_offsets(self, data: bytes) -> Iterator[int]:
        return (match.start() for match in _EXPERIMENT_RUN_LINE.finditer(data))


def attachment_of(entry: Entry) -> str | None:
    """Return the attachment of a line: a file name, or the name of an experiment; None if it has no attachment."""
    file = entry.tag("FILE") or ""
    if file.endswith(".out"):
        return file
    return run_label(entry) if entry.kind in ("Plan", "Verdict") else None


def run_line_in_words(raw: bytes) -> bytes:
    """Return a line of the log about a run in words, without its tags; any other line as it is."""
    entry = parse_entry(raw.rstrip(b"\n"))
    label = run_label(entry) if entry is not None else None
    if entry is None or label is None:
        return raw
    bound = "" if entry.hypothesis_name is None else f" {entry.hypothesis_name}"
    text = entry.body if entry.kind == "Run" else f"{entry.kind.lower()}: {entry.body}"
    report = f" (3am run --report {label})" if entry.kind == "Verdict" else ""
    line = escape_unprintable(f"{label}{bound} {text}{report}")
    return f"{line}\n".encode("utf-8", "backslashreplace")
