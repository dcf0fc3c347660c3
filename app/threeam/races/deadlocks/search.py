"""The search of logs for deadlocks that servers have reported, grouped by their shape."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from threeam.core.format.entry import NS_PER_S
from threeam.races.deadlocks.groups import DeadlockGroup, Deadlocks, Member, Place, Shape
from threeam.races.deadlocks.report import DeadlockReport, Lock, Server
from threeam.races.deadlocks.report_scan import deadlock_reports
from threeam.races.deadlocks.statement_shape import Dialect, statement_shape
from threeam.timeline.source import Source

_MAX_SHAPES = 1000
_MAX_COUNTED = 20  # places, or missing parts, that are counted for one shape
_MAX_REMEMBERED = 100_000  # deadlocks whose copies in other logs are recognized
_DIALECTS = {Server.POSTGRESQL: Dialect.POSTGRESQL, Server.INNODB: Dialect.MYSQL}
_NUMBERS = re.compile(r"\d+")


def find_deadlocks(sources: Iterable[Source]) -> Deadlocks:
    """Return the deadlocks that logs report, the most frequent shape first. Raises OSError.

    A deadlock that a log reports again, or another log of the same server, counts once.
    """
    groups, copies, others = dict[Shape, DeadlockGroup](), _Copies(), 0
    for source in sources:
        for report in deadlock_reports(source):
            if copies.is_copy(report):
                continue
            shape, first_index = _shape_of(report)
            group = groups.get(shape)
            if group is None:
                if len(groups) >= _MAX_SHAPES:
                    others += 1
                    continue
                place = _place_of(report, first_index)
                group = groups[shape] = DeadlockGroup(shape, place, place)
            _add(group, report, first_index)
    by_count = sorted(groups.values(), key=lambda group: (-group.count, group.first.ns or 0))
    return Deadlocks(tuple(by_count), others)


class _Copies:
    """Recognizes a deadlock that was reported before.

    InnoDB's status repeats the latest one, with the same ids of transactions and queries. Logs of one PostgreSQL, such
    as the CSV log beside the other one, have the same processes and locks in the same second.
    """

    def __init__(self) -> None:
        self._counts: dict[bytes, dict[int, int]] = {}  # of each deadlock, how often each source has it

    def is_copy(self, report: DeadlockReport) -> bool:
        """Return whether ``report`` is about a deadlock that was seen before, and remember it."""
        facts = _facts_of(report)
        if facts is None:
            return False
        counts = self._counts.setdefault(hashlib.blake2b(facts.encode("utf-8", "replace"), digest_size=16).digest(), {})
        if len(self._counts) > _MAX_REMEMBERED:
            del self._counts[next(iter(self._counts))]
        known = max(counts.values(), default=0)
        own = counts[report.source.number] = counts.get(report.source.number, 0) + 1
        return own <= known or (report.server == Server.INNODB and known > 0)


def _facts_of(report: DeadlockReport) -> str | None:
    """Return what tells a deadlock from all others; None if the report does not have it."""
    if report.server == Server.INNODB:
        sessions = [f"{each.name} {each.session}" for each in report.participants if each.session]
        return "\n".join(sessions) if len(sessions) >= 2 else None
    waits = [f"{each.name} {each.waits_for.text}" for each in report.participants if each.waits_for is not None]
    return None if report.ns is None or not waits else "\n".join([str(report.ns // NS_PER_S), *waits])


def _shape_of(report: DeadlockReport) -> tuple[Shape, int]:
    """Return the shape of a deadlock, and which of its participants is the first member.

    The cycle may be reported from each of its participants on. The first member is that with the least text; among
    equal ones it is the victim.
    """
    names = [each.name for each in report.participants]
    count, dialect = len(names), _DIALECTS[report.server]
    texts = [
        (
            statement_shape(each.statement, dialect) if each.statement else "",
            _kind(each.waits_for) if each.waits_for else "",
            tuple(sorted({_kind(lock) for lock in each.holds})),
        )
        for each in report.participants
    ]
    rotations = sorted((texts[first:] + texts[:first], (report.victim or 0) - first, first) for first in range(count))
    least = [each for each in rotations if each[0] == rotations[0][0]]
    _, _, first = min(least, key=lambda each: each[1] % count) if least else ([], 0, 0)
    members = list[Member]()
    for index in (*range(first, count), *range(first)):
        blockers = [names.index(name) for name in report.participants[index].blocked_by if name in names]
        statement, waits_for, holds = texts[index]
        members.append(Member(statement, waits_for, holds, tuple((each - first) % count for each in blockers)))
    return Shape(report.server, tuple(members)), first


def _kind(lock: Lock) -> str:
    return f"{lock.mode} on {lock.kind}"


def _add(group: DeadlockGroup, report: DeadlockReport, first_index: int) -> None:
    place = _place_of(report, first_index)
    group.count += 1
    group.sources[report.source.name] += 1
    if report.victim is not None:
        group.stopped[(report.victim - first_index) % len(report.participants)] += 1
    for counter, texts in (
        (group.places, report.places[:1] and [", ".join(report.places)]),
        (group.missing, [_NUMBERS.sub("?", text) for text in report.missing]),
    ):
        for text in texts:
            if text in counter or len(counter) < _MAX_COUNTED:
                counter[text] += 1
    if group.first.ns is not None and place.ns is not None and place.ns < group.first.ns:
        group.first = place
    if group.last.ns is None or place.ns is None or place.ns >= group.last.ns:
        group.last = place


def _place_of(report: DeadlockReport, first_index: int) -> Place:
    participants = tuple(each._replace(statement=None) for each in report.participants)
    return Place(
        report.source,
        report.line_number,
        report.offset,
        report.ns,
        report.resolution_ns,
        report.stated_time,
        participants[first_index:] + participants[:first_index],
    )
