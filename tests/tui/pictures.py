"""Pictures of the screen: the sizes that people have, and a screen on which nothing moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.notifications import Notification

from threeam.tui.widgets import log_pane

Snap = Callable[..., bool]

WIDE, USUAL, NARROW = (120, 36), (80, 24), (40, 10)


def make_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop animations, keep notices however slow the machine is, and count lines at once, with the night."""
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.setattr(Notification, "time_left", property(lambda _: 3600.0))
    monkeypatch.setattr(log_pane, "_COUNTS_INTERVAL_S", 0.01)
