"""git is asked about a work tree, and whatever that tree or the user has configured, no other program is run.

Each vector leaves a marker; most are first seen to leave one when git is asked as a user would ask it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Run, command
from support.journals import texts
from support.repos import git_in, make_tree

BOB = 64012


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The marker: it exists once a program was run."""
    return tmp_path / "ran"


@pytest.fixture
def program(tmp_path: Path, ran: Path) -> str:
    """A program that leaves the marker, and hands on what it is given."""
    path = tmp_path / "program"
    path.write_text(f"#!/bin/sh\ntouch '{ran}'\ncat\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_here: Run, log: Path) -> Path:
    """A work tree with a submodule, whose HEAD was noted as stable, and a change in each of them.

    The files stay as long as they were: else git need not read them.
    """
    other = make_tree(tmp_path / "other", other="sleep(9)\n")
    path = make_tree(tmp_path / "tree", cart="sleep(9)\n")
    git_in(path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "sub")
    git_in(path, "commit", "-qm", "a submodule")
    monkeypatch.chdir(path)
    assert run_here("stable").returncode == 0
    (path / "cart.py").write_text("sleep(1)\n")
    (path / "sub" / "other.py").write_text("sleep(2)\n")
    return path


def attribute(folder: Path, value: str) -> None:
    """Give every Python file an attribute, without a change that git would show."""
    info = Path(git_in(folder, "rev-parse", "--absolute-git-dir")) / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(f"*.py {value}\n")


def clean_filter(tree: Path, program: str) -> None:
    attribute(tree, "filter=evil")
    git_in(tree, "config", "filter.evil.clean", program)


def odd_filter(tree: Path, program: str) -> None:
    attribute(tree, "filter=a=b.c")
    git_in(tree, "config", "filter.a=b.c.clean", program)


def users_filter(tree: Path, program: str) -> None:
    attribute(tree, "filter=evil")
    (Path(os.environ["HOME"]) / ".gitconfig").write_text(f"[filter \"evil\"]\nclean = '{program}'\n")


def included_process(tree: Path, program: str) -> None:
    attribute(tree, "filter=evil")
    (tree / ".git" / "more").write_text(f"[filter \"evil\"]\nprocess = '{program}'\nrequired = true\n")
    git_in(tree, "config", "include.path", "more")


def submodule_filter(tree: Path, program: str) -> None:
    clean_filter(tree / "sub", program)


def submodule_diff(tree: Path, program: str) -> None:
    git_in(tree, "config", "diff.submodule", "diff")
    git_in(tree / "sub", "config", "diff.external", program)
    git_in(tree / "sub", "commit", "-qam", "moved on")


def submodule_monitor(tree: Path, program: str) -> None:
    git_in(tree / "sub", "config", "core.fsmonitor", program)


def external_diff(tree: Path, program: str) -> None:
    git_in(tree, "config", "diff.external", program)


def driver(tree: Path, program: str) -> None:
    attribute(tree, "diff=evil")
    git_in(tree, "config", "diff.evil.command", program)


def textconv(tree: Path, program: str) -> None:
    attribute(tree, "diff=evil")
    git_in(tree, "config", "diff.evil.textconv", program)


def monitor(tree: Path, program: str) -> None:
    git_in(tree, "config", "core.fsmonitor", program)


def hooks(tree: Path, program: str) -> None:
    folder = tree / ".git" / "others"
    folder.mkdir()
    (folder / "post-index-change").symlink_to(program)
    git_in(tree, "config", "core.hooksPath", str(folder))
    os.utime(tree / ".gitmodules", (1, 1))  # git would like to note that it is the same still


def lazy_fetch(tree: Path, program: str) -> None:
    git_in(tree, "remote", "add", "origin", str(tree.parent / "other"))
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", f"{program} < /dev/null; false"),
        ("protocol.file.allow", "always"),
    ):
        git_in(tree, "config", key, value)
    blob = git_in(tree, "rev-parse", "HEAD:cart.py")
    (tree / ".git" / "objects" / blob[:2] / blob[2:]).unlink()


Vector = Callable[[Path, str], None]


