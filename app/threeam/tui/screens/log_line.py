"""The panel of a line of another log: where it is, what it states, and how its time was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.core.format.times import format_duration, format_exact_duration
from threeam.core.store.reader import Line, read_chunks
from threeam.timeline.shifts import format_correction
from threeam.timeline.source import Source
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind
from threeam.tui.log_rows import Row
from threeam.tui.screens.dialog import Dialog
from threeam.tui.widgets.row_text import truncate_line
from threeam.tui.widgets.row_time import stated_time

_DIM = "$foreground-muted"
_SHOWN_RAW_BYTES = 400
_LINES_AROUND = 3


class LogLineScreen(Dialog[str]):
    """Show the line of ``row``, which is of ``source``. ``around``: some lines of its file, itself included.

    ``count`` runs a function on a thread, and calls another one with its result. The screen is dismissed with
    ``entry`` to copy the line, or with None.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        bind("copy-entry", "dismiss('entry')", "copy the line", show=True),
        bind("open-entry", "dismiss_dialog", "close"),
    ]
    FRAME_ID = "entry"

    def __init__(
        self,
        row: Row,
        source: Source,
        around: Sequence[Line],
        count: Callable[[Callable[[], int], Callable[[int], object]], object],
    ) -> None:
        self._row = row
        self._source = source
        self._around = around
        self._count = count
        self._text = Static()
        super().__init__(f"line of {source.name}", VerticalScroll(self._text, can_focus=False))

    def on_mount(self) -> None:
        self._show_facts("…")
        self._count(self._count_lines, lambda number: self._show_facts(f"{number:,}"))

    def _count_lines(self) -> int:
        """Return the number of the line. All bytes before it are read."""
        before = read_chunks(self._row.line.segment, 0, self._row.line.offset)
        return 1 + sum(data.count(b"\n") for data in before)

    def _show_facts(self, line_number: str) -> None:
        line, omission = truncate_line(self._row.line)
        pieces = [Content.assemble((drawable(line.display_text), "bold"), (omission, _DIM)), Content("")]
        for label, text in (*self._place_facts(line_number), *self._time_facts()):
            pieces.append(Content.assemble((f"{label:>10}  ", _DIM), drawable(text)))
        at = self._around.index(self._row.line)
        for title, lines in (
            ("before it in the file", self._around[max(0, at - _LINES_AROUND) : at]),
            ("after it in the file", self._around[at + 1 : at + 1 + _LINES_AROUND]),
        ):
            if lines:
                pieces += [Content(""), Content.assemble((title, "$hypothesis"))]
                pieces += [
                    Content.assemble((f"  {drawable(truncate_line(near)[0].display_text)}", _DIM)) for near in lines
                ]
        self._text.update(Content("\n").join(pieces))

    def _place_facts(self, line_number: str) -> list[tuple[str, str]]:
        line = self._row.line
        raw = line.raw + (line.line_end if line.finished else b"")
        shown = repr(raw[:_SHOWN_RAW_BYTES])[2:-1] + ("…" if len(raw) > _SHOWN_RAW_BYTES or line.omitted_bytes else "")
        return [
            ("file", line.segment.path),
            ("line", line_number),
            ("byte", f"{line.offset:,}"),
            ("raw bytes", f"{shown} ({line.end - line.offset:,})"),
        ]

    def _time_facts(self) -> list[tuple[str, str]]:
        """Return how the time of the line was read, and what was made of it."""
        placement, detection = self._row.placement, self._source.detection
        if placement is None or placement.timestamp is None or detection is None:
            return [("time", "no timestamp found: the line stands where it was written")]
        timestamp, (begin, end) = placement.timestamp, placement.stamp_span
        facts = [("states", stated_time(timestamp))]
        if placement.continues:
            facts.append(("read from", "the line of the entry that it continues, above"))
        elif end:
            stamp = repr(self._row.line.raw[begin:end])[2:-1]
            facts.append(("read from", f"{stamp}, bytes {begin} to {end} of the line"))
        facts += [
            ("format", f"{detection.format.name}: {detection.format.title}"),
            ("resolution", format_exact_duration(timestamp.resolution_ns)),
            *(("assumed", assumption) for assumption in detection.assumptions),
        ]
        if placement.correction.shift_ns or placement.correction.bound_ns != 0:
            facts.append(("clock", f"{format_correction(placement.correction)} is added to place it"))
        if placement.lateness_ns:
            late = format_duration(placement.lateness_ns)
            facts.append(("late", f"written {late} after a line with a later stamp"))
        return facts
