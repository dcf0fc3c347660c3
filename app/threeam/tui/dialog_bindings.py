"""Bindings of dialogs and widgets on the keys of the table of actions: a remapped key is remapped there, too."""

from __future__ import annotations

from textual.binding import Binding

from threeam.actions import BY_ID


def bind(action_id: str, textual_action: str, label: str = "", *, show: bool = False) -> Binding:
    """Return the binding of ``textual_action`` to the keys of the action ``action_id``, under its id."""
    action = BY_ID[action_id]
    return Binding(action.keys, textual_action, label or action.label, show=show, id=action_id)


def bind_closing_keys(textual_action: str = "dismiss", label: str = "close") -> list[Binding]:
    """Return the bindings of the keys that leave and that quit: they close what lies over the journal."""
    return [bind("leave", textual_action, label, show=True), bind("quit", textual_action, label)]
