"""The coffee panel: tonight's cups, and the last one taken back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from threeam.core.entry import NS, Stamp


class CupsScreen(ModalScreen[bool]):
    """Dismissed with True to take the last cup back."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q,C", "dismiss(False)", "close"),
        Binding("backspace,minus", "dismiss(True)", "take the last cup back"),
    ]

    def __init__(self, doses: tuple[tuple[int, int], ...], mg: float, now: Stamp, *, writes: bool) -> None:
        super().__init__()
        self._doses = doses
        self._mg = mg
        self._now = now
        self._writes = writes

    def compose(self) -> ComposeResult:
        """The cups, one a line."""
        with Vertical(id="cups") as panel:
            panel.border_title = "coffee, this night"
            panel.border_subtitle = "backspace takes the last one back · esc closes" if self._writes else "esc closes"
            yield Static(self._page())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "dismiss" and parameters == (True,):
            return self._writes and bool(self._doses)
        return True

    def _page(self) -> Content:
        if not self._doses:
            return Content("No cup yet this night. c counts one.")
        lines = []
        for n, (at, mg) in enumerate(self._doses, 1):
            clock = Stamp(at, self._now.offset).clock[:8]
            minutes = (self._now.ns - at) // (60 * NS)
            lines.append(
                Content.assemble(
                    (f"{n:>2}  {clock}  {mg:>3} mg", "$coffee"), (f"   {minutes} min ago", "$foreground-muted")
                )
            )
        lines.append(
            Content.assemble((f"about {self._mg:.0f} mg are left in you now; not medical advice", "$foreground-muted"))
        )
        return Content("\n").join(lines)
