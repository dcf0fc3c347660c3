"""The line at the bottom: the keys that act now, as many as there is room for.

Textual's Footer mounts a widget for each of them, and does so anew whenever the focus moves: of the 60 ms that ``i``
took with it, 48 were its.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import ActiveBinding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class _Key(NamedTuple):
    name: str
    shown: str
    label: str
    about: str
    enabled: bool

    @property
    def width(self) -> int:
        return cell_len(self.shown) + 1 + cell_len(self.label)


class KeyFooter(Widget):
    """Shows them in one row; a click on one presses it."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS: ClassVar[str] = "KeyFooter { height: 1; dock: bottom; }"
    ALWAYS_SHOWN_LABEL = "help"  # the label of the one that stays where there is no room: it leads to all the others

    def __init__(self) -> None:
        super().__init__()
        self._keys: tuple[_Key, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._update_keys)

    def _update_keys(self, screen: Screen[object]) -> None:
        if not self.app.app_focus or screen is not self.screen:
            return
        found: dict[str, _Key] = {}
        for active in screen.active_bindings.values():
            if active.binding.show:
                found.setdefault(active.binding.action, self._make_key(active))
        if (keys := tuple(found.values())) != self._keys:
            self._keys = keys
            self.refresh()

    def _make_key(self, active: ActiveBinding) -> _Key:
        binding = active.binding
        shown = self.app.get_key_display(binding)
        return _Key(binding.key, shown, binding.description, active.tooltip or binding.description, active.enabled)

    def _fitting_keys(self) -> list[_Key]:
        keys, width = list(self._keys), self.size.width
        while sum(key.width + 1 for key in keys) - 1 > width and any(
            key.label != self.ALWAYS_SHOWN_LABEL for key in keys
        ):
            keys.remove([key for key in keys if key.label != self.ALWAYS_SHOWN_LABEL][-1])
        return keys

    def render(self) -> Content:
        """The keys, each with what it does; dim where it cannot be used."""
        pieces: list[tuple[str, str] | str] = []
        for key in self._fitting_keys():
            dim = "" if key.enabled else " dim"
            pieces += [(key.shown, f"bold $footer-key-foreground{dim}")]
            pieces += [(f" {key.label} ", f"$footer-description-foreground{dim}")]
        return Content.assemble(*pieces)

    def _key_at(self, x: int) -> _Key | None:
        for key in self._fitting_keys():
            if x < key.width:
                return key
            x -= key.width + 1
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Says more about the one under the pointer."""
        key = self._key_at(event.x)
        self.tooltip = None if key is None else key.about

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Presses the one that is clicked on."""
        if (key := self._key_at(event.x)) is None:
            return
        if key.enabled:
            self.app.simulate_key(key.name)
        else:
            self.app.bell()
