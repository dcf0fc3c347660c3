"""The line under the log: the full stamp and author of the selected entry, which the columns may cut."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from threeam.core.format.times import format_duration
from threeam.timeline.shifts import format_correction
from threeam.tui.cells import drawable
from threeam.tui.line_counter import LineCounter
from threeam.tui.log_rows import Row
from threeam.tui.widgets.row_time import stated_time


class StatusLine(Static):
    """The facts of one row."""

    DEFAULT_CSS: ClassVar[str] = "StatusLine { height: 1; }"

    def __init__(self, *, emoji: bool) -> None:
        super().__init__()
        self._separator = " · " if emoji else " | "
        self._variants: list[str] = [""]  # the facts, and then in ever fewer words

    def show(self, row: Row | None, line_number: int | None, counter: LineCounter) -> None:
        """Show ``row`` (None: nothing) and its ``line_number`` among the lines that ``counter`` counts."""
        number = _line_number_facts(line_number, counter)
        variants = [[]] if row is None else _row_facts(row, number)
        self._variants = [drawable(self._separator.join(parts)) for parts in variants]
        self._show_fitting()

    def on_resize(self) -> None:
        self._show_fitting()

    def _show_fitting(self) -> None:
        fitting = (text for text in self._variants if cell_len(text) <= self.size.width)
        self.update(Content(next(fitting, self._variants[-1])), layout=False)


def _row_facts(row: Row, line_number_facts: list[str]) -> list[list[str]]:
    """Return the facts of ``row``, then in fewer words: without the day, without the zone, without the line number."""
    entry = row.entry
    if not row.is_of_journal:
        return _other_log_facts(row)
    if entry is None:
        return [[f" byte {row.line.offset}", *line_number_facts, "not a line of the log, shown as it is"]]
    stamp = str(entry.stamp)
    facts = [str(entry.author) if entry.author else "script"]
    if name := entry.hypothesis_name:
        facts.append(f"{name} {entry.state_after or ''}".rstrip())
    times = (f" {stamp[:10]} {stamp[11:29]} {stamp[29:]}", f" {stamp[11:29]} {stamp[29:]}", f" {stamp[11:29]}")
    return [*([time, *line_number_facts, *facts] for time in times), [times[-1], *facts]]


def _other_log_facts(row: Row) -> list[list[str]]:
    """Return the facts of a line of another log: what it states, its source, and its place in the file."""
    placement = row.placement
    assert placement is not None
    place = f"{placement.source.name}, byte {row.line.offset:,}"
    if placement.timestamp is None:
        return [[f" {place}", "no timestamp: in the order of the file"]]
    stated = stated_time(placement.timestamp)
    facts = [place]
    if placement.continues:
        facts.append("continues the line above")
    if placement.correction.shift_ns:
        facts.append(f"shifted by {format_correction(placement.correction)}")
    if placement.lateness_ns:
        facts.append(f"written {format_duration(placement.lateness_ns)} late")
    return [[f" {time}", *facts] for time in (stated, stated[11:])]


def _line_number_facts(line_number: int | None, counter: LineCounter) -> list[str]:
    if not counter.is_done:
        return [f"counting the lines: {counter.progress:.0%}"] if counter.progress else []
    return [] if line_number is None else [f"line {line_number:,}/{counter.total:,}"]
