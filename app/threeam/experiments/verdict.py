"""What an experiment has shown. Pure: a function of what came of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10
from typing import Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.times import format_duration
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.experiments.experiment import BARE, ArmUsage, Counts, Experiment
from threeam.experiments.failure_rule import INCONCLUSIVE, TIMED_OUT
from threeam.experiments.run_drafts import SOURCE, verdict_draft_line
from threeam.experiments.runs import require_experiment
from threeam.experiments.stats import ALPHA, clopper_pearson, fisher_exact, is_significant, required_sample_size


class ArmRate(NamedTuple):
    """How often an arm fails: its counts, and the exact interval in which its rate lies, but for one in twenty."""

    arm: str
    counts: Counts
    low: float
    high: float
    usage: ArmUsage

    @property
    def rate(self) -> float:
        """What was seen; 0 where nothing was."""
        return self.counts.failed / self.counts.conclusive if self.counts.conclusive else 0.0


class ArmComparison(NamedTuple):
    """An arm against the first: Fisher's p, and whether it is small enough.

    ``needed``: how many runs an arm would show a difference of the size that was seen; None: there was none.
    """

    arm: str
    p: float
    is_significant: bool
    is_lower: bool
    required_runs: int | None


def arm_rates(experiment: Experiment) -> list[ArmRate]:
    """Of each arm, in their order."""
    return [
        ArmRate(arm, counts, *clopper_pearson(counts.failed, counts.conclusive), spent)
        for (arm, counts), spent in zip(experiment.counts().items(), experiment.arm_usage, strict=True)
    ]


def significance_level(rates: Sequence[ArmRate]) -> float:
    """What p is held against: with many comparisons less (Bonferroni), or one of them shows something by luck."""
    return ALPHA / max(1, len(rates) - 1)


def compare_arms(rates: Sequence[ArmRate]) -> list[ArmComparison]:
    """Every arm but the first, against that."""
    first, *others = rates
    compared = []
    for one in others:
        p = fisher_exact(first.counts.failed, first.counts.conclusive, one.counts.failed, one.counts.conclusive)
        known = bool(first.counts.conclusive and one.counts.conclusive)
        needed = required_sample_size(first.rate, one.rate, significance_level(rates)) if known else None
        compared.append(
            ArmComparison(one.arm, p, is_significant(p, significance_level(rates)), one.rate < first.rate, needed)
        )
    return compared


def verdict_draft(number: int) -> Draft:
    """The verdict on an experiment whose plan is done; there is none before, nor a second one."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = require_experiment(state, f"R{number}")
        if one.remaining:
            raise PreconditionFailed(
                f"{one.name} has no verdict before its plan is done: {one.done_count} of {one.total} runs are"
            )
        if one.verdict:
            raise PreconditionFailed(f"{one.name} has its verdict: {one.verdict}")
        tag = " ".join(f"{rate.arm}={rate.counts.failed}/{rate.counts.conclusive}" for rate in arm_rates(one))
        return [verdict_draft_line(one, state, verdict_text(one), tag)]

    return Draft(lines, source=SOURCE)


def verdict_text(experiment: Experiment) -> str:
    """The verdict in a sentence, what it means first."""
    found = arm_rates(experiment)
    compared = compare_arms(found)
    said = [describe_comparison(found, other) for other in compared]
    if len(compared) > 1:
        said.append(
            f"{len(compared)} comparisons, so p is held against {format_significant(significance_level(found), 2)}"
        )
    return "; ".join([*said, *map(format_rate, found), *(sentence for _, sentence in uncounted_run_sentences(found))])


def format_rate(rate: ArmRate) -> str:
    """``strace 1/200 failed, 0.500 % (0.0127 to 2.75)``."""
    if not rate.counts.conclusive:
        return f"{rate.arm}: no run has ended"
    bounds = f"{format_percent(rate.low)} to {format_percent(rate.high)}"
    return f"{rate.arm} {rate.counts.failed}/{rate.counts.conclusive} failed, {format_percent(rate.rate)} % ({bounds})"


