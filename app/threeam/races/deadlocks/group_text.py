"""A group of deadlocks as lines for a person, and as an object for a program."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from threeam.core.format.clock import Zone
from threeam.core.format.entry import Stamp, escape_unprintable
from threeam.races.deadlocks.groups import DeadlockGroup, Place
from threeam.timeline.instant import format_instant

_SHOWN_PLACES = 3


def deadlock_lines(group: DeadlockGroup, zone: Zone) -> Iterator[str]:
    """Yield the lines that show a group to a person, safe to print. Times are those of ``zone``."""
    for line in _lines(group, zone):
        yield escape_unprintable(line)


def _lines(group: DeadlockGroup, zone: Zone) -> Iterator[str]:
    noun = "deadlock" if group.count == 1 else "deadlocks"
    yield f"{group.count:,} × {group.shape.server} {noun} in {', '.join(group.sources)}"
    first, last = group.first, group.last
    if group.count == 1:
        yield f"   {_place_text(first, zone)}"
    else:
        yield f"   first {_place_text(first, zone)}"
        yield f"   last  {_place_text(last, zone)}"
    for index, member in enumerate(group.shape.members):
        yield f"{index + 1}  {member.statement or '(statement not reported)'}"
        for lock in member.holds:
            yield f"     holds {lock}"
        if member.waits_for:
            blockers = " and ".join(str(each + 1) for each in member.blocked_by)
            yield f"     waits for {member.waits_for}" + (f", blocked by {blockers}" if blockers else "")
        if group.stopped[index]:
            yield "     stopped by the server" + ("" if group.count == 1 else f" {group.stopped[index]:,} ×")
    for text, count in group.places.most_common(_SHOWN_PLACES):
        yield f"   {text}" + ("" if count == group.count else f"  {count:,} ×")
    for text, count in group.missing.items():
        yield f"   missing: {text}" + ("" if count == group.count else f"  {count:,} ×")


def _place_text(place: Place, zone: Zone) -> str:
    names = ", ".join(f"{index} is {each.name}" for index, each in enumerate(place.participants, 1))
    return f"{_time(place, zone)}  {place.source.name}:{place.line_number}" + (f"  {names}" if names else "")


def _time(place: Place, zone: Zone) -> str:
    if place.ns is not None:
        return format_instant(place.ns, place.resolution_ns, zone)
    return f"{place.stated_time} (zone not known)" if place.stated_time else "time not known"


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
        "source": place.source.name,
        "file": place.source.segment.path,
        "line": place.line_number,
        "offset": place.offset,
        "resolution_ns": place.resolution_ns or None,
        "stated_time": place.stated_time or None,
        "participants": participants,
    }
