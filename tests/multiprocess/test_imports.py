"""Which modules a command really loads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.modules import DRAWING, is_below


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
        ["help"],
        ["help", "keys"],
    ],
    ids=" ".join,
)
def test_a_command_loads_nothing_that_draws(argv: list[str], log: Path) -> None:
    log.touch()
    loaded = loaded_by(f"from threeam.cli.main import main\nassert main({argv!r}) == 0")
    assert "threeam.cli.main" in loaded
    assert {name for name in loaded if is_below(name, *DRAWING, "rich_argparse", "threeam.tui")} == set()


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
        "threeam.team",
    )
    assert {name for name in loaded if is_below(name, *later)} == set()


@pytest.mark.parametrize("argv", [["tail"], ["merge", "app.log"], ["sources", "app.log"]], ids=" ".join)
def test_a_command_about_this_host_loads_nothing_of_a_team(argv: list[str], log: Path) -> None:
    log.touch()
    app_log = log.parent / "app.log"
    app_log.write_text("2026-11-24T03:14:07.100200Z start\n")
    words = [str(app_log) if word == "app.log" else word for word in argv]
    loaded = loaded_by(f"from threeam.cli.main import main\nassert main({words!r}) == 0")
    assert {name for name in loaded if is_below(name, "threeam.team")} == set()


def test_the_screen_would_be_seen_if_it_were_loaded() -> None:
    assert "textual" in loaded_by("import textual")
