"""The needs of the arms of a plan on this machine: tools, the noise library, control groups."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.core.format.entry import decode_utf8
from threeam.experiments.arms.arm import Arm
from threeam.experiments.arms.cpu_quota import cpu_quota, quota_words
from threeam.experiments.arms.noise import noise_library, noise_words
from threeam.experiments.runnable import check_runnable
from threeam.process.captured import run_captured
from threeam.process.execute import ExecuteOptions, execute

_CHECK_TIMEOUT_S = 10
_MIN_STRACE = (5, 3)  # the first one with --seccomp-bpf
_STRACE_VERSION = re.compile(r"version (\d+)\.(\d+)", re.ASCII)
_UNKNOWN_CALL = re.compile(r"strace: invalid (?:-e \w+=\S* argument|system call) '([^']*)'", re.ASCII)
_PACKAGES = {"strace": "strace", "valgrind": "valgrind", "taskset": "util-linux"}  # Debian's names


class ArmSetup(NamedTuple):
    """The things that the arms of a plan use: its seed, the noise library, a control group for each quota."""

    seed: int
    library: str
    groups: dict[int, str]

    def words_before(self, arm: Arm, run_number: int) -> list[str]:
        """Return the words before the command in the run ``run_number`` of ``arm``."""
        words = [*(quota_words(self.groups[arm.quota]) if arm.quota else ()), *arm.before]
        return [*words, *noise_words(self.library, self.seed, run_number)] if arm.noise else words


@contextmanager
def set_up_arms(arms: Sequence[Arm], seed: int) -> Iterator[ArmSetup]:
    """Compile and create what ``arms`` use. Raise `BadInput` if the machine cannot do what an arm needs."""
    with ExitStack() as stack:
        library = noise_library() if any(arm.noise for arm in arms) else ""
        quotas = sorted({arm.quota for arm in arms} - {0})
        yield ArmSetup(seed, library, {percent: stack.enter_context(cpu_quota(percent)) for percent in quotas})


def check_arms(arms: Sequence[Arm]) -> None:
    """Check the tools of each arm, and run ``true`` in it. Raise `BadInput` if a run would fail because of the arm."""
    for arm in arms:
        if arm.before:
            _check_tools(arm)
    with set_up_arms(arms, 0) as setup:
        for arm in arms:
            if words := setup.words_before(arm, 1):
                _check_words(arm, words)


def _check_tools(arm: Arm) -> None:
    """Check that the programs of ``arm`` are installed, and that strace is new enough."""
    for tool, package in _PACKAGES.items():
        if tool in arm.before and shutil.which(tool) is None:
            raise BadInput(f"the arm {arm.name} needs {tool}, which is not installed: install {package}")
    check_runnable(arm.before)
    if arm.delays_calls and (version := strace_version()) < _MIN_STRACE:
        least, found = (".".join(map(str, numbers)) for numbers in (_MIN_STRACE, version))
        raise BadInput(f"the arm {arm.name} needs strace {least} or later, and this one is {found}")


def strace_version() -> tuple[int, int]:
    """Return the version of strace; (0, 0) if it cannot be run."""
    asked = run_captured(["strace", "-V"], _CHECK_TIMEOUT_S, os.environ)
    match = _STRACE_VERSION.search(asked[1]) if asked else None
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _check_words(arm: Arm, words: Sequence[str]) -> None:
    chunks: list[bytes] = []
    options = ExecuteOptions(timeout_s=_CHECK_TIMEOUT_S)
    result = execute([*words, "true"], lambda _, data: chunks.append(data), options)
    if result.exit_code == 0:
        return
    output = decode_utf8(b"".join(chunks)).strip()
    if arm.delays_calls and (unknown := _UNKNOWN_CALL.search(output)):
        raise BadInput(f"the arm {arm.name}: strace knows no system call {unknown[1]!r}")
    reason = output.partition("\n")[0] or result.exit_code
    raise BadInput(f"arm {arm.name} fails by itself, with {' '.join(words)} true: {reason}")
