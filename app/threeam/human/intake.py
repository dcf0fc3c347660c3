"""The projection of what each person drank: doses of caffeine (MG) and glasses of water (WATER)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from threeam.core.format.entry import Author, Entry, Stamp
from threeam.core.state.fold import Projection, State

_DOSE = re.compile(r"(\d{1,6})@(-?\d{1,20})", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,6}", re.ASCII)
_TAG_KEYS = ("MG", "WATER", "NIGHT", "DOSES")
_MAX_DOSES = 64  # doses a person: more than a week of excess; a dose has no effect after two days


class Intake(NamedTuple):
    """The drinks of one person: glasses of water this night, doses as (ns, mg), oldest first; their last ``[BY]``."""

    glasses: int = 0
    doses: tuple[tuple[int, int], ...] = ()
    author: Author | None = None


def intake_of(state: State, user: str) -> Intake:
    """Return what ``user`` drank; nothing if the log does not mention them."""
    people = PROJECTION.of(state)
    return people.get(user, Intake())


def _fold(people: Mapping[str, Intake], entries: Sequence[Entry]) -> Mapping[str, Intake]:
    updated: dict[str, Intake] | None = None
    for entry in entries:
        author = entry.author
        if author is not None and any(key in _TAG_KEYS for key, _ in entry.tags):
            updated = dict(people) if updated is None else updated
            intake = _apply_entry(updated.get(author.user, Intake()), entry, author)
            if intake.author is not None:  # else their lines had malformed tags only
                updated[author.user] = intake
    return people if updated is None else updated


def _apply_entry(intake: Intake, entry: Entry, author: Author) -> Intake:
    mg, water, night = _parse_number(entry.tag("MG")), _parse_number(entry.tag("WATER")), entry.tag("NIGHT")
    doses = entry.tag("DOSES")
    if mg is None and water is None and night is None and doses is None:  # [MG: lots], written by hand
        return intake
    if doses is not None:
        return Intake(water or 0, _parse_doses(doses), author)
    intake = intake._replace(author=author)
    if night is not None:
        intake = intake._replace(glasses=0)
    if water is not None:
        intake = intake._replace(glasses=water)
    if mg is not None and mg > 0:
        intake = intake._replace(doses=(*intake.doses, (entry.stamp.ns, mg))[-_MAX_DOSES:])
    elif mg is not None and intake.doses:  # a negative dose takes the last one back
        intake = intake._replace(doses=intake.doses[:-1])
    return intake


def _parse_number(value: str | None) -> int | None:
    if value is None or not _NUMBER.fullmatch(value):
        return None
    return int(value)


def _checkpoint(people: Mapping[str, Intake]) -> Iterator[Entry]:
    for user, intake in people.items():
        doses = ",".join(f"{mg}@{ns}" for ns, mg in intake.doses)
        tags = (("BY", str(intake.author)), ("WATER", str(intake.glasses)), ("DOSES", doses))
        yield Entry(
            Stamp(intake.doses[-1][0] if intake.doses else 0), 0, tags, f"Doses: {len(intake.doses)} of {user}."
        )


def _parse_doses(value: str) -> tuple[tuple[int, int], ...]:
    """Return the doses in ``95@ns,95@ns``; malformed ones are left out."""
    matches = (_DOSE.fullmatch(dose) for dose in value.split(","))
    return tuple((int(match[2]), int(match[1])) for match in matches if match)[-_MAX_DOSES:]


PROJECTION: Projection[Mapping[str, Intake]] = Projection("human", ("MG", "WATER", "DOSES"), {}, _fold, _checkpoint)
