"""The searches: the keys of the logs go through the rules, and their findings into groups; or into near misses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from threeam.races.access import ActorKind
from threeam.races.aftermath import Aftermath
from threeam.races.arguments import KeyOptions
from threeam.races.finding import FindingGroup
from threeam.races.groups import FindingGroups
from threeam.races.habit import Habits
from threeam.races.lock_order import LockOrder
from threeam.races.near_miss import NearMisses, OperationPair
from threeam.races.omissions import Omissions
from threeam.races.partners import WitnessLimits
from threeam.races.rules import find_patterns
from threeam.races.unknown_operations import OperationCounts, UnknownOperations
from threeam.timeline.instant import ClockCorrection
from threeam.timeline.source import Source


class RaceReport(NamedTuple):
    """The result of a search.

    ``groups``: certain ones first. ``matches``: how many lines name a key. ``seen_keys``: how many keys of each name
    were seen. ``actor_kinds``: by source. ``one_clock``: the sources of which no shift is known, so that they are
    taken to have one clock. ``omissions``: what was left out. ``unknown``: the lines about shared keys whose operation
    is not known.
    """

    groups: list[FindingGroup]
    matches: int
    seen_keys: Mapping[str, int]
    actor_kinds: Mapping[str, ActorKind]
    one_clock: Sequence[str] = ()
    omissions: Omissions = Omissions()
    unknown: UnknownOperations = UnknownOperations()

    @property
    def has_certain(self) -> bool:
        """True if any finding is certain."""
        return any(group.key.is_certain for group in self.groups)


def search_races(
    sources: Sequence[Source],
    options: KeyOptions,
    on_progress: Callable[[int], None] = lambda bytes_read: None,
) -> RaceReport:
    """Return the findings in ``sources``, which have their indexes. Raises OSError, and `BadInput` of the options.

    ``on_progress`` is called with the number of bytes that were read so far.
    """
    scan = options.scan(sources)
    scan.on_progress = on_progress
    limits = WitnessLimits(options.window_ns, scan.silences, scan.cut_keys)
    groups, habits, locks, aftermath = FindingGroups(), Habits(limits), LockOrder(limits), Aftermath()
    counts = OperationCounts()
    for history in scan.histories():
        on_progress(scan.bytes_read)
        habits.add(history)
        for access in history.accesses:
            locks.add(history.key_name, history.key, access)
            counts.add(access)
        for finding in find_patterns(history, limits):
            groups.add(aftermath.checked(finding, history))
    for finding in locks.findings():
        groups.add(aftermath.checked(finding))
    for exceptions in habits.exceptions():
        groups.add_all(exceptions)
    return RaceReport(
        groups.ranked(scan.seen_keys),
        scan.matches,
        scan.seen_keys,
        scan.actor_kinds,
        names_of_one_clock(sources),
        scan.omissions,
        counts.result(),
    )


def names_of_one_clock(sources: Sequence[Source]) -> list[str]:
    """Return the names of the sources that are taken to have one clock, as files of one host, if there are several."""
    assumed = ClockCorrection()
    stamped = (source for source in sources if source.detection is not None)
    names = [source.name for source in stamped if source.correction == source.file.default_correction == assumed]
    return names if len(names) > 1 else []


def search_near_misses(
    sources: Sequence[Source],
    options: KeyOptions,
    pair: OperationPair,
    on_progress: Callable[[int], None] = lambda bytes_read: None,
) -> NearMisses:
    """Return how close the operations of ``pair`` came to each other. See `search_races` for the rest."""
    scan = options.scan(sources)
    scan.on_progress = on_progress
    near = NearMisses(pair, options.window_ns)
    for history in scan.histories():
        on_progress(scan.bytes_read)
        near.add(history)
    near.matches, near.one_clock, near.omissions = scan.matches, names_of_one_clock(sources), scan.omissions
    return near
