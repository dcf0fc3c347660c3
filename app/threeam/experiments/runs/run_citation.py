"""An experiment, a search or a bisection as evidence: ``R3`` cites the line with its result. Pure."""

from __future__ import annotations

import re

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import bisections
from threeam.experiments.experiment import Experiment
from threeam.experiments.provoke.search import Search, searches_by_number
from threeam.experiments.runs.run_log import require_experiment

_RUN_NAME = re.compile(r"[Rr]\d{1,9}", re.ASCII)


def cite_run(state: State, text: str) -> str:
    """Return ``text`` with the stamp of its result in place of a leading ``R3``. Raise `PreconditionFailed`."""
    name, blank, words = text.strip().partition(" ")
    if _RUN_NAME.fullmatch(name) is None:
        return text
    return f"@{_result_stamp(state, name)}{blank}{words}"


def _result_stamp(state: State, name: str) -> Stamp:
    """Return the stamp of the result of ``R3``."""
    number = int(name[1:])
    planned = searches_by_number(state).get(number) or bisections(state).get(number)
    if planned is None:
        return _verdict_stamp(require_experiment(state, name))
    if planned.result_stamp is None:
        resume = "3am run --resume" if isinstance(planned, Search) else "3am bisect --resume"
        raise PreconditionFailed(
            f"{planned.name} has no result that could be evidence: {resume} {planned.name} continues it"
        )
    return planned.result_stamp


def _verdict_stamp(experiment: Experiment) -> Stamp:
    """Return the stamp of the verdict, or of the only line of a single run."""
    if experiment.seed is None:
        return experiment.stamp
    if experiment.verdict_stamp is None:
        name = experiment.name
        raise PreconditionFailed(f"{name} has no verdict that could be evidence: 3am run --resume {name} continues it")
    return experiment.verdict_stamp
