"""Experiments whose runs failed in kinds that a test names, without processes."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from threeam.core.format.entry import Stamp
from threeam.experiments.experiment import (
    NO_KIND,
    ArmUsage,
    Experiment,
    FailureKind,
    KindInExperiment,
    RunRecord,
    outcome_code,
)
from threeam.experiments.failure_rule import FAILED, PASSED, TIMED_OUT
from threeam.experiments.kinds.kind_comparison import compare_hangs, find_other_ways
from threeam.experiments.verdicts.comparison import arm_rates, compare_arms

AT = Stamp(1_795_490_047_123_456_789)


def experiment_of_kinds(arms: Mapping[str, Mapping[str, int]], number: int = 12) -> Experiment:
    """Return an experiment from the number of runs of each kind in each arm.

    ``pass``: runs that passed. A capital letter: runs that timed out, of the kind with the small letter. ``?``: runs
    that failed, of no kind.
    """
    codes, letters = "", ""
    for i, counts in enumerate(arms.values()):
        for kind, count in counts.items():
            outcome = PASSED if kind == "pass" else TIMED_OUT if kind.isupper() else FAILED
            codes += outcome_code(i, outcome) * count
            letters += (NO_KIND if kind in ("pass", "?") else kind.lower()) * count
    kinds = [
        KindInExperiment(
            FailureKind(letter, f"{ord(letter):010x}", f"what {letter} prints"), letters.index(letter) + 1, AT
        )
        for letter in sorted(set(letters) - {NO_KIND})
    ]
    n = len(codes) // len(arms)
    usage = tuple(ArmUsage(n, n, n) for _ in arms)
    text = f"./repro; {n} runs each of {', '.join(arms)}, seed 7; fails if exit!=0"
    record = RunRecord(codes, usage, AT, kind_letters=letters if kinds else "")
    return Experiment(number, AT, None, 7, n, 7, tuple(arms), "0123456789ab", text, "", record, (), kinds=tuple(kinds))


def toss(random: Random, rates: Mapping[str, float], n: int) -> dict[str, int]:
    """Return the number of runs of each kind of ``n`` runs, which have the kinds with these probabilities."""
    counts = dict.fromkeys([*rates, "pass"], 0)
    for _ in range(n):
        draw = random.random()
        for kind, rate in rates.items():
            if (draw := draw - rate) < 0:
                counts[kind] += 1
                break
        else:
            counts["pass"] += 1
    return counts


MIXTURES = {
    "one kind": {"a": 0.2},
    "two kinds": {"a": 0.1, "b": 0.1},
    "a rare one": {"a": 0.2, "b": 0.04},
    "five kinds": dict.fromkeys("abcde", 0.05),
    "chance text": dict.fromkeys("abcdefghijklmnop", 0.015),
    "hangs": {"a": 0.1, "B": 0.1},
}


def claim_shares(rates: Mapping[str, float], arms: int, n: int, experiments: int) -> list[float]:
    """Return how often each sentence is said of equal arms: a difference, another way, other hangs."""
    said = [0, 0, 0]
    for seed in range(experiments):
        random = Random(seed)
        experiment = experiment_of_kinds({f"arm{i}": toss(random, rates, n) for i in range(arms)})
        said[0] += any(comparison.is_significant for comparison in compare_arms(arm_rates(experiment)))
        said[1] += bool(find_other_ways(experiment))
        said[2] += any(hang.is_significant for hang in compare_hangs(experiment))
    return [count / experiments for count in said]
