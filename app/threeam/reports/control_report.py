"""Can a bug be called fixed, by an experiment that ran the old and the new version side by side?"""

from __future__ import annotations

from threeam.core.errors import PreconditionFailed
from threeam.core.format.report import ReportLine, ReportSection
from threeam.core.state.fold import Hypothesis, State
from threeam.experiments.fixes.fix_control import ControlledFix, Versions, assess_control
from threeam.experiments.fixes.fix_control_report import control_report
from threeam.experiments.runs.run_log import experiments
from threeam.hypotheses.amendments import claim_of


def assess_versions(
    state: State, hypothesis: Hypothesis, versions: Versions, since_ns: int | None = None
) -> ControlledFix:
    """Return the answer from the experiments of a hypothesis; ``since_ns``: from those planned then or later.

    Raise `PreconditionFailed` if none has both versions.
    """
    with_both = [
        experiment
        for experiment in experiments(state)
        if hypothesis.number is not None
        and experiment.hypothesis == hypothesis.number
        and set(versions) <= set(experiment.arms)
        and (since_ns is None or experiment.stamp.ns >= since_ns)
    ]
    if not with_both:
        old, new = versions
        raise PreconditionFailed(
            f"no experiment of {hypothesis.label} has the arms {old} and {new}: 3am run -n 200 -H {hypothesis.label} "
            f"--arm {old}='env V=1' --arm {new}='env V=2' -- CMD runs both in turns"
        )
    return assess_control(with_both, versions)


def versions_report(state: State, hypothesis: Hypothesis, answer: ControlledFix) -> list[ReportSection]:
    """Return the answer, with the hypothesis that it is about."""
    claim = ReportLine(
        f"{hypothesis.label} {claim_of(state, hypothesis)}", stamp=hypothesis.opened_at, icon="Hypothesis"
    )
    first, facts = control_report(answer)
    return [first, ReportSection(facts.title, [claim, *facts.lines])]
