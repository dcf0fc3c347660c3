"""The verdict on an experiment: rates, comparisons, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from typing import Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.experiments.experiment import BARE, ArmUsage, Counts, Experiment
from threeam.experiments.failure_rule import INCONCLUSIVE, TIMED_OUT
from threeam.experiments.kind_counts import kinds_json
from threeam.experiments.run_drafts import SOURCE, verdict_draft_line
from threeam.experiments.runs import require_experiment
from threeam.experiments.stats import ALPHA, clopper_pearson, fisher_exact, is_significant, required_sample_size


class ArmRate(NamedTuple):
    """The failure rate of an arm: its counts, and the exact 95 % interval of the rate."""

    arm: str
    counts: Counts
    low: float
    high: float
    usage: ArmUsage

    @property
    def rate(self) -> float:
        """Return the observed rate; 0 if no run was conclusive."""
        return self.counts.failed / self.counts.conclusive if self.counts.conclusive else 0.0


class ArmComparison(NamedTuple):
    """An arm compared with the first one: the p of Fisher's test, and whether it is small enough.

    ``is_lower``: whether the arm fails less often. ``required_runs``: how many runs an arm would show a difference of
    the observed size; None: the rates are equal.
    """

    arm: str
    p: float
    is_significant: bool
    is_lower: bool
    required_runs: int | None


def arm_rates(experiment: Experiment) -> list[ArmRate]:
    """Return the rate of each arm, in the order of the arms."""
    return [
        ArmRate(arm, counts, *clopper_pearson(counts.failed, counts.conclusive), usage)
        for (arm, counts), usage in zip(experiment.counts().items(), experiment.arm_usage, strict=True)
    ]


def significance_level(rates: Sequence[ArmRate]) -> float:
    """Return the level that p is compared with, divided by the number of comparisons (Bonferroni).

    Otherwise one of many comparisons would be significant by chance.
    """
    return ALPHA / max(1, len(rates) - 1)


def compare_arms(rates: Sequence[ArmRate]) -> list[ArmComparison]:
    """Compare each other arm with the first one."""
    first, *other_rates = rates
    level = significance_level(rates)
    comparisons = []
    for other in other_rates:
        p = fisher_exact(first.counts.failed, first.counts.conclusive, other.counts.failed, other.counts.conclusive)
        are_known = first.counts.conclusive and other.counts.conclusive
        required_runs = required_sample_size(first.rate, other.rate, level) if are_known else None
        is_lower = other.rate < first.rate
        comparisons.append(ArmComparison(other.arm, p, is_significant(p, level), is_lower, required_runs))
    return comparisons


def verdict_draft(number: int) -> Draft:
    """Return the draft of the verdict on the experiment ``number``. It is refused before the plan is done, or twice."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        experiment = require_experiment(state, f"R{number}")
        name = experiment.name
        if experiment.remaining:
            raise PreconditionFailed(
                f"{name} has no verdict before its plan is done: {experiment.done_count} of {experiment.total} runs are"
            )
        if experiment.verdict:
            raise PreconditionFailed(f"{name} has its verdict: {experiment.verdict}")
        rates = arm_rates(experiment)
        counts = " ".join(f"{rate.arm}={rate.counts.failed}/{rate.counts.conclusive}" for rate in rates)
        return [verdict_draft_line(experiment, state, verdict_text(experiment), counts)]

    return Draft(lines, source=SOURCE)


def verdict_text(experiment: Experiment) -> str:
    """Return the verdict: what the comparisons mean, the rates, and the runs that are in no rate."""
    rates = arm_rates(experiment)
    comparisons = compare_arms(rates)
    sentences = [describe_comparison(rates, comparison) for comparison in comparisons]
    if len(comparisons) > 1:
        level = format_significant(significance_level(rates), 2)
        sentences.append(f"{len(comparisons)} comparisons, so p is held against {level}")
    sentences += [_format_rate(rate) for rate in rates]
    sentences += [sentence for _, sentence in uncounted_run_sentences(rates)]
    return "; ".join(sentences)


