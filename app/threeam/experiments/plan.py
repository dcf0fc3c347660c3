"""The plan of an experiment: everything that is fixed before the first run. A private file holds it for a resume."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import format_redacted_command, redact
from threeam.experiments.arms.arm import Arm, run_order
from threeam.experiments.failure_rule import FailureRule
from threeam.experiments.fingerprint import ExperimentIdentity, identity_of
from threeam.experiments.verdicts.stopping import describe_rule

_FORMAT_VERSION = 1


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


def encode_plan(plan: ExperimentPlan) -> bytes:
    """Return the content of the file of ``plan``, with the words of the command as they were typed.

    They may contain secrets, so the file is private to its owner.
    """
    rule, arms = plan.rule._asdict(), [arm._asdict() for arm in plan.arms]
    record = {"format": _FORMAT_VERSION, **plan._asdict(), "rule": rule, "arms": arms}
    return json.dumps(record, indent=1).encode()  # undecodable bytes of a command become \udc.., and are restored


def decode_plan(data: bytes, path: str) -> ExperimentPlan:
    """Return the plan of a file with this content. Raise `FileUnusable`; ``path`` is for its message."""
    try:
        record = json.loads(data)
        if record.pop("format") != _FORMAT_VERSION:
            raise FileUnusable(f"{path} was written by a later version of 3am")
        arms = tuple(Arm(**{**fields, "before": tuple(fields["before"])}) for fields in record.pop("arms"))
        rule = FailureRule(**record.pop("rule"))
        plan = ExperimentPlan(**{**record, "command": tuple(record["command"]), "arms": arms, "rule": rule})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileUnusable(f"{path} is not a plan of 3am: {error}") from None
    return plan
