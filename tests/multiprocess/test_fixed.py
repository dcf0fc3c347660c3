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


def test_a_fix_is_judged_beside_the_version_before_it(run: Run3am, tmp_path: Path) -> None:
    """The old version fails in every second run of its own."""
    script = 'echo x >> "$V"; [ "$V" = new ] || [ $(($(wc -l < old) % 2)) -eq 0 ]'
    run("hyp", "new", "it races")
    done = run("fixed", "H1", "--old", "old", "--new", "new")
    assert b"no experiment of H1 has the arms old and new: 3am run -n 200 -H H1 --arm old=" in done.stderr
    arms = ("--arm", "old=env V=old", "--arm", "new=env V=new")
    assert run("run", "-q", "-n", "20", *arms, "-H", "H1", "--", "sh", "-c", script).returncode == 1
    done = run("fixed", "H1", "--old", "old", "--new", "new")
    assert (done.returncode, b"yes: call it fixed: old failed 10 of 20 times and new never" in done.stdout) == (0, True)
    done = run("fixed", "H1", "--old", "new", "--new", "old", "--json")
    assert (done.returncode, json.loads(done.stdout)["new"]) == (1, {"arm": "old", "failed": 10, "of": 20})
    planned_later = run("fixed", "H1", "--old", "old", "--new", "new", "--since", "2099-01-01 00:00:00")
    assert planned_later.returncode == 1
    for wrong in (["--old", "old"], ["--old", "a", "--new", "a"], ["--old", "a", "--new", "b", "--arm", "bare"]):
        assert run("fixed", "H1", *wrong).returncode == 2


def test_an_arm_is_refused_where_lines_are_counted(run: Run3am) -> None:
    done = run("fixed", "H1", "--seen", "lost", "--arm", "bare")
    assert (done.returncode, b"--arm is for runs" in done.stderr) == (2, True), done.stderr


def test_a_failure_of_the_old_version_beside_the_new_one_is_told_from_a_wrong_fix(run: Run3am) -> None:
    """Without --old and --new, each failure since counts. The page names the arms that may be two versions."""
    command = ("-H", "H1", "--", "sh", "-c", '[ "$V" = new ]')
    run("hyp", "new", "it races")
    run("run", "-q", "-n", "5", *command)
    run("changed", "-H", "H1", "fix")
    run("run", "-q", "-n", "5", "--arm", "old=env V=old", "--arm", "new=env V=new", *command)
    done = run("fixed", "H1")
    assert (done.returncode, b"no: it happened again after the change" in done.stdout) == (1, True)
    assert (
        b"R2: old failed, and new did not  (if these are two versions, --old old --new new judges them)" in done.stdout
    )
