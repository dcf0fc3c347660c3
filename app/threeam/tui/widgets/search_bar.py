"""The line that shows the search and the filters, each with its counts; hidden if there are none."""

from __future__ import annotations

from typing import NamedTuple

from textual.content import Content
from textual.widgets import Static

from threeam.core.platform.disk import format_bytes
from threeam.tui.cells import drawable
from threeam.tui.key_labels import key_for_action
from threeam.tui.line_counter import Counter


class SearchStatus(NamedTuple):
    """A search and filters, and how far each is counted.

    ``match_number`` is that of the match under the cursor. ``wrapped``: where the search had to continue.
    ``searched_bytes``: how much a running search has read. ``is_searching_rows``: the screen is not full yet, since the
    filtered lines are far apart.
    """

    pattern: str = ""
    match_number: int | None = None
    match_counter: Counter | None = None
    wrapped: str = ""
    selected_count: int = 0
    filters: str = ""
    shown_counter: Counter | None = None
    searched_bytes: int = 0
    is_searching_rows: bool = False


class SearchBar(Static):
    """One line with a search and filters."""

    def show(self, status: SearchStatus) -> None:
        """Show ``status``, or hide the line if it is empty."""
        parts: list[tuple[str, str]] = []
        if status.selected_count:
            rows = f"{status.selected_count:,} {'row' if status.selected_count == 1 else 'rows'} selected"
            copies, ends = key_for_action(self, "copy-entry"), key_for_action(self, "leave")
            parts.append((f" {rows}: {copies} copies, {ends} ends  ", "$coffee"))
        if status.pattern:
            count = _format_matches(status) + (" in what is shown  " if status.filters else "")
            parts += [(" / ", "$coffee"), (drawable(status.pattern), "bold"), (f"  {count}", "$foreground-muted")]
            if status.wrapped:
                parts.append((f"  continued from {status.wrapped}  ", "$warning"))
        if status.filters:
            count = _format_count(status.shown_counter, "line", "s")
            parts += [(" & ", "$coffee"), (drawable(status.filters), "bold"), (f"  {count}", "$foreground-muted")]
        if status.searched_bytes:
            parts.append(
                (
                    f"  searching… {format_bytes(status.searched_bytes)}, {key_for_action(self, 'leave')} stops ",
                    "$warning",
                )
            )
        if status.is_searching_rows:
            parts.append(("  looking… ", "$warning"))
        self.set_class(bool(parts), "-on")
        self.update(Content.assemble(*parts), layout=False)


def _format_matches(status: SearchStatus) -> str:
    if status.match_number is None:
        return _format_count(status.match_counter, "match", "es")
    return f"match {status.match_number:,} of {_format_count(status.match_counter)}"


def _format_count(counter: Counter | None, noun: str = "", plural_suffix: str = "") -> str:
    if counter is None:
        return "…"
    suffix = "" if counter.total == 1 else plural_suffix
    count = f"{counter.total:,} {noun}{suffix}" if noun else f"{counter.total:,}"
    return count if counter.is_done else f"{count} so far, {counter.progress:.0%}"
