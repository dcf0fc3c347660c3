"""What the log and the files say of the one run of a test."""

from __future__ import annotations

from pathlib import Path

from support.journals import entries
from support.processes import Output
from threeam.core.format.entry import Entry


def run_entry(log: Path) -> Entry:
    """The only line of the log."""
    (entry,) = entries(log)
    assert entry.kind == "Run"
    return entry


def outcome(log: Path) -> str:
    """What its line says came of the one run, with its exit: ``failed exit=7``."""
    arm, came, code, *_ = (run_entry(log).tag("RUN") or "").split()
    assert arm == "bare"
    return f"{came} {code}"


def output_file(log: Path) -> Path:
    """The file that the line of the one run names; there is no other."""
    (attachment,) = Path(f"{log}.d").iterdir()
    assert run_entry(log).tag("FILE") == attachment.name
    return attachment


def next_line(output: Output) -> bytes:
    """The next line that a process prints."""
    seen = len(output.lines)
    return output.until(lambda lines: len(lines) > seen, "it prints a line")[seen]
