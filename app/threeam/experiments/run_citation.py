"""An experiment, a search or a bisection as evidence: ``R3`` cites the line with its result. Pure."""

from __future__ import annotations

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.experiments.bisect.bisect_log import bisections
from threeam.experiments.provoke.search import searches_by_number
from threeam.experiments.runs.run_log import require_experiment
from threeam.experiments.runs.run_numbers import parse_run_number


def cite_run(state: State, text: str) -> str:
    """Return ``text`` with the stamp of its result in place of a leading ``R3``. Raise `PreconditionFailed`."""
    name, blank, words = text.strip().partition(" ")
    number = parse_run_number(name) if name[:1] in ("R", "r") else None  # a mere number is a word of the text
    return text if number is None else f"@{_result_stamp(state, number)}{blank}{words}"


def _result_stamp(state: State, number: int) -> Stamp:
    """Return the stamp of the result of the experiment, search or bisection ``number``, or of a single run."""
    resume = "3am run --resume"
    if (search := searches_by_number(state).get(number)) is not None:
        stamp = None if search.result is None else search.result.stamp
    elif (bisection := bisections(state).get(number)) is not None:
        stamp, resume = bisection.result_stamp, "3am bisect --resume"
    else:
        experiment = require_experiment(state, f"R{number}")
        verdict_stamp = None if experiment.verdict is None else experiment.verdict.stamp
        stamp = experiment.stamp if experiment.seed is None else verdict_stamp
    if stamp is None:
        raise PreconditionFailed(f"R{number} has no result that could be evidence: {resume} R{number} continues it")
    return stamp
