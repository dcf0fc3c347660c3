"""Bisections in simulation, and repositories of a line of commits."""

from __future__ import annotations

import math
import random
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from support.journals import entries
from support.repos import git_in
from threeam.experiments.bisect.posterior import Belief, CommitRuns, belief_of


class Found(NamedTuple):
    """How many runs a search took, and whether it named the right commit."""

    runs: int
    right: bool


def bisect(commits: int, guilty: int, rate: float, rng: random.Random, budget: int = 1000) -> Found:
    """Search as 3am does, which does not know the rate."""
    belief, tested, runs = belief_of([CommitRuns()] * (commits + 1)), set[int](), 0
    while not belief.is_decided and runs < budget:
        position = belief.next_position(tested)
        belief = belief.after(position, failed=position >= guilty and rng.random() < rate)
        tested.add(position)
        runs += 1
    return Found(runs, belief.is_decided and belief.answer.first == belief.answer.last == guilty)


def plain_bisect(commits: int, guilty: int, rate: float, rng: random.Random, known_rate: float | None) -> Found:
    """Halve the commits; each is good if it passes so often that all halvings are right with 95 %.

    ``known_rate``: how rare the failure is said to be. None: it is measured, by three failures of the last commit.
    """
    runs = 0
    if known_rate is None:
        failures = 0
        while failures < 3:
            runs += 1
            failures += rng.random() < rate
        known_rate = min(0.999, failures / runs)
    halvings = math.ceil(math.log2(commits))
    clean = math.ceil(math.log(1 - 0.95 ** (1 / halvings)) / math.log(1 - known_rate)) if known_rate < 1 else 1
    good, bad = 0, commits
    while bad - good > 1:
        middle = (good + bad) // 2
        for _ in range(clean):
            runs += 1
            if middle >= guilty and rng.random() < rate:
                bad = middle
                break
        else:
            good = middle
    return Found(runs, bad == guilty)


def replayed(commits: int, steps: Iterable[tuple[int, bool]]) -> tuple[Belief, list[CommitRuns]]:
    """The belief after some runs, one by one, and the runs of each commit."""
    runs = [CommitRuns()] * (commits + 1)
    belief = belief_of(runs)
    for position, failed in steps:
        belief = belief.after(position, failed=failed)
        counted = runs[position]
        runs[position] = CommitRuns(counted.failed + failed, counted.passed + (not failed))
    return belief, runs


def make_history(folder: Path, count: int, program: Callable[[int], str]) -> Path:
    """A repository of ``count`` commits, 0 to ``count`` - 1, each with the program of its number as ``repro``."""
    folder.mkdir()
    git_in(folder, "init", "-q", "-b", "main")
    stream = []
    for number in range(count):
        text, message = program(number), f"change {number}"
        begin = "reset refs/heads/main\n" if number == 0 else ""
        stream.append(
            f"{begin}commit refs/heads/main\ncommitter a <a@b> {1_700_000_000 + number} +0000\n"
            f"data {len(message)}\n{message}\nM 755 inline repro\ndata {len(text)}\n{text}\n"
        )
    subprocess.run(["git", "-C", folder, "fast-import", "--quiet"], input="".join(stream).encode(), check=True)
    git_in(folder, "reset", "-q", "--hard", "main")
    return folder


COUNT, GUILTY = 9, 5  # commits of `repository_in`, and the number of the one from which on it fails
ENDS = ("main~8", "main")


def repository_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose program fails in each run from one commit on; the working folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = make_history(tmp_path / "repository", COUNT, lambda n: f"#!/bin/sh\n# {n}\nexit {int(n >= GUILTY)}\n")
    monkeypatch.chdir(folder)
    return folder


def result(log: Path) -> str:
    """The text of the last result."""
    return [entry for entry in entries(log) if entry.kind == "Bisected"][-1].body


def has_checkouts(repository: Path) -> bool:
    """Whether a work tree of a bisection is there, on the disk or for git."""
    cache = repository.parent / "cache" / "3am" / "bisect"
    return any(cache.glob("*")) or len(git_in(repository, "worktree", "list").splitlines()) > 1
