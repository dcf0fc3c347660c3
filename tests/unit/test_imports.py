"""The walls between the rooms: who may import whom, by the files and by what is really loaded."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from support.modules import DRAWING, is_below
from support.sources import PACKAGE, source_paths, tree_of

CAPABILITIES = ("human", "hypotheses", "host", "experiments", "tracing", "restore", "timeline")
# Who may import whom. A package may import itself, and nothing that is not in its row.
_BELOW_WRITE = ("core.errors", "core.format", "core.platform", "core.redact", "core.store", "core.config", "core.state")
_CORE = (*_BELOW_WRITE, "core.write")
# The stack of the parts of `experiments`: each imports only those before it.
_EXPERIMENTS = tuple(
    f"experiments.{part}"
    for part in (
        "statistics",
        "failure_rule",
        "experiment",
        "runnable",
        "arms",
        "fingerprint",
        "build",
        "kinds",
        "runs",
        "verdicts",
        "fixes",
        "plan",
        "lifecycle",
        "provoke",
        "bisect",
        "runner",
        "experiment_report",
        "run_list",
        "run_citation",
    )
)
_STACKS = ("core", "experiments")  # their parts have rows of their own
WALLS: dict[str, tuple[str, ...]] = {
    "core.errors": (),
    "core.format": _BELOW_WRITE[:1],
    "core.platform": _BELOW_WRITE[:1],
    "core.redact": (),
    "core.store": _BELOW_WRITE[:4],
    "core.config": _BELOW_WRITE[:5],
    "core.state": _BELOW_WRITE[:6],
    "core.write": _BELOW_WRITE,
    "process": _CORE,
    "human": _CORE,
    "hypotheses": _CORE,
    "host": (*_CORE, "process"),
    **{part: (*_CORE, "process", *_EXPERIMENTS[:height]) for height, part in enumerate(_EXPERIMENTS)},
    "experiments.statistics": (),
    "tracing": (*_CORE, "process"),
    "restore": (*_CORE, "process"),
    "timeline": (*_CORE, "process"),
    "races": (*_CORE, "process", "timeline", "experiments"),
    "team": (*_BELOW_WRITE, "timeline", "process"),
    "projections": (*_CORE, *CAPABILITIES),
    "reports": (*_CORE, "process", *CAPABILITIES),
    "actions": (),
    "manual": _BELOW_WRITE[:1],
    "demo": (*_CORE, "process", *CAPABILITIES),
    "tui": (*_CORE, "process", *CAPABILITIES, "races", "team", "projections", "reports", "actions", "manual"),
    "cli": (
        *_CORE,
        "process",
        *CAPABILITIES,
        "races",
        "team",
        "projections",
        "reports",
        "actions",
        "manual",
        "demo",
        "tui",
    ),
    "__main__": ("cli",),
    "__init__": (),
}


class Import(NamedTuple):
    file: str  # under threeam/
    module: str  # as imported, dotted
    deferred: bool  # inside a function
    typing: bool = False  # for the type checker alone


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    file = str(path.relative_to(PACKAGE))

    def walk(node: ast.AST, deferred: bool, typing: bool = False) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, alias.name, deferred, typing)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file} imports relatively"
                yield Import(file, child.module or "", deferred, typing)
                for alias in child.names:
                    yield Import(file, f"{child.module}.{alias.name}", deferred, typing)
            elif not isinstance(child, ast.expr):  # an expression has no import in it
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                checked = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                yield from walk(child, deferred or inside, typing or checked)

    return tuple(walk(tree_of(path), False))


def imports(folder: str) -> list[Import]:
    paths = [path for path in source_paths() if path.is_relative_to(PACKAGE / folder)]
    return [statement for path in paths for statement in imports_of(path)]


def package_of(module: str) -> str:
    """The package of a module, as `WALLS` names it: ``core.store`` of ``core.store.reader``."""
    first, *rest = module.split(".")
    return f"{first}.{rest[0]}" if first in _STACKS and rest else first


def packages_of(module: str) -> set[str]:
    """The package of a module, and the whole stack that this package is a part of."""
    return {package_of(module), module.partition(".")[0]}


def test_each_package_has_its_walls() -> None:
    modules = (path.relative_to(PACKAGE).with_suffix("") for path in source_paths())
    packages = {package_of(".".join(module.parts).removesuffix(".__init__")) for module in modules}
    assert packages - set(_STACKS) == set(WALLS)


@pytest.mark.parametrize("package", WALLS)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    place = PACKAGE / package.replace(".", "/")
    imported = imports(package.replace(".", "/")) if place.is_dir() else imports_of(place.with_suffix(".py"))
    ours_only = [
        statement for statement in imported if statement.module.startswith("threeam.") and not statement.typing
    ]
    allowed = {package, *WALLS[package]}
    modules = {
        statement
        for statement in ours_only
        if not allowed.intersection(packages_of(statement.module.removeprefix("threeam.")))
    }
    # `from threeam.core import x` is listed as threeam.core, too; `from threeam import __version__` as itself.
    assert {module for module in modules if module.module not in ("threeam.core", "threeam.__version__")} == set()


def test_messages_of_a_team_know_nothing_of_what_carries_or_keeps_them() -> None:
    imported = {statement.module for statement in imports("team/messages")}
    assert {
        module
        for module in imported
        if module.startswith("threeam.team.") and not module.startswith("threeam.team.messages.")
    } == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    """A circle between modules of one package is possible, and forbidden too. Deferred imports count."""
    modules = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in source_paths()}
    graph = {
        name: {statement.module.removeprefix("threeam.") for statement in imports_of(path) if not statement.typing}
        & set(modules)
        for name, path in modules.items()
    }
    assert [sorted(circle) for circle in _circles(graph)] == []


def _circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """Yield each set of modules of which each can be reached from each."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        queue = [start]
        while queue:
            for following in graph[queue.pop()] - seen:
                seen.add(following)
                queue.append(following)
        return seen

    reached = {name: reachable(name) for name in graph}
    for name in graph:
        circle = {other for other in reached[name] if name in reached[other]}
        if name in circle and name == min(circle):
            yield circle


def test_nothing_below_the_screen_imports_what_draws() -> None:
    below = [statement for statement in imports(".") if not statement.file.startswith("tui/")]
    drawing = {(statement.file, statement.deferred) for statement in below if is_below(statement.module, *DRAWING)}
    assert drawing == {("cli/help.py", True)}  # a page on a terminal
    for_help = {
        (statement.file, statement.deferred) for statement in below if is_below(statement.module, "rich_argparse")
    }
    assert for_help == {("cli/parser.py", True)}


def test_the_screen_never_imports_the_command_line() -> None:
    assert [statement for statement in imports("tui") if is_below(statement.module, "threeam.cli")] == []


def test_the_command_line_reaches_the_screen_by_one_deferred_import() -> None:
    reached = [
        statement
        for statement in imports(".")
        if not statement.file.startswith("tui/") and is_below(statement.module, "threeam.tui")
    ]
    assert {statement.file for statement in reached} <= {"cli/screen.py", "cli/demo.py"}
    assert all(statement.deferred for statement in reached)
