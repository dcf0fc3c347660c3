"""What the README says of the keys and the tests is what the program has."""

from __future__ import annotations

import re
from pathlib import Path

from threeam.actions import key_table

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_keys_are_those_of_the_table_of_actions() -> None:
    match = re.search(r"<!-- keys -->\n(.*?)\n<!-- /keys -->", README, re.DOTALL)
    assert match is not None
    assert match[1] == key_table()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    match = re.search(r"<!-- tests -->\n    (.*)\n<!-- /tests -->", README)
    assert match is not None
    assert match[1].startswith("python3 -m venv ")
    ci = (Path(__file__).parents[2] / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- tests -->" in ci
