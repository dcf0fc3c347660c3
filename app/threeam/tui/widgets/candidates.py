"""The words that Tab could add to the `:` line, directly above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from threeam.tui.cells import drawable

MAX_ROWS = 3  # on a screen of 10 rows the log must still be seen
_GAP = "  "


class Candidates(Widget):
    """The candidates of a completion, in as many rows as they need, up to `MAX_ROWS`; hidden if there are none."""

    DEFAULT_CSS: ClassVar[str] = "Candidates { height: auto; width: 100%; display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self.words: Sequence[str] = ()

    def show(self, words: Sequence[str]) -> None:
        """Show ``words``; none hides the widget."""
        if words != self.words:
            self.words = words
            self.display = bool(words)
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of rows."""
        return len(candidate_rows(self.words, width))

    def render(self) -> Content:
        """Return the rows."""
        return Content("\n".join(candidate_rows(self.words, max(1, self.size.width))))


def candidate_rows(words: Sequence[str], width: int) -> list[str]:
    """Return ``words`` in at most `MAX_ROWS` rows of ``width`` cells; the last row counts those that do not fit."""
    rows: list[str] = []
    for number, word in enumerate(map(drawable, words)):
        row = f"{rows[-1]}{_GAP}{word}" if rows else f" {word}"
        more = f"{_GAP}+{len(words) - number - 1} more" if len(rows) == MAX_ROWS and number < len(words) - 1 else ""
        if rows and cell_len(row + more) <= width:
            rows[-1] = row
        elif len(rows) < MAX_ROWS:
            rows.append(f" {word}")
        else:
            rows[-1] += f"{_GAP}+{len(words) - number} more"
            break
    return rows
