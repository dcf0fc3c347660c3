"""Caffeine arithmetic: pure functions of doses and the time. Averages of healthy adults, not medical advice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

HOUR_NS = 3600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS

SINGLE_DOSE_LIMIT_MG = 200
"""A single dose of up to 200 mg raises no concern for healthy adults.

With several cups, the milligrams still in the body are compared with this limit.
EFSA Panel NDA, *Scientific Opinion on the safety of caffeine*, EFSA Journal 2015;13(5):4102.
"""

DAILY_LIMIT_MG = 400
"""Up to 400 mg a day raise no concern for healthy adults (pregnant women: 200 mg). Same source."""

SLEEP_THRESHOLD_MG = 50
"""Below this it is worth going to bed: a round number, about half a cup.

Gardiner et al., *The effect of caffeine on subsequent sleep*, Sleep Medicine Reviews 2023;69:101764 recommend 8.8 h
between a cup of 107 mg and bed; this model then has 32 mg left. 400 mg six hours before bed (174 mg left) cost an hour
of sleep: Drake et al., J Clin Sleep Med 2013;9(11):1195.
"""


def remaining_mg(doses: Iterable[tuple[int, int]], now_ns: int, half_life_h: float) -> float:
    """Return the milligrams left at ``now_ns`` of ``doses``, each (ns, mg): first-order elimination.

    The half-life of caffeine in healthy adults is about 5 h; it varies from 1.5 h to 9.5 h between persons
    (Institute of Medicine, *Caffeine for the Sustainment of Mental Task Performance*, 2001, ch. 2).
    A dose stamped later than ``now_ns`` does not count.
    """
    return sum(
        mg * math.pow(0.5, (now_ns - dose_ns) / HOUR_NS / half_life_h) for dose_ns, mg in doses if dose_ns <= now_ns
    )


def mg_last_24h(doses: Iterable[tuple[int, int]], now_ns: int) -> int:
    """Return the milligrams drunk in the 24 hours before ``now_ns``."""
    return sum(mg for dose_ns, mg in doses if 0 <= now_ns - dose_ns < DAY_NS)


def time_below_ns(doses: Iterable[tuple[int, int]], now_ns: int, half_life_h: float, level_mg: float) -> int:
    """Return when at most ``level_mg`` is left (ns) if nothing more is drunk; ``now_ns`` if that is so already."""
    remaining = remaining_mg(doses, now_ns, half_life_h)
    if remaining <= level_mg:
        return now_ns
    return now_ns + math.ceil(half_life_h * HOUR_NS * math.log2(remaining / level_mg))


def caffeine_curve(
    doses: Sequence[tuple[int, int]], begin_ns: int, end_ns: int, point_count: int, half_life_h: float
) -> list[float]:
    """Return the milligrams left at ``point_count`` instants from ``begin_ns`` to ``end_ns``, both included."""
    step = (end_ns - begin_ns) / max(1, point_count - 1)
    return [remaining_mg(doses, begin_ns + round(index * step), half_life_h) for index in range(point_count)]
