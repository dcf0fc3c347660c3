"""The keys of actions, as configured, for the sentences that name one."""

from __future__ import annotations

from textual.dom import DOMNode

from threeam.actions import BY_ID, Action, format_keys


def keys_for_action(node: DOMNode, action: Action) -> list[str]:
    """Return the keys of an action, as Textual names them; ``node``: any widget of the app."""
    keys: str = node.app.session.settings.keys.get(action.id, action.keys)  # type: ignore[attr-defined]  # of `JournalApp`
    return keys.split(",")


def key_for_action(node: DOMNode, action_id: str) -> str:
    """Return the first key of an action as a user reads it, or if it has none its `:` command."""
    action = BY_ID[action_id]
    return format_keys(keys_for_action(node, action)[0]) or f":{action.command}"
