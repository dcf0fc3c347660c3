"""The plan of an experiment: everything that is fixed before the first run. A private file holds it for a resume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from threeam.core.format.times import format_duration
from threeam.core.redact.redact import format_redacted_command, redact
from threeam.experiments.arms.arm import Arm, arms_from_record, run_order
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.fingerprint import ExperimentIdentity, identity_of
from threeam.experiments.verdicts.stopping import describe_rule


class ExperimentPlan(NamedTuple):
    """A plan: ``n`` runs of ``command`` in each of ``arms``, in the random order of ``seed``, in the folder ``cwd``.

    ``timeout_ns``: the time limit of a run; None: no limit. ``stop``: the rule by which it may stop early. ``jobs``:
    how many runs are made side by side. The plan file stores these fields by name.
    """

    command: tuple[str, ...]
    arms: tuple[Arm, ...]
    n: int
    seed: int
    rule: FailureRule
    timeout_ns: int | None
    cwd: str
    stop: str = ""
    jobs: int = 1

    @property
    def total(self) -> int:
        """Return the number of runs, of all arms."""
        return self.n * len(self.arms)

    def run_arms(self) -> list[Arm]:
        """Return the arm of each run, in the order of the runs."""
        return [self.arms[i] for i in run_order(len(self.arms), self.n, self.seed)]

    def text(self) -> str:
        """Return the text of the plan line, without secrets."""
        arms = ", ".join(f"{arm.name} ({arm.about})" if arm.about else arm.name for arm in self.arms)
        runs = f"{self.n} {'run' if self.n == 1 else 'runs'}"
        limit = f", each for {format_duration(self.timeout_ns)} at most" if self.timeout_ns is not None else ""
        order = f"{runs} each of {arms}, in random blocks" if len(self.arms) > 1 else f"{runs} of {arms}"
        stop = f"; {describe_rule(self.stop)}" if self.stop else ""
        jobs = f", {self.jobs} side by side" if self.jobs > 1 else ""
        details = f"{order}{jobs}, seed {self.seed}{limit}; fails if {self.rule}{stop}"
        return f"{loggable_command(self.command)}; {redact(details)}"

    @property
    def identity(self) -> ExperimentIdentity:
        """Return the identity of the experiment. Read the program."""
        return identity_of(self.command, self.rule, self.timeout_ns, self.cwd, self.jobs)


def loggable_command(command: Sequence[str]) -> str:
    """Return ``command`` as text for the log, without secrets."""
    return format_redacted_command(command)


def plan_record(plan: ExperimentPlan) -> dict[str, Any]:
    """Return ``plan`` as a JSON object."""
    return {**plan._asdict(), "rule": plan.rule._asdict(), "arms": [arm._asdict() for arm in plan.arms]}


def plan_from_record(record: dict[str, Any]) -> ExperimentPlan:
    """Return the plan of `plan_record`. Raise `KeyError`, `TypeError` or `ValueError` if it is not one."""
    rule, arms = FailureRule(**record.pop("rule")), arms_from_record(record.pop("arms"))
    return ExperimentPlan(**{**record, "command": tuple(record["command"]), "arms": arms, "rule": rule})
