"""The entry panel: all facts of a line, its block, and the lines before and after it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.core.format.entry import Entry
from threeam.core.format.times import format_duration
from threeam.core.store.reader import Line
from threeam.experiments.runs.run_rows import attachment_of
from threeam.hypotheses.amendments import Amendments
from threeam.tui.cells import drawable
from threeam.tui.dialog_bindings import bind
from threeam.tui.log_blocks import block_bounds, lock_hold_ns
from threeam.tui.screens.dialog import Dialog
from threeam.tui.widgets.row_text import truncate_line

_DIM = "$foreground-muted"


class EntryScreen(Dialog[str]):
    """Show ``line``. ``around`` are the lines around it, itself included; ``later`` has the amendments of all lines.

    It is dismissed with ``entry`` or ``stamp`` to copy that, with ``kept`` to show the attachment of the line, or with
    None.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("o", "dismiss('kept')", "show its attachment"),
        bind("copy-entry", "dismiss('entry')", "copy the block", show=True),
        bind("copy-stamp", "dismiss('stamp')", "copy its @stamp", show=True),
        bind("open-entry", "dismiss_dialog", "close"),
    ]
    FRAME_ID = "entry"

    def __init__(self, line: Line, around: list[Line], later: Amendments) -> None:
        self._later = later
        self._line = line
        self._around = around
        super().__init__("entry", VerticalScroll(Static(self._page()), can_focus=False))

    @property
    def _keeps(self) -> bool:
        entry = self._line.entry
        return entry is not None and attachment_of(entry) is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return parameters != ("kept",) or self._keeps

    def _page(self) -> Content:
        line, left_out = truncate_line(self._line)
        entry = line.entry
        if entry is None:
            facts = [("", "not a line of the log, shown as it is")]
            text = line.display_text
        else:
            facts = [("stamp", f"@{entry.stamp}"), ("in UTC", entry.stamp.rfc3339())]
            facts += [("by", str(entry.author) if entry.author else "the script"), ("cups", str(entry.cups))]
            facts += [(key, value) for key, value in entry.tags if key != "BY"]
            facts += [("kind", entry.kind)]
            text = entry.text
            if (said := self._later.by_target.get(entry.stamp.ns)) is not None:
                who = f"{said.author.user if said.author else 'script'}, @{said.stamp}"
                facts.insert(0, ("it was" if said.correction_count else "stamp of", text))
                facts.insert(1, ("corrected" if said.correction_count else "words by", who))
                text = said.text
        facts += [
            ("file", f"{line.segment.path}, byte {line.offset:,}"),
            ("bytes", f"{len(self._line.raw) + self._line.omitted_bytes:,}"),
        ]
        pieces: list[Content] = [Content.assemble((drawable(text), "bold"), (left_out, _DIM)), Content("")]
        pieces += [Content.assemble((f"{drawable(key):>8}  ", _DIM), drawable(value)) for key, value in facts]
        at = self._around.index(self._line)
        first, last = block_bounds(self._around, at)
        block = self._around[first : last + 1]
        if len(block) > 1:
            held = lock_hold_ns(block)
            told = f"block of {len(block)} lines" + (
                f", the lock was held for at least {format_duration(held)}" if held else ""
            )
            pieces += [Content(""), Content.assemble((told, "$hypothesis"))]
            pieces += [_told(line, entry, mark=line == self._line) for line in block]
        for title, others in (("before", self._around[:first][-2:]), ("after", self._around[last + 1 :][:2])):
            if others:
                pieces += [
                    Content(""),
                    Content.assemble((title, "$hypothesis")),
                    *(_told(line, entry) for line in others),
                ]
        return Content("\n").join(pieces)


def _told(line: Line, beside: Entry | None, *, mark: bool = False) -> Content:
    line, left_out = truncate_line(line)
    entry = line.entry
    if entry is None:
        return Content.assemble(("  " + drawable(line.display_text) + left_out, _DIM))
    after = "" if beside is None or mark else format_duration(entry.stamp.ns - beside.stamp.ns)
    sign = "" if after.startswith("-") or not after else "+"
    who = entry.author.label if entry.author else "script"
    return Content.assemble((f"{sign + after:>12}  {drawable(who)}  ", _DIM), drawable(entry.text), (left_out, _DIM))
