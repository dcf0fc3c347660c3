"""The arms that a search tries: a delay before each system call of the command, and disturbances of other kinds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.experiments.arm_setup import check_arms
from threeam.experiments.arms import Arm, parse_arm
from threeam.experiments.experiment import BARE
from threeam.experiments.halving import least_runs
from threeam.experiments.search import MAX_SEARCH_ARMS
from threeam.experiments.system_calls import count_calls, delays_to_try

_OTHER_ARMS = ("noise", "perturb", "memcheck")


class SearchArms(NamedTuple):
    """The arms of a search, bare first. ``untried``: why some are not tried. ``run_ns``: how long a traced run took."""

    arms: tuple[Arm, ...]
    untried: tuple[str, ...]
    run_ns: int

    def fitting(self, runs: int) -> SearchArms:
        """Return as many of the arms as ``runs`` are enough for: the first ones, which are the most promising.

        Raise `BadInput` if they are not enough for one.
        """
        count = len(self.arms) - 1
        while count and least_runs(count) > runs:
            count -= 1
        if not count:
            raise BadInput(f"the budget is enough for {max(0, runs)} runs of a search, which needs {least_runs(1)}")
        left_out = [arm.name for arm in self.arms[count + 1 :]]
        untried = (f"too little budget for {', '.join(left_out)}",) if left_out else ()
        return self._replace(arms=self.arms[: count + 1], untried=(*self.untried, *untried))


def find_search_arms(command: Sequence[str], timeout_s: float | None) -> SearchArms:
    """Return the arms for ``command``, the most promising first. Run it once under strace.

    Raise `BadInput` if strace cannot be used. Arms that this machine cannot do are left out.
    """
    cpus = sorted(os.sched_getaffinity(0))
    check_arms([parse_arm("delay:read=1us", cpus)])
    counts = count_calls(command, timeout_s)
    delays = delays_to_try(counts, count_calls(["true"], None))
    others, untried = [], []
    for arm in (parse_arm(name, cpus) for name in _OTHER_ARMS):
        try:
            check_arms([arm])
        except BadInput as error:
            untried.append(str(error))
        else:
            others.append(arm)
    noise = [arm for arm in others if arm.noise]
    rest = [arm for arm in others if not arm.noise]
    arms = (Arm(BARE), *noise, *(parse_arm(name, cpus) for name in delays), *rest)
    return SearchArms(arms[:MAX_SEARCH_ARMS], tuple(untried), counts.duration_ns)
