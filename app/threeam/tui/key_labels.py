"""The keys of actions, as configured, for the sentences and the pages that name them."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from textual.content import Content
from textual.dom import DOMNode
from textual.screen import Screen

from threeam.actions import BY_ID, Action, format_keys
from threeam.tui.dialog_bindings import MOVES


def keys_for_action(node: DOMNode, action: Action) -> list[str]:
    """Return the keys of an action, as Textual names them; ``node``: any widget of the app."""
    keys: str = node.app.session.settings.keys.get(action.id, action.keys)  # type: ignore[attr-defined]  # of `JournalApp`
    return keys.split(",")


_INDENT = 15  # cells before the descriptions
_GENERAL = frozenset((*MOVES, "search", "leave", "quit", "help"))  # the actions that every dialog has


def key_for_action(node: DOMNode, action_id: str) -> str:
    """Return the first key of an action as a user reads it, or if it has none its `:` command."""
    action = BY_ID[action_id]
    return format_keys(keys_for_action(node, action)[0]) or f":{action.command}"


def describe_keys(screen: Screen[Any]) -> list[tuple[str, str]]:
    """Return the keys that act on ``screen`` now, each with what it does: first its own, then those of all dialogs."""
    keys: dict[str, list[str]] = {}
    is_general: dict[str, bool] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if (binding.id or binding.show) and active.enabled:  # Textual's own are neither
            about = binding.tooltip or binding.description
            keys.setdefault(about, []).append(key)
            is_general.setdefault(about, binding.id in _GENERAL)
    own_first = sorted(keys, key=lambda about: is_general[about])
    return [(format_keys(",".join(keys[about])), about[:1].upper() + about[1:]) for about in own_first]


def key_lines(key: str, about: str, width: int, *, dim: bool = False) -> list[Content]:
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
