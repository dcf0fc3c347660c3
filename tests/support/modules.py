"""Names of modules, and which of them draw."""

from __future__ import annotations

DRAWING = ("textual", "rich")


def is_below(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)
