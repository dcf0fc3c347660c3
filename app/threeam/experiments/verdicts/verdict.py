"""The verdict on an experiment: rates, comparisons, and what they mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10
from typing import Any

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.remote_hypothesis import bound_json
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.experiments.build import is_same_code, recorded_build
from threeam.experiments.experiment import BARE, Experiment
from threeam.experiments.failure_rule import FAILED, INCONCLUSIVE, TIMED_OUT
from threeam.experiments.kinds.kind_comparison import AnotherWay, HangComparison, compare_hangs, find_other_ways
from threeam.experiments.kinds.kind_counts import KindCount, has_too_many_kinds, kind_counts, kinds_json, kinds_tags
from threeam.experiments.runs.repeats import find_repeats, ordinal, pooled_counts
from threeam.experiments.runs.run_drafts import SOURCE, verdict_draft_line
from threeam.experiments.runs.run_log import require_experiment
from threeam.experiments.runs.run_tags import STOPPED_TAG
from threeam.experiments.statistics.stats import fisher_exact, is_significant
from threeam.experiments.verdicts.comparison import (
    ArmComparison,
    ArmRate,
    arm_rates,
    compare_arms,
    comparisons_of,
    rate_of,
)
from threeam.experiments.verdicts.stopping import is_done, stopped_value


def verdict_draft(number: int) -> Draft:
    """Return the draft of the verdict on the experiment ``number``. It is refused before the plan is done, or twice."""

    def lines(state: State, context: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        experiment = require_experiment(state, f"R{number}")
        name = experiment.name
        if not is_done(experiment):
            raise PreconditionFailed(
                f"{name} has no verdict before its plan is done: {experiment.done_count} of {experiment.total} runs are"
            )
        if experiment.verdict is not None:
            raise PreconditionFailed(f"{name} has its verdict: {experiment.verdict.text}")
        rates = arm_rates(experiment)
        counts = " ".join(f"{rate.arm}={rate.counts.failed}/{rate.counts.conclusive}" for rate in rates)
        tags = (("VERDICT", counts), *kinds_tags(experiment))
        text = verdict_text(experiment, find_repeats(state, experiment))
        tags += ((STOPPED_TAG, stopped),) if (stopped := stopped_value(experiment)) else ()
        return [verdict_draft_line(experiment, state, text, tags)]

    return Draft(lines, source=SOURCE)


def verdict_text(experiment: Experiment, repeats: Sequence[Experiment] = ()) -> str:
    """Return the verdict: what the comparisons mean, the rates, and the runs that are in no rate.

    ``repeats``: the experiments before it with the same plan.
    """
    rates = arm_rates(experiment)
    comparisons = comparisons_of(experiment)
    ways = find_other_ways(experiment)
    sentences = []
    for comparison in comparisons:
        if ways_of_arm := [way for way in ways if way.arm == comparison.arm]:
            sentences.append(_describe_other_ways(experiment, rates, comparison, ways_of_arm))
        else:
            sentences.append(describe_comparison(rates, comparison) + _describe_kinds(experiment, comparison))
    sentences += [_describe_hang(hang, experiment) for hang in compare_hangs(experiment) if hang.is_significant]
    counts = kind_counts(experiment)
    if has_too_many_kinds(counts):
        sentences.append(f"{len(counts)} kinds of failure are too many to tell apart, and are compared as one")
    if comparisons and (len(comparisons) > 1 or experiment.nth > 1 or experiment.stop):
        sentences.append(_describe_levels(experiment, comparisons))
    letters = _failing_letters(counts)
    if len(letters) > 1 and any(comparison.blocks is not None for comparison in comparisons):
        sentences.append(f"{_name_kinds(letters)} were counted alike when an arm was stopped")
    unbiased = [] if experiment.stop else [repeat for repeat in repeats if not repeat.stop]
    pooled = [repeat for repeat in unbiased if is_same_code(recorded_build(repeat), recorded_build(experiment))]
    if pooled:
        sentences.append(_describe_pooled([*pooled, experiment], experiment.alpha))
    if left_out := len(unbiased) - len(pooled):
        sentences.append(f"{left_out} earlier one{'' if left_out == 1 else 's'} of another build: in no sum")
    if not comparisons and (stopped := experiment.stopped or stopped_value(experiment)):
        sentences.append(f"stopped after {stopped.replace('/', ' of ')} runs")
    sentences += [_format_rate(rate) for rate in rates]
    sentences += [sentence for _, sentence in uncounted_run_sentences(rates)]
    return "; ".join(sentences)


def _describe_levels(experiment: Experiment, comparisons: Sequence[ArmComparison]) -> str:
    """Return ``4 comparisons, so p is held against 0.013, then 0.017``: the levels, beginning with the smallest p."""
    levels = ", then ".join(format_significant(level, 2) for level in sorted({other.level for other in comparisons}))
    nth = experiment.nth
    reasons = [f"{ordinal(nth)} of {nth} such experiments"] if nth > 1 else []
    reasons += [f"{len(comparisons)} comparisons"] if len(comparisons) > 1 else []
    reasons += ["looked at after each block"] if experiment.stop else []
    return f"{', '.join(reasons)}, so p is held against {levels}"


def _describe_pooled(experiments: Sequence[Experiment], alpha: float) -> str:
    """Return ``together bare 101/320, a 129/320 (p = 0.026), no difference shown``."""
    rates = [rate_of(arm, counts) for arm, counts in zip(experiments[0].arms, pooled_counts(experiments), strict=True)]
    if len(rates) == 1:
        return f"together {_format_rate(rates[0])}"
    comparisons = compare_arms(rates, alpha)
    first, *others = (f"{rate.arm} {rate.counts.failed}/{rate.counts.conclusive}" for rate in rates)
    tested = ", ".join(
        f"{other} (p = {format_significant(comparison.p, 2)})"
        for other, comparison in zip(others, comparisons, strict=True)
    )
    differing = [comparison.arm for comparison in comparisons if comparison.is_significant]
    shown = f"{', '.join(differing)} differs" if len(differing) == 1 else f"{', '.join(differing)} differ"
    return f"together {first}, {tested}, {shown if differing else 'no difference shown'}"


def _format_rate(rate: ArmRate) -> str:
    """Return ``strace 1/200 failed, 0.500 % (0.0127 to 2.75)``."""
    if not rate.counts.conclusive:
        return f"{rate.arm}: no run has a result"
    interval = f"{format_percent(rate.low)} to {format_percent(rate.high)}"
    return (
        f"{rate.arm} {rate.counts.failed}/{rate.counts.conclusive} failed, {format_percent(rate.rate)} % ({interval})"
    )


def describe_comparison(rates: Sequence[ArmRate], comparison: ArmComparison) -> str:
    """Return the meaning of a comparison: ``strace hides it (p = 0.0027)``."""
    blocks = "" if comparison.blocks is None else f" after {comparison.blocks} blocks"
    arm, first, p = comparison.arm, rates[0].arm, f"(p = {format_significant(comparison.p, 2)}{blocks})"
    if comparison.is_significant and not _is_robust(rates, comparison):
        difference = "fewer" if comparison.is_lower else "more"
        return f"{arm}: {difference} failures than {first}, but only among the runs that have a result {p}"
    if comparison.is_significant and first == BARE and not rates[0].counts.failed:
        return f"{arm} provokes a failure that {first} has never shown {p}"
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


def _is_robust(rates: Sequence[ArmRate], comparison: ArmComparison) -> bool:
    """Return whether the difference remains if the runs without a result had ended as is worst for it.

    An arm that hangs has few runs that can fail: that does not show that it hides the failure.
    """
    by_arm = {rate.arm: rate.comparable or rate.counts for rate in rates}
    first, other = by_arm[rates[0].arm], by_arm[comparison.arm]
    lost, other_lost = (counts.total - counts.conclusive for counts in (first, other))
    if not (lost or other_lost):
        return True
    first_failed, other_failed = first.failed, other.failed + other_lost
    if not comparison.is_lower:
        first_failed, other_failed = first.failed + lost, other.failed
    is_lower = other_failed * first.total < first_failed * other.total
    p = fisher_exact(first_failed, first.total, other_failed, other.total)
    return is_lower == comparison.is_lower and is_significant(p, comparison.level)


def _describe_kinds(experiment: Experiment, comparison: ArmComparison) -> str:
    """Return which kinds of failure the difference between an arm and the first one is in, if there are several."""
    first, arm = experiment.arms[0], comparison.arm
    counts = [count for count in kind_counts(experiment) if count.kind is not None and count.outcome == FAILED]
    counts = [count for count in counts if count.by_arm[first] or count.by_arm[arm]]
    if not comparison.is_significant or has_too_many_kinds(counts):
        return ""
    if not any(count.by_arm[first] for count in counts):
        return f": {_name_kinds([count.letter for count in counts])}" if counts else ""
    numbers = [f"{count.letter} {count.by_arm[arm]}, in {first} {count.by_arm[first]}" for count in counts]
    return f": kind {', kind '.join(numbers)}" if len(counts) > 1 else ""


def _describe_other_ways(
    experiment: Experiment, rates: Sequence[ArmRate], comparison: ArmComparison, ways: Sequence[AnotherWay]
) -> str:
    """Return that an arm fails in another way, and what its other runs say about the failures of the first arm."""
    first, arm = experiment.arms[0], comparison.arm
    numbers = [f"{way.failed} of {way.made} (kind {way.kind.letter}, in {first} 0 of {way.of_first})" for way in ways]
    text = f"{arm} fails in {'another way' if len(ways) == 1 else 'other ways'}, {', '.join(numbers)}"
    if comparison.is_significant:
        return f"{text}; without these {describe_comparison(rates, comparison)}"
    letters = [count.letter for count in kind_counts(experiment) if count.outcome == FAILED and count.by_arm[first]]
    return f"{text}: this says nothing about {_join(filter(None, letters)) or f'the failures of {first}'}"


def _describe_hang(hang: HangComparison, experiment: Experiment) -> str:
    first = experiment.arms[0]
    more = "more" if hang.timed_out * hang.of_first > hang.first_timed_out * hang.made else "less"
    numbers = f"{hang.timed_out} of {hang.made}, {first} {hang.first_timed_out} of {hang.of_first}"
    counts = [count for count in kind_counts(experiment) if count.kind is not None and count.outcome == TIMED_OUT]
    letters = [count.letter for count in counts if count.by_arm[hang.arm] or count.by_arm[first]]
    kind = f", {_name_kinds(letters)}" if letters else ""
    return (
        f"{hang.arm} hangs {more} often: {numbers} (p = {format_significant(hang.p, 2)}{kind}): "
        "if that is the bug, --fail timeout counts it"
    )


def _failing_letters(counts: Iterable[KindCount]) -> list[str]:
    """Return the letters of the kinds of which a run failed."""
    return [count.letter for count in counts if count.kind is not None and count.outcome == FAILED]


def _name_kinds(letters: Sequence[str]) -> str:
    return f"kind{'s' if len(letters) > 1 else ''} {_join(letters)}"


def _join(words: Iterable[str]) -> str:
    """Return ``a``, ``a and b`` or ``a, b and c``."""
    *most, last = [*words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


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
    compared, has_ended = comparisons_of(experiment), is_done(experiment)
    comparisons = [
        {
            "arm": other.arm,
            "against": rates[0].arm,
            "p": other.p,
            "threshold": other.level,
            "blocks": other.blocks,
            "shown": other.is_significant,
            "runs_needed": other.required_runs,
        }
        for other in compared
    ]
    verdict = None if experiment.verdict is None else experiment.verdict.text
    if verdict is None and experiment.seed is not None and has_ended:
        verdict = verdict_text(experiment)
    return {
        "run": experiment.name,
        "type": "experiment",
        "hypothesis": bound_json(experiment.hypothesis),
        "command": experiment.command,
        "n": experiment.n,
        "seed": experiment.seed,
        "total": experiment.total,
        "done": experiment.done_count,
        "nth": experiment.nth,
        "threshold": min((other.level for other in compared), default=experiment.alpha),
        "arms": arms,
        "kinds": kinds_json(experiment),
        "stopped": experiment.stopped or None,
        "comparisons": comparisons if has_ended else None,
        "verdict": verdict,
    }
