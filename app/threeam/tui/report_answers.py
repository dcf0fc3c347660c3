"""The answers with which a report is closed: the next step of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from threeam.core.format.entry import Stamp
from threeam.core.store.journal import Position

if TYPE_CHECKING:
    from threeam.races.finding import FindingGroup


@dataclass(frozen=True)
class GoTo:
    """Select the line of ``stamp``."""

    stamp: Stamp


@dataclass(frozen=True)
class AskAbout:
    """Open the box for ``verb`` about the picked hypothesis."""

    verb: str


@dataclass(frozen=True)
class RunAction:
    """Run an action of the table."""

    action_id: str


@dataclass(frozen=True)
class OpenRun:
    """Show an experiment, or a run, by its name (``R12``)."""

    name: str


@dataclass(frozen=True)
class CapturePane:
    """Capture the tmux pane with this id (``%3``)."""

    pane_id: str


@dataclass(frozen=True)
class LightsOut:
    """Write the end of the night, and quit."""


@dataclass(frozen=True)
class RestoreData:
    """Begin a command that restores the data to before the selected line."""


@dataclass(frozen=True)
class GoToLine:
    """Select a line of another log."""

    position: Position


@dataclass(frozen=True)
class GoToT0:
    """Select a line of another log, and make it T0."""

    position: Position


@dataclass(frozen=True)
class SearchKey:
    """Search for races on the keys that a pattern finds."""

    pattern: str


@dataclass(frozen=True)
class AskForKey:
    """Begin a command that searches for a key that the user types."""


@dataclass(frozen=True)
class SearchAgain:
    """Search the logs as they are now, for the ``same_key``, or for one that the user chooses."""

    same_key: bool


@dataclass(frozen=True)
class AboutFinding:
    """Make a finding evidence (``support``, ``contradict``), measure its pair (``near``), or begin a ``run``."""

    verb: str
    group: FindingGroup


_RaceAnswer = SearchKey | AskForKey | SearchAgain | AboutFinding
ReportAnswer = (
    GoTo | GoToLine | GoToT0 | AskAbout | RunAction | RestoreData | OpenRun | CapturePane | LightsOut | _RaceAnswer
)
