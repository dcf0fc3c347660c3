"""The help: every key of the table of actions, and every sign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from threeam.actions import ACTIONS, GROUPS, format_keys
from threeam.tui.dialog_bindings import bind
from threeam.tui.glyphs import SIGNS
from threeam.tui.key_labels import key_lines
from threeam.tui.screens.dialog import Dialog, FilteredDialog
from threeam.tui.session import Session
from threeam.tui.widgets.filter_line import has_words

_NOT_MEDICAL = "Caffeine figures are an average, and not medical advice."


class HelpScreen(FilteredDialog[None]):
    """One scrolling page; any of the keys that opened it closes it."""

    BINDINGS: ClassVar[list[Binding]] = [bind("help", "dismiss_dialog", "close")]
    FRAME_ID = "help"

    def __init__(self, *, read_only: bool, emoji: bool, keys: Mapping[str, str]) -> None:
        self._text = Static(id="help-text")
        super().__init__("3am", VerticalScroll(self._text, can_focus=False))
        self._read_only = read_only
        self._emoji = emoji
        self._keys = keys

    def on_resize(self) -> None:
        self.show_rows(self.filter_line.words)

    def show_rows(self, words: str) -> int:
        """Show the keys and signs that have ``words``; return how many."""
        width = max(24, self.body.scrollable_content_region.width)
        lines: list[Content] = []
        count, title = 0, ""
        for group, key, about, is_dim in self._rows():
            if not has_words(f"{group} {key} {about}", words):
                continue
            if group != title:
                lines += [*([Content("")] if lines else []), Content.assemble((group.upper(), "bold $hypothesis"))]
                title = group
            lines += key_lines(key, about, width, dim=is_dim)
            count += 1
        if not words:
            lines += [Content(""), Content.assemble((_NOT_MEDICAL, "$foreground-muted"))]
        elif not count:
            lines.append(Content.assemble(("no key and no sign has these words", "$foreground-muted")))
        self._text.update(Content("\n").join(lines))
        self.body.scroll_home(animate=False)
        return count

    def _rows(self) -> Iterator[tuple[str, str, str, bool]]:
        """Yield each key and each sign: its group, itself, its meaning, and whether it cannot be used here."""
        for group in GROUPS:
            for action in ACTIONS:
                if action.group != group or (action.id.startswith("pick-") and action.id != "pick-1"):
                    continue
                keys, about = format_keys(self._keys.get(action.id, action.keys)), action.description
                if action.id == "pick-1":
                    keys, about = "1 to 9", "Pick a hypothesis by its number"
                is_dim = self._read_only and action.writes
                yield group, keys or f":{action.command}", about + ("  (read-only)" if is_dim else ""), is_dim
        for sign in SIGNS:
            yield "signs", sign.symbol if self._emoji else sign.ascii_symbol, sign.description, False


def help_screen(topic: str, session: Session, *, read_only: bool) -> Dialog[None]:
    """Return the page ``topic`` of the manual; if it is empty, all keys and signs.

    Raises `BadInput`, which suggests the nearest topic, if there is no such page.
    """
    if topic:
        from threeam.tui.screens.manual import ManualScreen  # the Markdown renderer is slow to import

        return ManualScreen(topic)
    return HelpScreen(read_only=read_only, emoji=session.emoji, keys=session.settings.keys)
