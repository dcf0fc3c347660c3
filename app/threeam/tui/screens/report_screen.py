"""Reports over the journal, such as the thread of a hypothesis or the hand-off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from threeam.actions import BY_ID
from threeam.core.errors import JournalError
from threeam.core.format.report import Quotation, ReportLine, ReportSection
from threeam.tui.cells import drawable
from threeam.tui.clipboard import count_lines
from threeam.tui.dialog_bindings import bind
from threeam.tui.glyphs import GLYPHS, plain_signs
from threeam.tui.report_answers import AskAbout, GoTo, ReportAnswer, RunAction
from threeam.tui.screens.dialog import FilteredDialog
from threeam.tui.widgets.filter_line import has_words

TO_LINE = "go to its line in the log"
_MUTED = "$foreground-muted"
_ASKS = ("predict", "confirm", "refute", "park", "reopen")  # the actions that a thread offers


class _HiddenRows(NamedTuple):
    """The rows of the line under the cursor that are not on the screen."""

    above: int
    below: int


class ReportList(OptionList, inherit_bindings=False):
    """The lines of a report: the screen has the keys, and the mouse chooses as Enter does.

    A line that does not fit on the screen is scrolled through before the cursor leaves it.
    """

    def action_cursor_down(self) -> None:
        """Go to the next line, or show more of this one."""
        if self._hidden_rows.below:
            self.scroll_relative(y=1, animate=False)
        else:
            super().action_cursor_down()

    def action_cursor_up(self) -> None:
        """Go to the line before, or show more of this one."""
        if self._hidden_rows.above:
            self.scroll_relative(y=-1, animate=False)
        else:
            super().action_cursor_up()

    @property
    def _hidden_rows(self) -> _HiddenRows:
        at, height = self.highlighted, self.scrollable_content_region.height
        rows = [str(option.prompt).count("\n") + 1 for option in self.options[: 0 if at is None else at + 1]]
        if not rows or rows[-1] <= height:  # it is shown as a whole
            return _HiddenRows(0, 0)
        above = round(self.scroll_offset.y) - sum(rows[:-1])
        return _HiddenRows(max(0, above), max(0, rows[-1] - above - height))


class ReportScreen(FilteredDialog[ReportAnswer | None]):
    """A report: lines under titles. ``tell`` is called again whenever the report may have changed.

    ``copy`` is called by y with the command of the line, or with all of its text, and a name for it. The screen is
    dismissed with the action that the journal takes next, or with None.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("enter", "dismiss_to_line", "its line", key_display="enter", tooltip=TO_LINE),
        bind("copy-entry", "copy_line", "copy", "copy all of the line, or the command that it names", show=True),
    ]

    keeps_cursor_at_top: ClassVar[bool] = False  # even if a new line appears above it

    def __init__(
        self,
        title: str,
        tell: Callable[[], Sequence[ReportSection]],
        copy: Callable[[str, str], object],
        *,
        emoji: bool,
    ) -> None:
        self.option_list = ReportList(id="told-lines", markup=False)
        super().__init__(title, self.option_list)
        self._copy = copy
        self._tell = tell
        self._emoji = emoji
        self._told: Sequence[ReportSection] = ()
        self._width = 0
        self._lines: list[ReportLine | None] = []  # by index in the list; None: a title

    def on_mount(self) -> None:
        self.update_report()

    def show_rows(self, words: str) -> int:
        """Show the lines that have ``words``; return how many."""
        self.update_report()
        return sum(line is not None for line in self._lines)

    def update_report(self) -> None:
        """Show the current report; the cursor stays on the same entry."""
        try:
            told = self._tell()
        except JournalError as gone:  # the subject was undone, or the log was truncated
            told = [ReportSection(self.dialog_title, [ReportLine(str(gone), icon="red")])]
        told = _with_words(told, self.filter_line.words)
        width = max(16, self.option_list.scrollable_content_region.width)
        if (told, width) == (self._told, self._width):
            return
        at = self.option_list.highlighted
        here = self.selected_line
        at_the_top = self.keeps_cursor_at_top and all(line is None for line in self._lines[:at])
        self._told, self._width, self._lines = told, width, []
        options: list[Option] = []
        for part in told:
            title = Content.assemble((("\n" if options else "") + drawable(part.title).upper(), "bold $hypothesis"))
            options.append(Option(title, disabled=True))
            self._lines.append(None)
            options += [Option(self._line(line, width)) for line in part.lines]
            self._lines += part.lines
        self.option_list.clear_options()
        self.option_list.add_options(options)
        names = [None if line is None else _name(line) for line in self._lines]
        name = None if here is None else _name(here)
        if at_the_top:
            self.option_list.action_first()
        elif at is not None and name is not None and names[at : at + 1] == [name]:
            self.option_list.highlighted = at
        elif name is not None and name in names:
            self.option_list.highlighted = names.index(name)
        else:
            self.option_list.action_first()

    @property
    def selected_line(self) -> ReportLine | None:
        """Return the line under the cursor; None on a title."""
        at = self.option_list.highlighted
        return self._lines[at] if at is not None and at < len(self._lines) else None

    @property
    def selected_subject(self) -> object:
        """Return what the line under the cursor is about; None if it is about nothing that a key acts on."""
        return None if self.selected_line is None else self.selected_line.subject

    def on_resize(self) -> None:
        self.call_after_refresh(self.update_report)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self.refresh_bindings()  # what Enter does depends on the line

    async def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if (active := self.active_bindings.get("enter")) is not None and active.enabled:
            await self.run_action(active.binding.action)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss_to_line":
            return self.selected_line is not None and self.selected_line.stamp is not None
        return super().check_action(action, parameters)

    def action_dismiss_to_line(self) -> None:
        if self.selected_line is not None and self.selected_line.stamp is not None:
            self.dismiss(GoTo(self.selected_line.stamp))

    def action_dismiss_to(self, action_id: str) -> None:
        self.dismiss(RunAction(action_id))

    def action_copy_line(self) -> None:
        line = self.selected_line
        if line is not None and line.command:
            self._copy(line.command, "file" if line.command.endswith(".out") else "command")
        elif line is not None:
            text = "\n".join(part.strip() for part in (line.text, line.detail) if part.strip())
            self._copy(text, count_lines(text))

    def _line(self, line: ReportLine, width: int) -> Content:
        sign = GLYPHS.get(line.icon)
        shown = "  " if sign is None else (sign.symbol if self._emoji else sign.ascii_symbol) + " "
        text, detail = drawable(line.text), drawable(line.detail)
        if not self._emoji:
            text, detail = plain_signs(text), plain_signs(detail)
        deep = len(text) - len(text.lstrip(" "))
        indent = min(max(4, deep), width // 2) if deep else 2
        below = "\n" + " " * (indent + 2)  # wrapped lines continue below the text
        style = f"{_MUTED} strike" if line.icon == "refuted" else "$foreground"
        first, more = (wrap(part.strip(), max(8, width - indent - 3)) for part in (text, detail))
        return Content.assemble(
            " " * indent,
            (shown, _STYLES.get(sign.style if sign is not None else "", _MUTED)),
            (below.join(first), style),
            ("".join(below + text for text in more), _MUTED),
            ("".join(below + text for text in _quoted_rows(line.quotation, width - indent - 3)), _MUTED),
        )


class ThreadScreen(ReportScreen):
    """The thread of one hypothesis; the keys for hypotheses act on it."""

    BINDINGS: ClassVar[list[Binding]] = [
        bind(verb, f"dismiss_asking('{verb}')", show=True) for verb in _ASKS if BY_ID[verb].keys
    ]

    def __init__(
        self,
        title: str,
        tell: Callable[[], Sequence[ReportSection]],
        copy: Callable[[str, str], object],
        *,
        emoji: bool,
        writes: bool,
    ) -> None:
        self._writes = writes
        super().__init__(title, tell, copy, emoji=emoji)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return (self._writes or action != "dismiss_asking") and super().check_action(action, parameters)

    def action_dismiss_asking(self, verb: str) -> None:
        self.dismiss(AskAbout(verb))


def _quoted_rows(quotation: Quotation | None, width: int) -> Iterator[str]:
    """Yield where the lines of another log are from, and these lines behind a bar, in rows of ``width`` cells."""
    if quotation is None:
        return
    yield from wrap(drawable(quotation.caption), max(8, width))
    for line in quotation.lines:
        rows = wrap(drawable(line), max(8, width - 2), replace_whitespace=False, drop_whitespace=False)
        yield from (f"│ {row}" for row in rows or [""])


def _with_words(sections: Sequence[ReportSection], words: str) -> Sequence[ReportSection]:
    """Return ``sections`` with only the lines that have ``words``, and without those that are left empty."""
    if not words:
        return sections
    kept = [
        section._replace(lines=[line for line in section.lines if has_words(f"{line.text} {line.detail}", words)])
        for section in sections
    ]
    return [section for section in kept if section.lines]


def _name(line: ReportLine) -> object:
    """Return the identity of a line, which stays the same when the report is updated."""
    return line.stamp or line.command or line.subject or line.text, line.icon


_STYLES = {
    "hypothesis": "$hypothesis",
    "experiment": "$experiment",
    "confirmed": "$confirmed",
    "refuted": _MUTED,
    "parked": _MUTED,
    "toxic": "$error",
    "coffee": "$coffee",
    "fine": "$foreground-muted",
}
