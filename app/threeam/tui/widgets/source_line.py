"""The line of the sources: their numbers, names and shifts, above the rows of a timeline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from threeam.tui.cells import drawable


class SourceLabel(NamedTuple):
    """A source as the line names it."""

    number: str
    name: str
    shift: str
    color: str
    is_broken: bool = False


class SourceLine(Static):
    """One line; hidden while only the journal is shown. ``facts`` stand at its right edge."""

    def __init__(self, *, emoji: bool) -> None:
        super().__init__()
        self._separator = " · " if emoji else " | "
        self._emoji = emoji
        self._labels: Sequence[SourceLabel] = ()
        self._facts = ""

    def show(self, labels: Sequence[SourceLabel], facts: str) -> None:
        """Show ``labels`` and ``facts``."""
        self._labels, self._facts = labels, facts
        self.set_class(bool(labels), "-on")
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        """Show as much of each source as there is room for: its shift, its name, its number."""
        width = self.size.width
        facts = f"  {self._facts} " if self._facts else ""
        for detail in (2, 1, 0):
            parts = [self._label(label, detail) for label in self._labels]
            content = Content.assemble(" ", Content(self._separator if detail else " ").join(parts))
            gap = width - cell_len(content.plain) - cell_len(facts)
            if gap >= 0:
                break
        self.update(Content.assemble(content, " " * max(0, gap), (facts, "$warning")), layout=False)

    def _label(self, label: SourceLabel, detail: int) -> Content:
        text = label.number if not detail else f"{label.number} {drawable(label.name)}"
        shift = f" {label.shift if self._emoji else label.shift.replace('±', '+-').replace('µ', 'u')}"
        broken = (" !" if detail else "!") if label.is_broken else ""
        return Content.assemble(
            (text, label.color), (shift if detail > 1 and label.shift else "", ""), (broken, "bold $error")
        )
