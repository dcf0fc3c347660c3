"""Deadlocks of one shape: the same statements, but for their literals, that wait for the same kinds of locks."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from threeam.core.format.clock import Zone
from threeam.core.format.entry import NS_PER_S, Stamp, escape_unprintable
from threeam.races.deadlock_report import DeadlockReport, Lock, Participant, Server
from threeam.races.deadlock_reports import deadlock_reports
from threeam.races.statement_shape import Dialect, statement_shape
from threeam.timeline.instant import format_instant
from threeam.timeline.source import Source

_MAX_SHAPES = 1000
_MAX_COUNTED = 20  # places, or missing parts, that are counted for one shape
_SHOWN_PLACES = 3
_MAX_REMEMBERED = 100_000  # deadlocks whose copies in other logs are recognized
_DIALECTS = {Server.POSTGRESQL: Dialect.POSTGRESQL, Server.INNODB: Dialect.MYSQL}
_NUMBERS = re.compile(r"\d+")


class Member(NamedTuple):
    """A participant of all deadlocks of a shape.

    ``statement``: without literals; empty: the reports do not have it. ``waits_for``, ``holds``: locks without the
    numbers of rows and pages; empty: the reports do not name them. ``blocked_by``: the indexes of other members.
    """

    statement: str
    waits_for: str
    holds: tuple[str, ...]
    blocked_by: tuple[int, ...]


class Shape(NamedTuple):
    """The server, the statements and the kinds of locks that the deadlocks of one group share."""

    server: Server
    members: tuple[Member, ...]


class Place(NamedTuple):
    """The place of a report: its log, its first line, and its time; ``ns`` None: it has none that is known.

    ``participants``: in the order of the members of the shape.
    """

    source: str
    path: str
    line_number: int
    offset: int
    ns: int | None
    resolution_ns: int
    stated_time: str
    participants: tuple[Participant, ...]


@dataclass
class DeadlockGroup:
    """All deadlocks of a shape: a row of the report.

    ``stopped``: how often the server stopped each member. ``places``: what the victims did. ``sources``: the number of
    reports in each log. ``missing``: the parts that reports lack. ``first``, ``last``: by time; without times, in the
    order of the files.
    """

    shape: Shape
    first: Place
    last: Place
    count: int = 0
    stopped: Counter[int] = field(default_factory=Counter)
    places: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)


class Deadlocks(NamedTuple):
    """The deadlocks of some logs. ``others``: how many have another shape than the ``groups``, which are limited."""

    groups: tuple[DeadlockGroup, ...]
    others: int


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
    source = report.source
    participants = tuple(each._replace(statement=None) for each in report.participants)
    return Place(
        source.name,
        source.segment.path,
        report.line_number,
        report.offset,
        report.ns,
        report.resolution_ns,
        report.stated_time,
        participants[first_index:] + participants[:first_index],
    )


# For a person.


def deadlock_lines(group: DeadlockGroup, zone: Zone) -> Iterator[str]:
    """Yield the lines that show a group to a person, safe to print. Times are those of ``zone``."""
    for line in _lines(group, zone):
        yield escape_unprintable(line)


def _lines(group: DeadlockGroup, zone: Zone) -> Iterator[str]:
    noun = "deadlock" if group.count == 1 else "deadlocks"
    yield f"{group.count:,} × {group.shape.server} {noun} in {', '.join(group.sources)}"
    first, last = group.first, group.last
    if group.count == 1:
        yield f"     {_place_text(first, zone)}"
    else:
        yield f"     first {_place_text(first, zone)}"
        yield f"     last  {_place_text(last, zone)}"
    for index, member in enumerate(group.shape.members):
        yield f"  {index + 1}  {member.statement or '(statement not reported)'}"
        for lock in member.holds:
            yield f"       holds {lock}"
        if member.waits_for:
            blockers = " and ".join(str(each + 1) for each in member.blocked_by)
            yield f"       waits for {member.waits_for}" + (f", blocked by {blockers}" if blockers else "")
        if group.stopped[index]:
            yield "       stopped by the server" + ("" if group.count == 1 else f" {group.stopped[index]:,} ×")
    for text, count in group.places.most_common(_SHOWN_PLACES):
        yield f"     {text}" + ("" if count == group.count else f"  {count:,} ×")
    for text, count in group.missing.items():
        yield f"     missing: {text}" + ("" if count == group.count else f"  {count:,} ×")


def _place_text(place: Place, zone: Zone) -> str:
    names = ", ".join(f"{index} is {each.name}" for index, each in enumerate(place.participants, 1))
    return f"{_time(place, zone)}  {place.source}:{place.line_number}" + (f"  {names}" if names else "")


def _time(place: Place, zone: Zone) -> str:
    if place.ns is not None:
        return format_instant(place.ns, place.resolution_ns, zone)
    return f"{place.stated_time} (zone not known)" if place.stated_time else "time not known"


# For a program.


def deadlock_json(group: DeadlockGroup) -> dict[str, Any]:
    """Return the object that describes a group. It has the fields of other groups of findings, where they apply."""
    members = [
        {
            "statement": member.statement or None,
            "holds": list(member.holds),
            "waits_for": member.waits_for or None,
            "blocked_by": [each + 1 for each in member.blocked_by],
            "stopped": group.stopped[index],
        }
        for index, member in enumerate(group.shape.members)
    ]
    return {
        "rule": "deadlock",
        "certain": True,
        "server": group.shape.server.value,
        "findings": group.count,
        "sources": dict(group.sources),
        **_time_json("first", group.first),
        **_time_json("last", group.last),
        "participants": members,
        "places": dict(group.places),
        "missing": dict(group.missing),
        "first_report": _place_json(group.first),
        "last_report": _place_json(group.last),
    }


def _time_json(name: str, place: Place) -> dict[str, Any]:
    return {name: None if place.ns is None else Stamp(place.ns).rfc3339(), f"{name}_ns": place.ns}


def _place_json(place: Place) -> dict[str, Any]:
    participants = [
        {
            "name": each.name,
            "session": each.session or None,
            "holds": [lock.text for lock in each.holds],
            "waits_for": each.waits_for.text if each.waits_for else None,
            "blocked_by": list(each.blocked_by),
        }
        for each in place.participants
    ]
    return {
        "source": place.source,
        "file": place.path,
        "line": place.line_number,
        "offset": place.offset,
        "resolution_ns": place.resolution_ns or None,
        "stated_time": place.stated_time or None,
        "participants": participants,
    }
