"""The logs of other programs that a screen shows beside the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from threeam.core.errors import BadInput, FileUnusable
from threeam.core.store.reader import last_line_end
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.source import Source

if TYPE_CHECKING:
    from threeam.timeline.arguments import SourceName, SourceOptions
    from threeam.timeline.files import OpenedFile


class OpenLog:
    """One log that was asked for.

    ``number``: as the screen shows it, from 1. ``source``: its lines; None if it cannot be read. ``problem``: what
    cannot be read of it, or "". ``is_live``: it is a file that may grow.
    """

    def __init__(self, number: int, name: SourceName, source: Source | None, problem: str) -> None:
        self.number = number
        self.name = name.name
        self.path = name.path
        self.source = source
        self.problem = problem
        self.is_live = source is not None and bool(source.file.followed_path)

    @property
    def assumed_correction(self) -> ClockCorrection:
        """The correction of a clock that was not measured: the logs of this host have one clock."""
        return ClockCorrection() if self.source is None else self.source.file.default_correction


class OpenLogs:
    """All logs that are open. ``options``: those of the command line about single sources."""

    def __init__(self, options: SourceOptions | None = None) -> None:
        self.options = options
        self.logs: list[OpenLog] = []

    @property
    def sources(self) -> list[Source]:
        """The logs that can be read."""
        return [log.source for log in self.logs if log.source is not None]

    def open(
        self,
        words: Sequence[str],
        noted: Mapping[str, ClockCorrection],
        open_mirror: Callable[[str], OpenedFile | None] = lambda name: None,
    ) -> list[OpenLog]:
        """Open the files that ``words`` name, and return them. ``noted``: the shifts that the journal notes.

        ``open_mirror``: see `SourceOptions`. Raises `BadInput` if a name is taken, or if an option about a file cannot
        be used.
        """
        from threeam.timeline.arguments import SourceOptions, source_names  # a screen on the journal needs none of it
        from threeam.timeline.files import allow_open_files

        names, options = source_names(words), self.options or SourceOptions({}, {}, {}, {})
        if self.options is not None and not self.logs:
            self.options.check_names([name.name for name in names])
        taken = {log.name for log in self.logs}
        if repeated := next((name for name in names if name.name in taken), None):
            raise BadInput(f"there is a source {repeated.name} already: write NAME={repeated.path}")
        allow_open_files(len(self.logs) + len(names))
        options = options.with_noted_shifts(noted)._replace(open_mirror=open_mirror)
        opened = [_open(name, self._next_number + index, options) for index, name in enumerate(names)]
        self.logs += opened
        return opened

    def is_shifted_by_user(self, name: str) -> bool:
        """Return whether the command line says how the clock of a source is shifted."""
        return self.options is not None and name in self.options.shifts

    def forget_shift(self, name: str) -> None:
        """Forget what the command line says of the clock of a source."""
        if self.options is not None:
            self.options.shifts.pop(name, None)

    def close(self, name: str) -> OpenLog:
        """Forget the log of this name or number, and return it. Raises `BadInput` if no log has it."""
        log = next((log for log in self.logs if name in (log.name, str(log.number))), None)
        if log is None:
            names = ", ".join(log.name for log in self.logs)
            raise BadInput(f"there is no source {name}" + (f": there are {names}" if names else ""))
        self.logs.remove(log)
        return log

    @property
    def _next_number(self) -> int:
        return max((log.number for log in self.logs), default=0) + 1


def _open(name: SourceName, number: int, options: SourceOptions) -> OpenLog:
    from threeam.timeline.arguments import open_source
    from threeam.timeline.missing_date import UnclearStamps
    from threeam.timeline.zones import AmbiguousZone

    try:
        source, problem = open_source(name, number - 1, options, live=True)
    except (FileUnusable, UnclearStamps, AmbiguousZone) as unusable:
        return OpenLog(number, name, None, str(unusable))
    log = OpenLog(number, name, source, problem)
    if log.is_live:
        source.end = last_line_end(source.segment, source.end)  # the rest is read when it has a newline
    return log
