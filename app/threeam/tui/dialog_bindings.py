"""Bindings of dialogs and widgets on the keys of the table of actions: a remapped key is remapped there, too."""

from __future__ import annotations

from textual.binding import Binding

from threeam.actions import BY_ID

MOVES = ("down", "up", "page-down", "page-up", "top", "bottom")  # the actions that move in every list and page


def bind(
    action_id: str, textual_action: str, label: str = "", *, show: bool = False, priority: bool = False
) -> Binding:
    """Return the binding of ``textual_action`` to the keys of the action ``action_id``, under its id."""
    action = BY_ID[action_id]
    return Binding(
        action.keys,
        textual_action,
        label or action.label,
        show=show,
        priority=priority,
        tooltip=label or action.description,
        id=action_id,
    )


def bind_filter(textual_action: str) -> Binding:
    """Return the binding that filters a list. It has priority: the words may come in one read with the key."""
    return bind("search", textual_action, "filter", show=True, priority=True)
