"""Rules by which an experiment stops before all planned runs are made. Pure.

Glossary
    evidence   the rule for several arms. An arm is *decided* when the evidence that it differs from the first one
               (`sequential`) is large enough. Its further runs are not made, and the experiment is over when every arm
               is decided. The evidence has half of alpha; Fisher's test of the arms that are left at the end has the
               other half. 1 / evidence is a p that may be looked at after each block, and Holm's method takes it as it
               takes that of Fisher. All kinds of failure count alike: which of them the first arm has is known only at
               the end, and to leave runs out by what came later would bias the evidence.
    clean:K    the rule for one arm, after a fix: over at the first failure, or after K runs that passed. With those,
               ``3am fixed`` has its answer: no further run would change it.

The plan line has the rule. Everything else follows from the outcomes, so a resumed experiment stops where it would have
stopped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from threeam.experiments.arms.arm import Arm
from threeam.experiments.experiment import Experiment
from threeam.experiments.failure_rule import FAILED, PASSED
from threeam.experiments.statistics.sequential import Evidence
from threeam.experiments.statistics.stats import is_significant
from threeam.experiments.verdicts.blocks import conclusive_blocks

EVIDENCE = "evidence"
_CLEAN_RULE = re.compile(r"clean:(\d{1,9})", re.ASCII)


class Decision(NamedTuple):
    """The evidence about an arm when it was decided, ``blocks`` after the first one."""

    blocks: int
    evidence: Evidence

    @property
    def p(self) -> float:
        """Return the p that may be looked at after each block."""
        return min(1.0, 1 / self.evidence.value)


class StopRule(Protocol):
    """The runs so far, and which arms need more."""

    def add(self, number: int, arm: str, outcome: str) -> None:
        """Add the outcome of the run with this number."""

    def needs(self, arm: str) -> bool:
        """Return whether more runs of ``arm`` are needed."""


class EvidenceRule:
    """The rule ``evidence``, for ``arms`` of which the first is compared with the others."""

    def __init__(self, arms: Sequence[str], alpha: float) -> None:
        self._arms = arms
        self._alpha = alpha / 2
        self._evidence = {arm: Evidence() for arm in arms[1:]}  # of those that are not decided
        self._outcomes: dict[int, dict[str, str]] = {}  # by block, from `_block` on
        self._block = 0  # the first one that is not complete
        self.decisions: dict[str, Decision] = {}

    def add(self, number: int, arm: str, outcome: str) -> None:
        """Add an outcome. Blocks are looked at in their order, when all runs that are needed are made."""
        self._outcomes.setdefault((number - 1) // len(self._arms), {})[arm] = outcome
        while self._evidence and self._is_complete(self._outcomes.get(self._block, {})):
            self._look_at(self._outcomes.pop(self._block))

    def needs(self, arm: str) -> bool:
        """Return whether ``arm`` is not decided, or the first one while another is not."""
        return arm in self._evidence or (arm == self._arms[0] and bool(self._evidence))

    def _is_complete(self, outcomes: dict[str, str]) -> bool:
        return outcomes.keys() >= {self._arms[0], *self._evidence}

    def _look_at(self, outcomes: dict[str, str]) -> None:
        self._block += 1
        first = outcomes[self._arms[0]]
        for arm, evidence in self._evidence.items():
            for block in conclusive_blocks([(first, outcomes[arm])]):
                self._evidence[arm] = evidence.after(block)
        # Holm: each decided arm leaves a greater level for the others.
        for arm in sorted(self._evidence, key=lambda arm: -self._evidence[arm].log_value):
            decision = Decision(self._block, self._evidence[arm])
            if not is_significant(decision.p, self._alpha / len(self._evidence)):
                break
            self.decisions[arm] = decision
            del self._evidence[arm]


class CleanRunsRule:
    """The rule ``clean:K``."""

    def __init__(self, required: int) -> None:
        self._required = required
        self._passed = 0
        self._has_failed = False

    def add(self, number: int, arm: str, outcome: str) -> None:
        """Add an outcome."""
        self._passed += outcome == PASSED
        self._has_failed |= outcome == FAILED

    def needs(self, arm: str) -> bool:
        """Return whether no run has failed, and fewer have passed than are required."""
        return not self._has_failed and self._passed < self._required


def clean_runs_rule(required: int) -> str:
    """Return the name of the rule that requires this many runs that pass."""
    return f"clean:{required}"


def describe_rule(rule: str) -> str:
    """Return the rule in the words of a plan; empty if it is not known."""
    if rule == EVIDENCE:
        return "an arm stops when it is decided, by failures of any kind"
    match = _CLEAN_RULE.fullmatch(rule)
    return f"stops at the first failure, or after {int(match[1]):,} clean runs" if match else ""


def rule_of(experiment: Experiment) -> StopRule | None:
    """Return the rule of ``experiment`` with its outcomes so far; None: all planned runs are made."""
    rule: StopRule
    if experiment.stop == EVIDENCE and len(experiment.arms) > 1:
        rule = EvidenceRule(experiment.arms, experiment.alpha)
    elif match := _CLEAN_RULE.fullmatch(experiment.stop):
        rule = CleanRunsRule(int(match[1]))
    else:
        return None
    for run in experiment.made_runs():
        rule.add(run.number, run.arm, run.outcome)
    return rule


def decisions_of(experiment: Experiment) -> dict[str, Decision]:
    """Return the arms that were decided before the end of the plan."""
    rule = rule_of(experiment)
    return rule.decisions if isinstance(rule, EvidenceRule) else {}


def is_done(experiment: Experiment) -> bool:
    """Return whether every run that is needed is made."""
    if not experiment.remaining:
        return True
    rule = rule_of(experiment)
    if rule is None:
        return False
    return all(counts.total == experiment.n or not rule.needs(arm) for arm, counts in experiment.counts().items())


def needed_runs(remaining: Iterable[int], arms: Sequence[Arm], rule: StopRule | None) -> Iterator[int]:
    """Yield the numbers of the runs to make. ``arms``: of each run.

    The caller adds each outcome to ``rule`` before it takes the next number.
    """
    for number in remaining:
        if rule is None or rule.needs(arms[number - 1].name):
            yield number


def stopped_value(experiment: Experiment) -> str:
    """Return ``7/150``: the blocks after which it stopped, or of each arm; empty if all planned runs are made."""
    if not experiment.remaining:
        return ""
    decisions = decisions_of(experiment)
    if len(experiment.arms) <= 2:
        blocks = max((counts.total for counts in experiment.counts().values()), default=0)
        return f"{blocks}/{experiment.n}"
    return " ".join(f"{arm}={decision.blocks}/{experiment.n}" for arm, decision in decisions.items())
