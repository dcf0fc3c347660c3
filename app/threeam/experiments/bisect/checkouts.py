"""Work trees of the commits that a bisection runs: made when needed, kept while they are used, removed at the end."""

from __future__ import annotations

import os
import shutil

from threeam.core.platform.folders import make_dirs
from threeam.process.git import GitFailed, WorkTree

MAX_CHECKOUTS = 32  # of one bisection; a build of each of them needs space


class Checkouts:
    """The work trees in one folder, each named by its commit."""

    def __init__(self, tree: WorkTree, folder: str) -> None:
        self._tree = tree
        self._folder = folder
        self._used: list[str] = []  # commits, the one that was used last at the end

    def path(self, commit: str) -> str:
        """Return the path of the work tree of ``commit``, if it is there or not."""
        return os.path.join(self._folder, commit)

    def use(self, commit: str) -> bool:
        """Return True if the work tree of ``commit`` was made just now. Raise `GitFailed`."""
        is_new = commit not in self._used
        if is_new:
            if len(self._used) >= MAX_CHECKOUTS:
                self._remove(self._used.pop(0))
            make_dirs(self._folder)
            self._tree.check_out(commit, self.path(commit))
        else:
            self._used.remove(commit)
        self._used.append(commit)
        return is_new

    def remove_all(self) -> None:
        """Remove every work tree of the folder, also those of a process that was killed, and the folder."""
        self._used.clear()
        if os.path.isdir(self._folder):
            for name in os.listdir(self._folder):
                self._remove(name)
            os.rmdir(self._folder)

    def _remove(self, commit: str) -> None:
        path = self.path(commit)
        try:
            self._tree.forget(path)
        except GitFailed:  # git was killed while it made the work tree, and does not know it
            shutil.rmtree(path)
