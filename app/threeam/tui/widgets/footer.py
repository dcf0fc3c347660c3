"""The line at the bottom: the keys that act now, as many as fit.

Textual's Footer mounts a widget for each key, and does it again whenever the focus moves: that took 48 of the 60 ms
between ``i`` and its frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.binding import ActiveBinding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget


class _Key(NamedTuple):
    id: str
    name: str
    display: str
    label: str
    tooltip: str
    is_enabled: bool

    @property
    def width(self) -> int:
        return cell_len(self.display) + 1 + cell_len(self.label)


class KeyFooter(Widget):
    """The active keys in one row; a click on one presses it."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS: ClassVar[str] = "KeyFooter { height: 1; dock: bottom; }"
    ALWAYS_SHOWN = frozenset(("help", "leave", "quit"))  # the keys that lead to all the others, and out
    FIRST_TO_GO = ("copy-stamp", "up", "down", "search", "coffee")  # where there is no room, in this order

    def __init__(self, last: Sequence[str] = (), labels: Callable[[], Mapping[str, str]] = dict) -> None:
        """``last``: the ids of the keys that come last, in their order.

        ``labels`` returns those of the keys that act now and are shown nowhere else, by id.
        """
        super().__init__()
        self._last = last
        self._labels = labels
        self._keys: tuple[_Key, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._update_keys)

    def _update_keys(self, screen: Screen[object]) -> None:
        if not self.app.app_focus or screen is not self.screen:
            return
        by_action: dict[str, _Key] = {}
        labels = self._labels()
        for active in screen.active_bindings.values():
            if active.binding.show or active.binding.id in labels:
                key = self._make_key(active)
                by_action.setdefault(active.binding.action, key._replace(label=labels.get(key.id, key.label)))
        keys = tuple(sorted(by_action.values(), key=self._rank))
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def _rank(self, key: _Key) -> int:
        if key.id in self._last:
            return 1 + self._last.index(key.id)
        return -1 if key.name == "enter" else 0

    def _make_key(self, active: ActiveBinding) -> _Key:
        binding = active.binding
        display = self.app.get_key_display(binding)
        tooltip = active.tooltip or binding.description
        return _Key(binding.id or "", binding.key, display, binding.description, tooltip, active.enabled)

    def _fitting_keys(self) -> list[_Key]:
        keys = list(self._keys)
        removable = [key for key in keys if key.id not in self.ALWAYS_SHOWN]
        removable.sort(key=lambda key: -self.FIRST_TO_GO.index(key.id) if key.id in self.FIRST_TO_GO else -99)
        while removable and sum(key.width + 1 for key in keys) - 1 > self.size.width:
            keys.remove(removable.pop())
        return keys

    def render(self) -> Content:
        """Return the keys, each with its label; dim if it cannot be used."""
        pieces: list[tuple[str, str] | str] = []
        for key in self._fitting_keys():
            dim = "" if key.is_enabled else " dim"
            pieces.append((key.display, f"bold $footer-key-foreground{dim}"))
            pieces.append((f" {key.label} ", f"$footer-description-foreground{dim}"))
        return Content.assemble(*pieces)

    def _key_at(self, x: int) -> _Key | None:
        for key in self._fitting_keys():
            if x < key.width:
                return key
            x -= key.width + 1
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the tooltip of the key under the pointer."""
        key = self._key_at(event.x)
        self.tooltip = None if key is None else key.tooltip

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Press the key under the pointer."""
        key = self._key_at(event.x)
        if key is None:
            return
        if key.is_enabled:
            self.app.simulate_key(key.name)
        else:
            self.app.bell()
