"""The clocks of the logs that are open: corrected as the journal notes it, and aligned by two lines of one event."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from threeam.core.errors import PreconditionFailed
from threeam.core.format.cited_line import format_utc
from threeam.timeline.align import same_event_correction
from threeam.timeline.clock_lines import clock_corrections, clock_draft
from threeam.timeline.instant import ClockCorrection, Timestamp
from threeam.timeline.open_logs import OpenLog, OpenLogs
from threeam.timeline.shifts import format_correction
from threeam.tui.dispatch import Handler
from threeam.tui.log_rows import Row
from threeam.tui.outbox import WriteRequest
from threeam.tui.placement import Placement
from threeam.tui.services import ScreenServices
from threeam.tui.timeline_window import TimelineWindow
from threeam.tui.widgets.log_view import LogView


class ClockController:
    """Corrects the clocks of ``logs``; ``on_corrected`` loads the rows of ``view`` again, since their places change."""

    def __init__(
        self, screen: ScreenServices, view: LogView, logs: OpenLogs, on_corrected: Callable[[], object]
    ) -> None:
        self._screen = screen
        self._view = view
        self._logs = logs
        self._on_corrected = on_corrected
        self._aligned_row: Row | None = None  # the first of two lines of one event

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handlers of the actions, by id."""
        return {"align": self.align}

    def take_corrections(self) -> None:
        """Correct the clocks as the journal notes it; what the command line says is stronger."""
        if not self._logs.logs:
            return
        noted, changed = clock_corrections(self._screen.state), False
        for log in self._logs.logs:
            if log.source is None or self._logs.is_shifted_by_user(log.name):
                continue
            correction = noted.get(log.name, log.assumed_correction)
            if correction != log.source.correction:
                self._correct(log, correction)
                changed = True
        if changed:
            self._on_corrected()

    def _correct(self, log: OpenLog, correction: ClockCorrection) -> None:
        """Correct the clock of ``log``, from the next load of its rows on."""
        window = self._view.window
        if log.source is not None:
            log.source.correction = correction
        if isinstance(window, TimelineWindow):
            for rows in window.source_rows:
                if rows.number == log.number:
                    for source in rows.files:
                        source.correction = correction

    def align(self) -> None:
        """Set the clock of a source by two lines of one event: the first line is kept, the second one is corrected."""
        row = self._view.selected_row
        if row is None or row.placement is None or row.placement.timestamp is None:
            raise PreconditionFailed(
                "select a line that has a timestamp: two such lines, of one event, align two clocks"
            )
        first = self._aligned_row
        key = self._screen.key_of("align")
        if first is None or first.placement is None or first.placement.source == row.placement.source:
            self._aligned_row = row
            name = row.placement.source.name
            self._screen.notify_once(
                f"now select the same event in the other log, and press {key}: {name} stays as it is"
            )
            return
        self._aligned_row = None
        if row.is_of_journal:  # its clock is what the others are compared with
            first, row = row, first
        self._align(first.placement, row.placement)

    def _align(self, kept: Placement | None, moved: Placement | None) -> None:
        """Correct the clock of the source of ``moved``, so that both lines are of one moment; and note it."""
        log = next((log for log in self._logs.logs if moved is not None and log.number == moved.source.number), None)
        if log is None or kept is None or moved is None or kept.timestamp is None or moved.timestamp is None:
            return
        bound_ns = kept.correction.bound_ns
        at_kept = kept.timestamp._replace(ns=kept.timestamp.ns + kept.correction.shift_ns)
        correction = same_event_correction(at_kept, moved.timestamp, bound_ns or 0)
        if bound_ns is None:
            correction = correction._replace(bound_ns=None)
        reason = f"one event: {kept.source.name} {_utc(at_kept)} and {log.name} {_utc(moved.timestamp)}"
        self._logs.forget_shift(log.name)  # what is noted now is newer than the command line
        self._correct(log, correction)
        self._on_corrected()
        if self._screen.writing.is_writable:
            self._screen.writing.submit(WriteRequest(clock_draft(log.name, correction, reason), "clock"))
        self._screen.notify_once(f"{log.name} {format_correction(correction)}: {reason}")


def _utc(timestamp: Timestamp) -> str:
    return format_utc(timestamp.ns, timestamp.resolution_ns)
