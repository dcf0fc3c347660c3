"""The legend: what is known of each source of the timeline, and of each host of the team."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import wrap
from typing import ClassVar, NamedTuple

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind
from threeam.tui.screens.dialog import FilteredDialog
from threeam.tui.widgets.filter_line import has_words

_LABEL_CELLS = 12
_MUTED = "$foreground-muted"


class LegendEntry(NamedTuple):
    """One source: its number, name and path; the facts about it, each with its label; and what is wrong with it."""

    number: str
    name: str
    path: str
    color: str
    facts: Sequence[tuple[str, str]] = ()
    problem: str = ""

    @property
    def words(self) -> str:
        """All that is told, for the filter."""
        return " ".join(
            (self.number, self.name, self.path, self.problem, *(f"{key} {text}" for key, text in self.facts))
        )


class LegendScreen(FilteredDialog[None]):
    """The sources, as ``tell`` returns them: it is called again while the dialog is open."""

    BINDINGS: ClassVar[list[Binding]] = [bind("sources", "dismiss_dialog", "close")]
    FRAME_ID = "legend"

    def __init__(self, tell: Callable[[], Sequence[LegendEntry]], title: str = "sources") -> None:
        self._text = Static()
        super().__init__(title, VerticalScroll(self._text, can_focus=False))
        self._tell = tell

    def on_mount(self) -> None:
        self.set_interval(1.0, lambda: self.show_rows(self.filter_line.words))  # files grow, and are scanned

    def on_resize(self) -> None:
        self.show_rows(self.filter_line.words)

    def show_rows(self, words: str) -> int:
        """Show the sources that have ``words``; return how many."""
        width = max(24, self.body.scrollable_content_region.width)
        entries = [entry for entry in self._tell() if has_words(entry.words, words)]
        lines: list[Content] = []
        for entry in entries:
            lines += [*([Content("")] if lines else []), *_entry_lines(entry, width)]
        if not entries:
            lines = [Content.assemble((f"none of the {self.dialog_title} has these words", _MUTED))]
        self._text.update(Content("\n").join(lines))
        return len(entries)


def _entry_lines(entry: LegendEntry, width: int) -> list[Content]:
    name = f"{entry.number} {drawable(entry.name)}"
    lines = [Content.assemble((name, f"bold {entry.color}"), (f"  {drawable(entry.path)}", _MUTED))]
    rows = [("problem", entry.problem, "$error")] if entry.problem else []
    rows += [(label, text, "$foreground") for label, text in entry.facts]
    for label, text, style in rows:
        first, *more = wrap(drawable(text), max(12, width - _LABEL_CELLS - 2)) or [""]
        lines.append(Content.assemble((f"  {label:<{_LABEL_CELLS - 2}}  ", _MUTED), (first, style)))
        lines += [Content.assemble((" " * (_LABEL_CELLS + 2) + row, style)) for row in more]
    return lines
