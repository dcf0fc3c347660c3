"""`3am fixed` after real experiments."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from support.commands import Run as Run3am
from support.commands import command


def test_a_wrong_yes_is_not_given_through_the_command_line(
    run_here: Run3am, run_process: Run3am, tmp_path: Path
) -> None:
    """The whole way, with real runs: `changed -H`, the same words in another folder, and the answer as JSON."""
    assert run_here("hyp", "new", "it races").returncode == 0
    script = "test -e fixed"
    assert run_process("run", "-q", "-n", "5", "-H", "H1", "--", "sh", "-c", script).returncode == 1
    assert run_here("changed", "-H", "H9", "fix").returncode == 1
    assert b"[H1: open] [CHANGE: open] Changed: fix" in run_here("changed", "-H", "H1", "fix").stdout
    folder = tmp_path / "another"
    folder.mkdir()
    (folder / "fixed").touch()
    argv = [command(), "run", "-q", "-n", "40", "-H", "H1", "--", "sh", "-c", script]
    assert subprocess.run(argv, cwd=folder, timeout=60).returncode == 0
    done = run_here("fixed", "H1", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["fixed"], report["since"]["clean"]) == (1, False, 0)
    assert report["not_counted"][0]["differs"].startswith(f"run in {folder}, not in ")


def test_an_arm_is_refused_where_lines_are_counted(run: Run3am) -> None:
    done = run("fixed", "H1", "--seen", "lost", "--arm", "bare")
    assert (done.returncode, b"--arm is for runs" in done.stderr) == (2, True), done.stderr
