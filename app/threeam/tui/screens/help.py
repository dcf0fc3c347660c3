"""The help: every key of the table of actions, and every sign."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.actions import ACTIONS, GROUPS, format_keys
from threeam.tui.dialog_bindings import bind, bind_closing_keys
from threeam.tui.glyphs import GLYPHS
from threeam.tui.key_labels import key_for_action
from threeam.tui.screens.modal_page import ModalPage
from threeam.tui.session import Session

_INDENT = 15  # cells before the descriptions


class HelpScreen(ModalPage[None]):
    """One scrolling page; any of the keys that opened it closes it."""

    BINDINGS: ClassVar[list[Binding]] = [
        *bind_closing_keys(),
        bind("help", "dismiss", "close", show=True),
    ]

    def __init__(self, *, read_only: bool, emoji: bool, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._read_only = read_only
        self._emoji = emoji
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Yield the page."""
        with VerticalScroll(id="help") as page:
            page.border_title = "3am"
            page.border_subtitle = f"{key_for_action(self, 'leave')} closes"
            yield Static(id="help-text")

    def on_resize(self) -> None:
        text = self.query_one("#help-text", Static)
        text.update(self._page(max(24, self.query_one(VerticalScroll).scrollable_content_region.width)))

    def _page(self, width: int) -> Content:
        lines: list[Content] = []
        for group in GROUPS:
            lines.append(Content.assemble((group.upper(), "bold $hypothesis")))
            for action in ACTIONS:
                if action.group != group or (action.id.startswith("pick-") and action.id != "pick-1"):
                    continue
                keys, about = format_keys(self._keys.get(action.id, action.keys)), action.description
                if action.id == "pick-1":
                    keys, about = "1 to 9", "Pick a hypothesis by its number"
                if not keys:
                    keys = f":{action.command}"
                dim = self._read_only and action.writes
                note = "  (read-only)" if dim else ""
                lines += _entry(keys, about + note, width, dim=dim)
            lines.append(Content(""))
        lines.append(Content.assemble(("SIGNS", "bold $hypothesis")))
        for sign in GLYPHS.values():
            shown = sign.symbol if self._emoji else sign.ascii_symbol
            lines += _entry(shown, sign.description, width)
        lines.append(Content(""))
        lines.append(
            Content.assemble(("Caffeine figures are an average, and not medical advice.", "$foreground-muted"))
        )
        return Content("\n").join(lines)


def help_screen(topic: str, session: Session, *, read_only: bool) -> ModalPage[None]:
    """Return the page ``topic`` of the manual; if it is empty, all keys and signs.

    Raises `BadInput`, which suggests the nearest topic, if there is no such page.
    """
    if topic:
        from threeam.tui.screens.manual import ManualScreen  # the Markdown widget is slow to import

        return ManualScreen(topic)
    return HelpScreen(read_only=read_only, emoji=session.emoji, keys=session.settings.keys)


def _entry(key: str, about: str, width: int, *, dim: bool = False) -> list[Content]:
    """Return a key and its description, wrapped below itself and not below the key."""
    indent = _INDENT if width >= 2 * _INDENT + 20 else 4
    head = f"  {key}".ljust(indent)
    first, *rest = wrap(about, max(12, width - len(head)), break_long_words=False) or [""]
    style = "$foreground-muted" if dim else "$foreground"
    lines = [
        Content.assemble(
            (head + ("" if head.endswith(" ") else " "), style if dim else f"bold {style}"), (first, style)
        )
    ]
    return [*lines, *(Content.assemble((" " * indent + line, style)) for line in rest)]
