"""Bindings of dialogs and widgets on the keys of the table of actions: a remapped key is remapped there, too."""

from __future__ import annotations

from textual.binding import Binding

from threeam.actions import BY_ID

# The actions that move in every list and page, and what they do there.
MOVES = {
    "down": "one line down",
    "up": "one line up",
    "page-down": "a page down",
    "page-up": "a page up",
    "top": "the first line",
    "bottom": "the last line",
}


def bind(
    action_id: str, textual_action: str, label: str = "", about: str = "", *, show: bool = False, priority: bool = False
) -> Binding:
    """Return the binding of ``textual_action`` to the keys of the action ``action_id``, under its id.

    ``label`` is for the footer, ``about`` for the help: without them, those of the action.
    """
    action = BY_ID[action_id]
    return Binding(
        action.keys,
        textual_action,
        label or action.label,
        show=show,
        priority=priority,
        tooltip=about or label or action.description,
        id=action_id,
    )


def bind_moves(textual_action: str) -> list[Binding]:
    """Return the bindings of the moves; ``textual_action`` takes the id of one."""
    return [bind(move, f"{textual_action}('{move}')", about=about) for move, about in MOVES.items()]


def bind_filter(textual_action: str) -> Binding:
    """Return the binding that filters a list. It has priority: the words may come in one read with the key."""
    about = "show only what has these words; enter keeps them, esc clears them"
    return bind("search", textual_action, "filter", about, show=True, priority=True)
