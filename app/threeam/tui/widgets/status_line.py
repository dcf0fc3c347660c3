"""The line under the log: the selected entry's whole stamp and author, since columns may be cut."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content
from textual.widgets import Static

from threeam.core.format.times import format_duration
from threeam.tui.cells import drawable
from threeam.tui.line_counter import LineCounter
from threeam.tui.log_rows import Row


class StatusLine(Static):
    """Shows one row's facts."""

    DEFAULT_CSS: ClassVar[str] = "StatusLine { height: 1; }"

    def __init__(self, *, emoji: bool) -> None:
        super().__init__()
        self._separator = " · " if emoji else " | "

    def show(self, row: Row | None, number: int | None, lines: LineCounter) -> None:
        """Shows ``row``, and its ``number`` among the ``lines`` as far as they are counted; or nothing."""
        if row is None:
            self.update(Content(""), layout=False)
            return
        entry, count = row.entry, self._line_number_parts(number, lines)
        if entry is None:
            parts = [f" byte {row.line.offset}", *count, "not a line of the log, shown as it is"]
        else:
            stamp = str(entry.stamp)
            parts = [
                f" {stamp[:10]} {stamp[11:29]} {stamp[29:]}",
                *count,
                str(entry.author) if entry.author else "script",
            ]
            if hypothesis := entry.hypothesis:
                parts.append(f"H{hypothesis[0]} {hypothesis[1]}")
            if row.lock_held_ns is not None:
                parts.append(f"held {format_duration(row.lock_held_ns)}")
        self.update(Content(drawable(self._separator.join(parts))), layout=False)

    def _line_number_parts(self, line_number: int | None, counter: LineCounter) -> list[str]:
        if not counter.is_done:
            return [f"counting the lines: {counter.progress:.0%}"] if counter.progress else []
        return [] if line_number is None else [f"line {line_number:,}/{counter.total:,}"]
