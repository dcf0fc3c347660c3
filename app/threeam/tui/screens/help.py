"""The help: every key from the table of actions, and every sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from threeam.actions import ACTIONS, GROUPS, shown_keys
from threeam.tui.signs import SIGNS


class HelpScreen(ModalScreen[None]):
    """One scrolling page; any of the keys that opened it closes it."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q,question_mark,f1", "dismiss", "close"),
        Binding("j", "scroll(1)", "down", show=False),
        Binding("k", "scroll(-1)", "up", show=False),
    ]

    def __init__(self, *, read_only: bool, emoji: bool, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._read_only = read_only
        self._emoji = emoji
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The page."""
        with VerticalScroll(id="help") as page:
            page.border_title = "3am"
            page.border_subtitle = "esc closes"
            yield Static(self._page())

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _page(self) -> Content:
        lines: list[Content] = []
        for group in GROUPS:
            lines.append(Content.assemble((group.upper(), "bold $hypothesis")))
            for action in ACTIONS:
                if action.group != group or (action.id.startswith("pick-") and action.id != "pick-1"):
                    continue
                keys, about = shown_keys(self._keys.get(action.id, action.keys)), action.about
                if action.id == "pick-1":
                    keys, about = "1 to 9", "Pick a hypothesis by its number"
                if not keys:
                    keys = f":{action.words}"
                dim = self._read_only and action.writes
                note = "  (read-only)" if dim else ""
                lines.append(
                    Content.assemble(
                        (f"  {keys:<13}", "$foreground-muted" if dim else "bold $foreground"),
                        (about + note, "$foreground-muted" if dim else "$foreground"),
                    )
                )
            lines.append(Content(""))
        lines.append(Content.assemble(("SIGNS", "bold $hypothesis")))
        for sign in SIGNS.values():
            shown = sign.sign if self._emoji else sign.plain
            lines.append(Content.assemble((f"  {shown:<13}", "bold $foreground"), (sign.about, "$foreground")))
        lines.append(Content(""))
        lines.append(
            Content.assemble(("Caffeine figures are an average, and not medical advice.", "$foreground-muted"))
        )
        return Content("\n").join(lines)
