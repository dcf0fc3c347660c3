"""The plan of a search: the command, and the arms that are tried. A signed file holds it for a resume."""

from __future__ import annotations

from typing import Any, NamedTuple

from threeam.experiments.arms.arm import Arm, arms_from_record
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.fingerprint import ExperimentIdentity, identity_of
from threeam.experiments.plan import ExperimentPlan


class Reproducer(NamedTuple):
    """A command that shows a failure: run in the folder ``cwd``, it fails if ``rule`` says so.

    ``timeout_ns``: the time limit of a run; None: no limit.
    """

    command: tuple[str, ...]
    rule: FailureRule
    timeout_ns: int | None
    cwd: str

    @property
    def identity(self) -> ExperimentIdentity:
        """Return the identity of its experiments. Read the program."""
        return identity_of(self.command, self.rule, self.timeout_ns, self.cwd)


class SearchPlan(NamedTuple):
    """A search among ``arms`` for the one in which ``reproducer`` fails most often. The first arm is bare."""

    reproducer: Reproducer
    arms: tuple[Arm, ...]
    seed: int

    @property
    def command(self) -> tuple[str, ...]:
        """Return the command and its arguments."""
        return self.reproducer.command

    def experiment(self, arm_names: tuple[str, ...], n: int, seed: int) -> ExperimentPlan:
        """Return the plan of ``n`` fresh runs in each of some arms."""
        arms = tuple(arm for arm in self.arms if arm.name in arm_names)
        command, rule, timeout_ns, cwd = self.reproducer
        return ExperimentPlan(command, arms, n, seed, rule, timeout_ns, cwd)


def search_plan_record(plan: SearchPlan) -> dict[str, Any]:
    """Return ``plan`` as a JSON object."""
    reproducer = {**plan.reproducer._asdict(), "rule": plan.reproducer.rule._asdict()}
    return {**reproducer, "arms": [arm._asdict() for arm in plan.arms], "seed": plan.seed}


def search_plan_from_record(record: dict[str, Any]) -> SearchPlan:
    """Return the plan of `search_plan_record`. Raise `KeyError`, `TypeError` or `ValueError` if it is not one."""
    arms, seed, rule = arms_from_record(record.pop("arms")), record.pop("seed"), FailureRule(**record.pop("rule"))
    return SearchPlan(Reproducer(tuple(record.pop("command")), rule, **record), arms, seed)
