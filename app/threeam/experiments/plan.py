"""The plan of an experiment: all that is fixed before anything runs. A file of one's own keeps it, to resume from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from threeam.core.errors import FileUnusable
from threeam.core.format.times import format_duration
from threeam.core.redact.redact import format_redacted_command, redact
from threeam.experiments.arms import Arm, run_order
from threeam.experiments.failure_rule import FailureRule

_FORMAT_VERSION = 1


class ExperimentPlan(NamedTuple):
    """``n`` runs of ``command`` for each of ``arms``, in the order of ``seed``, from the folder ``cwd``.

    ``timeout_ns``: after which a run is ended; None: never.
    """

    command: tuple[str, ...]
    arms: tuple[Arm, ...]
    n: int
    seed: int
    rule: FailureRule
    timeout_ns: int | None
    cwd: str

    @property
    def total(self) -> int:
        """Runs of all arms."""
        return self.n * len(self.arms)

    def run_arms(self) -> list[Arm]:
        """The arm of each run, in their order."""
        return [self.arms[i] for i in run_order(len(self.arms), self.n, self.seed)]

    def text(self) -> str:
        """What its line says."""
        arms = ", ".join(f"{arm.name} ({arm.about})" if arm.about else arm.name for arm in self.arms)
        runs = f"{self.n} {'run' if self.n == 1 else 'runs'}"
        limit = f", each for {format_duration(self.timeout_ns)} at most" if self.timeout_ns is not None else ""
        of = f"{runs} each of {arms}, in random blocks" if len(self.arms) > 1 else f"{runs} of {arms}"
        said = f"{of}, seed {self.seed}{limit}; fails if {self.rule}"
        return f"{loggable_command(self.command)}; {redact(said)}"


def loggable_command(command: Sequence[str]) -> str:
    """Return ``command`` as it may stand in the log."""
    return format_redacted_command(command)


def encode_plan(plan: ExperimentPlan) -> bytes:
    """Return ``plan`` as its file holds it: the words of the command as they were typed, to be executed again.

    They may hold secrets, so the file is for its owner alone. The log has them without.
    """
    rule, arms = plan.rule._asdict(), [arm._asdict() for arm in plan.arms]
    record = {"format": _FORMAT_VERSION, **plan._asdict(), "rule": rule, "arms": arms}
    return json.dumps(record, indent=1).encode()  # undecodable bytes of a command become \udc.., and come back


def decode_plan(data: bytes, path: str) -> ExperimentPlan:
    """The plan that a file holds. Raises `Unusable`."""
    try:
        record = json.loads(data)
        if record.pop("format") != _FORMAT_VERSION:
            raise FileUnusable(f"{path} was written by a later version of 3am")
        arms = tuple(Arm(**{**one, "before": tuple(one["before"])}) for one in record.pop("arms"))
        rule = FailureRule(**record.pop("rule"))
        plan = ExperimentPlan(**{**record, "command": tuple(record["command"]), "arms": arms, "rule": rule})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileUnusable(f"{path} is no plan of 3am: {error}") from None
    return plan
