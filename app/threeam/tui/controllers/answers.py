"""The actions that a report is closed with."""

from __future__ import annotations

from threeam.core.store.journal import Position
from threeam.tui.controllers.experiments import ExperimentController
from threeam.tui.controllers.night import NightController
from threeam.tui.controllers.restore import RestoreController
from threeam.tui.report_answers import (
    AskAbout,
    CapturePane,
    GoTo,
    GoToLine,
    GoToT0,
    LightsOut,
    OpenRun,
    ReportAnswer,
    RestoreData,
    RunAction,
)
from threeam.tui.services import ScreenServices
from threeam.tui.widgets.log_pane import LogPane
from threeam.tui.widgets.sidebar import Sidebar


class AnswerController:
    """Does what a report was closed with."""

    def __init__(
        self,
        screen: ScreenServices,
        sidebar: Sidebar,
        pane: LogPane,
        restore: RestoreController,
        experiments: ExperimentController,
        night: NightController,
    ) -> None:
        self._screen = screen
        self._sidebar = sidebar
        self._pane = pane
        self._restore = restore
        self._experiments = experiments
        self._night = night

    def take(self, answer: ReportAnswer) -> None:
        """Do ``answer``."""
        match answer:
            case GoTo(stamp):
                self._sidebar.close()
                self._screen.focus_log()
                self._pane.go_to(stamp)
            case GoToLine(position):
                self._go_to_line(position)
            case GoToT0(position):
                if self._go_to_line(position):
                    self._pane.view.action_t0()
            case AskAbout(verb):
                self._screen.call_next(self._screen.actions.run, verb)
            case RunAction(action_id):
                self._screen.call_next(self._screen.actions.run, action_id)
            case RestoreData():
                self._restore.begin_data_restore()
            case OpenRun(name):
                self._screen.call_next(self._screen.actions.run, "runs", name)
            case CapturePane(pane_id):
                self._experiments.capture(pane_id)
            case LightsOut():
                self._night.lights_out()

    def _go_to_line(self, position: Position) -> bool:
        """Select a line of another log, and return whether it is shown: its log may be closed, or a filter hides it."""
        self._sidebar.close()
        self._screen.focus_log()
        view = self._pane.view
        view.go_to_position(position)
        row = view.selected_row
        if row is None or row.position != position:
            self._screen.notify_once("that line is not shown: its log was closed, or the filter hides it")
            return False
        return True
