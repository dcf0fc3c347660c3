"""The screens of runs: the list, one experiment, and the output of a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import Binding
from textual.widgets import Log

from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import experiment_report
from threeam.tracing.capture import Pane
from threeam.tui.cells import drawable
from threeam.tui.clipboard import count_lines
from threeam.tui.dialog_bindings import bind
from threeam.tui.report_answers import CapturePane, OpenRun, RunAction
from threeam.tui.screens.dialog import Dialog
from threeam.tui.screens.report_screen import TO_LINE, ReportScreen

_MOST_LINES = 20_000  # of an output: older ones are dropped


class RunsScreen(ReportScreen):
    """The list of all runs, experiments, searches and bisections. It is dismissed with `OpenRun`."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_run", "open", key_display="enter"),
        Binding("l", "dismiss_to_line", "its line", tooltip=TO_LINE),
    ]

    def __init__(
        self,
        tell: Callable[[], Sequence[ReportSection]],
        copy: Callable[[str, str], object],
        *,
        emoji: bool,
    ) -> None:
        super().__init__("runs", tell, copy, emoji=emoji)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        is_run = isinstance(self.selected_subject, str)
        return (action != "dismiss_to_run" or is_run) and super().check_action(action, parameters)

    def action_dismiss_to_run(self) -> None:
        if isinstance(name := self.selected_subject, str):
            self.dismiss(OpenRun(name))


class ExperimentScreen(ReportScreen):
    """One experiment: its arms, its runs, and their saved outputs, which ``open_file`` shows.

    ``find``: returns the experiment, and those before it with the same plan.
    """

    keeps_cursor_at_top = True  # the verdict appears there

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "open_output", "its output", key_display="enter"),
        Binding("enter", "dismiss_to_line", "its line", key_display="enter", tooltip=TO_LINE),  # of any other line
        Binding("l", "dismiss_to_line", "its line", tooltip=TO_LINE),
        bind("leave", "leave", "all runs", show=True),
        bind("quit", "dismiss_dialog", "all runs"),
    ]

    def __init__(
        self,
        find: Callable[[], tuple[Experiment, Sequence[Experiment]]],
        now: Callable[[], Stamp],
        open_file: Callable[[str, str], object],
        copy: Callable[[str, str], object],
        *,
        emoji: bool,
    ) -> None:
        def tell() -> Sequence[ReportSection]:
            width = max(24, self.option_list.scrollable_content_region.width)
            experiment, repeats = find()
            return experiment_report(experiment, now(), width, emoji=emoji, repeats=repeats)

        super().__init__(find()[0].name, tell, copy, emoji=emoji)
        self._open_file = open_file

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "open_output":
            return self.selected_line is not None and self.selected_line.command.endswith(".out")
        return super().check_action(action, parameters)

    def action_open_output(self) -> None:
        if self.selected_line is not None:
            self._open_file(self.selected_line.text, self.selected_line.command)

    def action_dismiss_dialog(self) -> None:
        self.dismiss(RunAction("runs"))


class PanesScreen(ReportScreen):
    """The other panes of tmux. It is dismissed with `CapturePane`."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_capture", "capture its last lines", key_display="enter")
    ]

    def __init__(self, found: Sequence[Pane], copy: Callable[[str, str], object], *, emoji: bool) -> None:
        lines = [
            ReportLine(f"{pane.id} {pane.command}", f"{pane.location} · {pane.title}", command=pane.id, subject=pane)
            for pane in found
        ]
        super().__init__("capture which pane?", lambda: [ReportSection("panes", lines)], copy, emoji=emoji)

    def action_dismiss_to_capture(self) -> None:
        if isinstance(pane := self.selected_subject, Pane):
            self.dismiss(CapturePane(pane.id))


class OutputScreen(Dialog[None]):
    """The output of a command, live or saved. ``stop`` ends the command; None if it does not run.

    ``copy`` is called by y with the output and a name for it.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("x", "stop", "stop it"),
        bind("copy-entry", "copy_output", "copy all", "copy the whole output", show=True),
        bind("half-down", "move('page-down')", "page down"),
        bind("half-up", "move('page-up')", "page up"),
    ]

    def __init__(
        self,
        title: str,
        copy: Callable[[str, str], object],
        stop: Callable[[], object] | None = None,
        *,
        text: str = "",
    ) -> None:
        self.output = Log(max_lines=_MOST_LINES, auto_scroll=not text)
        super().__init__(title, self.output)
        self._copy = copy
        self._stop = stop
        self._text = text  # the output so far

    def on_mount(self) -> None:
        self.append(self._text)

    def append(self, text: str) -> None:
        """Append ``text`` to the output."""
        self.output.write("\n".join(drawable(line) for line in text.split("\n")))

    def show_end(self, how: str) -> None:
        """Show ``how`` the command ended: it cannot be stopped any more."""
        self.frame.border_subtitle = drawable(how)
        self._stop = None
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "stop" or self._stop is not None

    def action_copy_output(self) -> None:
        lines = [line.rstrip() for line in self.output.lines]
        text = "\n".join(lines).rstrip("\n")
        if text:
            self._copy(text, f"output, {count_lines(text)}")
        else:
            self.notify("it has printed nothing yet", markup=False)

    def action_stop(self) -> None:
        if self._stop is not None:
            self._stop()
