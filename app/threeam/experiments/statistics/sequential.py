"""Evidence that two arms differ, which may be inspected after each block of runs. Pure.

An *e-process* is a number that begins at 1 and, if both arms have the same rate, reaches x with a probability of 1 /
x at most, however often it is looked at (Ville 1939). So runs may be stopped once it is large. A p may not: of
experiments with equal arms, one in eight has a p below 0.05 at some time, if it is computed after every 10 of 200
runs.

The e-process for two rates is that of Turner, Ly and Grünwald (Journal of Statistical Planning and Inference, 2024).
Each block has one run of each arm. Before it, each arm has a predicted rate, (failed + 1/2) / (runs + 1), and the
null hypothesis has the mean of both. The outcome of the block multiplies the evidence by its probability under the
predictions, divided by that under the mean. The common rate may differ from block to block, as it does on a machine
with a changing load.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, log
from typing import NamedTuple

from threeam.experiments.statistics.stats import ALPHA

_MAX_LOG = 700.0  # e^700 is a float, and e^710 is not


class BlockFailures(NamedTuple):
    """A block in which the first and the other arm each failed or passed: whether they failed."""

    first: bool
    other: bool


class Evidence(NamedTuple):
    """The evidence after ``blocks`` blocks, in which the first and the other arm failed so often."""

    log_value: float = 0.0
    blocks: int = 0
    first_failed: int = 0
    other_failed: int = 0

    @property
    def value(self) -> float:
        """Return the evidence, at most e^700."""
        return exp(min(self.log_value, _MAX_LOG))

    def after(self, block: BlockFailures) -> Evidence:
        """Return the evidence after one more block."""
        first = (self.first_failed + 0.5) / (self.blocks + 1)
        other = (self.other_failed + 0.5) / (self.blocks + 1)
        mean = (first + other) / 2
        factor = _probability(first, failed=block.first) * _probability(other, failed=block.other)
        factor /= _probability(mean, failed=block.first) * _probability(mean, failed=block.other)
        return Evidence(
            self.log_value + log(factor),
            self.blocks + 1,
            self.first_failed + block.first,
            self.other_failed + block.other,
        )


def evidence_of(blocks: Iterable[BlockFailures]) -> Evidence:
    """Return the evidence after ``blocks``."""
    evidence = Evidence()
    for block in blocks:
        evidence = evidence.after(block)
    return evidence


def required_evidence(comparisons: int = 1, alpha: float = ALPHA) -> float:
    """Return the evidence that decides one of ``comparisons``: half of ``alpha`` is for it, and half for Fisher."""
    return 2 * comparisons / alpha


def _probability(rate: float, *, failed: bool) -> float:
    return rate if failed else 1 - rate
