"""The shift between the clocks of two logs, from requests that both have logged.

A calls B. A request is logged at A, then at B, and then A logs the answer. So the time at which B logged it was, on A's
clock, between A's two lines: an interval for what must be added to B's clock. The shift is in the intersection of the
intervals of all requests.

The clocks may run at different rates. A request then says less about the shift at another time: its interval grows by
`DRIFT_PPM` of the time between. The result holds for all of B's log.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from zlib import crc32

from threeam.core.errors import PreconditionFailed
from threeam.timeline.instant import ClockCorrection, Timestamp
from threeam.timeline.timestamp_format import Meaning

DRIFT_PPM = 100  # two clocks of quartz differ by less
_TICKS = 10**6 // DRIFT_PPM  # ticks in a nanosecond: in one nanosecond the shift drifts by one tick at most
_MAX_KEYS = 100_000  # of one log that are remembered; of more, a fixed part
_BOUND_DIGITS = 3  # of a printed bound: the rest is rounded up


class Sightings(NamedTuple):
    """The lines of one log with one key: how many, their earliest and their latest time (ns).

    ``begin_ns``, ``last_ns``: the first stamp and the last one. ``first_end_ns``, ``end_ns``: the ends of the units of
    time that they name, so no line was written after ``end_ns``.
    """

    line_count: int
    begin_ns: int
    first_end_ns: int
    last_ns: int
    end_ns: int


class KeyedLog(NamedTuple):
    """The sightings of a log by key, the time (ns) in which all of its lines are, and what its stamps mean.

    A stamp of receipt is taken for that of the event: the log is the one of the program that received the lines.
    """

    sightings: Mapping[bytes, Sightings]
    begin_ns: int
    end_ns: int
    meaning: Meaning = Meaning.EVENT

    @property
    def has_begins(self) -> bool:
        """True if a line is never stamped later than what it is about begins."""
        return self.meaning is not Meaning.END

    @property
    def has_ends(self) -> bool:
        """True if a line is never stamped earlier than what it is about ends."""
        return self.meaning is not Meaning.START


class Request(NamedTuple):
    """A request that both logs have, and what it says about the shift of B's clock (ns) at that time.

    ``lower_ns``, ``upper_ns``: the shift is between them; None: it says nothing.
    """

    key: bytes
    at_a: Sightings
    at_b: Sightings
    lower_ns: int | None
    upper_ns: int | None

    @property
    def at_ns(self) -> int:
        """The time of the request on B's clock."""
        return self.at_b.begin_ns

    @property
    def slack_ns(self) -> int:
        """The resolution of that time."""
        return self.at_b.first_end_ns - self.at_b.begin_ns


class Alignment(NamedTuple):
    """The result: the shift of B's clock (ns) is between ``lower_ns`` and ``upper_ns``; None: it is not bounded there.

    ``lowest``, ``highest``: the requests with the narrowest limits. ``used``, ``left_out``: numbers of requests.
    ``usual_lines``: of a request at A. ``drift_ns``: how much of the interval is due to `DRIFT_PPM`.
    """

    lower_ns: int | None
    upper_ns: int | None
    lowest: Request | None
    highest: Request | None
    used: int
    left_out: int
    usual_lines: int
    drift_ns: int

    @property
    def correction(self) -> ClockCorrection | None:
        """Return the correction of B's clock; None if the shift is bounded on one side only."""
        if self.lower_ns is None or self.upper_ns is None:
            return None
        return correction_between(self.lower_ns, self.upper_ns)


class ClocksContradict(PreconditionFailed):
    """Two requests that no shift can satisfy: a clock was stepped, or they drift faster than `DRIFT_PPM`."""

    def __init__(self, lowest: Request, highest: Request) -> None:
        super().__init__("no shift of the clock fits all requests")
        self.lowest = lowest
        self.highest = highest


