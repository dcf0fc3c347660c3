"""The screens of runs: the list, one experiment, and the output of a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Log, OptionList

from threeam.core.format.entry import Stamp
from threeam.core.format.report import ReportLine, ReportSection
from threeam.experiments.experiment import Experiment
from threeam.experiments.experiment_report import experiment_list_report, experiment_report
from threeam.tracing.capture import Pane
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind, bind_closing_keys
from threeam.tui.key_labels import key_for_action
from threeam.tui.report_answers import CapturePane, OpenRun
from threeam.tui.screens.report_screen import ReportScreen

_MOST_LINES = 20_000  # of an output: older ones are dropped


class RunsScreen(ReportScreen):
    """The list of all runs and experiments. It is dismissed with `OpenRun`."""

    BINDINGS: ClassVar[list[Binding]] = [Binding("g", "go", "its line", show=False)]

    def __init__(
        self,
        found: Callable[[], list[Experiment]],
        now: Callable[[], Stamp],
        copy: Callable[[str], object],
        *,
        emoji: bool,
    ) -> None:
        super().__init__("runs", lambda: experiment_list_report(found(), now()), copy, emoji=emoji)
        self._found = found

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        event.prevent_default()  # else the base class would go to the line
        line = self.selected_line
        one = next((one for one in self._found() if line is not None and one.stamp == line.stamp), None)
        if one is not None:
            self.dismiss(OpenRun(one.name))

    def _keys(self) -> str:
        return f"enter opens · g its line · y copies · {key_for_action(self, 'leave')}"


class ExperimentScreen(ReportScreen):
    """One experiment: its arms, its runs, and their saved outputs, which ``open_file`` shows."""

    keeps_cursor_at_top = True  # the verdict appears there

    BINDINGS: ClassVar[list[Binding]] = [
        *bind_closing_keys("dismiss_to('runs')", "back"),
        Binding("g", "go", "its line", show=False),
    ]

    def __init__(
        self,
        find: Callable[[], Experiment],
        now: Callable[[], Stamp],
        open_file: Callable[[str, str], object],
        copy: Callable[[str], object],
        *,
        emoji: bool,
    ) -> None:
        def tell() -> Sequence[ReportSection]:
            width = max(24, self.option_list.scrollable_content_region.width)
            return experiment_report(find(), now(), width, emoji=emoji)

        super().__init__(find().name, tell, copy, emoji=emoji)
        self._open_file = open_file

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if self.selected_line is not None and self.selected_line.command.endswith(".out"):
            event.stop()
            event.prevent_default()
            self._open_file(self.selected_line.text, self.selected_line.command)

    def _keys(self) -> str:
        return f"enter: its output · g its line · {key_for_action(self, 'leave')}: all runs"


class PanesScreen(ReportScreen):
    """The other panes of tmux. It is dismissed with `CapturePane`."""

    def __init__(self, found: Sequence[Pane], copy: Callable[[str], object], *, emoji: bool) -> None:
        lines = [
            ReportLine(f"{pane.id} {pane.command}", f"{pane.location} · {pane.title}", command=pane.id)
            for pane in found
        ]
        super().__init__("capture which pane?", lambda: [ReportSection("panes", lines)], copy, emoji=emoji)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        event.prevent_default()
        if self.selected_line is not None:
            self.dismiss(CapturePane(self.selected_line.command))

    def _keys(self) -> str:
        return f"enter captures its last lines · {key_for_action(self, 'leave')}"


class OutputScreen(ModalScreen[None]):
    """The output of a command, live or saved. ``stop`` ends the command; None if it does not run."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        *bind_closing_keys(),
        bind("down", "scroll('down')"),
        bind("up", "scroll('up')"),
        bind("half-down", "scroll('page_down')", "page down"),
        bind("page-down", "scroll('page_down')"),
        bind("half-up", "scroll('page_up')", "page up"),
        bind("page-up", "scroll('page_up')"),
        bind("top", "scroll('home')"),
        bind("bottom", "scroll('end')"),
        Binding("x", "stop", "stop"),
    ]

    def __init__(self, title: str, stop: Callable[[], object] | None = None, *, text: str = "") -> None:
        super().__init__()
        self._title = title
        self._stop = stop
        self._text = text  # the output so far
        self.output = Log(max_lines=_MOST_LINES, auto_scroll=not text)
        self._frame = Vertical(self.output, id="told")

    def compose(self) -> ComposeResult:
        """Yield the output in a frame."""
        self._frame.border_title = drawable(self._title)
        self.set_hint(None if self._stop is not None else f"j k scroll · {key_for_action(self, 'leave')}")
        yield self._frame

    def on_mount(self) -> None:
        self.set_focus(self.output)
        self.append(self._text)

    def append(self, text: str) -> None:
        """Append ``text`` to the output."""
        self.output.write("\n".join(drawable(line) for line in text.split("\n")))

    def set_hint(self, how: str | None) -> None:
        """Show ``how`` the command ended; None if it still runs."""
        self._frame.border_subtitle = (
            f"x stops it · {key_for_action(self, 'leave')} leaves it running" if how is None else drawable(how)
        )

    def action_scroll(self, where: str) -> None:
        getattr(self.output, f"action_{'scroll_' if '_' not in where else ''}{where}")()

    def action_stop(self) -> None:
        if self._stop is not None:
            self._stop()
