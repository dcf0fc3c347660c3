"""The last lines of a pane of tmux, as evidence. What stands in a pane is never trusted: nor is its title."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.format.entry import Stamp, decode_utf8, escape_unprintable
from threeam.core.redact.redact import Redactor, redact
from threeam.core.state.fold import State
from threeam.core.store.attachment_kinds import CAPTURED_PANE
from threeam.core.store.attachments import write_attachment
from threeam.core.store.journal import Journal
from threeam.core.write.draft import Draft, DraftLine, WriteContext, hypothesis_tag

DEFAULT_LINES = 200
MAX_LINES = 50_000
_LOGGED_LINES = 5  # of the last lines, which are what a colleague can read: the file is for its owner
_MAX_LINE_CHARS = 400  # characters of one of these
_TMUX_TIMEOUT_S = 5
_PANE_ID = re.compile(r"%\d{1,9}", re.ASCII)
_LIST_FORMAT = "#{pane_id}\t#{session_name}:#{window_index}.#{pane_index}\t#{pane_current_command}\t#{pane_title}"


class Pane(NamedTuple):
    """A pane: its id (``%3``), where it is, the command that runs in it, its title."""

    id: str
    location: str
    command: str
    title: str


def list_panes(own_pane: str | None) -> list[Pane]:
    """The panes of this tmux but ``own_pane``. Raises `Unusable` where there is no tmux to be asked."""
    lines = decode_utf8(_run_tmux("list-panes", "-a", "-F", _LIST_FORMAT)).splitlines()
    found = [Pane(*map(escape_unprintable, (line.split("\t", 3) + [""] * 3)[:4])) for line in lines]
    return [pane for pane in found if pane.id != own_pane and _PANE_ID.fullmatch(pane.id)]


def select_pane(name: str | None, own_pane: str | None) -> Pane:
    """The pane of this name, or the only other one. Raises `BadInput` and `Unusable`."""
    found = list_panes(own_pane)
    if name is None:
        if len(found) == 1:
            return found[0]
        there = "; ".join(f"{pane.id} {pane.command} ({pane.location})" for pane in found) or "there is no other"
        raise BadInput(f"which pane? {there}")
    if not _PANE_ID.fullmatch(name):
        raise BadInput(f"{name!r} is no pane: write %3, as tmux list-panes -a names them")
    if name == own_pane:
        return Pane(name, "", "", "this one")
    for pane in found:
        if pane.id == name:
            return pane
    raise BadInput(f"there is no pane {name}: there are {', '.join(pane.id for pane in found) or 'no others'}")


def capture_pane(
    journal: Journal, pane: Pane, line_count: int, now: Stamp, hypothesis: str | None
) -> tuple[str, Draft]:
    """Keeps the last ``line_count`` lines of ``pane`` in a file beside the journal: its path, and the lines that say so.

    Blank lines at the end are none. Raises `Unusable`.
    """
    raw = _run_tmux("capture-pane", "-p", "-J", "-t", pane.id, "-S", f"-{line_count}")
    lines = Redactor()(raw.rstrip() + b"\n").decode("utf-8", "backslashreplace").split("\n")[:-1]
    shown = [escape_unprintable(line) for line in lines[-line_count:]]
    if not any(shown):
        raise FileUnusable(f"pane {pane.id} is empty: nothing was captured")
    content = "".join(f"{line}\n" for line in shown).encode()
    path = write_attachment(journal, CAPTURED_PANE, f"pane-{now.ns}-{pane.id[1:]}.out", content)
    return path, captured_draft(pane, shown, os.path.basename(path), hypothesis)


def captured_draft(pane: Pane, pane_lines: Sequence[str], file: str, hypothesis: str | None) -> Draft:
    """Says that a pane was captured, with the last of its lines."""
    about = " ".join(filter(None, (pane.id, pane.location, pane.command)))
    title = f" ({redact(pane.title)})" if pane.title else ""  # a shell may put the command line there
    count = "the last line" if len(pane_lines) == 1 else f"the last {len(pane_lines)} lines"
    last = [f"| {line[:_MAX_LINE_CHARS]}" for line in pane_lines[-_LOGGED_LINES:]]

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        tags = (*hypothesis_tag(state, hypothesis), ("CAPTURED", pane.id), ("FILE", file))
        return [DraftLine(f"Captured: {about}{title}, {count}:", tags), *map(DraftLine, last)]

    return Draft(lines, needs_full_state=hypothesis is not None)


def _run_tmux(*arguments: str) -> bytes:
    if not os.environ.get("TMUX"):
        raise FileUnusable(
            "this does not run in tmux ($TMUX is not set), so there is no pane to capture: call it in one"
        )
    try:
        ran = subprocess.run(["tmux", *arguments], capture_output=True, timeout=_TMUX_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise FileUnusable("tmux is not to be found: it must be in the PATH") from None
    except subprocess.TimeoutExpired:
        raise FileUnusable(f"tmux did not answer within {_TMUX_TIMEOUT_S} s") from None
    if ran.returncode != 0:
        raise FileUnusable(f"tmux: {escape_unprintable(decode_utf8(ran.stderr).strip())}")
    return ran.stdout
