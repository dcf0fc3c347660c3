"""The hypothesis that a line belongs to, if that may be one of another host: the tags ``ON``, ``CLAIM`` and ``STATE``.

``[ON: db1/H7] [CLAIM: 4be1…@2026-11-24T03:14:07.123456789+0000] [STATE: refuted]``. ``ON`` is for people: two hosts may
have one name, and a host may be renamed. ``CLAIM`` says which hypothesis it is: the id of its journal, and the stamp of
its claim, since a journal that was restored from a backup may give a number again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.format.entry import ON_TAG, STATE_TAG, Entry, Stamp, escape_unprintable

CLAIM_TAG = "CLAIM"
_NAME = re.compile(r"(.+)/H(\d{1,9})", re.ASCII)
_CLAIM = re.compile(r"([0-9a-f]{32})@(\S+)", re.ASCII)


class RemoteHypothesis(NamedTuple):
    """A hypothesis of the journal ``origin_id``, which was shown as ``host``. ``opened_at``: the stamp of its claim.

    Two are equal if they are of one claim, whatever the host was called.
    """

    host: str
    origin_id: str
    number: int
    opened_at: Stamp

    @property
    def name(self) -> str:
        """Return ``db1/H7``."""
        return f"{self.host}/H{self.number}"

    @property
    def label(self) -> str:
        """Return what is shown for it, as `Hypothesis.label` does."""
        return self.name

    @property
    def bound(self) -> RemoteHypothesis:
        """Return what lines about it are bound to, as `Hypothesis.bound` does."""
        return self

    @property
    def key(self) -> tuple[str, int, int]:
        """Return what identifies it on every host."""
        return self.origin_id, self.number, self.opened_at.ns

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemoteHypothesis) and self.key == other.key

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.key)

    def tags(self, state_after: str = "") -> tuple[tuple[str, str], ...]:
        """Return the tags of a line about it; ``state_after``: its state after the line, if the line is a verdict."""
        state = ((STATE_TAG, state_after),) if state_after else ()
        return ((ON_TAG, self.name), (CLAIM_TAG, f"{self.origin_id}@{self.opened_at}"), *state)


def parse_remote_hypothesis(entry: Entry) -> RemoteHypothesis | None:
    """Return the hypothesis of another host that ``entry`` is about, or None."""
    name, claim = _NAME.fullmatch(entry.tag(ON_TAG) or ""), _CLAIM.fullmatch(entry.tag(CLAIM_TAG) or "")
    if name is None or claim is None or (opened_at := Stamp.parse(claim[2])) is None or entry.hypothesis is not None:
        return None
    return RemoteHypothesis(name[1], claim[1], int(name[2]), opened_at)


Bound = int | RemoteHypothesis  # what a line is bound to: H7 of its own journal is 7
Named = str | RemoteHypothesis  # what a person names: ``H7`` or ``@stamp`` of this journal, or one of another host


def bound_to(entry: Entry) -> Bound | None:
    """Return the hypothesis that ``entry`` belongs to, or None."""
    return parse_remote_hypothesis(entry) if entry.hypothesis is None else entry.hypothesis[0]


def name_of_bound(bound: Bound) -> str:
    """Return ``H7``, of another host ``db1/H7``."""
    return f"H{bound}" if isinstance(bound, int) else bound.name


def bound_prefix(bound: Bound | None) -> str:
    """Return the name of a hypothesis and a space, for the beginning of a line; empty without one."""
    return "" if bound is None else f"{name_of_bound(bound)} "


def bound_json(bound: Bound | None) -> int | str | None:
    """Return a hypothesis for machine output: its number, of another host its name."""
    return bound if bound is None or isinstance(bound, int) else escape_unprintable(bound.name)


def repeated_bound_tags(bound: Bound | None, word: str) -> tuple[tuple[str, str], ...]:
    """Return the tags of a line that a rotation repeats; ``word`` is in the place of the state, which it has not."""
    if bound is None:
        return ()
    return ((f"H{bound}", word),) if isinstance(bound, int) else bound.tags()
