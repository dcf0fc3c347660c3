"""A hypothesis of another host, as the lines about it name it: the tags ``ON``, ``CLAIM`` and ``STATE``.

``[ON: db1/H7] [CLAIM: 4be1…@2026-11-24T03:14:07.123456789+0000] [STATE: refuted]``. ``ON`` is for people: two hosts may
have one name, and a host may be renamed. ``CLAIM`` says which hypothesis it is: the id of its journal, and the stamp of
its claim, since a journal that was restored from a backup may give a number again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from threeam.core.format.entry import ON_TAG, STATE_TAG, Entry, Stamp

CLAIM_TAG = "CLAIM"
_NAME = re.compile(r"(.+)/H(\d{1,9})", re.ASCII)
_CLAIM = re.compile(r"([0-9a-f]{32})@(\S+)", re.ASCII)


class RemoteHypothesis(NamedTuple):
    """A hypothesis of the journal ``origin_id``, which was shown as ``host``. ``opened_at``: the stamp of its claim."""

    host: str
    origin_id: str
    number: int
    opened_at: Stamp

    @property
    def name(self) -> str:
        """Return ``db1/H7``."""
        return f"{self.host}/H{self.number}"

    @property
    def key(self) -> tuple[str, int, int]:
        """Return what identifies it on every host."""
        return self.origin_id, self.number, self.opened_at.ns

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
