"""The ``Clock:`` lines of the journal: everyone who reads it corrects the clocks of other logs in the same way."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import Author, Entry, Stamp, by_tag, escape_tag_value
from threeam.core.state.fold import Projection, State, latest_by_key
from threeam.core.write.draft import Draft, DraftLine
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.shifts import format_correction

_NO_BOUND = "unknown"  # in place of the bound
_MAX_REMEMBERED = 100  # a script in a loop may name thousands of sources, and each rotation repeats these lines
_CLOCK_VALUE = re.compile(rf"(\S(?:.*\S)?) (-?\d{{1,20}}) (\d{{1,20}}|{_NO_BOUND})", re.ASCII)


class ClockNote(NamedTuple):
    """The correction of the clock of a source: the text of its line, when and by whom."""

    source: str
    correction: ClockCorrection
    text: str
    stamp: Stamp
    author: Author | None


def clock_notes(state: State) -> Mapping[str, ClockNote]:
    """Return the last correction of each source, by its name, in the order in which they were written."""
    return PROJECTION.of(state)


def clock_corrections(state: State) -> dict[str, ClockCorrection]:
    """Return the correction of the clock of each source that the journal names."""
    return {source: note.correction for source, note in clock_notes(state).items()}


def clock_draft(source: str, correction: ClockCorrection, reason: str) -> Draft:
    """Return the draft of a ``Clock:`` line. ``reason``: how the correction is known. Raises `BadInput`."""
    if not source or escape_tag_value(source) != source or source != source.strip():
        raise BadInput(f"a Clock: line cannot hold the name {source!r}: write NAME=PATH with a plain name")
    text = f"Clock: {source} {format_correction(correction)} ({reason})"
    return Draft.fixed([DraftLine(text, (_tag(source, correction),))])


def _tag(source: str, correction: ClockCorrection) -> tuple[str, str]:
    bound = _NO_BOUND if correction.bound_ns is None else str(correction.bound_ns)
    return "CLOCK", f"{source} {correction.shift_ns} {bound}"


def _parse_entry(entry: Entry) -> tuple[str, ClockNote] | None:
    match = _CLOCK_VALUE.fullmatch(entry.tag("CLOCK") or "")
    if match is None or entry.kind != "Clock":
        return None
    correction = ClockCorrection(int(match[2]), None if match[3] == _NO_BOUND else int(match[3]))
    return match[1], ClockNote(match[1], correction, entry.body, entry.effective_stamp, entry.author)


def _fold(notes: Mapping[str, ClockNote], entries: Sequence[Entry]) -> Mapping[str, ClockNote]:
    updated = latest_by_key(notes, entries, _parse_entry)
    if len(updated) <= _MAX_REMEMBERED:
        return updated
    return {source: updated[source] for source in list(updated)[-_MAX_REMEMBERED:]}


def _checkpoint(notes: Mapping[str, ClockNote]) -> Iterator[Entry]:
    for source, note in notes.items():
        yield Entry(note.stamp, 0, (*by_tag(note.author), _tag(source, note.correction)), f"Clock: {note.text}")


PROJECTION: Projection[Mapping[str, ClockNote]] = Projection("clocks", ("CLOCK",), {}, _fold, _checkpoint)
