"""The numbers R1, R2, …: experiments, searches and bisections share them."""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.state.fold import State, next_free_number

_RUN_NAME = re.compile(r"[Rr]?(\d{1,9})", re.ASCII)  # as many digits as the tag of a line may have


class RunSort(NamedTuple):
    """A sort of what has such a number. ``projection``: the one that has them by number. ``report``: shows one."""

    projection: str
    noun: str
    report: str

    def numbers(self, state: State) -> set[int]:
        """Return the numbers of all of this sort."""
        return set(state.projections[self.projection])


EXPERIMENT = RunSort("runs", "run", "3am run --report")
SEARCH = RunSort("searches", "search", "3am run --report")
BISECTION = RunSort("bisections", "bisection", "3am bisect --report")
SORTS = (EXPERIMENT, SEARCH, BISECTION)


def parse_run_number(name: str) -> int | None:
    """Return 12 for ``R12``, ``r12`` or ``12``; None for anything else."""
    match = _RUN_NAME.fullmatch(name)
    return int(match[1]) if match is not None else None


def next_run_number(state: State) -> int:
    """Return the number of the next experiment, search or bisection."""
    return next_free_number(number for sort in SORTS for number in sort.numbers(state))


def require_run_number(state: State, sort: RunSort, name: str) -> int:
    """Return the number of what is called ``name``. Raise `PreconditionFailed` if nothing of this sort is."""
    number = parse_run_number(name)
    for other in SORTS:
        if number is not None and number in other.numbers(state):
            if other == sort:
                return number
            raise PreconditionFailed(f"R{number} is a {other.noun}: {other.report} R{number} shows it")
    known = sort.numbers(state)
    existing = f"the last is R{max(known)}" if known else "none was made so far"
    raise PreconditionFailed(f"there is no {sort.noun} {name}: {existing}")
