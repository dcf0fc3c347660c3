"""The arms that a search tries: a delay before each system call of the command, and disturbances of other kinds."""

from __future__ import annotations

import os
import shutil
from typing import NamedTuple

from threeam.core.errors import BadInput
from threeam.experiments.arms.arm import Arm, parse_arm
from threeam.experiments.arms.arm_setup import check_arms
from threeam.experiments.experiment import BARE
from threeam.experiments.failure_rule import FAILED
from threeam.experiments.provoke.budget import MIN_CONFIRMING_RUNS
from threeam.experiments.provoke.halving import least_runs
from threeam.experiments.provoke.search import MAX_SEARCH_ARMS
from threeam.experiments.provoke.search_plan import Reproducer
from threeam.experiments.provoke.system_calls import count_calls, delays_to_try
from threeam.experiments.runs.trial_run import trial_run
from threeam.process.runtimes import takes_preloads

_JAVA = "java"


class SearchArms(NamedTuple):
    """The arms of a search, bare first.

    ``untried``: why some are not tried. ``run_ns``: how long a traced run took. ``left_out``: the names of those for
    which the budget is too small.
    """

    arms: tuple[Arm, ...]
    untried: tuple[str, ...]
    run_ns: int
    left_out: tuple[str, ...] = ()

    def fitting(self, runs: int) -> SearchArms:
        """Return as many of the arms as ``runs`` are enough for: the first ones, which are the most promising.

        Raise `BadInput` if they are not enough for one.
        """
        count = len(self.arms) - 1
        while count and least_runs(count) > runs:
            count -= 1
        if not count:
            least, enough = (least_runs(arms) + 2 * MIN_CONFIRMING_RUNS for arms in (1, len(self.arms) - 1))
            raise BadInput(f"the budget is too small: {least} runs are the least, and {enough} try all arms")
        left_out = tuple(arm.name for arm in self.arms[count + 1 :])
        untried = (f"too little budget for {', '.join(left_out)}",) if left_out else ()
        return self._replace(arms=self.arms[: count + 1], untried=(*self.untried, *untried), left_out=left_out)


def find_search_arms(reproducer: Reproducer) -> SearchArms:
    """Return the arms for ``reproducer``, the most promising first. Run it once under strace, and once under valgrind.

    Raise `BadInput` if strace cannot be used. Arms that this machine cannot do are left out.
    """
    command, rule, timeout_ns, _ = reproducer
    cpus = sorted(os.sched_getaffinity(0))
    check_arms([parse_arm("delay:read=1us", cpus)])
    counts = count_calls(command, timeout_ns)
    delays = [parse_arm(name, cpus) for name in delays_to_try(counts, count_calls(["true"], None))]
    noise, perturb, memcheck = (parse_arm(name, cpus) for name in ("noise", "perturb", "memcheck"))
    obstacles = {arm.name: obstacle for arm in (noise, perturb, memcheck) if (obstacle := _obstacle(arm))}
    program = os.path.realpath(shutil.which(command[0]) or command[0])
    if not takes_preloads(program):
        obstacles[noise.name] = f"noise has no effect in {command[0]}, which does not use the threads of the C library"
    if not takes_preloads(program) or os.path.basename(program) == _JAVA:  # each run of them would be an error
        obstacles[memcheck.name] = f"memcheck does not know how {command[0]} uses its memory"
    # It is slow, and an error that it finds is found in nearly every run, so one run says whether more are worth it.
    if memcheck.name not in obstacles:
        outcome, _ = trial_run([*memcheck.before, *command], rule, timeout_ns)
        if outcome != FAILED:
            obstacles[memcheck.name] = "memcheck found no error in a run"
    arms = (Arm(BARE), noise, *delays, perturb, memcheck)
    tried = tuple(arm for arm in arms if arm.name not in obstacles)
    return SearchArms(tried[:MAX_SEARCH_ARMS], tuple(obstacles.values()), counts.duration_ns)


def _obstacle(arm: Arm) -> str:
    """Return why this machine cannot do ``arm``; empty if it can."""
    try:
        check_arms([arm])
    except BadInput as error:
        return str(error)
    return ""
