"""The line that says what is searched and filtered, and how much of it there is; gone when there is none."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from threeam.core.platform.disk import format_bytes
from threeam.tui.cells import drawable
from threeam.tui.line_counter import LineCounter


class SearchBar(Static):
    """One line of search and filter, with counts."""

    def show(
        self,
        search: str,
        place: int | None,
        found: LineCounter | None,
        filters: str,
        shown: LineCounter | None,
        *,
        searched: int,
        looking: bool,
    ) -> None:
        """Shows a search with the number of the match under the cursor, and the filters with what they let through.

        ``searched``: bytes that a search has gone through, while it is under way. ``looking``: the screen is not full
        yet, since what is wanted is far apart.
        """
        parts: list[tuple[str, str]] = []
        if search:
            number = (
                f"match {place:,} of {_format_count(found)}"
                if place is not None
                else _format_count(found, "match", "es")
            )
            number += " in what is shown  " if filters else ""
            parts += [(" / ", "$coffee"), (drawable(search), "bold"), (f"  {number}", "$foreground-muted")]
        if filters:
            parts += [(" & ", "$coffee"), (drawable(filters), "bold")]
            parts += [(f"  {_format_count(shown, 'line', 's')}", "$foreground-muted")]
        if searched:
            parts += [(f"  searching… {format_bytes(searched)}, esc stops ", "$warning")]
        if looking:
            parts += [("  looking… ", "$warning")]
        self.set_class(bool(parts), "-on")
        self.update(Content.assemble(*parts), layout=False)


def _format_count(counter: LineCounter | None, noun: str = "", plural_suffix: str = "") -> str:
    if counter is None:
        return "…"
    words = f" {noun}{'' if counter.total == 1 else plural_suffix}" if noun else ""
    return (
        f"{counter.total:,}{words}" if counter.is_done else f"{counter.total:,}{words} so far, {counter.progress:.0%}"
    )
