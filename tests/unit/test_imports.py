"""The walls between the rooms: who may import whom, by the files and by what is really loaded."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import threeam

HOME = Path(threeam.__file__).parent
DRAWING = ("textual", "rich")
ROOMS = ("human", "hypotheses", "restore", "experiments", "host", "tracing")
BESIDE_CORE = (*ROOMS, "reports", "cli", "tui", "projections", "actions")


class Import(NamedTuple):
    file: str  # under threeam/
    module: str  # as imported, dotted
    deferred: bool  # inside a function


def imports_of(path: Path) -> Iterator[Import]:
    file = str(path.relative_to(HOME))

    def walk(node: ast.AST, deferred: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(file, alias.name, deferred)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{file} imports relatively"
                yield Import(file, child.module or "", deferred)
                for alias in child.names:
                    yield Import(file, f"{child.module}.{alias.name}", deferred)
            else:
                inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from walk(child, deferred or inside)

    yield from walk(ast.parse(path.read_text()), False)


def imports(folder: str) -> list[Import]:
    paths = sorted((HOME / folder).rglob("*.py"))
    return [one for path in paths for one in imports_of(path)]


def of(module: str, *roots: str) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


def ours(*names: str) -> tuple[str, ...]:
    return tuple(f"threeam.{name}" for name in names)


def test_core_imports_no_room_and_nothing_above() -> None:
    assert [one for one in imports("core") if of(one.module, *ours(*BESIDE_CORE))] == []


@pytest.mark.parametrize("room", [room for room in ROOMS if (HOME / room).is_dir()])
def test_rooms_never_import_each_other(room: str) -> None:
    others = ours(*(name for name in BESIDE_CORE if name != room))
    assert [one for one in imports(room) if of(one.module, *others)] == []


def test_nothing_below_the_screen_imports_what_draws() -> None:
    below = [one for one in imports(".") if not one.file.startswith("tui/")]
    assert [one for one in below if of(one.module, *DRAWING)] == []
    for_help = {(one.file, one.deferred) for one in below if of(one.module, "rich_argparse")}
    assert for_help == {("cli/parser.py", True)}


def test_the_screen_never_imports_the_command_line() -> None:
    assert [one for one in imports("tui") if of(one.module, "threeam.cli")] == []


def test_the_command_line_reaches_the_screen_by_one_deferred_import() -> None:
    reached = [one for one in imports(".") if not one.file.startswith("tui/") and of(one.module, "threeam.tui")]
    assert {one.file for one in reached} <= {"cli/screen.py", "cli/demo.py"}
    assert all(one.deferred for one in reached)


def test_only_what_lies_above_the_rooms_knows_them() -> None:
    knowing = {one.file.partition("/")[0] for one in imports(".") if of(one.module, *ours(*ROOMS))}
    assert knowing <= {"projections.py", "actions.py", "demo.py", "reports", "cli", "tui", *ROOMS}


def loaded_by(code: str, stdout: int = subprocess.PIPE) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules, sep='\\n', file=sys.stderr)"],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=dict(os.environ),
    )
    assert done.returncode == 0, done.stderr.decode()
    return set(done.stderr.decode().split())


@pytest.mark.parametrize(
    "argv",
    [
        ["log", "a note"],
        ["log", "-H", "a claim"],
        ["coffee"],
        ["tail"],
        ["hyp", "list"],
        ["status"],
        ["doctor"],
        ["path"],
        ["stamp"],
        ["changed", "x"],
        ["handoff"],
        ["export", "md"],
        ["journals"],
        ["sanity", "--delay", "0"],
    ],
    ids=" ".join,
)
def test_a_command_loads_nothing_that_draws(argv: list[str], log: Path) -> None:
    log.touch()
    loaded = loaded_by(f"from threeam.cli.main import main\nassert main({argv!r}) == 0")
    assert "threeam.cli.main" in loaded
    assert {name for name in loaded if of(name, *DRAWING, "rich_argparse", "threeam.tui")} == set()


@pytest.mark.parametrize("on_a_terminal", [False, True], ids=["piped", "on a terminal"])
def test_a_note_loads_no_more_than_it_needs(on_a_terminal: bool, log: Path) -> None:
    master, slave = os.openpty()
    try:
        loaded = loaded_by(
            "from threeam.cli.main import main\nassert main(['log', 'a note']) == 0",
            slave if on_a_terminal else subprocess.PIPE,
        )
    finally:
        os.close(slave)
        os.close(master)
    heavy = {
        "asyncio",
        "re2",
        "tomllib",
        "subprocess",
        "threeam.cli.tail",
        "threeam.cli.hyp",
        "threeam.hypotheses.drafts",
    }
    for_help_and_mistakes = {"rich_argparse", "rich", "shutil", "difflib"}
    assert loaded & (heavy | for_help_and_mistakes | {"json"}) == set()


def test_the_first_screen_waits_for_nothing_that_only_a_key_needs() -> None:
    loaded = loaded_by("import threeam.tui.app")
    later = (
        "psutil",
        "re2",
        "jinja2",
        "psycopg",
        "threeam.host.baseline_store",
        "threeam.reports.restore_report",
        "threeam.restore.pitr_plan",
    )
    assert {name for name in loaded if of(name, *later)} == set()


def test_the_screen_would_be_seen_if_it_were_loaded() -> None:
    assert "textual" in loaded_by("import textual")