def collect_sightings(
    keyed: Iterable[tuple[bytes, Timestamp]], known: Mapping[bytes, Sightings] | None = None
) -> dict[bytes, Sightings]:
    """Return the sightings of each key of ``keyed``, the key and the timestamp of each line; only of ``known`` keys.

    Of more than 100,000 keys a fixed part is taken, which is the same in every log. Fewer requests give a wider
    interval, never a wrong one.
    """
    found: dict[bytes, Sightings] = {}
    mask = 0
    for key, (ns, resolution_ns) in keyed:
        end_ns = ns + resolution_ns
        if (known is not None and key not in known) or (mask and crc32(key) & mask):
            continue
        seen = found.get(key)
        if seen is None:
            found[key] = Sightings(1, ns, end_ns, ns, end_ns)
        else:
            count, begin_ns, first_end_ns, last_ns, last_end_ns = seen
            found[key] = Sightings(
                count + 1,
                min(begin_ns, ns),
                min(first_end_ns, end_ns),
                max(last_ns, ns),
                max(last_end_ns, end_ns),
            )
        while len(found) > _MAX_KEYS:
            mask = mask * 2 + 1
            found = {key: seen for key, seen in found.items() if not crc32(key) & mask}
    return found


def align(caller: KeyedLog, called: KeyedLog) -> Alignment:
    """Return the shift of the clock of ``called`` (B) against that of ``caller`` (A).

    A request with fewer lines at A than most is left out: it may have begun before the file, or its answer may have
    been lost. If most have one line at A, a second one may be a repeated call and no answer, so the shift is bounded on
    one side only. Raises `PreconditionFailed` if no request is in both logs, and `ClocksContradict`.
    """
    shared = [key for key in caller.sightings if key in called.sightings]
    if not shared:
        raise PreconditionFailed("no key is in both logs")
    counts = Counter(caller.sightings[key].line_count for key in shared)
    usual_lines = max(counts, key=lambda count: (counts[count], count))
    # A log of begins has no answers. If B's stamps are ends, they may come after the answer at A.
    has_answers = caller.has_ends and called.has_begins and (usual_lines > 1 or not caller.has_begins)
    min_lines = usual_lines
    if usual_lines == 1 and caller.has_begins and caller.has_ends:
        min_lines = min(2, max(counts))  # the only line of a request may be its answer
    requests = [
        _request(
            key, caller.sightings[key], called.sightings[key], has_calls=caller.has_begins, has_answers=has_answers
        )
        for key in shared
        if caller.sightings[key].line_count >= min_lines
    ]
    lower_ns, upper_ns = _limits_everywhere(requests, called.begin_ns, called.end_ns)
    lowest = max((request for request in requests if request.lower_ns is not None), key=_lower, default=None)
    highest = min((request for request in requests if request.upper_ns is not None), key=_upper, default=None)
    drift_ns = 0
    if lowest is not None and lower_ns is not None:
        drift_ns += _lower(lowest) - lower_ns
    if highest is not None and upper_ns is not None:
        drift_ns += upper_ns - _upper(highest)
    left_out = len(shared) - len(requests)
    return Alignment(lower_ns, upper_ns, lowest, highest, len(requests), left_out, usual_lines, drift_ns)


def same_event_correction(at_a: Timestamp, at_b: Timestamp, stated_ns: int = 0) -> ClockCorrection:
    """Return the correction of B's clock if the two timestamps are of one event, or of two at most ``stated_ns`` apart.

    It holds for that moment: clocks drift.
    """
    return ClockCorrection(at_a.ns - at_b.ns, max(at_a.resolution_ns, at_b.resolution_ns) + stated_ns)


