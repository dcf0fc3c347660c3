"""What an experiment has shown. Pure: a function of what came of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, log10
from typing import Any, NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.entry import Stamp
from threeam.core.format.times import duration
from threeam.core.state.fold import State
from threeam.core.write.draft import Draft, DraftLine, WriteContext
from threeam.experiments.experiment import BARE, Counts, Experiment, Spent
from threeam.experiments.failure_rule import INCONCLUSIVE, TIMED_OUT
from threeam.experiments.runs import VIA, concluded, experiment_named
from threeam.experiments.stats import ALPHA, fisher, interval, is_below, runs_to_show


class Rate(NamedTuple):
    """How often an arm fails: its counts, and the exact interval in which its rate lies, but for one in twenty."""

    arm: str
    counts: Counts
    low: float
    high: float
    spent: Spent

    @property
    def rate(self) -> float:
        """What was seen; 0 where nothing was."""
        return self.counts.failed / self.counts.ended if self.counts.ended else 0.0


class Comparison(NamedTuple):
    """An arm against the first: Fisher's p, and whether it is small enough.

    ``needed``: how many runs an arm would show a difference of the size that was seen; None: there was none.
    """

    arm: str
    p: float
    shown: bool
    fewer: bool
    needed: int | None


def rates(one: Experiment) -> list[Rate]:
    """Of each arm, in their order."""
    return [
        Rate(arm, counts, *interval(counts.failed, counts.ended), spent)
        for (arm, counts), spent in zip(one.counts().items(), one.spent, strict=True)
    ]


def threshold(found: Sequence[Rate]) -> float:
    """What p is held against: with many comparisons less (Bonferroni), or one of them shows something by luck."""
    return ALPHA / max(1, len(found) - 1)


def comparisons(found: Sequence[Rate]) -> list[Comparison]:
    """Every arm but the first, against that."""
    first, *others = found
    compared = []
    for one in others:
        p = fisher(first.counts.failed, first.counts.ended, one.counts.failed, one.counts.ended)
        known = bool(first.counts.ended and one.counts.ended)
        needed = runs_to_show(first.rate, one.rate, threshold(found)) if known else None
        compared.append(Comparison(one.arm, p, is_below(p, threshold(found)), one.rate < first.rate, needed))
    return compared


def verdict(number: int) -> Draft:
    """The verdict on an experiment whose plan is done; there is none before, nor a second one."""

    def lines(state: State, author: WriteContext, stamp: Stamp) -> Sequence[DraftLine]:
        one = experiment_named(state, f"R{number}")
        if one.left:
            raise PreconditionFailed(
                f"{one.name} has no verdict before its plan is done: {one.done} of {one.total} runs are"
            )
        if one.verdict:
            raise PreconditionFailed(f"{one.name} has its verdict: {one.verdict}")
        tag = " ".join(f"{rate.arm}={rate.counts.failed}/{rate.counts.ended}" for rate in rates(one))
        return [concluded(one, state, text(one), tag)]

    return Draft(lines, source=VIA)


def text(one: Experiment) -> str:
    """The verdict in a sentence, what it means first."""
    found = rates(one)
    compared = comparisons(found)
    said = [meaning(found, other) for other in compared]
    if len(compared) > 1:
        said.append(f"{len(compared)} comparisons, so p is held against {digits(threshold(found), 2)}")
    return "; ".join([*said, *map(rate_in_words, found), *(sentence for _, sentence in not_counted(found))])


def rate_in_words(rate: Rate) -> str:
    """``strace 1/200 failed, 0.500 % (0.0127 to 2.75)``."""
    if not rate.counts.ended:
        return f"{rate.arm}: no run has ended"
    bounds = f"{percent(rate.low)} to {percent(rate.high)}"
    return f"{rate.arm} {rate.counts.failed}/{rate.counts.ended} failed, {percent(rate.rate)} % ({bounds})"


def meaning(found: Sequence[Rate], compared: Comparison) -> str:
    """What a comparison means: ``strace hides it (p = 0.0027)``."""
    first, p = found[0].arm, f"(p = {digits(compared.p, 2)})"
    if compared.shown and first == BARE:
        return f"{compared.arm} {'hides' if compared.fewer else 'provokes'} it {p}"
    if compared.shown:
        return f"{compared.arm}: {'fewer' if compared.fewer else 'more'} failures than {first} {p}"
    if any(rate.counts.ended for rate in found) and not any(rate.counts.failed for rate in found):
        return f"{compared.arm}: no difference shown {p}, it never failed"
    if compared.needed is None:
        return f"{compared.arm}: no difference shown {p}"
    return f"{compared.arm}: no difference shown {p}; {compared.needed:,} runs an arm would show one of this size"


def not_counted(found: Sequence[Rate]) -> list[tuple[str, str]]:
    """Return the outcome and a sentence for the runs of each arm that are in no rate."""
    sentences = []
    for rate in found:
        if rate.counts.timed_out:
            sentences.append((TIMED_OUT, f"{rate.counts.timed_out} of {rate.arm} timed out, and are in no rate"))
        if rate.counts.inconclusive:
            ended = f"{rate.counts.inconclusive} of {rate.arm} ended in another way (neither failed nor passed)"
            sentences.append((INCONCLUSIVE, f"{ended}, and are in no rate"))
    return sentences


def percent(share: float) -> str:
    """A share in percent, to three digits."""
    return digits(share * 100, 3)


def digits(value: float, count: int) -> str:
    """``value`` to so many significant digits, never as a power of ten unless it is tiny."""
    if value == 0:
        return "0"
    if value < 1e-6:
        return f"{value:.{count - 1}e}"
    return f"{value:.{max(0, count - 1 - floor(log10(value)))}f}"


def report(one: Experiment) -> Iterator[str]:
    """Yield the lines of a report."""
    bound = f" (H{one.hypothesis})" if one.hypothesis is not None else ""
    yield f"{one.name}{bound}: {one.text}"
    for rate in rates(one):
        mean = f", {duration(rate.spent.ns // rate.spent.runs)} a run" if rate.spent.runs else ""
        yield f"  {rate_in_words(rate)}{mean}"
    for _, sentence in not_counted(rates(one)):
        yield f"  {sentence}"
    if one.verdict:
        yield f"verdict: {one.verdict}"
    elif one.seed is not None and not one.left:
        yield f"verdict: {text(one)}"
        yield f"it is not in the journal yet: 3am run --resume {one.name} writes it"
    elif one.left and one.seed is not None:
        yield f"no verdict before the plan is done: {one.done} of {one.total} runs are; 3am run --resume {one.name}"


def record(one: Experiment) -> dict[str, Any]:
    """Everything in full precision, for machines. Nothing is compared before the plan is done."""
    found = rates(one)
    arms = [
        {
            "arm": rate.arm,
            "failed": rate.counts.failed,
            "passed": rate.counts.passed,
            "timed_out": rate.counts.timed_out,
            "inconclusive": rate.counts.inconclusive,
            "rate": rate.rate if rate.counts.ended else None,
            "low": rate.low,
            "high": rate.high,
            "mean_ns": rate.spent.ns // rate.spent.runs if rate.spent.runs else None,
            "mean_cpu_ns": rate.spent.cpu_ns // rate.spent.runs if rate.spent.runs else None,
        }
        for rate in found
    ]
    compared = [
        {"arm": other.arm, "against": found[0].arm, "p": other.p, "shown": other.shown, "runs_needed": other.needed}
        for other in comparisons(found)
    ]
    return {
        "run": one.name,
        "hypothesis": one.hypothesis,
        "command": one.command,
        "n": one.n,
        "seed": one.seed,
        "total": one.total,
        "done": one.done,
        "threshold": threshold(found),
        "arms": arms,
        "comparisons": None if one.left else compared,
        "verdict": one.verdict or (None if one.left or one.seed is None else text(one)),
    }
