"""The states of the journals of several hosts."""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.errors import PreconditionFailed
from threeam.core.format.escape import escape_unprintable
from threeam.core.format.remote_hypothesis import RemoteHypothesis
from threeam.core.state.fold import State


class HostState(NamedTuple):
    """The state of the journal ``origin_id``.

    ``host``: the name that is shown for it. ``is_own``: whether it is the journal of this host.
    """

    origin_id: str
    host: str
    state: State
    is_own: bool = False

    def require_hypothesis(self, number: str) -> RemoteHypothesis:
        """Return its hypothesis that ``H7`` or ``7`` names. Raise `PreconditionFailed`, naming the last ones."""
        hypothesis, name = self.state.find_hypothesis(number), escape_unprintable(number)
        if hypothesis is not None and hypothesis.number is not None:
            return RemoteHypothesis(self.host, self.origin_id, hypothesis.number, hypothesis.opened_at)
        if hypothesis is not None:
            raise PreconditionFailed(f"{self.host}/{name} has no number yet: 3am hyp predict on that host gives it one")
        names = [known.name for known in self.state.hypotheses.values() if known.number is not None]
        known_ones = f"it has {', '.join(names[-9:])}" if names else "it has none yet"
        raise PreconditionFailed(f"{self.host} has no hypothesis {name}: {known_ones}")


class HostStamp(NamedTuple):
    """The stamp (ns) of a line of the journal ``origin_id``."""

    origin_id: str
    ns: int
