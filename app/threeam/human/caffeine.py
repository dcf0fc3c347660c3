"""Caffeine arithmetic: pure functions of doses and the time."""

from __future__ import annotations

import math
from collections.abc import Iterable

HOUR_NS = 3600 * 1_000_000_000


def milligrams(doses: Iterable[tuple[int, int]], now_ns: int, half_life_h: float) -> float:
    """Milligrams left at ``now_ns`` of ``doses``, each (ns, mg): first-order elimination.

    The half-life of caffeine in healthy adults is about 5 h, 1.5 h to 9.5 h from person to person
    (Institute of Medicine, *Caffeine for the Sustainment of Mental Task Performance*, 2001, ch. 2).
    A dose stamped later than ``now_ns`` has not been drunk yet. Not medical advice.
    """
    return sum(mg * math.pow(0.5, (now_ns - at) / HOUR_NS / half_life_h) for at, mg in doses if at <= now_ns)