def describe_comparison(rates: Sequence[ArmRate], comparison: ArmComparison) -> str:
    """What a comparison means: ``strace hides it (p = 0.0027)``."""
    first, p = rates[0].arm, f"(p = {format_significant(comparison.p, 2)})"
    if comparison.is_significant and first == BARE:
        return f"{comparison.arm} {'hides' if comparison.is_lower else 'provokes'} it {p}"
    if comparison.is_significant:
        return f"{comparison.arm}: {'fewer' if comparison.is_lower else 'more'} failures than {first} {p}"
    if any(rate.counts.conclusive for rate in rates) and not any(rate.counts.failed for rate in rates):
        return f"{comparison.arm}: no difference shown {p}, it never failed"
    if comparison.required_runs is None:
        return f"{comparison.arm}: no difference shown {p}"
    return f"{comparison.arm}: no difference shown {p}; {comparison.required_runs:,} runs an arm would show one of this size"


def uncounted_run_sentences(rates: Sequence[ArmRate]) -> list[tuple[str, str]]:
    """Return the outcome and a sentence for the runs of each arm that are in no rate."""
    sentences = []
    for rate in rates:
        if rate.counts.timed_out:
            sentences.append((TIMED_OUT, f"{rate.counts.timed_out} of {rate.arm} timed out, and are in no rate"))
        if rate.counts.inconclusive:
            ended = f"{rate.counts.inconclusive} of {rate.arm} ended in another way (neither failed nor passed)"
            sentences.append((INCONCLUSIVE, f"{ended}, and are in no rate"))
    return sentences


def format_percent(fraction: float) -> str:
    """A share in percent, to three digits."""
    return format_significant(fraction * 100, 3)


def format_significant(value: float, significant_digits: int) -> str:
    """``value`` to so many significant digits, never as a power of ten unless it is tiny."""
    if value == 0:
        return "0"
    if value < 1e-6:
        return f"{value:.{significant_digits - 1}e}"
    return f"{value:.{max(0, significant_digits - 1 - floor(log10(value)))}f}"


def experiment_report_lines(experiment: Experiment) -> Iterator[str]:
    """Yield the lines of a report."""
    bound = f" (H{experiment.hypothesis})" if experiment.hypothesis is not None else ""
    yield f"{experiment.name}{bound}: {experiment.text}"
    for rate in arm_rates(experiment):
        mean = f", {format_duration(rate.usage.ns // rate.usage.runs)} a run" if rate.usage.runs else ""
        yield f"  {format_rate(rate)}{mean}"
    for _, sentence in uncounted_run_sentences(arm_rates(experiment)):
        yield f"  {sentence}"
    if experiment.verdict:
        yield f"verdict: {experiment.verdict}"
    elif experiment.seed is not None and not experiment.remaining:
        yield f"verdict: {verdict_text(experiment)}"
        yield f"it is not in the journal yet: 3am run --resume {experiment.name} writes it"
    elif experiment.remaining and experiment.seed is not None:
        yield f"no verdict before the plan is done: {experiment.done_count} of {experiment.total} runs are; 3am run --resume {experiment.name}"


def experiment_json(experiment: Experiment) -> dict[str, Any]:
    """Everything in full precision, for machines. Nothing is compared before the plan is done."""
    found = arm_rates(experiment)
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
        for rate in found
    ]
    compared = [
        {
            "arm": other.arm,
            "against": found[0].arm,
            "p": other.p,
            "shown": other.is_significant,
            "runs_needed": other.required_runs,
        }
        for other in compare_arms(found)
    ]
    return {
        "run": experiment.name,
        "hypothesis": experiment.hypothesis,
        "command": experiment.command,
        "n": experiment.n,
        "seed": experiment.seed,
        "total": experiment.total,
        "done": experiment.done_count,
        "threshold": significance_level(found),
        "arms": arms,
        "comparisons": None if experiment.remaining else compared,
        "verdict": experiment.verdict
        or (None if experiment.remaining or experiment.seed is None else verdict_text(experiment)),
    }
