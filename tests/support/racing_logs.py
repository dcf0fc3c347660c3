"""The logs of two web servers whose requests race on carts."""

from __future__ import annotations

from pathlib import Path

from support.log_sources import BASE_NS, stamped, write_log
from threeam.timeline.arguments import SourceOptions
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.open_logs import OpenLogs

US, MS, S = 1_000, 1_000_000, 1_000_000_000
CARTS = 30
CERTAIN, POSSIBLE = 4, 7  # the carts that were updated after they were deleted, the second one perhaps
SHIFT_NS, BOUND_NS = -3_200 * US, 205 * US  # of the clock of web2


def write_racing_logs(folder: Path) -> None:
    """Write ``web1.log``, which deletes a cart every two seconds, and ``web2.log``, which updates it before that."""
    web1, web2 = [], []
    for cart in range(CARTS):
        ns = BASE_NS + 2 * cart * S + 1_001 * US
        web1.append((ns, f"app[{11 + cart % 3}]: req=a{11 + cart % 3} delete cart={cart}"))
        web2 += [
            (ns - 900 * MS - cart * 17_003 * US, f"app[7]: req=b7 read cart={cart}"),
            (ns - 500 * MS - cart * 17_003 * US, f"app[7]: req=b7 update cart={cart}"),
        ]
        if cart in (CERTAIN, POSSIBLE):
            web2.append((ns + (400 * MS if cart == CERTAIN else 50 * US), f"app[8]: req=b8 update cart={cart}"))
    write_log(folder / "web1.log", (stamped(ns, text, 6) for ns, text in sorted(web1)))
    write_log(folder / "web2.log", (stamped(ns - SHIFT_NS, text, 6) for ns, text in sorted(web2)))


def open_racing_logs(folder: Path) -> OpenLogs:
    """Write these logs, and open them with the correction of web2's clock."""
    write_racing_logs(folder)
    logs = OpenLogs(SourceOptions({}, {"web2": ClockCorrection(SHIFT_NS, BOUND_NS)}, {}, {}))
    logs.open([str(folder / "web1.log"), str(folder / "web2.log")], {})
    return logs
