"""The answers with which a report is closed: the next step of the journal."""

from __future__ import annotations

from dataclasses import dataclass

from threeam.core.format.entry import Stamp


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


ReportAnswer = GoTo | AskAbout | RunAction | RestoreData | OpenRun | CapturePane | LightsOut
