"""An experiment as evidence: ``R3`` cites the line with its result. Pure."""

from __future__ import annotations

import re

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.experiments.experiment import Experiment
from threeam.experiments.runs.run_log import require_experiment

_RUN_NAME = re.compile(r"[Rr]\d{1,9}", re.ASCII)


def cite_run(state: State, text: str) -> str:
    """Return ``text`` with the stamp of its result in place of a leading ``R3``. Raise `PreconditionFailed`."""
    name, blank, words = text.strip().partition(" ")
    if _RUN_NAME.fullmatch(name) is None:
        return text
    return f"@{_result_stamp(require_experiment(state, name))}{blank}{words}"


def _result_stamp(experiment: Experiment) -> Stamp:
    """Return the stamp of the verdict, or of the only line of a single run."""
    if experiment.seed is None:
        return experiment.stamp
    if experiment.verdict_stamp is None:
        name = experiment.name
        raise PreconditionFailed(f"{name} has no verdict that could be evidence: 3am run --resume {name} continues it")
    return experiment.verdict_stamp