@pytest.mark.parametrize(
    ("vector", "asked"),
    [
        (clean_filter, "status"),
        (odd_filter, "status"),
        (users_filter, "status"),
        (included_process, "status"),
        (submodule_filter, "status"),
        (submodule_monitor, "status"),
        (submodule_diff, "diff"),
        (external_diff, "diff"),
        (driver, "diff"),
        (textconv, "diff"),
        (monitor, "status"),
        (hooks, "status"),
        (lazy_fetch, "diff"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_nothing_is_run(tree: Path, ran: Path, program: str, run_here: Run, vector: Vector, asked: str) -> None:
    vector(tree, program)
    ran.unlink(missing_ok=True)
    restored = run_here("restore", "application")
    noted = run_here("stable")
    assert not ran.exists(), (restored, noted)
    assert restored.returncode == 1
    if vector is not lazy_fetch:
        assert (b"cart.py:1  sleep(1)" in restored.stdout, noted.returncode) == (True, 0)
    subprocess.run(["git", "-C", str(tree), "--no-pager", asked], check=False, capture_output=True, timeout=60)
    assert ran.exists(), "git runs nothing by itself either: the test proves nothing"


def test_only_git_is_executed(tree: Path, program: str, tmp_path: Path) -> None:
    """Also of what plain git runs only on a terminal or for other commands."""
    for key in ("core.pager", "pager.diff", "core.editor", "core.sshCommand", "core.askPass", "gpg.program"):
        git_in(tree, "config", key, program)
    for key in ("alias.diff", "alias.status", "credential.helper", "core.gitProxy", "uploadpack.packObjectsHook"):
        git_in(tree, "config", key, f"!{program}")
    for vector in (clean_filter, external_diff, monitor, submodule_filter):
        vector(tree, program)
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-qq", "-e", "trace=execve", "-e", "signal=none", "-o", str(trace)]
    done = subprocess.run([*strace, command(), "restore", "application"], capture_output=True, timeout=60)
    assert done.returncode == 1, done.stderr
    executed = {line.split('execve("')[1].split('"')[0] for line in trace.read_text().splitlines() if " = 0" in line}
    assert {Path(path).name for path in executed} <= {"git", Path(command()).name, "env", "python3", "python3.11"}


def test_a_submodule_that_is_at_another_commit_is_a_change(tree: Path, run_here: Run) -> None:
    git_in(tree / "sub", "commit", "-qam", "moved on")
    git_in(tree, "commit", "-qam", "the submodule, moved on")
    assert b"\n    M sub\n" in run_here("restore", "application").stdout


# A tree that is not the user's own.


@pytest.mark.parametrize("whose", ["the tree", "its .git", "the git folder that its .git names"])
def test_another_users_tree_is_refused_whatever_is_safe(
    tree: Path, ran: Path, program: str, run_here: Run, log: Path, whose: str
) -> None:
    (Path(os.environ["HOME"]) / ".gitconfig").write_text("[safe]\ndirectory = *\n")
    monitor(tree, program)
    ran.unlink(missing_ok=True)
    if whose == "the git folder that its .git names":
        folder = tree.parent / "elsewhere"
        (tree / ".git").rename(folder)
        (tree / ".git").write_text(f"gitdir: {folder}\n")
        os.chown(folder, BOB, BOB)
    else:
        os.chown(tree if whose == "the tree" else tree / ".git", BOB, BOB)
    restored = run_here("restore", "application")
    assert b"belongs to" in restored.stdout, restored
    before = texts(log)
    noted = run_here("stable")
    assert (noted.returncode, b"belongs to" in noted.stderr) == (3, True), noted
    assert texts(log) == before
    assert not ran.exists()
    subprocess.run(["git", "-C", str(tree), "status"], check=False, capture_output=True, timeout=60)
    assert ran.exists(), "git does not trust it by itself either: the test proves nothing"


def test_a_tree_that_a_line_names_by_a_relative_path_is_not_asked(tree: Path, run_here: Run, log: Path) -> None:
    with log.open("a") as file:
        file.write(
            "[2026-11-30T03:14:07.123456789+0000] [COFFEE: 0] [BY: bob@db1:1] "
            f"[STABLE: {git_in(tree, 'rev-parse', 'HEAD')}] [TREE: sub] Stable: x\n"
        )
    assert b"sub is not on this machine" in run_here("restore", "application").stdout
