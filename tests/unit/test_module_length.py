"""No module of the program or of its tests is so long that it has to be two."""

from __future__ import annotations

from pathlib import Path

import pytest

import threeam

MAX_LINES = 400
FOLDERS = {"app": Path(threeam.__file__).parent, "tests": Path(__file__).parents[1]}


@pytest.mark.parametrize("folder", FOLDERS.values(), ids=FOLDERS)
def test_no_module_has_more_than_400_lines(folder: Path) -> None:
    modules = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    assert modules
    long = [f"{path.relative_to(folder)}: {lines}" for path, lines in modules.items() if lines > MAX_LINES]
    assert not long, "\n".join(sorted(long))
