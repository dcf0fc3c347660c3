"""git in a work tree: what it does not answer in time is no answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.repos import make_tree
from threeam.core.errors import PreconditionFailed
from threeam.process import git
from threeam.process.git import GitFailed, WorkTree


def time_out_on(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each call of git whose first word is ``word`` end without an answer."""
    really_run = git._run_git

    def run(folder: str, settings: Any, args: Any, timeout_s: float = 30.0) -> str:
        if args[0] == word:
            raise GitFailed("git did not end in time")
        return really_run(folder, settings, args, timeout_s)

    monkeypatch.setattr(git, "_run_git", run)


def test_filters_that_are_not_known_are_not_taken_for_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_tree(tmp_path / "shop", cart="a = 1\n")
    assert WorkTree(str(folder)).path == str(folder)
    time_out_on("config", monkeypatch)
    with pytest.raises(GitFailed, match="in time"):
        WorkTree(str(folder))


def test_a_commit_that_git_did_not_look_up_is_not_called_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = WorkTree(str(make_tree(tmp_path / "shop", cart="a = 1\n")))
    for revision in ("nothing", "-x", "--all"):
        with pytest.raises(PreconditionFailed, match="is not a commit of"):
            tree.find_commit(revision)
    assert len(tree.find_commit("main")) == 40
    time_out_on("rev-parse", monkeypatch)
    with pytest.raises(GitFailed, match="in time"):
        tree.find_commit("main")
