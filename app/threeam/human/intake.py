"""The human room: doses (MG) and water (WATER) of each person, folded from their lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp
from threeam.core.state.fold import Projection, State

_DOSE = re.compile(r"(\d{1,6})@(-?\d{1,20})", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,6}", re.ASCII)
_KEYS = ("MG", "WATER", "NIGHT", "DOSES")
_KEPT = 64  # doses a person: more than a week of excess, and after two days none of them counts


class Intake(NamedTuple):
    """One person: glasses of water this night, doses as (ns, mg), the oldest first, and from where they wrote."""

    glasses: int = 0
    doses: tuple[tuple[int, int], ...] = ()
    author: Author | None = None


def intake_of(state: State, user: str) -> Intake:
    """What the log says of ``user``; a newcomer has had nothing."""
    people = PROJECTION.of(state)
    return people.get(user, Intake())


def _fold(people: Mapping[str, Intake], entries: Sequence[Entry]) -> Mapping[str, Intake]:
    others: dict[str, Intake] | None = None
    for entry in entries:
        by = entry.author
        if by is not None and any(key in _KEYS for key, _ in entry.tags):
            others = dict(people) if others is None else others
            one = _after(others.get(by.user, Intake()), entry, by)
            if one.author is not None:  # else nothing but nonsense is known of them
                others[by.user] = one
    return people if others is None else others


def _after(one: Intake, entry: Entry, by: Author) -> Intake:
    mg, water, night = _number(entry.tag("MG")), _number(entry.tag("WATER")), entry.tag("NIGHT")
    doses = entry.tag("DOSES")
    if mg is None and water is None and night is None and doses is None:  # [MG: lots], written by hand
        return one
    if doses is not None:
        return Intake(water or 0, _doses(doses), by)
    one = one._replace(author=by)
    if night is not None:
        one = one._replace(glasses=0)
    if water is not None:
        one = one._replace(glasses=water)
    if mg is not None and mg > 0:
        one = one._replace(doses=(*one.doses, (entry.stamp.ns, mg))[-_KEPT:])
    elif mg is not None and one.doses:  # a negative dose takes the last one back
        one = one._replace(doses=one.doses[:-1])
    return one


def _number(value: str | None) -> int | None:
    if value is None or not _NUMBER.fullmatch(value):
        return None
    return int(value)


def _carry(people: Mapping[str, Intake]) -> Iterator[Entry]:
    for user, one in people.items():
        doses = ",".join(f"{mg}@{at}" for at, mg in one.doses)
        tags = (("BY", str(one.author)), ("WATER", str(one.glasses)), ("DOSES", doses))
        yield Entry(Stamp(one.doses[-1][0] if one.doses else 0), 0, tags, f"Doses: {len(one.doses)} of {user}.")


def _doses(value: str) -> tuple[tuple[int, int], ...]:
    """``95@ns,95@ns`` as doses; what is no dose is left out."""
    found = (_DOSE.fullmatch(one) for one in value.split(","))
    return tuple((int(dose[2]), int(dose[1])) for dose in found if dose)[-_KEPT:]


PROJECTION: Projection[Mapping[str, Intake]] = Projection("human", ("MG", "WATER", "DOSES"), {}, _fold, _carry)
