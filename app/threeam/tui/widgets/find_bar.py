"""The line that says what is searched and filtered, and how much of it there is; gone when there is none."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from threeam.core.disk import in_units
from threeam.core.tally import Tally
from threeam.tui.cells import drawn


class FindBar(Static):
    """One line of search and filter, with counts."""

    def show(
        self,
        search: str,
        place: int | None,
        found: Tally | None,
        filters: str,
        shown: Tally | None,
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
            number = f"match {place:,} of {_count(found)}" if place is not None else f"{_count(found)} matches"
            parts += [(" / ", "$coffee"), (drawn(search), "bold"), (f"  {number}", "$foreground-muted")]
        if filters:
            parts += [(" & ", "$coffee"), (drawn(filters), "bold"), (f"  {_count(shown)} lines", "$foreground-muted")]
        if searched:
            parts += [(f"  searching… {in_units(searched)}, esc stops ", "$warning")]
        if looking:
            parts += [("  looking… ", "$warning")]
        self.set_class(bool(parts), "-on")
        self.update(Content.assemble(*parts), layout=False)


def _count(tally: Tally | None) -> str:
    if tally is None:
        return "…"
    return f"{tally.total:,}" if tally.done else f"{tally.total:,}… ({tally.share:.0%})"
