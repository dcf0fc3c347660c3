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


class Human(NamedTuple):
    """One person: glasses of water this night, doses as (ns, mg), the oldest first, and from where they wrote."""

    water: int = 0
    doses: tuple[tuple[int, int], ...] = ()
    by: Author | None = None


def human(state: State, user: str) -> Human:
    """What the log says of ``user``; a newcomer has had nothing."""
    people: Mapping[str, Human] = state.projections[ROOM.name]
    return people.get(user, Human())


def _fold(people: Mapping[str, Human], entries: Sequence[Entry]) -> Mapping[str, Human]:
    others: dict[str, Human] | None = None
    for entry in entries:
        by = entry.author
        if by is not None and any(key in _KEYS for key, _ in entry.tags):
            others = dict(people) if others is None else others
            one = _after(others.get(by.user, Human()), entry, by)
            if one.by is not None:  # else nothing but nonsense is known of them
                others[by.user] = one
    return people if others is None else others


def _after(one: Human, entry: Entry, by: Author) -> Human:
    mg, water, night = _number(entry.tag("MG")), _number(entry.tag("WATER")), entry.tag("NIGHT")
    doses = entry.tag("DOSES")
    if mg is None and water is None and night is None and doses is None:  # [MG: lots], written by hand
        return one
    if doses is not None:
        return Human(water or 0, _doses(doses), by)
    one = one._replace(by=by)
    if night is not None:
        one = one._replace(water=0)
    if water is not None:
        one = one._replace(water=water)
    if mg is not None and mg > 0:
        one = one._replace(doses=(*one.doses, (entry.stamp.ns, mg))[-_KEPT:])
    elif mg is not None and one.doses:  # a negative dose takes the last one back
        one = one._replace(doses=one.doses[:-1])
    return one


def _number(value: str | None) -> int | None:
    if value is None or not _NUMBER.fullmatch(value):
        return None
    return int(value)


def _carry(people: Mapping[str, Human]) -> Iterator[Entry]:
    for user, one in people.items():
        doses = ",".join(f"{mg}@{at}" for at, mg in one.doses)
        tags = (("BY", str(one.by)), ("WATER", str(one.water)), ("DOSES", doses))
        yield Entry(Stamp(one.doses[-1][0] if one.doses else 0), 0, tags, f"Doses: {len(one.doses)} of {user}.")


def _doses(value: str) -> tuple[tuple[int, int], ...]:
    """``95@ns,95@ns`` as doses; what is no dose is left out."""
    found = (_DOSE.fullmatch(one) for one in value.split(","))
    return tuple((int(dose[2]), int(dose[1])) for dose in found if dose)[-_KEPT:]


ROOM = Projection("human", ("MG", "WATER", "DOSES"), {}, _fold, _carry)
