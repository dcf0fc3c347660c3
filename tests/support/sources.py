"""The sources of the program, parsed once for all tests that read them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import threeam

PACKAGE = Path(threeam.__file__).parent


@cache
def source_paths() -> tuple[Path, ...]:
    """Return the files of the modules, sorted."""
    return tuple(sorted(PACKAGE.rglob("*.py")))


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the module in ``path``, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Return all nodes of the module in ``path``."""
    return tuple(ast.walk(tree_of(path)))
