"""The actions that a report is closed with."""

from __future__ import annotations

from threeam.tui.controllers.experiments import ExperimentController
from threeam.tui.controllers.night import NightController
from threeam.tui.controllers.restore import RestoreController
from threeam.tui.report_answers import (
    AskAbout,
    CapturePane,
    GoTo,
    GoToLine,
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
            case GoToLine():
                self._sidebar.close()
                self._screen.focus_log()
                self._go_to_line(answer)
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

    def _go_to_line(self, answer: GoToLine) -> None:
        """Select a line of another log, unless that was closed or the filter hides it."""
        view, position = self._pane.view, answer.position
        view.go_to_position(position)
        row = view.selected_row
        if row is None or row.position != position:
            self._screen.notify_once("that line is not shown: its log was closed, or the filter hides it")
        elif answer.sets_t0:
            view.action_t0()