def correction_between(lower_ns: int, upper_ns: int) -> ClockCorrection:
    """Return a correction for each shift from ``lower_ns`` to ``upper_ns``, with a bound of few digits."""
    half_ns = (upper_ns - lower_ns + 1) // 2
    unit_ns = 10 ** max(0, len(str(half_ns)) - _BOUND_DIGITS)
    shift_ns = ((lower_ns + upper_ns) // 2 + unit_ns // 2) // unit_ns * unit_ns
    return ClockCorrection(shift_ns, -(-max(upper_ns - shift_ns, shift_ns - lower_ns) // unit_ns) * unit_ns)


def _request(key: bytes, at_a: Sightings, at_b: Sightings, *, has_calls: bool, has_answers: bool) -> Request:
    """Return what a request says: A's first line was before all of B's, and A's last line was after B's first one.

    B may log more of a request after A has the answer.
    """
    lower_ns = at_a.begin_ns - at_b.first_end_ns if has_calls else None
    upper_ns = at_a.end_ns - at_b.begin_ns if has_answers else None
    return Request(key, at_a, at_b, lower_ns, upper_ns)


def _lower(request: Request) -> int:
    assert request.lower_ns is not None
    return request.lower_ns


def _upper(request: Request) -> int:
    assert request.upper_ns is not None
    return request.upper_ns


class _Limits(NamedTuple):
    """An upper limit of the shift, in ticks, at the time of each request, and the number of the request it is from."""

    ticks: list[int]
    origins: list[int]


def _limits_everywhere(requests: Sequence[Request], begin_ns: int, end_ns: int) -> tuple[int | None, int | None]:
    """Return the interval (ns) that has the shift at each time from ``begin_ns`` to ``end_ns``.

    Raises `ClocksContradict`.
    """
    in_order = sorted(requests, key=lambda request: request.at_ns)
    times = [request.at_ns for request in in_order]
    # A lower limit is an upper limit of the negative shift. Both are known a little less well: the time of the request
    # is known to the resolution of its stamp.
    highs = [each.upper_ns * _TICKS + each.slack_ns for each in in_order if each.upper_ns is not None]
    lows = [each.slack_ns - each.lower_ns * _TICKS for each in in_order if each.lower_ns is not None]
    upper = _tightest(highs, times) if highs else None
    negative_lower = _tightest(lows, times) if lows else None
    if upper is not None and negative_lower is not None:
        widths = [high + low for high, low in zip(upper.ticks, negative_lower.ticks, strict=True)]
        if (narrowest := min(widths)) < 0:
            worst = widths.index(narrowest)
            raise ClocksContradict(in_order[negative_lower.origins[worst]], in_order[upper.origins[worst]])
    upper_ns = None if upper is None else _highest(upper.ticks, times, begin_ns, end_ns)
    lower_ns = None if negative_lower is None else -_highest(negative_lower.ticks, times, begin_ns, end_ns)
    return lower_ns, upper_ns


def _tightest(ticks: Sequence[int], times: Sequence[int]) -> _Limits:
    """Return the tightest upper limit at each of ``times``, from the limits ``ticks`` at these times.

    A limit grows by one tick for each nanosecond between.
    """
    tightest = _Limits(list(ticks), list(range(len(ticks))))
    for indices in (range(len(times)), range(len(times) - 1, -1, -1)):
        best, origin, last_ns = tightest.ticks[indices[0]], tightest.origins[indices[0]], times[indices[0]]
        for index in indices:
            best += abs(times[index] - last_ns)
            if tightest.ticks[index] <= best:
                best, origin = tightest.ticks[index], tightest.origins[index]
            else:
                tightest.ticks[index], tightest.origins[index] = best, origin
            last_ns = times[index]
    return tightest


def _highest(ticks: Sequence[int], times: Sequence[int], begin_ns: int, end_ns: int) -> int:
    """Return the highest value (ns, rounded up) that the limits allow at any time from ``begin_ns`` to ``end_ns``.

    Between two requests that is where the limits that grow from both meet.
    """
    highest = max(
        2 * (ticks[0] + times[0] - min(begin_ns, times[0])),
        2 * (ticks[-1] + max(end_ns, times[-1]) - times[-1]),
    )
    for index in range(len(times) - 1):
        highest = max(highest, ticks[index] + ticks[index + 1] + times[index + 1] - times[index])
    return -(-highest // (2 * _TICKS))
