"""The keys of actions, as configured, for the sentences that name one."""

from __future__ import annotations

from textual.dom import DOMNode

from threeam.actions import BY_ID, format_keys


def key_for_action(node: DOMNode, action_id: str) -> str:
    """Return the key of an action, or if it has none its `:` command; ``node``: any widget of the app."""
    action = BY_ID[action_id]
    keys = node.app.session.settings.keys.get(action_id, action.keys)  # type: ignore[attr-defined]  # of `JournalApp`
    return format_keys(keys.partition(",")[0]) or f":{action.command}"
