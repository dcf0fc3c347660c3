"""Capture the last lines of a tmux pane as evidence. The content and the title of a pane are untrusted."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.format.entry import Stamp, decode_utf8, escape_unprintable
from threeam.core.format.remote_hypothesis import Bound
from threeam.core.redact.redact import Redactor, redact
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import CAPTURED_PANE
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tags

_LOGGED_LINES = 5  # of the last lines: other people can read the log, but not the file
_MAX_LINE_CHARS = 400  # of a logged line
_TMUX_TIMEOUT_S = 5
_PANE_ID = re.compile(r"%\d{1,9}", re.ASCII)
_LIST_FORMAT = "#{pane_id}\t#{session_name}:#{window_index}.#{pane_index}\t#{pane_current_command}\t#{pane_title}"


class Pane(NamedTuple):
    """A pane: its id (``%3``), its location (``session:window.pane``), its current command, and its title."""

    id: str
    location: str
    command: str
    title: str


def list_panes(own_pane: str | None) -> list[Pane]:
    """Return the panes of this tmux except ``own_pane``. Raise `FileUnusable` if there is no tmux."""
    lines = decode_utf8(_run_tmux("list-panes", "-a", "-F", _LIST_FORMAT)).splitlines()
    panes = [Pane(*map(escape_unprintable, (line.split("\t", 3) + [""] * 3)[:4])) for line in lines]
    return [pane for pane in panes if pane.id != own_pane and _PANE_ID.fullmatch(pane.id)]


def list_other_panes(own_pane: str | None) -> list[Pane]:
    """Return what `list_panes` returns. Raise `BadInput` if there is none."""
    panes = list_panes(own_pane)
    if not panes:
        raise BadInput("there is no other pane: split the window first")
    return panes


def select_pane(name: str | None, own_pane: str | None) -> Pane:
    """Return the pane with the id ``name``, or the only other one. Raise `BadInput` and `FileUnusable`."""
    if name is None:
        panes = list_other_panes(own_pane)
        if len(panes) == 1:
            return panes[0]
        choice = "; ".join(f"{pane.id} {pane.command} ({pane.location})" for pane in panes)
        raise BadInput(f"which pane? {choice}")
    panes = list_panes(own_pane)
    if not _PANE_ID.fullmatch(name):
        raise BadInput(f"{name!r} is not a pane: write %3, as tmux list-panes -a names them")
    if name == own_pane:
        return Pane(name, "", "", "this one")
    for pane in panes:
        if pane.id == name:
            return pane
    raise BadInput(f"there is no pane {name}: there are {', '.join(pane.id for pane in panes) or 'no others'}")


def capture_pane(
    journal: Journal, pane: Pane, line_count: int, now: Stamp, hypothesis: Bound | None
) -> tuple[str, Draft]:
    """Save the last ``line_count`` lines of ``pane`` as an attachment; return its path and the draft of the log lines.

    Blank lines at the end are dropped. Raise `FileUnusable`.
    """
    raw = _run_tmux("capture-pane", "-p", "-J", "-t", pane.id, "-S", f"-{line_count}")
    redacted = Redactor()(raw.rstrip() + b"\n").decode("utf-8", "backslashreplace").split("\n")[:-1]
    pane_lines = [escape_unprintable(line) for line in redacted[-line_count:]]
    if not any(pane_lines):
        raise FileUnusable(f"pane {pane.id} is empty: nothing was captured")
    content = "".join(f"{line}\n" for line in pane_lines).encode()
    path = write_attachment(journal, CAPTURED_PANE, f"pane-{now.ns}-{pane.id[1:]}.out", content)
    return path, captured_draft(pane, pane_lines, os.path.basename(path), hypothesis)


def captured_draft(pane: Pane, pane_lines: Sequence[str], file: str, hypothesis: Bound | None) -> Draft:
    """Return the draft of the lines about a captured pane, with the last of its lines."""
    description = " ".join(filter(None, (pane.id, pane.location, pane.command)))
    title = f" ({redact(pane.title)})" if pane.title else ""  # a shell may set the command line as title
    count = "the last line" if len(pane_lines) == 1 else f"the last {len(pane_lines)} lines"
    quoted = [f"| {line[:_MAX_LINE_CHARS]}" for line in pane_lines[-_LOGGED_LINES:]]

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tags = (*hypothesis_tags(state, hypothesis), ("CAPTURED", pane.id), ("FILE", file))
        return [DraftLine(f"Captured: {description}{title}, {count}:", tags), *map(DraftLine, quoted)]

    return Draft(lines, needs_full_state=isinstance(hypothesis, int))


def _run_tmux(*arguments: str) -> bytes:
    if not os.environ.get("TMUX"):
        raise FileUnusable(
            "this does not run in tmux ($TMUX is not set), so there is no pane to capture: run it in tmux"
        )
    try:
        result = subprocess.run(["tmux", *arguments], capture_output=True, timeout=_TMUX_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise FileUnusable("tmux was not found: it must be in the PATH") from None
    except subprocess.TimeoutExpired:
        raise FileUnusable(f"tmux did not answer within {_TMUX_TIMEOUT_S}s") from None
    if result.returncode != 0:
        raise FileUnusable(f"tmux: {escape_unprintable(decode_utf8(result.stderr).strip())}")
    return result.stdout
