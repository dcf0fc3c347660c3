"""The human room: doses (MG) and water (WATER) of each person, folded from their lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from threeam.core.entry import Entry
from threeam.core.fold import Room, State

_NUMBER = re.compile(r"-?\d{1,6}", re.ASCII)
_KEPT = 64  # doses a person: more than a week of excess, and after two days none of them counts


class Human(NamedTuple):
    """One person: glasses of water this night, and doses as (ns, mg), the oldest first."""

    water: int = 0
    doses: tuple[tuple[int, int], ...] = ()


def human(state: State, user: str) -> Human:
    """What the log says of ``user``; a newcomer has had nothing."""
    people: Mapping[str, Human] = state.rooms[ROOM.name]
    return people.get(user, Human())


def _fold(people: Mapping[str, Human], entry: Entry) -> Mapping[str, Human]:
    by = entry.by
    mg, water, night = _number(entry.tag("MG")), _number(entry.tag("WATER")), entry.tag("NIGHT")
    if by is None or (mg is None and water is None and night is None):
        return people
    one = people.get(by.user, Human())
    if night is not None:
        one = one._replace(water=0)
    if water is not None:
        one = one._replace(water=water)
    if mg is not None and mg > 0:
        one = one._replace(doses=(*one.doses, (entry.stamp.ns, mg))[-_KEPT:])
    elif mg is not None and one.doses:  # a negative dose takes the last one back
        one = one._replace(doses=one.doses[:-1])
    return {**people, by.user: one}


def _number(value: str | None) -> int | None:
    if value is None or not _NUMBER.fullmatch(value):  # [MG: lots], written by hand
        return None
    return int(value)


ROOM = Room("human", ("MG", "WATER"), {}, _fold)
