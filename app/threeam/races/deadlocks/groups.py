"""Deadlocks of one shape: the same statements, but for their literals, that wait for the same kinds of locks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from threeam.races.deadlocks.report import Participant, Server
from threeam.timeline.source import Source


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
    """The place of a report: its log, the number and the offset of its first line, and its time.

    ``ns``: None if the time is not known. ``participants``: in the order of the members of the shape.
    """

    source: Source
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
