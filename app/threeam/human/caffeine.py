"""Caffeine arithmetic: pure functions of doses and the time. Averages over healthy adults, and not medical advice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

HOUR_NS = 3600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS

SINGLE_DOSE_LIMIT_MG = 200
"""Above what one single dose gives: up to 200 mg at once raise no concern for healthy adults.

EFSA Panel NDA, *Scientific Opinion on the safety of caffeine*, EFSA Journal 2015;13(5):4102. Of several cups it is
compared with what is left of all of them, which is what one dose would have left.
"""

DAILY_LIMIT_MG = 400
"""Above what is drunk in a day without concern by healthy adults, pregnant women excepted (200 mg). Same source."""

SLEEP_THRESHOLD_MG = 50
"""Below it, bed is worth trying: a round number, about half a cup.

Gardiner et al., *The effect of caffeine on subsequent sleep*, Sleep Medicine Reviews 2023;69:101764 ask for 8.8 h
between a cup of 107 mg and bed, after which 32 mg are left by this model. 400 mg six hours before (174 mg left) cost an
hour of sleep: Drake et al., J Clin Sleep Med 2013;9(11):1195.
"""


def remaining_mg(doses: Iterable[tuple[int, int]], now_ns: int, half_life_h: float) -> float:
    """Milligrams left at ``now_ns`` of ``doses``, each (ns, mg): first-order elimination.

    The half-life of caffeine in healthy adults is about 5 h, 1.5 h to 9.5 h from person to person
    (Institute of Medicine, *Caffeine for the Sustainment of Mental Task Performance*, 2001, ch. 2).
    A dose stamped later than ``now_ns`` has not been drunk yet.
    """
    return sum(mg * math.pow(0.5, (now_ns - at) / HOUR_NS / half_life_h) for at, mg in doses if at <= now_ns)


def mg_last_24h(doses: Iterable[tuple[int, int]], now_ns: int) -> int:
    """Milligrams drunk in the 24 hours before ``now_ns``."""
    return sum(mg for at, mg in doses if 0 <= now_ns - at < DAY_NS)


def time_below_ns(doses: Iterable[tuple[int, int]], now_ns: int, half_life_h: float, level_mg: float) -> int:
    """When no more than ``level_mg`` is left (ns), if nothing more is drunk; ``now_ns`` where it is so already."""
    left = remaining_mg(doses, now_ns, half_life_h)
    if left <= level_mg:
        return now_ns
    return now_ns + math.ceil(half_life_h * HOUR_NS * math.log2(left / level_mg))


def caffeine_curve(
    doses: Sequence[tuple[int, int]], begin_ns: int, end_ns: int, point_count: int, half_life_h: float
) -> list[float]:
    """Milligrams at ``point_count`` instants from ``begin_ns`` to ``end_ns``, both included."""
    step = (end_ns - begin_ns) / max(1, point_count - 1)
    return [remaining_mg(doses, begin_ns + round(n * step), half_life_h) for n in range(point_count)]