def _format_rate(rate: ArmRate) -> str:
    """Return ``strace 1/200 failed, 0.500 % (0.0127 to 2.75)``."""
    if not rate.counts.conclusive:
        return f"{rate.arm}: no run has ended"
    interval = f"{format_percent(rate.low)} to {format_percent(rate.high)}"
    return (
        f"{rate.arm} {rate.counts.failed}/{rate.counts.conclusive} failed, {format_percent(rate.rate)} % ({interval})"
    )


def describe_comparison(rates: Sequence[ArmRate], comparison: ArmComparison) -> str:
    """Return the meaning of a comparison: ``strace hides it (p = 0.0027)``."""
    arm, first, p = comparison.arm, rates[0].arm, f"(p = {format_significant(comparison.p, 2)})"
    if comparison.is_significant and first == BARE:
        return f"{arm} {'hides' if comparison.is_lower else 'provokes'} it {p}"
    if comparison.is_significant:
        return f"{arm}: {'fewer' if comparison.is_lower else 'more'} failures than {first} {p}"
    no_difference = f"{arm}: no difference shown {p}"
    if any(rate.counts.conclusive for rate in rates) and not any(rate.counts.failed for rate in rates):
        return f"{no_difference}, it never failed"
    if comparison.required_runs is None:
        return no_difference
    return f"{no_difference}; {comparison.required_runs:,} runs an arm would show one of this size"


def uncounted_run_sentences(rates: Sequence[ArmRate]) -> list[tuple[str, str]]:
    """Return the outcome and a sentence for the runs of each arm that are in no rate."""
    sentences = []
    for rate in rates:
        if rate.counts.timed_out:
            sentences.append((TIMED_OUT, _describe_uncounted(rate.counts.timed_out, rate.arm, "timed out")))
        if rate.counts.inconclusive:
            ending = "ended in another way (neither failed nor passed)"
            sentences.append((INCONCLUSIVE, _describe_uncounted(rate.counts.inconclusive, rate.arm, ending)))
    return sentences


def _describe_uncounted(count: int, arm: str, ending: str) -> str:
    runs, verb = ("run", "is") if count == 1 else ("runs", "are")
    return f"{count} {runs} of {arm} {ending}, and {verb} not in its rate"


def format_percent(fraction: float) -> str:
    """Return a fraction in percent, to three significant digits."""
    return format_significant(fraction * 100, 3)


def format_significant(value: float, significant_digits: int) -> str:
    """Return ``value`` rounded to this many digits, in scientific notation only if it is tiny."""
    if value == 0:
        return "0"
    if value < 1e-6:
        return f"{value:.{significant_digits - 1}e}"
    return f"{value:.{max(0, significant_digits - 1 - floor(log10(value)))}f}"


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    """Return an experiment as a JSON object, in full precision, without comparisons before the plan is done."""
    rates = arm_rates(experiment)
    arms = [
        {
            "arm": rate.arm,
            "failed": rate.counts.failed,
            "passed": rate.counts.passed,
            "timed_out": rate.counts.timed_out,
            "inconclusive": rate.counts.inconclusive,
            "rate": rate.rate if rate.counts.conclusive else None,
            "low": rate.low,
            "high": rate.high,
            "mean_ns": rate.usage.ns // rate.usage.runs if rate.usage.runs else None,
            "mean_cpu_ns": rate.usage.cpu_ns // rate.usage.runs if rate.usage.runs else None,
        }
        for rate in rates
    ]
    comparisons = [
        {
            "arm": other.arm,
            "against": rates[0].arm,
            "p": other.p,
            "shown": other.is_significant,
            "runs_needed": other.required_runs,
        }
        for other in compare_arms(rates)
    ]
    is_due = experiment.seed is not None and not experiment.remaining
    return {
        "run": experiment.name,
        "hypothesis": experiment.hypothesis,
        "command": experiment.command,
        "n": experiment.n,
        "seed": experiment.seed,
        "total": experiment.total,
        "done": experiment.done_count,
        "threshold": significance_level(rates),
        "arms": arms,
        "kinds": kinds_json(experiment),
        "comparisons": None if experiment.remaining else comparisons,
        "verdict": experiment.verdict or (verdict_text(experiment) if is_due else None),
    }
